//! Dates in every form, alone and in files.

mod short_years;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::evidence::Evidence;
use super::pattern::Pattern;
use super::written::Written;
use super::{Dates, is_date};

const TODAY: Date = date(2026, 11, 29);

fn dates(texts: &[&str]) -> Dates {
    let mut evidence = Evidence::new(TODAY);
    texts.iter().for_each(|text| evidence.add(text));
    Dates::new(None, &evidence, TODAY).unwrap()
}

/// How each date of a file is read; `None` where it is refused.
fn read(texts: &[&str]) -> Vec<Option<String>> {
    let dates = dates(texts);
    let read: Vec<_> = texts.iter().map(|text| dates.read(text).ok().map(|date| date.to_string())).collect();
    // The order of the rows decides nothing.
    let reversed: Vec<&str> = texts.iter().rev().copied().collect();
    let dates = self::dates(&reversed);
    let again: Vec<_> = texts.iter().map(|text| dates.read(text).ok().map(|date| date.to_string())).collect();
    assert_eq!(read, again, "{texts:?}");
    read
}

fn assert_read(texts: &[&str], expected: &[&str]) {
    let found: Vec<String> =
        read(texts).into_iter().map(|date| date.unwrap_or("refused".to_owned())).collect();
    assert_eq!(found, expected, "{texts:?}: {:?}", dates(texts).read(texts[0]));
}

/// The forms that a message advises.
fn advised(message: &str) -> Vec<String> {
    let forms = message.split("date=").skip(1).filter(|rest| rest.starts_with(char::is_alphabetic));
    let form = |rest: &str| {
        rest.split([')', ';', ',']).next()?.split(" or ").next()?.strip_suffix(" does").map(str::to_owned)
    };
    let whole =
        |rest: &str| rest.split([')', ';', ',']).next().unwrap().split(" or ").next().unwrap().to_owned();
    forms.map(|rest| form(rest).unwrap_or_else(|| whole(rest))).collect()
}

#[test]
fn forms_that_leave_one_reading_are_read_without_a_setting() {
    for text in [
        "2019-04-19",
        "2019/04/19",
        "2019.04.19",
        "2019.04.19.",
        "2019. 04. 19.",
        "2019 04 19",
        "20190419",
        "20190419120000",
        "201904191200",
        "2019-04-19T10:00:00Z",
        "2019-04-19 23:30:00+02:00",
        "2019-04-19 10:00:00.123",
        "20190419T100000Z",
        "19.04.2019",
        "19.4.2019",
        "19. 4. 2019",
        "19.04.2019.",
        "19/04/2019",
        "04/19/2019",
        "19-04-2019",
        "4-19-2019",
        "19 04 2019",
        "19042019",
        "04192019",
        "19.04.19",
        "19.04.19.",
        "19/4/19",
        "19-04-19",
        "19 04 19",
        "190419",
        "19/Apr/2019",
        "19-Apr-2019",
        "19-APR-19",
        "19 Apr 2019",
        "19 Apr 19",
        "19.Apr.2019",
        "19. April 2019",
        "19Apr2019",
        "19APR19",
        "19 avr. 2019",
        "19 de abril de 2019",
        "19th April 2019",
        "2019-Apr-19",
        "2019. április 19.",
        "Apr 19 2019",
        "Apr 19, 2019",
        "April 19th, 2019",
        "Apr. 19, 2019",
        "Apr-19-2019",
        "Mon 19 Apr 2019",
        "Fri, 19 Apr 2019",
        "Fr. 19.04.2019",
        "mar 19 avr 2019",
        "2019年4月19日",
        "2019年04月19日",
        "2019년 4월 19일",
        "19/04/2019 10:00",
        "19/04/2019 10:00 PM",
        "19.04.2019, 10:00 Uhr",
        "\u{a0}19.04.2019 ",
        "\u{200e}19/04/2019",
        "19–04–2019",
    ] {
        assert_eq!(read(&[text]), [Some("2019-04-19".to_owned())], "{text}: {:?}", dates(&[text]).read(text));
    }
    assert_read(&["10 Feb 18", "9 Feb 18"], &["2018-02-10", "2018-02-09"]);
}

