//! What was measured.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::json;

use super::floor::Floor;
use super::machine::Machine;
use super::processes::CpuOfPart;
use super::scenario::Scenario;
use super::stages::Stage;

/// Everything that one run measures.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Jobs a second straight into the ledger.
    pub(crate) bare_per_second: f64,
    pub(crate) batches: Rates,
    pub(crate) singles: Rates,
    pub(crate) latency: Latency,
    /// Last page of an account's entries: median and 99th percentile, milliseconds.
    pub(crate) page_ms: (f64, f64),
    /// Resident memory by role, 10^6 bytes.
    pub(crate) resident_mb: Vec<(&'static str, u64)>,
    /// The naive loop; `None`: the embedded ledger has none.
    pub(crate) floor: Option<Floor>,
    /// Where the time goes at the even load.
    pub(crate) stages: Vec<Stage>,
    /// Processor time of a job, by the load.
    pub(crate) cpu: Vec<CpuOfLoad>,
    /// What was asked for besides.
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) machine: Machine,
}

/// Processor time of a job under one load.
#[derive(Debug, Serialize)]
pub(crate) struct CpuOfLoad {
    pub(crate) load: &'static str,
    pub(crate) parts: Vec<CpuOfPart>,
}

/// Parts of what the database does without all the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratios {
    /// Batches, accepted to posted, of the bare rate.
    pub(crate) batches_of_bare: f64,
    /// The same of the naive loop's best, and the bare rate of that.
    pub(crate) batches_of_floor: Option<f64>,
    pub(crate) bare_of_floor: Option<f64>,
}

/// Jobs a second: accepted while sending, and posted from the first request to the last outcome.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rates {
    pub(crate) accepted_per_second: f64,
    pub(crate) posted_per_second: f64,
    /// All that were sent.
    pub(crate) jobs: u64,
}

/// From acceptance to posting at an even load.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) offered_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// Jobs that the fleet was too busy for.
    pub(crate) refused: u64,
}

impl Latency {
    pub(crate) fn of(offered_per_second: f64, took_us: &Histogram<u64>) -> Latency {
        #[allow(clippy::cast_precision_loss)] // Microseconds of some seconds.
        let ms = |quantile: f64| took_us.value_at_quantile(quantile) as f64 / 1_000.0;
        Latency {
            offered_per_second,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            max_ms: ms(1.0),
            refused: 0,
        }
    }
}

/// The longest time that is told apart from longer ones: an hour, in microseconds.
const TIME_MAX_US: u64 = 3_600_000_000;

/// Of times from 1 µs to an hour, to three digits. (One without bounds would not grow by itself when it
/// saturates.)
#[allow(clippy::expect_used)] // The bounds are constants.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, TIME_MAX_US, 3).expect("the bounds are valid")
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50_ms, p95_ms, p99_ms, max_ms, refused, .. } = self;
        write!(f, "p50 {p50_ms:.1} ms, p95 {p95_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms")?;
        if *refused > 0 { write!(f, "; {refused} refused as too many") } else { Ok(()) }
    }
}

impl Figures {
    pub(crate) fn ratios(&self) -> Ratios {
        let (end_to_end, bare) = (self.batches.posted_per_second, self.bare_per_second);
        let of_floor = |rate: f64| self.floor.as_ref().map(|floor| rate / floor.best_per_second);
        Ratios {
            batches_of_bare: end_to_end / bare,
            batches_of_floor: of_floor(end_to_end),
            bare_of_floor: of_floor(bare),
        }
    }

    pub(crate) fn as_json(&self, books_in_order: bool) -> serde_json::Value {
        json!({"figures": self, "ratios": self.ratios(), "books_in_order": books_in_order})
    }
}

#[cfg(test)]
pub(super) mod tests;
