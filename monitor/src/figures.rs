//! Figures of the whole fleet, worked out of what each replica reports: percentiles over sliding windows
//! ([`windows`]) and rates from counters that only grow ([`rates`]).

pub(crate) mod distribution;
pub(crate) mod rates;
pub(crate) mod shown;
pub(crate) mod windows;

use std::time::Duration;

/// The window that alerts and rates go by: long enough to be steady, short enough to be current.
pub(crate) const SHORT: Duration = Duration::from_secs(10);
/// The window of a minute's point in the history.
pub(crate) const LONG: Duration = Duration::from_secs(60);
