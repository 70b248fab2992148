//! What replicas counted, added up.

use std::collections::BTreeMap;

use contract::report::{Counts, LaneCounts, Report, Role};
use domain::lane::Lane;

/// Jobs by what became of them, of all lanes and of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) lanes: BTreeMap<Lane, LaneCounts>,
}

impl Tally {
    /// What a replica counted. The jobs that a worker puts on the lanes are the fleet's own, and accepted by it.
    pub(super) fn of(report: &Report) -> Tally {
        let counts = match report.role {
            Role::Worker => Counts { accepted: report.counts.published_jobs, ..report.counts },
            Role::Api | Role::Monitor => report.counts,
        };
        Tally { counts, lanes: report.lane_counts.clone().unwrap_or_default() }
    }

    pub(super) fn plus(self, other: &Tally) -> Tally {
        self.each(other, u64::saturating_add)
    }

    pub(super) fn minus(self, other: &Tally) -> Tally {
        self.each(other, u64::saturating_sub)
    }

    pub(super) fn at_least(self, other: &Tally) -> Tally {
        self.each(other, u64::max)
    }

    fn each(mut self, other: &Tally, join: impl Fn(u64, u64) -> u64) -> Tally {
        let (one, two) = (self.counts, other.counts);
        self.counts = Counts {
            accepted: join(one.accepted, two.accepted),
            refused: join(one.refused, two.refused),
            published_jobs: join(one.published_jobs, two.published_jobs),
            published_messages: join(one.published_messages, two.published_messages),
            posted: join(one.posted, two.posted),
            rejected: join(one.rejected, two.rejected),
            duplicate: join(one.duplicate, two.duplicate),
            conflict: join(one.conflict, two.conflict),
            dead: join(one.dead, two.dead),
            cancelled: join(one.cancelled, two.cancelled),
            scheduled: join(one.scheduled, two.scheduled),
            repeated: join(one.repeated, two.repeated),
        };
        for (lane, two) in &other.lanes {
            let one = self.lanes.entry(*lane).or_default();
            *one = LaneCounts {
                accepted: join(one.accepted, two.accepted),
                unrecorded: join(one.unrecorded, two.unrecorded),
            };
        }
        self
    }
}
