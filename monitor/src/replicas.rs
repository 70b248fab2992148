//! The replicas that were heard of, from their reports and the workers' presences.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::contract::report::{Presence, Report, Role};
use shared::domain::lane::Lane;
use shared::fleet::reporter::REPORT_INTERVAL;
use tracing::warn;

use crate::snapshot::{ReplicaState, ReplicaView};

/// Silent for so long, a replica is lost.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(2_500);
const _: () = assert!(SILENCE_MAX.as_millis() > 2 * REPORT_INTERVAL.as_millis());
/// A lost replica is shown for so long; one that says goodbye is not shown at all.
const SHOWN_WHILE_LOST: Duration = Duration::from_secs(15 * 60);

#[derive(Default)]
pub(crate) struct Replicas {
    heard: BTreeMap<(Role, String), Heard>,
}

struct Heard {
    report: Report,
    at: Instant,
}

impl Heard {
    fn is_lost(&self) -> bool {
        self.at.elapsed() > SILENCE_MAX
    }
}

impl Replicas {
    pub(crate) fn note_report(&mut self, message: &[u8]) {
        match serde_json::from_slice::<Report>(message) {
            Ok(report) => {
                let key = (report.role, report.replica.clone());
                if report.leaving {
                    self.heard.remove(&key);
                } else {
                    self.heard.insert(key, Heard { report, at: Instant::now() });
                }
            }
            Err(error) => {
                warn!(%error, "a message among the reports is none; do all replicas run this version?")
            }
        }
    }

    /// A worker that leaves is gone, not lost.
    pub(crate) fn note_presence(&mut self, message: &[u8]) {
        let Ok(presence) = serde_json::from_slice::<Presence>(message) else { return };
        if presence.leaving {
            self.heard.remove(&(Role::Worker, presence.replica));
        }
    }

    pub(crate) fn forget_the_long_lost(&mut self) {
        self.heard.retain(|_, heard| heard.at.elapsed() < SHOWN_WHILE_LOST);
    }

    /// The live worker that serves each lane, with the age of what it has in hand.
    pub(crate) fn holders(&self) -> BTreeMap<Lane, (String, Option<i64>)> {
        let live = self.heard.values().filter(|heard| !heard.is_lost());
        let held = live.flat_map(|heard| heard.report.lanes.iter().map(|lane| (lane, &heard.report.replica)));
        held.map(|(lane, replica)| (lane.lane, (replica.clone(), lane.oldest_accepted_at))).collect()
    }

    /// Jobs in a message, on average over the live ingresses; `None` before the first.
    pub(crate) fn jobs_per_message(&self) -> Option<f64> {
        let counts = self.heard.values().map(|heard| heard.report.counts);
        let (jobs, messages) = counts.fold((0, 0), |(jobs, messages), counts| {
            (jobs + counts.published_jobs, messages + counts.published_messages)
        });
        #[allow(clippy::cast_precision_loss)] // An average of counts far below 2^53.
        (messages > 0).then(|| jobs as f64 / messages as f64)
    }

    pub(crate) fn views(&self) -> Vec<ReplicaView> {
        self.heard.values().map(view).collect()
    }
}

fn view(heard: &Heard) -> ReplicaView {
    let report = &heard.report;
    let uptime_us = u64::try_from(report.reported_at - report.started_at).unwrap_or_default();
    ReplicaView {
        role: report.role,
        replica: report.replica.clone(),
        host: report.host.clone(),
        version: report.version.clone(),
        state: if heard.is_lost() { ReplicaState::Lost } else { ReplicaState::Live },
        uptime_seconds: Duration::from_micros(uptime_us).as_secs_f64(),
        silent_seconds: heard.at.elapsed().as_secs_f64(),
        trouble: report.trouble.clone(),
        counts: report.counts,
        lanes: report.lanes.iter().map(|lane| lane.lane.0).collect(),
    }
}
