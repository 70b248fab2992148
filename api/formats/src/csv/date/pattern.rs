//! The form of a column's dates, as a map states it.

use jiff::civil::Date;

use super::pieces::{
    full_year, gap, is_blank, is_rest, is_tight_time, month_at, ordinal, trimmed, without_day,
};

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

    /// Reads a date; a day of the week may stand before it, a time of day may follow it.
    pub fn read(&self, text: &str) -> Option<Date> {
        let text = trimmed(text);
        self.read_bare(text).or_else(|| self.read_bare(without_day(text)?))
    }

    fn read_bare(&self, text: &str) -> Option<Date> {
        let (mut year, mut month, mut day) = (0_i16, 0_i8, 0_i8);
        let has_name = self.0.contains(&Part::MonthName);
        let mut rest = text;
        let mut before = None;
        for (at, part) in self.0.iter().enumerate() {
            // Digits of one part run into the next only where no mark is between.
            let is_tight =
                matches!(self.0.get(at + 1), Some(Part::Year | Part::ShortYear | Part::Month | Part::Day));
            match part {
                Part::Mark(mark) => rest = after_mark(rest, *mark, before)?,
                Part::Year => (year, rest) = digits(rest, 4, 4)?,
                Part::ShortYear => {
                    let (short, after) = digits(rest, 2, 2)?;
                    (year, rest) = (full_year(short), after);
                }
                Part::Month => (month, rest) = small(rest, is_tight)?,
                Part::Day => {
                    (day, rest) = small(rest, is_tight)?;
                    rest = if has_name { ordinal(rest) } else { rest };
                }
                Part::MonthName => {
                    let (number, after) = month_at(rest)?;
                    (month, rest) = (i8::try_from(number).ok()?, after);
                }
            }
            before = Some(*part);
        }
        self.is_end(rest).then(|| Date::new(year, month, day).ok()).flatten()
    }

    /// Whether a date may end before this. A second date makes the first one a guess, as where the form is found.
    fn is_end(&self, rest: &str) -> bool {
        let may_have_point = self.0.iter().any(|part| matches!(part, Part::Mark('.' | ' ')));
        let has_marks = self.0.iter().any(|part| matches!(part, Part::Mark(_)));
        (is_rest(rest) && (may_have_point || !rest.starts_with('.')))
            || (!has_marks && self.0.first() == Some(&Part::Year) && is_tight_time(rest))
    }
}

/// What follows a mark: blanks around it have no meaning, and neither have points and commas beside a blank.
fn after_mark(text: &str, mark: char, before: Option<Part>) -> Option<&str> {
    if is_blank(mark) {
        return gap(text).or_else(|| matches!(before, Some(Part::Mark(_))).then_some(text));
    }
    let rest = text.trim_start_matches(is_blank);
    let is_dash = |c: char| c == '-' || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}');
    let rest = if is_dash(mark) { rest.strip_prefix(is_dash) } else { rest.strip_prefix(mark) };
    rest.map(|rest| rest.trim_start_matches(is_blank))
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
