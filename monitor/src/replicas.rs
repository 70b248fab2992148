//! The replicas, from their reports. A worker that drains says so in its presence already, but goes
//! on reporting what it posts: it is gone when its last report says so.

mod skew;
mod tally;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use contract::report::{Counts, HistogramName, LaneReport, Report, Role};
use domain::lane::Lane;
use fleet::reporter::REPORT_INTERVAL;
use runtime::clock;
use tracing::warn;

use self::skew::ClockTrack;
pub(crate) use self::tally::Tally;
use crate::facts::BusState;
use crate::figures::SHORT;
use crate::figures::rates::{Counters, Growth, Track};
use crate::views::replica::ReplicaView;

/// Silent for so long, a replica is lost.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(2_500);
const _: () = assert!(SILENCE_MAX.as_millis() > 2 * REPORT_INTERVAL.as_millis());
/// A lost replica is shown for so long; one that says goodbye is not shown at all.
const SHOWN_WHILE_LOST: Duration = Duration::from_secs(15 * 60);

/// The replicas by role and id.
#[derive(Default)]
pub(crate) struct Replicas {
    known: BTreeMap<(Role, String), Replica>,
    /// What those counted that are shown no more: they left, or were lost long ago.
    gone: Tally,
    /// Counts from before the first report of a replica that was older: not of this monitor's time.
    before: Tally,
    /// As of the last sample: silence says something only while the bus is up.
    bus: BusState,
}

struct Replica {
    report: Report,
    at: Instant,
    track: Track,
    clock: ClockTrack,
    batches: VecDeque<Batches>,
}

/// What a worker posted in the second before a report.
struct Batches {
    received_at: Instant,
    count: u64,
    jobs: f64,
}

impl Replica {
    fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.at) > SILENCE_MAX
    }

    fn growth(&self, window: Duration, now: Instant) -> Growth {
        self.track.growth(window, now, self.is_silent(now))
    }

    fn note(&mut self, report: Report, now: Instant) {
        self.track.note(&report, now);
        let batches = report.histograms.get(&HistogramName::BatchJobs);
        if let Some(Ok(batches)) = batches.map(|batches| batches.to_histogram()) {
            let jobs = batches.mean() * batches.len() as f64;
            self.batches.push_back(Batches { received_at: now, count: batches.len(), jobs });
        }
        while self.batches.pop_front_if(|batches| now.duration_since(batches.received_at) > SHORT).is_some() {
        }
        (self.report, self.at) = (report, now);
    }
}

impl Replicas {
    /// Takes a message off the bus; `None`: it is no report.
    pub(crate) fn note_message(&mut self, message: &[u8], now: Instant) -> Option<Report> {
        match serde_json::from_slice::<Report>(message) {
            Ok(report) => {
                self.note_report(report.clone(), now);
                if let Some(replica) = self.known.get_mut(&(report.role, report.replica.clone())) {
                    replica.clock.note(report.reported_at, clock::now_us(), now);
                }
                Some(report)
            }
            Err(error) => {
                warn!(%error, "a message among the reports is not a report; do all replicas run this version?");
                None
            }
        }
    }

    pub(crate) fn note_report(&mut self, report: Report, now: Instant) {
        let key = (report.role, report.replica.clone());
        let lived_before = report.reported_at - report.started_at > 5_000_000;
        if report.leaving {
            match self.known.remove(&key) {
                // A replica of an older version says goodbye without its counts.
                Some(replica) => self.add_gone(Tally::of(&report).at_least(&Tally::of(&replica.report))),
                None if lived_before => {}
                None => self.add_gone(Tally::of(&report)),
            }
            return;
        }
        if let Some(replica) = self.known.get_mut(&key) {
            return replica.note(report, now);
        }
        if lived_before {
            self.before = std::mem::take(&mut self.before).plus(&Tally::of(&report));
        }
        let (track, clock, batches) = (Track::default(), ClockTrack::default(), VecDeque::new());
        let mut replica = Replica { report: report.clone(), at: now, track, clock, batches };
        replica.note(report, now);
        self.known.insert(key, replica);
    }

    fn add_gone(&mut self, tally: Tally) {
        self.gone = tally.plus(&self.gone);
    }

    /// How the bus is from now on.
    pub(crate) fn note_bus(&mut self, bus: BusState) {
        self.bus = bus;
    }

