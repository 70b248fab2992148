//! The replicas that were heard of, from their reports. A worker that drains says so in its presence already, but goes
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
    heard: BTreeMap<(Role, String), Heard>,
    /// What those counted that are shown no more: they left, or were lost long ago.
    gone: Tally,
    /// What those had counted that had lived before they were first heard: not of this monitor's time.
    before: Tally,
    /// As of the last sample: silence says something only while the bus is up.
    bus: BusState,
}

struct Heard {
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

impl Heard {
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
            #[allow(clippy::cast_precision_loss)] // A second's batches.
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
                if let Some(heard) = self.heard.get_mut(&(report.role, report.replica.clone())) {
                    heard.clock.note(report.reported_at, clock::now_us(), now);
                }
                Some(report)
            }
            Err(error) => {
                warn!(%error, "a message among the reports is none; do all replicas run this version?");
                None
            }
        }
    }

    pub(crate) fn note_report(&mut self, report: Report, now: Instant) {
        let key = (report.role, report.replica.clone());
        let lived_before = report.reported_at - report.started_at > 5_000_000;
        if report.leaving {
            match self.heard.remove(&key) {
                // A replica of an older version says goodbye without its counts.
                Some(heard) => self.add_gone(Tally::of(&report).at_least(&Tally::of(&heard.report))),
                None if lived_before => {}
                None => self.add_gone(Tally::of(&report)),
            }
            return;
        }
        if let Some(heard) = self.heard.get_mut(&key) {
            return heard.note(report, now);
        }
        if lived_before {
            self.before = std::mem::take(&mut self.before).plus(&Tally::of(&report));
        }
        let (track, clock, batches) = (Track::default(), ClockTrack::default(), VecDeque::new());
        let mut heard = Heard { report: report.clone(), at: now, track, clock, batches };
        heard.note(report, now);
        self.heard.insert(key, heard);
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
        let (gone, heard) = std::mem::take(&mut self.heard)
            .into_iter()
            .partition(|(_, heard)| now.duration_since(heard.at) >= SHOWN_WHILE_LOST);
        self.heard = heard;
        let gone: BTreeMap<_, Heard> = gone;
        gone.values().for_each(|heard| self.add_gone(Tally::of(&heard.report)));
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
        let ever = self.heard.values().map(|heard| heard.report.counts);
        mean_jobs(recent).or_else(|| mean_jobs(ever))
    }

    /// What each replica added in the last `window`. What those add that the bus keeps from being heard is not known.
    pub(crate) fn growths(&self, window: Duration, now: Instant) -> Vec<(Role, Growth)> {
        let told = self.heard.values().filter(|heard| self.are_known() || !heard.is_silent(now));
        told.map(|heard| (heard.report.role, heard.growth(window, now))).collect()
    }

    /// Jobs since the monitor's start, counted by every replica that was ever heard.
    pub(crate) fn counted(&self) -> Tally {
        let heard = self.heard.values().map(|heard| Tally::of(&heard.report));
        heard.fold(self.gone.clone(), |all, one| all.plus(&one)).minus(&self.before)
    }

    /// Whether every replica is heard of and tells what it counts of each lane: one of an older version does not.
    pub(crate) fn tell_of_lanes(&self) -> bool {
        self.are_known() && self.heard.values().all(|heard| heard.report.lane_counts.is_some())
    }

    pub(crate) fn views(&self, now: Instant) -> Vec<ReplicaView> {
        let live = |heard: &Heard| !heard.is_silent(now);
        let clocks: Vec<_> =
            self.heard.values().map(|heard| heard.clock.ahead_us().filter(|_| live(heard))).collect();
        let ahead = skew::ahead_of_the_middle(&clocks);
        let views = self.heard.values().zip(ahead);
        views.map(|(heard, ahead)| view::view(heard, self.bus, ahead, now)).collect()
    }

    /// The last reports of those that live.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = &Report> {
        self.heard.values().filter(move |heard| !heard.is_silent(now)).map(|heard| &heard.report)
    }

    /// Lanes that each lost worker served when it was heard last, by its id.
    pub(crate) fn lanes_of_the_lost(&self, now: Instant) -> BTreeMap<String, BTreeSet<u16>> {
        let lost = self.heard.values().filter(|heard| self.are_known() && heard.is_silent(now));
        lost.map(|heard| {
            let lanes = heard.report.lanes.iter().map(|lane| lane.lane.0).collect();
            (heard.report.replica.clone(), lanes)
        })
        .collect()
    }
}

fn mean_jobs(counts: impl Iterator<Item = Counts>) -> Option<f64> {
    let (jobs, messages) = counts.fold((0, 0), |(jobs, messages), counts| {
        (jobs + counts.published_jobs, messages + counts.published_messages)
    });
    #[allow(clippy::cast_precision_loss)] // An average of counts far below 2^53.
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