#[test]
fn what_is_no_date_is_refused_with_the_letters_of_a_form() {
    for text in [
        "offen",
        "--",
        "31/02/2025",
        "1900-01-00",
        "00.00.0000",
        "2025-13-45",
        "01.01.2026 - 31.01.2026",
        "2026-01-01 2026-01-31",
        "12:30",
        "2025",
        "45964",
        "19 Apr",
        "04/2019",
        "2025-W45-3",
        "19.04 2019",
        "19 Foo 2019",
        "1/2/3",
        "ma 19 2019",
    ] {
        let told = dates(&[text]).read(text).unwrap_err();
        assert!(told.contains("YYYY or YY, MM or MMM (a name), DD"), "{text}: {told}");
    }
}

#[test]
fn a_form_that_every_row_can_have_decides() {
    assert_read(&["11-05-2025", "11-30-2025"], &["2025-11-05", "2025-11-30"]);
    assert_read(&["11-05-2025", "30-11-2025"], &["2025-05-11", "2025-11-30"]);
    assert_read(&["01/02/2026", "13/02/2026"], &["2026-02-01", "2026-02-13"]);
    assert_read(&["11052025", "11302025"], &["2025-11-05", "2025-11-30"]);
    // A day that is none must not make sure what no file means: 2001 to 2031.
    assert_read(&["01/04/20", "31/04/20", "30/04/20"], &["refused", "refused", "refused"]);
    assert_read(&["5/11/25", "25/11/25"], &["2025-11-05", "2025-11-25"]);
    // Other marks are other forms, which prove nothing for these.
    assert_read(&["02/03/2025", "13/03/2025", "2025-03-04"], &["2025-03-02", "2025-03-13", "2025-03-04"]);
    assert_read(&["02/03/2025", "13-03-2025"], &["refused", "2025-03-13"]);
}

#[test]
fn what_stays_ambiguous_is_refused_with_both_readings() {
    for text in ["02/03/2025", "02-03-2025", "02 03 2025", "02032025", "02/03/25", "02-03-25", "020325"] {
        assert_read(&[text], &["refused"]);
    }
    let told = dates(&["01/04/20", "02/04/20"]).read("01/04/20").unwrap_err();
    assert_eq!(advised(&told), ["DD/MM/YY", "MM/DD/YY", "YY/MM/DD"], "{told}");
    assert!(told.contains("may be 2020-04-01 (date=DD/MM/YY) or 2020-01-04 (date=MM/DD/YY)"), "{told}");
}

#[test]
fn opposite_proofs_are_none_whatever_their_order() {
    let texts = ["13/01/2025", "01/14/2025", "02/03/2025", "03/03/2025"];
    assert_read(&texts, &["2025-01-13", "2025-01-14", "refused", "2025-03-03"]);
    let told = dates(&texts).read("02/03/2025").unwrap_err();
    assert!(
        told.contains(
            "2025-03-02 (date=DD/MM/YYYY) or 2025-02-03 (date=MM/DD/YYYY), and other rows prove opposite"
        ),
        "{told}"
    );
}

#[test]
fn a_reading_decades_apart_or_years_ahead_is_none() {
    for mark in ["-", "/", " "] {
        let texts = ["25-10-31", "25-11-01", "25-11-05"].map(|text| text.replace('-', mark));
        assert_read(&texts.each_ref().map(String::as_str), &["2025-10-31", "2025-11-01", "2025-11-05"]);
    }
    // Points put the day first nearly everywhere, so not even this makes it sure.
    assert_read(&["25.10.31", "25.11.01", "25.11.05"], &["refused", "refused", "refused"]);
    assert_read(&["25.10.31.", "25.11.01.", "25.11.05."], &["2025-10-31", "2025-11-01", "2025-11-05"]);
    assert_read(&["02.01.26", "03.01.26", "05.01.26"], &["2026-01-02", "2026-01-03", "2026-01-05"]);
    assert_read(&["25-11-01"], &["refused"]);
    // A plan reaches into the next years, and day and month differ by less than a year.
    assert_read(&["05/12/2028"], &["refused"]);
    assert_read(&["05/12/28"], &["refused"]);
}

