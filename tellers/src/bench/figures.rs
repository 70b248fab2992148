//! What was measured.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use hdrhistogram::Histogram;
use serde::Serialize;

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
}

/// Jobs a second: accepted while sending, and posted from the first request to the last outcome.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rates {
    pub(crate) accepted_per_second: f64,
    pub(crate) posted_per_second: f64,
}

/// From acceptance to posting at an even load.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) offered_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    pub(crate) fn of(offered_per_second: f64, took_us: &Histogram<u64>) -> Latency {
        #[allow(clippy::cast_precision_loss)] // Microseconds of some seconds.
        let ms = |quantile: f64| took_us.value_at_quantile(quantile) as f64 / 1_000.0;
        Latency { offered_per_second, p50_ms: ms(0.5), p95_ms: ms(0.95), p99_ms: ms(0.99), max_ms: ms(1.0) }
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
        let Latency { p50_ms, p95_ms, p99_ms, max_ms, .. } = self;
        write!(f, "p50 {p50_ms:.1} ms, p95 {p95_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms")
    }
}

impl Figures {
    pub(crate) fn as_json(&self, books_in_order: bool) -> serde_json::Value {
        serde_json::json!({"figures": self, "books_in_order": books_in_order})
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { bare_per_second, batches, singles, latency, page_ms: (page_p50, page_p99), .. } = self;
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        let mut row = |what: &str, figure: String| {
            table.add_row([what, &figure]);
        };
        row("bare batch posting", format!("{bare_per_second:.0} jobs/s"));
        row("batches of 100, accepted", format!("{:.0} jobs/s", batches.accepted_per_second));
        row("batches of 100, accepted to posted", format!("{:.0} jobs/s", batches.posted_per_second));
        row("  of the bare rate", format!("{:.2}", batches.posted_per_second / bare_per_second));
        row("single jobs, accepted", format!("{:.0} jobs/s", singles.accepted_per_second));
        row("single jobs, accepted to posted", format!("{:.0} jobs/s", singles.posted_per_second));
        row(&format!("accepted to posted at {:.0} jobs/s", latency.offered_per_second), latency.to_string());
        row("last page of entries", format!("p50 {page_p50:.1} ms, p99 {page_p99:.1} ms"));
        for (role, resident_mb) in &self.resident_mb {
            row(&format!("resident memory of {role}"), format!("{resident_mb} MB"));
        }
        write!(f, "{table}")
    }
}
