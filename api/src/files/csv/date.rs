//! Dates, as a pattern has them or as they can only be read.

use jiff::civil::Date;

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Mark(char),
}

/// The form of a column's dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

impl Pattern {
    /// Of letters (`DD.MM.YYYY`, `D/M/YY`, `DD MMM YYYY`) or of `strftime` marks (`%d.%m.%Y`).
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let text: String =
            [("%Y", "YYYY"), ("%y", "YY"), ("%m", "MM"), ("%d", "DD"), ("%b", "MMM"), ("%B", "MMM")]
                .iter()
                .fold(text.to_owned(), |text, (mark, letters)| text.replace(mark, letters));
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let run = rest.chars().take_while(|c| *c == first).count();
            let (part, taken) = match (first.to_ascii_lowercase(), run) {
                ('y', 4) => (Part::Year, 4),
                ('y', 2) => (Part::ShortYear, 2),
                ('m', 1 | 2) => (Part::Month, run),
                ('m', 3 | 4) => (Part::MonthName, run),
                ('d', 1 | 2) => (Part::Day, run),
                ('y' | 'm' | 'd' | '%', _) => {
                    return Err(format!(
                        "{text:?} is no date pattern; write DD.MM.YYYY, MM/DD/YY, DD MMM YYYY"
                    ));
                }
                _ => (Part::Mark(first), first.len_utf8()),
            };
            parts.push(part);
            rest = rest.get(taken..).unwrap_or_default();
        }
        let has = |wanted: &[Part]| parts.iter().filter(|part| wanted.contains(part)).count() == 1;
        if has(&[Part::Year, Part::ShortYear]) && has(&[Part::Month, Part::MonthName]) && has(&[Part::Day]) {
            Ok(Pattern(parts))
        } else {
            Err(format!("{text:?} has no year, month and day, each once; write DD.MM.YYYY"))
        }
    }

    /// Reads a date; a time of day may follow it.
    pub fn read(&self, text: &str) -> Option<Date> {
        let (mut year, mut month, mut day) = (0_i16, 0_i8, 0_i8);
        let mut rest = text.trim();
        for (at, part) in self.0.iter().enumerate() {
            // Digits of one part run into the next only where no mark is between.
            let is_tight = matches!(self.0.get(at + 1), Some(part) if !matches!(part, Part::Mark(_)));
            match part {
                Part::Mark(mark) => rest = rest.strip_prefix(*mark)?,
                Part::Year => (year, rest) = digits(rest, 4, 4)?,
                Part::ShortYear => {
                    let (short, after) = digits(rest, 2, 2)?;
                    // As POSIX reads two digits, but for what a bank file can hold.
                    (year, rest) = (if short < 80 { 2000 + short } else { 1900 + short }, after);
                }
                Part::Month => (month, rest) = small(rest, is_tight)?,
                Part::Day => (day, rest) = small(rest, is_tight)?,
                Part::MonthName => (month, rest) = month_name(rest)?,
            }
        }
        let is_end = rest.is_empty() || rest.starts_with([' ', 'T', ',']);
        if is_end { Date::new(year, month, day).ok() } else { None }
    }
}

fn digits(text: &str, min: usize, max: usize) -> Option<(i16, &str)> {
    let count = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(count).filter(|_| count >= min)?;
    Some((number.parse().ok()?, rest))
}

fn small(text: &str, is_tight: bool) -> Option<(i8, &str)> {
    let (number, rest) = digits(text, if is_tight { 2 } else { 1 }, 2)?;
    Some((i8::try_from(number).ok()?, rest))
}

/// The months' first letters in the languages whose banks write them: en, de, fr, es, it, nl, sv.
const MONTHS: [&[&str]; 12] = [
    &["jan", "gen", "ene"],
    &["feb", "fév"],
    &["mar", "mär", "mrz", "mrt", "maa"],
    &["apr", "avr", "abr"],
    &["may", "mai", "maj", "mei", "mag"],
    &["jun", "juin", "giu"],
    &["jul", "juil", "lug"],
    &["aug", "aoû", "ago"],
    &["sep", "set"],
    &["oct", "okt", "ott"],
    &["nov"],
    &["dec", "dez", "déc", "dic"],
];

fn month_name(text: &str) -> Option<(i8, &str)> {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let name = name.to_lowercase();
    let starts = |starts: &&[&str]| starts.iter().any(|start| name.starts_with(start));
    let month = MONTHS.iter().position(|names| starts(&names))?;
    Some((i8::try_from(month + 1).ok()?, rest.strip_prefix('.').unwrap_or(rest)))
}

/// What a file's dates may be; narrowed by each date that is seen.
#[derive(Debug, Clone)]
pub struct Candidates(Vec<Pattern>);

impl Candidates {
    /// Every form that is tried. Where dots are between, the day comes first everywhere.
    pub fn all() -> Candidates {
        let patterns = [
            "YYYY-MM-DD",
            "YYYYMMDD",
            "DD.MM.YYYY",
            "DD.MM.YY",
            "YYYY/MM/DD",
            "YYYY.MM.DD",
            "DD/MM/YYYY",
            "MM/DD/YYYY",
            "DD/MM/YY",
            "MM/DD/YY",
            "DD-MM-YYYY",
            "DD-MM-YY",
            "DD MMM YYYY",
            "DD-MMM-YYYY",
            "DD-MMM-YY",
            "DD.MMM.YYYY",
            "MMM DD, YYYY",
            "DDMMYYYY",
        ];
        Candidates(patterns.into_iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect())
    }

    /// Drops the forms that this date can not have; one that has none of them is a fault of its row.
    pub fn narrow(&mut self, text: &str) {
        let fits: Vec<Pattern> =
            self.0.iter().filter(|pattern| pattern.read(text).is_some()).cloned().collect();
        if !fits.is_empty() {
            self.0 = fits;
        }
    }

    /// The date, if all forms that are left agree on it.
    pub fn read(&self, text: &str) -> Result<Option<Date>, [Date; 2]> {
        let mut found: Option<Date> = None;
        for date in self.0.iter().filter_map(|pattern| pattern.read(text)) {
            match found {
                Some(other) if other != date => return Err([other, date]),
                _ => found = Some(date),
            }
        }
        Ok(found)
    }
}