    pub(crate) fn forget_the_long_lost(&mut self, now: Instant) {
        if self.bus != BusState::Up {
            return;
        }
        let (gone, known) = std::mem::take(&mut self.known)
            .into_iter()
            .partition(|(_, replica)| now.duration_since(replica.at) >= SHOWN_WHILE_LOST);
        self.known = known;
        let gone: BTreeMap<_, Replica> = gone;
        gone.values().for_each(|replica| self.add_gone(Tally::of(&replica.report)));
    }

    /// Whether a lane without a holder has none.
    pub(crate) fn are_known(&self) -> bool {
        self.bus == BusState::Up
    }

    /// The live worker that serves each lane, and what it has in hand.
    pub(crate) fn holders(&self, now: Instant) -> BTreeMap<Lane, (&str, LaneReport)> {
        let held =
            self.live(now).flat_map(|report| report.lanes.iter().map(|lane| (*lane, &*report.replica)));
        let mut holders = BTreeMap::new();
        for (lane, replica) in held {
            // Of two that serve a lane the one that has jobs in hand is its active consumer.
            let (_, known) = holders.entry(lane.lane).or_insert((replica, lane));
            if known.jobs_in_hand < lane.jobs_in_hand {
                holders.insert(lane.lane, (replica, lane));
            }
        }
        holders
    }

    /// Jobs in a message, on average: of the last minute, else of all time; `None` before the first.
    pub(crate) fn jobs_per_message(&self, now: Instant) -> Option<f64> {
        let recent =
            self.growths(crate::figures::LONG, now).into_iter().map(|(_, growth)| growth.added.counts);
        let ever = self.known.values().map(|replica| replica.report.counts);
        mean_jobs(recent).or_else(|| mean_jobs(ever))
    }

    /// What each replica added in the last `window`. What replicas add whose reports the bus keeps back is not known.
    pub(crate) fn growths(&self, window: Duration, now: Instant) -> Vec<(Role, Growth)> {
        let reporting = self.known.values().filter(|replica| self.are_known() || !replica.is_silent(now));
        reporting.map(|replica| (replica.report.role, replica.growth(window, now))).collect()
    }

    /// Jobs since the monitor's start, counted by every replica that ever reported.
    pub(crate) fn counted(&self) -> Tally {
        let counted = self.known.values().map(|replica| Tally::of(&replica.report));
        counted.fold(self.gone.clone(), |all, one| all.plus(&one)).minus(&self.before)
    }

    /// Whether every replica reports what it counts of each lane: one of an older version does not.
    pub(crate) fn tell_of_lanes(&self) -> bool {
        self.are_known() && self.known.values().all(|replica| replica.report.lane_counts.is_some())
    }

    pub(crate) fn views(&self, now: Instant) -> Vec<ReplicaView> {
        let live = |replica: &Replica| !replica.is_silent(now);
        let clocks: Vec<_> =
            self.known.values().map(|replica| replica.clock.ahead_us().filter(|_| live(replica))).collect();
        let ahead = skew::ahead_of_the_middle(&clocks);
        let views = self.known.values().zip(ahead);
        views.map(|(replica, ahead)| view::view(replica, self.bus, ahead, now)).collect()
    }

    /// The last reports of those that live.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = &Report> {
        self.known.values().filter(move |replica| !replica.is_silent(now)).map(|replica| &replica.report)
    }

    /// Lanes that each lost worker served at its last report, by its id.
    pub(crate) fn lanes_of_the_lost(&self, now: Instant) -> BTreeMap<String, BTreeSet<u16>> {
        let lost = self.known.values().filter(|replica| self.are_known() && replica.is_silent(now));
        lost.map(|replica| {
            let lanes = replica.report.lanes.iter().map(|lane| lane.lane.0).collect();
            (replica.report.replica.clone(), lanes)
        })
        .collect()
    }
}

fn mean_jobs(counts: impl Iterator<Item = Counts>) -> Option<f64> {
    let (jobs, messages) = counts.fold((0, 0), |(jobs, messages), counts| {
        (jobs + counts.published_jobs, messages + counts.published_messages)
    });
    (messages > 0).then(|| jobs as f64 / messages as f64)
}

/// Jobs a second of one replica: accepted by an ingress, settled by a worker.
fn jobs(role: Role) -> impl Fn(&Counters) -> u64 {
    move |counters| match role {
        Role::Api => counters.counts.accepted,
        Role::Worker => crate::figures::rates::settled(&counters.counts),
        Role::Monitor => 0,
    }
}

#[cfg(test)]
pub(crate) mod tests;
