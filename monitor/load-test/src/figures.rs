//! The figures of one phase of load.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A distribution of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Times {
    /// Number of measured times.
    pub count: u64,
    /// The shortest time.
    pub min_seconds: f64,
    /// The mean of the times.
    pub avg_seconds: f64,
    /// The median: half of the times are at most so long.
    pub p50_seconds: f64,
    /// The 95th percentile: 95 % of the times are at most so long.
    pub p95_seconds: f64,
    /// The 99th percentile: 99 % of the times are at most so long.
    pub p99_seconds: f64,
    /// The longest time.
    pub max_seconds: f64,
}

impl Times {
    /// Of a histogram of microseconds; `None`: it is empty.
    pub fn of(took_us: &Histogram<u64>) -> Option<Times> {
        let quantile = |quantile| seconds(took_us.value_at_quantile(quantile));
        (!took_us.is_empty()).then(|| Times {
            count: took_us.len(),
            min_seconds: seconds(took_us.min()),
            avg_seconds: took_us.mean() / 1e6,
            p50_seconds: quantile(0.5),
            p95_seconds: quantile(0.95),
            p99_seconds: quantile(0.99),
            max_seconds: seconds(took_us.max()),
        })
    }
}

pub(crate) fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}

/// The figures of one phase of load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestFigures)]
pub struct Figures {
    /// Concurrent users; `null` for an open loop.
    pub users: Option<u32>,
    /// Number of requests that were sent, one job each.
    pub requests: u64,
    /// Number of requests that were answered with 202.
    pub accepted: u64,
    /// Number of accepted jobs whose entries are in the ledger.
    pub posted: u64,
    /// `posted` of `requests`, in percent.
    pub success_percent: f64,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// `accepted` per second, over `seconds`.
    pub accepted_per_second: f64,
    /// `posted` per second, from the first acceptance to the last posting by the fleet's own clock; `null`:
    /// no job was posted.
    pub posted_per_second: Option<f64>,
    /// Response times of the accepted requests and of requests given up after 10 s, until the answer was
    /// read. In an open loop a request's time starts when it was due. `null`: there was no such request.
    pub response: Option<Times>,
    /// Time from `accepted_at` to `posted_at` of the posted jobs, as the ledger has them.
    pub accepted_to_posted: Option<Times>,
    /// Number of errors by class. Of requests: `refused/<problem>`, `http/<status>`, `connect`, `timeout`,
    /// `connection_broken` and `unreadable_answer`. Of accepted jobs: `rejected/<reason>`, `dead`,
    /// `without_outcome`, `unknown_to_the_ingress` and `not_read`.
    pub errors: BTreeMap<String, u64>,
}

/// `part` of `whole` in percent; of nothing, 0.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// `count` a second; 0 where no time has passed.
pub fn per_second(count: u64, span: Duration) -> f64 {
    let seconds = span.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use contract::report::new_histogram;

    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut took_us = new_histogram();
        assert_eq!(Times::of(&took_us), None, "nothing is missing, not zero");
        (1..=100_u64).for_each(|ms| took_us.saturating_record(ms * 1_000));
        let times = Times::of(&took_us).unwrap();
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.01, "{found}");
        near(times.min_seconds, 0.001);
        near(times.avg_seconds, 0.0505);
        near(times.p50_seconds, 0.050);
        near(times.p95_seconds, 0.095);
        near(times.p99_seconds, 0.099);
        near(times.max_seconds, 0.100);
        assert_eq!(times.count, 100);
    }

    #[test]
    fn rates_of_nothing_are_numbers() {
        assert_eq!(percent(0, 0), 0.0);
        assert_eq!(percent(19, 20), 95.0);
        assert_eq!(per_second(5, Duration::ZERO), 0.0);
        assert_eq!(per_second(5, Duration::from_millis(500)), 10.0);
    }
}
