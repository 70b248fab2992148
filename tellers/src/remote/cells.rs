//! Values of JSON as people read them.

use jiff::Timestamp;
use serde_json::Value;

use super::money;

/// Where nothing is known.
const NOTHING: &str = "";

/// A value without quotes.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

/// What a client wrote, without what a terminal would obey: control characters, and marks that turn the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let is_obeyed = |character: char| {
        character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if is_obeyed(character) { '\u{fffd}' } else { character }).collect()
}

/// A time (RFC 3339) in UTC, to the second.
pub(crate) fn time(value: &Value) -> String {
    let Some(written) = value.as_str() else { return NOTHING.to_owned() };
    match written.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => printable(written),
    }
}

/// The same to the microsecond.
pub(crate) fn moment(value: &Value) -> String {
    let Some(written) = value.as_str() else { return NOTHING.to_owned() };
    match written.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
        Err(_) => printable(written),
    }
}

/// An amount of minor units in major units, with its currency where that is known.
pub(crate) fn amount(minor_units: &Value, currency: &Value) -> String {
    match minor_units.as_i64() {
        Some(minor_units) => money::shown(minor_units, &text(currency)),
        None => text(minor_units),
    }
}

/// A count with commas between the thousands.
pub(crate) fn count(value: &Value) -> String {
    let Some(number) = value.as_u64() else { return text(value) };
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number with so many decimals; `?` where it is not known.
pub(crate) fn decimal(value: &Value, decimals: usize) -> String {
    value.as_f64().map_or_else(|| "?".to_owned(), |number| format!("{number:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_client_wrote_moves_no_cursor() {
        assert_eq!(text(&json!("a\u{1b}[2Jb\nc\u{202e}d")), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(text(&json!("Zoë Müller")), "Zoë Müller");
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        assert_eq!(time(&json!("2026-11-23T21:40:01.250+01:00")), "2026-11-23 20:40:01");
        assert_eq!(moment(&json!("2026-11-23T20:40:01.25Z")), "2026-11-23 20:40:01.250000");
        assert_eq!((time(&json!(null)), time(&json!("soon"))), (String::new(), "soon".to_owned()));
        assert_eq!([7, 999, 1_000, 1_234_567].map(|n| count(&json!(n))), ["7", "999", "1,000", "1,234,567"]);
        assert_eq!((decimal(&json!(1.25), 1), decimal(&json!(null), 1)), ("1.2".to_owned(), "?".to_owned()));
        assert_eq!(amount(&json!(-5), &json!("EUR")), "-0.05 EUR");
    }
}
