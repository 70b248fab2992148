//! Pieces of a date's text: what stands around its parts, and what may follow it.

use super::months;
use crate::text;

/// Behind the number of a day.
const ORDINALS: [&str; 7] = ["st", "nd", "rd", "th", "er", "º", "ª"];

/// Between the parts, as words: `19 de abril de 2019`.
const LINKS: [&str; 3] = ["de ", "del ", "of "];

/// Blanks of every width, and marks of direction, which nobody sees.
pub fn is_blank(c: char) -> bool {
    text::is_blank(c) || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}')
}

/// A text without blanks around it.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// What follows blanks, points and commas, if there are any.
pub fn gap(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c| is_blank(c) || matches!(c, '.' | ','));
    let link = LINKS.iter().find_map(|link| rest.strip_prefix(link));
    (rest.len() < text.len()).then_some(link.unwrap_or(rest).trim_start_matches(is_blank))
}

/// What follows the ending of an ordinal number, if one is there.
pub fn ordinal(text: &str) -> &str {
    let rest = ORDINALS.iter().find_map(|ending| text.strip_prefix(ending));
    rest.filter(|rest| !rest.starts_with(char::is_alphanumeric)).unwrap_or(text)
}

/// A month's name, and what follows it and its point.
pub fn month_at(text: &str) -> Option<(u8, &str)> {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    // The point of a short form stands before something else; else it is the mark between the parts.
    let shortened = rest.strip_prefix('.').filter(|rest| !rest.starts_with(char::is_alphanumeric));
    Some((months::month(name)?, shortened.unwrap_or(rest)))
}

/// What follows the day of the week, if a text begins with one.
pub fn without_day(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphabetic())?;
    let (word, rest) = text.split_at_checked(end)?;
    gap(rest).filter(|_| months::is_day(word))
}

/// The year that two digits mean: as POSIX reads them, but for what a bank file can hold.
pub fn full_year(short: i16) -> i16 {
    if short < 80 { 2000 + short } else { 1900 + short }
}

/// Whether a date may be followed by this: nothing, or a time of day and words, but not by more figures.
pub fn is_rest(text: &str) -> bool {
    let text = text.strip_prefix('.').unwrap_or(text);
    if trimmed(text).is_empty() {
        return true;
    }
    if !text.starts_with(|c| is_blank(c) || matches!(c, 'T' | 't' | ',')) {
        return false;
    }
    let text = text.trim_start_matches(|c| is_blank(c) || c == ',');
    let clock = text.strip_prefix(['T', 't']).unwrap_or(text);
    let after = if clock.starts_with(|c: char| c.is_ascii_digit()) { after_time(clock) } else { Some(text) };
    after.is_some_and(|after| !without_zone(after).contains(|c: char| c.is_ascii_digit()))
}

/// `hhmm` or `hhmmss`.
pub fn is_tight_time(text: &str) -> bool {
    matches!(text.len(), 4 | 6) && after_time(text).is_some_and(str::is_empty)
}

/// What follows a time of day: `10:00`, `10:00:00.123`, `10.00`, `1000`, `100000`.
fn after_time(text: &str) -> Option<&str> {
    let (hours, rest) = two_digits(text, 24)?;
    let (_, mut rest) = two_digits(rest.strip_prefix([':', '.', 'h']).unwrap_or(rest), 60)?;
    // A leap second is the 61st.
    let seconds = two_digits(rest.strip_prefix([':', '.']).unwrap_or(rest), 61);
    if let Some((_, after)) = seconds {
        // Without a mark before them more digits are those of a year: `05.12.2025` is no time.
        let fraction = after.strip_prefix(['.', ',', ':']);
        rest = fraction.map_or(after, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    (hours <= 24).then_some(rest)
}

/// A number of one or two digits up to a maximum, and what follows it.
fn two_digits(text: &str, max: u8) -> Option<(u8, &str)> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(count).filter(|_| count > 0)?;
    let number = digits.parse().ok()?;
    (number <= max).then_some((number, rest))
}

/// A text without the hours and minutes of its time zone: `+01:00`, `-0500`.
fn without_zone(text: &str) -> &str {
    let Some(at) = text.find(['+', '-', '\u{2212}']) else { return text };
    let (before, zone) = text.split_at(at);
    let figures = zone.trim_start_matches(['+', '-', '\u{2212}']);
    let hours = two_digits(figures, 14).map(|(_, rest)| rest.strip_prefix(':').unwrap_or(rest));
    let rest = hours.map(|rest| two_digits(rest, 59).map_or(rest, |(_, rest)| rest));
    // Names of zones and words may follow.
    if rest.is_some_and(|rest| !rest.contains(|c: char| c.is_ascii_digit())) { before } else { text }
}
