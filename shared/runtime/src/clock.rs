//! The time of day as the contracts count it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// Now, in microseconds since the Unix epoch.
pub fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Clocks that somebody keeps differ by milliseconds. Where two differ by more than this, the time between what one and the
/// other replica tell says nothing.
pub const SKEW_TOLERATED: Duration = Duration::from_secs(1);

/// How long ago it was `at` (µs since the Unix epoch) by another replica's clock; `None`: that lies so far ahead that one
/// of the two clocks is wrong.
pub fn since(at: i64) -> Option<Duration> {
    let passed = now_us().saturating_sub(at);
    let tolerated = i64::try_from(SKEW_TOLERATED.as_micros()).unwrap_or(i64::MAX);
    (passed >= -tolerated).then(|| Duration::from_micros(u64::try_from(passed).unwrap_or_default()))
}

/// The day (UTC) of a moment in microseconds since the Unix epoch; one that no calendar has is the first day of
/// 1970.
pub fn utc_date(at: i64) -> Date {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(at).unwrap_or_default()).date()
}

/// The clock of one replica: the machine's, unless a simulation brings another.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> i64 + Send + Sync>>);

impl Clock {
    /// One that tells `now`, in microseconds since the Unix epoch.
    pub fn simulated(now: impl Fn() -> i64 + Send + Sync + 'static) -> Clock {
        Clock(Some(Arc::new(now)))
    }

    /// Now, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        self.0.as_ref().map_or_else(now_us, |now| now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(simulated)" } else { "Clock(machine)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_lies_ahead_is_not_just_now() {
        assert_eq!(since(now_us() + 90_000_000), None);
        assert_eq!(since(now_us() + 500_000), Some(Duration::ZERO), "clocks differ a little");
        let passed = since(now_us() - 2_000_000).unwrap();
        assert!((2..3).contains(&passed.as_secs()), "{passed:?}");
    }
}
