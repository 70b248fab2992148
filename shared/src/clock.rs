//! The time of day as the contracts count it.

use std::fmt;
use std::sync::Arc;

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

/// The clock of one replica: the machine's, unless a simulation brings another.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> i64 + Send + Sync>>);

impl Clock {
    /// One that tells `now`, in microseconds since the Unix epoch.
    #[must_use]
    pub fn simulated(now: impl Fn() -> i64 + Send + Sync + 'static) -> Clock {
        Clock(Some(Arc::new(now)))
    }

    /// Now, in microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.0.as_ref().map_or_else(now_us, |now| now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(simulated)" } else { "Clock(machine)" })
    }
}
