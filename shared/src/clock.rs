//! The time of day as the contracts count it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// Now, in microseconds since the Unix epoch.
#[must_use]
pub fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

/// The day (UTC) of a moment in microseconds since the Unix epoch; one that no calendar has is the first day of
/// 1970.
#[must_use]
pub fn utc_date(at: i64) -> Date {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(at).unwrap_or_default()).date()
}
