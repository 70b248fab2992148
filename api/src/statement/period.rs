//! From when until when a statement goes.

use contract::submission::Invalid;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

/// From a moment until before another, in microseconds since the Unix epoch; `None`: from the first entry, until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Its first moment.
    pub from: Option<i64>,
    /// The first moment after it.
    pub to: Option<i64>,
}

impl Period {
    /// Reads `from` and `to`, each a day (UTC; that of `to` is included) or an instant of RFC 3339 (that of `to` is
    /// not included).
    ///
    /// # Errors
    /// One is neither, or they are in the wrong order.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Period, Invalid> {
        Period::parse_named(("from", from), ("to", to))
    }

    /// The same where the two have other names.
    ///
    /// # Errors
    /// As [`Period::parse`].
    pub fn parse_named(
        (from_name, from): (&str, Option<&str>),
        (to_name, to): (&str, Option<&str>),
    ) -> Result<Period, Invalid> {
        let period = Period {
            from: from.map(|text| moment(from_name, text, 0)).transpose()?,
            to: until(to_name, to)?,
        };
        match (period, to) {
            (Period { from: Some(start), to: Some(end) }, Some(text)) if end < start => {
                Err(invalid(to_name, text, &format!("must not be before `{from_name}`")))
            }
            _ => Ok(period),
        }
    }
}

/// The moment that a field asks for, in microseconds since the Unix epoch: an instant of RFC 3339, or the end of a day (UTC).
///
/// # Errors
/// It is neither.
pub fn until(field: &str, text: Option<&str>) -> Result<Option<i64>, Invalid> {
    text.map(|text| moment(field, text, 1)).transpose()
}

/// A day starts at midnight (UTC); `days_later` to it.
fn moment(field: &str, text: &str, days_later: i64) -> Result<i64, Invalid> {
    // A date is the start of an instant too, so its length decides.
    if text.len() <= 10 {
        // XML knows no year 0 (XML Schema, part 2, section 3.2.9), and the statement states where it begins.
        let day = text.parse::<Date>().ok().filter(|day| day.year() >= 1);
        let midnight = day.map(|day| {
            let day = day.saturating_add(days_later.days());
            // The last days of the year 9999 are beyond the last instant.
            jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
        });
        return midnight.map(Timestamp::as_microsecond).ok_or_else(|| {
            invalid(
                field,
                text,
                "must be a day from the year 1 on, such as 2026-11-24, or an instant such as 2026-11-24T08:00:00Z",
            )
        });
    }
    let instant =
        text.parse::<Timestamp>().ok().filter(|at| jiff::tz::Offset::UTC.to_datetime(*at).year() >= 1);
    instant.map(Timestamp::as_microsecond).ok_or_else(|| {
        // In a query a plus sign is a blank.
        invalid(
            field,
            text,
            "must be an instant of RFC 3339 from the year 1 on, such as 2026-11-24T08:00:00Z (write + as %2B), or a day",
        )
    })
}

fn invalid(field: &str, text: &str, remedy: &str) -> Invalid {
    let value: String = text.chars().take(80).collect();
    Invalid { field: field.to_owned(), value: format!("{value:?}"), remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_whole_and_an_instant_is_where_it_says() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap().as_microsecond());
        let days = Period::parse(Some("2026-11-01"), Some("2026-11-30")).unwrap();
        assert_eq!((days.from, days.to), (at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z")));
        let one = Period::parse(Some("2026-11-24"), Some("2026-11-24")).unwrap();
        assert_eq!(one.to.unwrap() - one.from.unwrap(), 86_400_000_000);
        let instants =
            Period::parse(Some("2026-11-24T08:00:00+01:00"), Some("2026-11-24T07:00:00Z")).unwrap();
        assert_eq!(instants.from, instants.to);
        assert_eq!(Period::parse(None, None), Ok(Period::default()));
        let all = Period::parse(Some("0001-01-01"), Some("9999-12-31")).unwrap();
        assert_eq!((all.from, all.to), (at("0001-01-01T00:00:00Z"), Some(Timestamp::MAX.as_microsecond())));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_a_remedy() {
        for (from, to, field) in [
            (Some("2026-02-30"), None, "from"),
            (Some("yesterday, perhaps"), None, "from"),
            (Some("0000-01-01"), None, "from"),
            (Some("0000-12-31T00:00:00Z"), None, "from"),
            (Some("-000001-01-01T00:00:00Z"), None, "from"),
            (None, Some("2026-11-24T08:00:00 01:00"), "to"),
            (Some("2026-11-24"), Some("2026-11-22"), "to"),
            (None, Some(""), "to"),
        ] {
            let error = Period::parse(from, to).unwrap_err();
            assert_eq!(error.field, field);
            let value = if field == "from" { from } else { to };
            assert_eq!(error.value, format!("{:?}", value.unwrap()));
            assert!(error.remedy.starts_with("must "), "{error}");
        }
    }
}
