//! The totals of the lanes against what their jobs add up to.

use std::collections::{BTreeMap, BTreeSet};

use domain::lane::Lane;
use domain::outcome::RecordedOutcome;

use crate::ledger::findings::Audit;

/// Counts of one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneTotals {
    /// Jobs posted.
    pub posted: u64,
    /// Jobs rejected.
    pub rejected: u64,
    /// Jobs that are dead.
    pub dead: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs that are scheduled.
    pub scheduled: u64,
    /// Entries of its jobs.
    pub entries: u64,
}

impl LaneTotals {
    /// Adds a job with this many legs.
    pub(super) fn count(&mut self, outcome: RecordedOutcome, legs: usize) {
        match outcome {
            RecordedOutcome::Posted => self.posted += 1,
            RecordedOutcome::Rejected(_) => self.rejected += 1,
            RecordedOutcome::Dead => self.dead += 1,
            RecordedOutcome::Cancelled => self.cancelled += 1,
            RecordedOutcome::Scheduled => self.scheduled += 1,
        }
        self.entries += legs as u64;
    }
}

/// Finds lanes whose totals are not what their jobs add up to: a job was added, deleted or changed.
pub(super) fn compare(
    kept: &BTreeMap<Lane, LaneTotals>,
    counted: &BTreeMap<Lane, LaneTotals>,
    audit: &mut Audit,
) {
    let lanes: BTreeSet<_> = kept.keys().chain(counted.keys()).collect();
    for lane in lanes {
        let kept = kept.get(lane).copied().unwrap_or_default();
        let counted = counted.get(lane).copied().unwrap_or_default();
        let pairs = [
            ("posted jobs", kept.posted, counted.posted),
            ("rejected jobs", kept.rejected, counted.rejected),
            ("dead jobs", kept.dead, counted.dead),
            ("cancelled jobs", kept.cancelled, counted.cancelled),
            ("scheduled jobs", kept.scheduled, counted.scheduled),
            ("entries of jobs", kept.entries, counted.entries),
        ];
        for (what, kept, counted) in pairs.into_iter().filter(|(_, kept, counted)| kept != counted) {
            audit.find(|| format!("{lane}: the ledger has {counted} {what}, and {kept} were recorded"));
        }
    }
}