#[test]
fn dashes_between_days_of_one_month_are_european_unless_money_is_american() {
    assert_read(&["03-01-2026", "04-01-2026"], &["2026-01-03", "2026-01-04"]);
    assert_read(&["01-03-2026", "01-04-2026"], &["refused", "refused"]);
    assert_read(&["03-04-2025", "05-06-2025"], &["refused", "refused"]);
}

#[test]
fn one_wrong_row_does_not_stop_its_neighbours_and_proves_nothing() {
    let many = ["2025-11-03", "2025-31-01", "2025-11-25", "2025-11-26"];
    assert_read(&many, &["2025-11-03", "refused", "2025-11-25", "2025-11-26"]);
    let told = dates(&many).read("2025-31-01").unwrap_err();
    assert_eq!(advised(&told), ["YYYY-DD-MM"], "{told}");
    assert_read(&["2025-11-03", "2025-31-01"], &["refused", "refused"]);
    assert_read(
        &["02/03/2025", "25/03/2025", "26/03/2025", "32/03/2025"],
        &["2025-03-02", "2025-03-25", "2025-03-26", "refused"],
    );
    // One proof against one row that nothing reads is none.
    assert_read(&["02/03/2025", "25/03/2025", "32/03/2025"], &["refused", "2025-03-25", "refused"]);
    assert_read(&["02.03.2025", "00.00.0000", "05.11.2568"], &["2025-03-02", "refused", "refused"]);
}

#[test]
fn a_date_beyond_all_value_dates_is_named_as_such() {
    for (text, day) in [
        ("05.11.2568", "2568-11-05"),
        ("05.11.0025", "0025-11-05"),
        ("0001-01-01", "0001-01-01"),
        ("31/12/9999", "9999-12-31"),
    ] {
        let told = dates(&[text]).read(text).unwrap_err();
        assert!(
            told.contains(text)
                && told.contains(day)
                && told.contains("must be a day from 1926-11-29 to 2036-11-29"),
            "{told}"
        );
        let stated = Dates::new(Some("DD.MM.YYYY"), &Evidence::new(TODAY), TODAY).unwrap();
        assert!(stated.read("05.11.2568").unwrap_err().contains("2568-11-05; it must be a day from"));
    }
}

#[test]
fn a_stated_form_that_does_not_fit_is_refused_with_those_that_do() {
    let stated = |form: &str| Dates::new(Some(form), &Evidence::new(TODAY), TODAY).unwrap();
    for (form, text) in [
        ("DD/MM/YYYY", "01/04/20"),
        ("DD.MM.YYYY", "2019.04.19."),
        ("DD-MM-YYYY", "11-30-2025"),
        ("DD.MM.YYYY", "25 10 31"),
        ("DD/MM/YY", "01/04/2020"),
        ("YYYY-MM-DD", "2025-31-01"),
        ("DD.MM.YYYY", "Apr 19, 2019"),
        ("DD.MM.YY", "20251103"),
    ] {
        let told = stated(form).read(text).unwrap_err();
        let forms = told.split(" but ").nth(1).map(advised).unwrap_or_default();
        assert!(!forms.is_empty(), "{told}");
        for advice in forms {
            assert!(stated(&advice).read(text).is_ok(), "{text}: {advice}");
        }
    }
    assert!(stated("DD.MM.YYYY").read("offen").unwrap_err().contains("YYYY or YY"));
    assert_eq!(stated("DD MMM YY").read("10 Feb 18"), Ok(date(2018, 2, 10)));
    assert_eq!(stated("YYYY.MM.DD.").read("2019.04.19."), Ok(date(2019, 4, 19)));
    assert!(is_date("19|04|2019", Some("DD|MM|YYYY")) && !is_date("Shop", Some("DD|MM|YYYY")));
}

