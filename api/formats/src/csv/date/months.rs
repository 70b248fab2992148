//! Names of months and days, in the languages whose banks write them.

/// The months in English, German, French, Spanish, Italian, Dutch, Swedish, Portuguese, Norwegian and Hungarian, and
/// short forms that do not begin the long one.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "jänner", "janvier", "enero", "gennaio", "januari", "janeiro", "január"],
    &["february", "februar", "febrero", "febbraio", "février", "fevrier", "fevereiro", "február"],
    &["march", "märz", "maerz", "marz", "mrz", "mars", "marzo", "maart", "mrt", "março", "március"],
    &["april", "avril", "abril", "aprile", "április"],
    &["may", "mai", "mayo", "maggio", "mei", "maj", "maio", "május"],
    &["june", "juni", "juin", "junio", "giugno", "junho", "június"],
    &["july", "juli", "juillet", "julio", "luglio", "julho", "július"],
    &["august", "août", "aout", "agosto", "augusti", "augustus", "augusztus"],
    &["september", "septembre", "septiembre", "setiembre", "settembre", "setembro", "szeptember"],
    &["october", "oktober", "octobre", "octubre", "ottobre", "outubro", "október"],
    &["november", "novembre", "noviembre", "novembro"],
    &["december", "dezember", "décembre", "decembre", "diciembre", "dicembre", "dezembro", "desember"],
];

/// How the days of the week begin in the same languages.
const DAYS: [&str; 42] = [
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "mo", "di", "mi", "do", "fr", "sa", "so", "lun", "mar",
    "mer", "jeu", "ven", "sam", "dim", "mié", "mie", "jue", "vie", "sáb", "sab", "dom", "gio", "ma", "wo",
    "vr", "za", "zo", "mån", "tis", "ons", "tor", "fre", "lör", "sön", "szo",
];

/// The fewest letters of a month's name: with two `ma` would be March, May or Tuesday.
const LETTERS_MIN: usize = 3;

/// The month, from 1, of its name or the start of one that no other month has.
pub fn month(word: &str) -> Option<u8> {
    let word = word.to_lowercase();
    if word.chars().count() < LETTERS_MIN {
        return None;
    }
    let mut months = (1..).zip(MONTHS).filter(|(_, names)| names.iter().any(|name| name.starts_with(&word)));
    let (month, _) = months.next()?;
    months.next().is_none().then_some(month)
}

/// Whether a word is a day of the week, or how one is shortened.
pub fn is_day(word: &str) -> bool {
    let word = word.to_lowercase();
    DAYS.iter().any(|day| word == *day || (day.chars().count() > 2 && word.starts_with(day)))
}

#[cfg(test)]
mod tests {
    use super::{is_day, month};

    #[test]
    fn a_month_is_known_by_a_start_that_no_other_has() {
        for (number, words) in [
            (1, "jan Gen ENE"),
            (2, "fév"),
            (3, "Mär mrz mrt maa"),
            (4, "avr abr"),
            (5, "mag mei"),
            (6, "juin giu"),
            (7, "juil lug"),
            (8, "aoû"),
            (9, "Sept set"),
            (10, "out ott"),
            (11, "November"),
            (12, "dez dic"),
        ] {
            for word in words.split(' ') {
                assert_eq!(month(word), Some(number), "{word}");
            }
        }
        for word in ["ma", "jui", "market", "decimal", "total", ""] {
            assert_eq!(month(word), None, "{word}");
        }
        assert!(is_day("Mon") && is_day("Montag") && is_day("mar") && !is_day("Ref") && !is_day("so-so"));
    }
}
