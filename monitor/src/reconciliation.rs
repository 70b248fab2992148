//! The line that must always add up: accepted = posted + rejected + dead + cancelled + scheduled + duplicates +
//! conflicts + in flight. A scheduled job that is executed is no second acceptance: it moves from one term to another.
//!
//! What became of jobs is the ledger's word, which counts each once and which no replica takes with it when it
//! is killed. What was accepted, and what clients sent twice, is the replicas' word. A replica that is killed
//! takes the last second of that with it: the gap is shown, and then the count starts anew.

use std::collections::BTreeSet;

use contract::report::Counts;
use jiff::{SignedDuration, Timestamp};
use store::ledger::OutcomeCounts;
use tracing::warn;

use crate::views::health::{MissingJobs, Reconciliation};
use crate::words::{counted, grouped};

/// Samples in a row at which nothing waits and nothing is counted before the count is closed: what was accepted
/// last is reported by then, and the ledger was read again.
const QUIET_SAMPLES: u32 = 4;
/// Samples at which the closed count shows the same gap before it starts anew: one that a lost replica explains,
/// before an alert that waits for a minute; any other, after.
const EXPLAINED_SAMPLES: u32 = 30;
const UNEXPLAINED_SAMPLES: u32 = 90;
/// A gap after which the count started anew is shown for so long.
const GAP_IS_NEWS: SignedDuration = SignedDuration::from_mins(15);

/// Follows the count from one quiet moment on.
pub(crate) struct Count {
    since: Timestamp,
    /// What the sum was then; `None`: the ledger has not been read yet.
    base: Option<Sum>,
    /// Nothing was in flight at `since`.
    from_quiet: bool,
    quiet_samples: u32,
    /// As of the last sample at which the ledger was read.
    last: Sum,
    /// Those that are lost now.
    lost: BTreeSet<String>,
    /// One that was lost since the count added up.
    suspect: Option<String>,
    /// What is missing, and at how many closed samples it was.
    gap: (i64, u32),
    /// From which gap the count started anew.
    written_off: Option<WrittenOff>,
}

/// A gap that the count started anew from.
struct WrittenOff {
    at: Timestamp,
    words: String,
}

/// Jobs by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    accepted: u64,
    outcome_counts: OutcomeCounts,
    duplicates: u64,
    conflicts: u64,
}

/// What the count goes by at one moment.
pub(crate) struct Moment<'a> {
    pub(crate) at: Timestamp,
    /// Counted by all replicas since the monitor's start.
    pub(crate) counted: Counts,
    /// As the ledger has just said; `None`: it has not.
    pub(crate) outcome_counts: Option<OutcomeCounts>,
    /// Nothing waits in the queue and no worker has anything in hand; `None`: not known.
    pub(crate) quiet: Option<bool>,
    /// The replicas that are lost, by their ids.
    pub(crate) lost: Vec<&'a str>,
    /// Those that are missing, by their lanes; `None`: not known.
    pub(crate) missing: Option<Vec<MissingJobs>>,
    /// Debits equal credits; `None`: not known.
    pub(crate) balanced: Option<bool>,
}

impl Count {
    pub(crate) fn from(since: Timestamp) -> Count {
        Count {
            since,
            base: None,
            from_quiet: false,
            quiet_samples: 0,
            last: Sum::default(),
            lost: BTreeSet::new(),
            suspect: None,
            gap: (0, 0),
            written_off: None,
        }
    }

    pub(crate) fn take(&mut self, moment: &Moment<'_>) -> Reconciliation {
        self.note_lost(&moment.lost);
        let now = Sum {
            accepted: moment.counted.accepted,
            outcome_counts: moment.outcome_counts.unwrap_or(self.last.outcome_counts),
            duplicates: moment.counted.duplicate,
            conflicts: moment.counted.conflict,
        };
        let still = moment.quiet == Some(true) && moment.outcome_counts.is_some() && now == self.last;
        self.quiet_samples = if still { self.quiet_samples.saturating_add(1) } else { 0 };
        self.last = now;
        let closed = self.quiet_samples >= QUIET_SAMPLES;
        if moment.outcome_counts.is_some() && self.base.is_none() {
            self.base = Some(Sum { outcome_counts: now.outcome_counts, ..Sum::default() });
        }
        if closed && !self.from_quiet {
            // What was on its way when the monitor came is posted: from here on nothing is missing.
            (self.since, self.base, self.from_quiet) = (moment.at, Some(now), true);
        }
        if closed {
            self.close(now, moment.at);
        }
        self.written_off.take_if(|gap| moment.at.duration_since(gap.at) > GAP_IS_NEWS);
        self.view(now, closed, moment)
    }

    /// One that has just been lost may have taken with it what it had not yet reported.
    fn note_lost(&mut self, lost: &[&str]) {
        if let Some(new) = lost.iter().find(|replica| !self.lost.contains(**replica)) {
            self.suspect = Some((*new).to_owned());
        }
        self.lost = lost.iter().map(|replica| (*replica).to_owned()).collect();
    }

