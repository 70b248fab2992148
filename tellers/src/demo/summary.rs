//! What came of the demo's jobs.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use client::JobView;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use hdrhistogram::Histogram;
use load_test::figures::per_second;

use super::jobs::{Expected, Sent};
use crate::bench::figures::{Latency, histogram};

/// Counts, and times from acceptance to posting.
#[derive(Default)]
pub(crate) struct Summary {
    outcomes: BTreeMap<(&'static str, String), Count>,
    ids: HashSet<String>,
    sent: u64,
    sending: Duration,
    unexpected: u64,
    /// Microseconds from acceptance to posting.
    latency_us: Option<Histogram<u64>>,
}

#[derive(Default)]
struct Count {
    jobs: u64,
    sent_again: u64,
    as_expected: bool,
}

impl Summary {
    /// So many jobs were accepted in so long.
    pub(crate) fn accepted(&mut self, jobs: u64, took: Duration) {
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
            let took_us = (posted_at.as_microsecond() - accepted_at.as_microsecond()).max(0).unsigned_abs();
            self.latency_us.get_or_insert_with(histogram).saturating_record(took_us);
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
        writeln!(f, "accepted {:.0} jobs/s over HTTP", per_second(self.sent, self.sending))?;
        match &self.latency_us {
            Some(latency_us) => write!(f, "accepted to posted: {}", Latency::of(0.0, latency_us)),
            None => Ok(()),
        }
    }
}
