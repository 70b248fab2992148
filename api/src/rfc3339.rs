//! Times as this API writes them: RFC 3339, UTC, always with six digits of the second.

use derive_more::Display;
use jiff::Timestamp;
use serde_with::SerializeDisplay;

/// A point in time, such as `2026-11-23T17:30:00.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, SerializeDisplay)]
#[display("{_0:.6}")]
pub struct Rfc3339(pub Timestamp);

impl Rfc3339 {
    /// From microseconds since the Unix epoch; beyond the year 9999 it is the last of that year.
    pub fn from_microseconds(microseconds: i64) -> Rfc3339 {
        Rfc3339(Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX))
    }
}

/// The day (UTC) of a time in microseconds since the Unix epoch.
pub fn day(microseconds: i64) -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(Rfc3339::from_microseconds(microseconds).0).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_whatever_they_are() {
        let json = |microseconds| serde_json::to_string(&Rfc3339::from_microseconds(microseconds)).unwrap();
        assert_eq!(json(0), r#""1970-01-01T00:00:00.000000Z""#);
        assert_eq!(json(1_795_453_200_120_000), r#""2026-11-23T17:00:00.120000Z""#);
    }
}