    /// Nothing moves: it adds up, or something is missing. A gap that stays is shown, and then the count starts
    /// anew.
    fn close(&mut self, now: Sum, at: Timestamp) {
        let missing = self.base.map_or(0, |base| now.missing_since(&base));
        if missing == 0 {
            (self.gap, self.suspect) = ((0, 0), None);
            return;
        }
        let samples = if self.gap.0 == missing { self.gap.1 + 1 } else { 1 };
        self.gap = (missing, samples);
        let enough = if self.suspect.is_some() { EXPLAINED_SAMPLES } else { UNEXPLAINED_SAMPLES };
        if samples >= enough {
            let words = self.words_of(missing);
            warn!(missing, since = %self.since, "the count of jobs starts anew: {words}");
            (self.since, self.base) = (at, Some(now));
            (self.gap, self.suspect, self.written_off) = ((0, 0), None, Some(WrittenOff { at, words }));
        }
    }

    fn view(&self, now: Sum, closed: bool, moment: &Moment<'_>) -> Reconciliation {
        let base = self.base.unwrap_or(now);
        let Sum { accepted, outcome_counts, duplicates, conflicts } = now.since(&base);
        let OutcomeCounts { posted, rejected, dead, cancelled, scheduled } = outcome_counts;
        let settled = outcome_counts.jobs() + duplicates + conflicts;
        let missing = now.missing_since(&base);
        let unaccounted = (closed && self.from_quiet).then_some(missing);
        // While jobs move, the reports of the ingress are a second behind the ledger: what has an outcome was
        // accepted.
        let accepted = if closed { accepted } else { accepted.max(settled) };
        let holds = unaccounted.map(|missing| missing == 0).filter(|holds| *holds || self.suspect.is_none());
        let mut count = Reconciliation {
            since: self.since,
            accepted,
            posted,
            rejected,
            dead,
            cancelled,
            scheduled,
            duplicates,
            conflicts,
            in_flight: if closed { 0 } else { accepted - settled },
            unaccounted,
            holds,
            missing_jobs: moment.missing.as_ref().map(|lanes| lanes.iter().map(|missing| missing.jobs).sum()),
            missing_lanes: moment.missing.clone().unwrap_or_default(),
            debits_equal_credits: moment.balanced,
            sentence: String::new(),
        };
        count.sentence = self.sentence(&count);
        count
    }

    fn sentence(&self, count: &Reconciliation) -> String {
        let books = match count.debits_equal_credits {
            Some(true) => "debits equal credits",
            Some(false) => "DEBITS DO NOT EQUAL CREDITS",
            None => "it is not known whether debits equal credits",
        };
        let mut sum = format!(
            "{} accepted = {} posted + {} rejected + {} dead",
            grouped(count.accepted),
            grouped(count.posted),
            grouped(count.rejected),
            grouped(count.dead)
        );
        let others = [
            (count.cancelled, "cancelled"),
            (count.scheduled, "scheduled"),
            (count.duplicates, "duplicates"),
            (count.conflicts, "conflicts"),
        ];
        for (amount, what) in others {
            if amount > 0 {
                sum += &format!(" + {} {what}", grouped(amount));
            }
        }
        sum += &format!(" + {} in flight", grouped(count.in_flight));
        let caveat = match (count.unaccounted, &self.written_off) {
            (Some(missing), _) if missing != 0 => format!("; {}", self.words_of(missing)),
            (_, Some(gap)) => format!("; counted anew since {}", gap.words),
            _ => String::new(),
        };
        format!("{sum}{caveat}; {books}")
    }

    /// What is missing, in words that go on with "since".
    fn words_of(&self, missing: i64) -> String {
        let jobs = counted(missing.unsigned_abs(), "job");
        match (&self.suspect, missing > 0) {
            (Some(lost), true) => {
                format!(
                    "{jobs} had outcomes that {lost} was lost with before it could report its last second"
                )
            }
            (Some(lost), false) => {
                format!("{jobs} had been accepted as {lost} was lost before it could report its last second")
            }
            (None, true) => format!("{jobs} had been accepted and had no outcome"),
            (None, false) => {
                format!(
                    "{jobs} had outcomes and were not counted as accepted (queued, although their client got an error)"
                )
            }
        }
    }
}

impl Sum {
    /// What came after `base`. Jobs that a replay has taken from the dead since, and scheduled ones that came to another
    /// outcome, were accepted before it.
    fn since(&self, base: &Sum) -> Sum {
        let (now, then) = (&self.outcome_counts, &base.outcome_counts);
        let mut before = then.dead.saturating_sub(now.dead) + then.scheduled.saturating_sub(now.scheduled);
        let mut added = |now: u64, then: u64| {
            let all = now.saturating_sub(then);
            let new = all.saturating_sub(before);
            before -= all - new;
            new
        };
        Sum {
            accepted: self.accepted.saturating_sub(base.accepted),
            outcome_counts: OutcomeCounts {
                posted: added(now.posted, then.posted),
                rejected: added(now.rejected, then.rejected),
                dead: added(now.dead, then.dead),
                cancelled: added(now.cancelled, then.cancelled),
                scheduled: added(now.scheduled, then.scheduled),
            },
            duplicates: self.duplicates.saturating_sub(base.duplicates),
            conflicts: self.conflicts.saturating_sub(base.conflicts),
        }
    }

    /// Jobs accepted after `base` without an outcome; below zero: outcomes of jobs that nobody counts as accepted.
    fn missing_since(&self, base: &Sum) -> i64 {
        let Sum { accepted, outcome_counts, duplicates, conflicts } = self.since(base);
        signed(accepted) - signed(outcome_counts.jobs() + duplicates + conflicts)
    }
}

/// A count that others are taken from.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
