//! What came of the demo's jobs.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use client::JobView;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use hdrhistogram::Histogram;
use jiff::Timestamp;

use super::jobs::{Expected, Sent};
use crate::bench::figures::histogram;

/// Counts, and times from acceptance to posting.
#[derive(Default)]
pub(crate) struct Summary {
    outcomes: BTreeMap<(&'static str, String), Count>,
    ids: HashSet<String>,
    sent: usize,
    sending: Duration,
    unexpected: u64,
    /// Microseconds from acceptance to posting.
    latency_us: Option<Histogram<u64>>,
    first_accepted_at: Option<Timestamp>,
    last_posted_at: Option<Timestamp>,
}

#[derive(Default)]
struct Count {
    jobs: u64,
    sent_again: u64,
    as_expected: bool,
}

impl Summary {
    /// So many jobs were accepted in so long.
    pub(crate) fn accepted(&mut self, jobs: usize, took: Duration) {
        self.sent += jobs;
        self.sending += took;
    }

    /// A job has this outcome.
    pub(crate) fn note(&mut self, sent: &Sent, id: String, job: &JobView) {
        let outcome = match &job.reason {
            Some(reason) => format!("{}: {reason}", job.status),
            None => job.status.clone(),
        };
        let as_expected = match sent.expected {
            Expected::Posted => job.status == "posted",
            Expected::Rejected(reason) => job.status == "rejected" && job.reason.as_deref() == Some(reason),
        };
        self.unexpected += u64::from(!as_expected);
        let count = self.outcomes.entry((sent.kind, outcome)).or_default();
        count.as_expected = as_expected;
        if !self.ids.insert(id) {
            count.sent_again += 1;
            return;
        }
        count.jobs += 1;
        if let (Some(accepted_at), Some(posted_at)) = (job.accepted_at, job.posted_at) {
            self.time(accepted_at, posted_at);
        }
    }

    fn time(&mut self, accepted_at: Timestamp, posted_at: Timestamp) {
        self.first_accepted_at = self.first_accepted_at.into_iter().chain([accepted_at]).min();
        self.last_posted_at = self.last_posted_at.into_iter().chain([posted_at]).max();
        let took_us = (posted_at.as_microsecond() - accepted_at.as_microsecond()).max(0).unsigned_abs();
        if self.latency_us.is_none() {
            self.latency_us = histogram().ok();
        }
        if let Some(latency_us) = &mut self.latency_us {
            latency_us.saturating_record(took_us);
        }
    }

    /// Every job came out as it should have.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.unexpected == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "kind",
            "outcome",
            "jobs",
            "sent twice",
            "expected",
        ]);
        for ((kind, outcome), count) in &self.outcomes {
            let expected = if count.as_expected { "yes" } else { "NO" };
            table.add_row([
                kind,
                outcome.as_str(),
                &count.jobs.to_string(),
                &count.sent_again.to_string(),
                expected,
            ]);
        }
        writeln!(f, "{table}")?;
        let jobs = self.ids.len();
        writeln!(
            f,
            "{} requests for {jobs} jobs; each took effect once, however often it was sent",
            self.sent
        )?;
        let rate = |jobs: usize, seconds: f64| {
            #[allow(clippy::cast_precision_loss)] // A count far below 2^53.
            let jobs = jobs as f64;
            if seconds > 0.0 { jobs / seconds } else { 0.0 }
        };
        writeln!(f, "accepted {:.0} jobs/s over HTTP", rate(self.sent, self.sending.as_secs_f64()))?;
        if let Some(latency_us) = &self.latency_us {
            #[allow(clippy::cast_precision_loss)] // Microseconds of some seconds.
            let ms = |quantile: f64| latency_us.value_at_quantile(quantile) as f64 / 1_000.0;
            write!(
                f,
                "accepted to posted: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
                ms(0.5),
                ms(0.95),
                ms(0.99),
                ms(1.0)
            )?;
        }
        Ok(())
    }
}
