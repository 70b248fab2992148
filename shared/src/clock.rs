//! The time of day as the contracts count it.

use jiff::Timestamp;

/// Now, in microseconds since the Unix epoch.
#[must_use]
pub fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}