/// The forms that people write, in letters that stand for parts.
const FORMS: [&str; 43] = [
    "Y-M-D",
    "Y/M/D",
    "Y.M.D",
    "Y.M.D.",
    "Y. M. D.",
    "Y M D",
    "YMD",
    "YMDT",
    "Y-M-DT10:00:00Z",
    "D-M-Y",
    "D/M/Y",
    "D.M.Y",
    "D. M. Y",
    "D M Y",
    "DMY",
    "M-D-Y",
    "M/D/Y",
    "M D Y",
    "MDY",
    "d/m/Y",
    "m/d/Y",
    "D-M-y",
    "D/M/y",
    "D.M.y",
    "D.M.y.",
    "M/D/y",
    "M-D-y",
    "y-M-D",
    "y/M/D",
    "y.M.D.",
    "yMD",
    "D N Y",
    "D-N-Y",
    "D/N/Y",
    "D.N.Y",
    "DNY",
    "D N y",
    "D-N-y",
    "N D Y",
    "N D, Y",
    "Y-N-D",
    "Mon D N Y",
    "Y年M月D日",
];

fn write(form: &str, date: Date) -> String {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut text = String::new();
    let (before, form) = if form.starts_with("Mon ") { form.split_at(4) } else { ("", form) };
    for letter in form.chars() {
        match letter {
            'Y' => text += &format!("{:04}", date.year()),
            'y' => text += &format!("{:02}", date.year() % 100),
            'M' => text += &format!("{:02}", date.month()),
            'm' => text += &date.month().to_string(),
            'N' => text += NAMES[usize::try_from(date.month() - 1).unwrap()],
            'D' => text += &format!("{:02}", date.day()),
            'd' => text += &date.day().to_string(),
            'T' if form.ends_with('T') => text += "120000",
            other => text.push(other),
        }
    }
    before.to_owned() + &text
}

fn some_date() -> impl Strategy<Value = Date> {
    (1985_i16..2027, 1_i8..13, 1_i8..29).prop_map(|(year, month, day)| date(year, month, day))
}

proptest! {
    #[test]
    fn a_date_in_any_form_is_read_as_itself_or_refused(form in 0..FORMS.len(), days in proptest::collection::vec(some_date(), 1..6), month in proptest::bool::ANY) {
        // A statement's dates lie close together, an archive's do not.
        let days: Vec<Date> = if month {
            days.iter().map(|day| date(days[0].year(), days[0].month(), day.day())).collect()
        } else {
            days
        };
        let texts: Vec<String> = days.iter().map(|day| write(FORMS[form], *day)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let dates = dates(&texts);
        for (text, day) in texts.iter().zip(&days) {
            match dates.read(text) {
                Ok(found) => prop_assert_eq!(found, *day, "{}", text),
                Err(told) => {
                    // The advice names the true form, and every form that it names reads the text.
                    let read: Vec<Date> = advised(&told).iter().map(|form| Pattern::parse(form).unwrap().read(text).unwrap()).collect();
                    prop_assert!(read.contains(day), "{}: {}", text, told);
                }
            }
        }
    }

    #[test]
    fn the_order_of_rows_decides_nothing(
        rows in proptest::collection::vec((0..FORMS.len(), some_date()), 1..8), shift in 0_usize..8,
    ) {
        let texts: Vec<String> = rows.iter().map(|(form, day)| write(FORMS[*form], *day)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut shuffled = texts.clone();
        shuffled.rotate_left(shift % texts.len());
        shuffled.swap(0, texts.len() / 2);
        let (one, other) = (dates(&texts), dates(&shuffled));
        for text in texts {
            prop_assert_eq!(one.read(text), other.read(text));
        }
    }

    #[test]
    fn no_text_breaks_the_reading(text in "[0-9a-zäé年月. /,:+T-]{0,24}") {
        let _ = dates(&[&text]).read(&text);
        let form = Pattern::parse("DD.MM.YYYY").unwrap();
        let _ = (form.read(&text), Written::parse(&text));
    }
}
