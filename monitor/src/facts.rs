//! Everything that the monitor knows at one moment. What is judged, alerted and recommended is worked out of
//! this alone, without a clock or a server.

use std::collections::{BTreeMap, BTreeSet};

use contract::report::{Role, SettingReport};
use fleet::settings::Settings;
use jiff::Timestamp;
use store::ledger::Durability;

use crate::policies::LatestPolicies;
use crate::views::health::Reconciliation;
use crate::views::metrics::{FleetResources, Window};
use crate::views::replica::{PoolView, ReplicaState, ReplicaView};
use crate::views::status::{LaneView, LedgerView, QueueTotals};
use crate::webhook_endpoints::LatestStanding;
use crate::words::time;

/// Jobs wait and none is posted: beyond a hand-over or a restart of a server that is something to look at.
pub(crate) const STANDSTILL_SECONDS: f64 = 4.0;

/// How the bus is: silence of the replicas says something only while it has been up for long enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BusState {
    #[default]
    Away,
    /// Up, but not long enough that every replica would have reported.
    Young,
    Up,
}

/// One moment of the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) at: Timestamp,
    pub(crate) bus: BusState,
    pub(crate) replicas: Vec<ReplicaView>,
    /// Lanes that each lost worker served at its last report.
    pub(crate) lanes_of_the_lost: BTreeMap<String, BTreeSet<u16>>,
    pub(crate) lanes: Vec<LaneView>,
    pub(crate) queue: QueueTotals,
    /// Why the queue cannot be read.
    pub(crate) queue_trouble: Option<String>,
    pub(crate) policies: LatestPolicies,
    /// `None`: its totals are not known.
    pub(crate) ledger: Option<LedgerView>,
    pub(crate) ledger_answers: bool,
    /// Why the ledger cannot be read.
    pub(crate) ledger_trouble: Option<String>,
    /// `None`: nobody has looked yet.
    pub(crate) durability: Option<std::sync::Arc<Durability>>,
    pub(crate) dead_letters: Option<u64>,
    pub(crate) webhooks: LatestStanding,
    pub(crate) reconciliation: Reconciliation,
    /// For how long jobs have waited while none got an outcome anywhere.
    pub(crate) still_seconds: f64,
    pub(crate) last_10_s: Window,
    pub(crate) last_60_s: Window,
    pub(crate) resources: FleetResources,
    pub(crate) pools: Vec<PoolView>,
    /// The settings that live replicas run with, by name; where they differ, those of one of them.
    pub(crate) in_force: BTreeMap<String, SettingReport>,
    /// The monitor's own: the thresholds.
    pub(crate) thresholds: std::sync::Arc<Settings>,
}

impl Facts {
    /// The replicas of a role that report.
    pub(crate) fn live(&self, role: Role) -> impl Iterator<Item = &ReplicaView> {
        self.replicas
            .iter()
            .filter(move |replica| replica.role == role && replica.state == ReplicaState::Live)
    }

    /// Those that went silent without a goodbye.
    pub(crate) fn lost(&self) -> impl Iterator<Item = &ReplicaView> {
        self.replicas.iter().filter(|replica| replica.state == ReplicaState::Lost)
    }

    /// The live replica whose clock differs most from the others', with the seconds that it is ahead.
    pub(crate) fn clock_skew(&self) -> Option<(&str, f64)> {
        clock_skew(&self.replicas)
    }

    /// That jobs wait and none gets an outcome, in a sentence; `None`: some do, none waits, or the replicas do not report.
    pub(crate) fn standstill(&self) -> Option<String> {
        let stands = self.bus == BusState::Up && self.still_seconds > STANDSTILL_SECONDS;
        stands.then(|| none_posted_for(self.still_seconds))
    }

    pub(crate) fn live_workers(&self) -> u16 {
        u16::try_from(self.live(Role::Worker).count()).unwrap_or(u16::MAX)
    }

    pub(crate) fn lane_count(&self) -> u16 {
        u16::try_from(self.lanes.len()).unwrap_or(u16::MAX)
    }

    /// Lanes without a live holder.
    pub(crate) fn unheld(&self) -> Vec<u16> {
        self.lanes.iter().filter(|lane| lane.holder.is_none()).map(|lane| lane.lane).collect()
    }

    /// Lanes with a holder that does not consume: the queue knows no consumer. Of a paused lane the broker may have ended the
    /// consumer, since it acknowledged nothing for long; its worker subscribes again once it is resumed.
    pub(crate) fn unconsumed(&self) -> Vec<u16> {
        let idle =
            |lane: &&LaneView| lane.holder.is_some() && lane.consumers == Some(0) && lane.paused.is_none();
        self.lanes.iter().filter(idle).map(|lane| lane.lane).collect()
    }

    /// Lanes of a lost worker that nobody serves yet.
    pub(crate) fn orphaned(&self, replica: &str) -> Vec<u16> {
        let lanes = self.lanes_of_the_lost.get(replica);
        let unserved =
            |number: &u16| self.lanes.iter().any(|lane| lane.lane == *number && lane.served == Some(false));
        lanes.map(|lanes| lanes.iter().copied().filter(unserved).collect()).unwrap_or_default()
    }

    /// A numeric setting in force.
    pub(crate) fn number(&self, setting: &str) -> Option<f64> {
        self.in_force.get(setting)?.value.as_f64()
    }
}

/// See [`Facts::clock_skew`].
pub(crate) fn clock_skew(replicas: &[ReplicaView]) -> Option<(&str, f64)> {
    let live = replicas.iter().filter(|replica| replica.state == ReplicaState::Live);
    let clocks = live.filter_map(|replica| Some((replica.replica.as_str(), replica.clock_ahead_seconds?)));
    clocks.max_by(|(_, one), (_, other)| one.abs().total_cmp(&other.abs()))
}

/// That jobs wait and none was posted for so long.
pub(crate) fn none_posted_for(seconds: f64) -> String {
    format!("jobs wait, and none was posted for {}", time(seconds))
}

#[cfg(test)]
pub(crate) mod tests;
