//! Jobs that were accepted and are nowhere, lane by lane, found while the fleet works as well as when it rests.
//!
//! A lane is served in order. Where the oldest job in hand was accepted ten seconds ago, every job accepted before it
//! has its outcome in the ledger, or came without need of one: if fewer have, the difference is missing. What is read
//! is of slightly different moments, so a lane is compared with what it had accepted [`MARGIN`] earlier, and a
//! difference counts once it has been there at [`SAMPLES`] in a row.
//!
//! The other way round, outcomes of jobs that no replica counts as accepted (they were on their way when the monitor came,
//! or a killed ingress could not report them any more) are let be once the lane rests and no replica is shown as lost, so that
//! they hide no job that goes missing later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use contract::report::LaneCounts;
use domain::lane::Lane;
use store::ledger::OutcomeCounts;
use tracing::warn;

use crate::reconciliation::signed;
use crate::views::health::MissingJobs;
use crate::views::status::LaneView;

/// By how much what the replicas, the queue and the ledger say may be apart: reports come each second and are missed
/// after 2.5 s, outcome_counts are up to 2 s old.
const MARGIN: Duration = Duration::from_secs(6);
/// Samples in a row that must show a difference.
const SAMPLES: u32 = 4;
/// What is compared goes back so far; of a lane whose oldest job waits for longer nothing is known.
const HISTORY: Duration = Duration::from_secs(120);
/// A lane is followed for so long before anything is reported of it.
const SETTLING: Duration = MARGIN;
/// Of the lanes that a worker served as it was lost, nothing is reported for so long: the broker keeps what it had in hand
/// until two heartbeats of 4 s have been missed, and its last second of duplicates was never reported.
const LOST_FOR: Duration = Duration::from_secs(30);
/// Missing jobs are reported for so long.
const NEWS: Duration = Duration::from_secs(15 * 60);

/// Follows every lane.
#[derive(Default)]
pub(crate) struct Missing {
    /// Since when it is known without a gap what every replica counts.
    known_since: Option<Instant>,
    lost: BTreeSet<String>,
    lanes: BTreeMap<Lane, LaneTrack>,
}

/// What is known at one moment.
pub(crate) struct Moment<'a> {
    pub(crate) now: Instant,
    /// As the replicas count; `None`: not known of all, as one is of an older version or none reports.
    pub(crate) counts: Option<&'a BTreeMap<Lane, LaneCounts>>,
    /// As the ledger says; `None`: it does not.
    pub(crate) outcome_counts: Option<&'a BTreeMap<Lane, OutcomeCounts>>,
    pub(crate) lanes: &'a [LaneView],
    /// The lanes that each lost replica served, by its id.
    pub(crate) lost: &'a BTreeMap<String, BTreeSet<u16>>,
    /// By how much the clocks of two replicas may differ: jobs are dated by the ingress, and the monitor works out their age.
    pub(crate) clock_skew: Duration,
}

impl Missing {
    /// The jobs that are missing, by their lane; `None`: not known.
    pub(crate) fn take(&mut self, moment: &Moment<'_>) -> Option<Vec<MissingJobs>> {
        self.note_lost(moment);
        let known = moment.counts.zip(moment.outcome_counts);
        let is_sure =
            known.is_some_and(|(counts, outcome_counts)| self.compare(moment, counts, outcome_counts));
        if moment.counts.is_none() {
            self.known_since = None;
        }
        let reported = self.lanes.iter_mut().filter_map(|(lane, track)| {
            track.reported.take_if(|(_, at)| moment.now.saturating_duration_since(*at) > NEWS);
            track.reported.map(|(jobs, _)| MissingJobs { lane: lane.0, jobs })
        });
        let reported: Vec<_> = reported.collect();
        (is_sure || !reported.is_empty()).then_some(reported)
    }

    fn note_lost(&mut self, moment: &Moment<'_>) {
        let new = moment.lost.iter().filter(|(replica, _)| !self.lost.contains(*replica));
        for lane in new.flat_map(|(_, lanes)| lanes) {
            self.lanes.entry(Lane(*lane)).or_default().unsure_until = Some(moment.now + LOST_FOR);
        }
        self.lost = moment.lost.keys().cloned().collect();
    }

    /// False while nothing is known yet.
    fn compare(
        &mut self,
        moment: &Moment<'_>,
        counts: &BTreeMap<Lane, LaneCounts>,
        outcome_counts: &BTreeMap<Lane, OutcomeCounts>,
    ) -> bool {
        let known_since = *self.known_since.get_or_insert(moment.now);
        let is_sure = moment.now.saturating_duration_since(known_since) > SETTLING;
        for view in moment.lanes {
            let lane = Lane(view.lane);
            let LaneCounts { accepted, unrecorded } = counts.get(&lane).copied().unwrap_or_default();
            let outcome_counts = outcome_counts.get(&lane).copied().unwrap_or_default();
            let track = self.lanes.entry(lane).or_default();
            track.note_dead(outcome_counts.dead);
            let done = signed(outcome_counts.jobs() + unrecorded + track.revived);
            let seen = Seen { at: moment.now, accepted: signed(accepted), done };
            if !is_sure || track.unsure_until.is_some_and(|until| moment.now < until) {
                track.start_anew(seen);
                continue;
            }
            // One that is lost may come back, and then reports what it had accepted.
            if moment.lost.is_empty() {
                track.let_surplus_be(seen);
            }
            let age = oldest_waits(view).map(|age| age.saturating_add(moment.clock_skew));
            if let Some(missing) = track.missing(seen, age) {
                warn!(%lane, missing, "accepted jobs have no outcome and are not in the queue");
                let reported = track.reported.map_or(0, |(jobs, _)| jobs);
                track.reported = Some((reported + missing, moment.now));
            }
            track.remember(seen);
        }
        is_sure
    }
}

/// For how long the oldest job of the lane has waited; `None`: not known. What waits while nobody has any of it in hand may
/// be older than the lane's queue says: it was put back.
fn oldest_waits(view: &LaneView) -> Option<Duration> {
    // What a lane's holder has in hand it tells, unless it is of an older version.
    let in_hand = if view.holder.is_some() { view.jobs_in_hand? } else { 0 };
    // A queue without a leader seems empty, and without its consumer; the consumer of a worker that does not report may have
    // something in hand.
    if view.consumers.is_some_and(|consumers| (consumers > 0) != view.holder.is_some()) {
        return None;
    }
    match (view.depth_messages?, in_hand) {
        (0, 0) => Some(Duration::ZERO),
        (_, 0) => None,
        _ => Duration::try_from_secs_f64(view.lag_seconds?).ok(),
    }
}

/// One lane at one moment.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    accepted: i64,
    /// Jobs that have an outcome, or need none.
    done: i64,
}

/// One lane over time.
#[derive(Default)]
struct LaneTrack {
    seen: VecDeque<Seen>,
    /// Added to what is done, so that it is comparable with what was accepted.
    offset: i64,
    /// How many jobs were dead at the last sample, and how many got another outcome since: a client that sends a dead job
    /// again has it accepted a second time. Of a replay nothing is accepted, so it is a surplus.
    dead: u64,
    revived: u64,
    /// At how many samples in a row jobs were missing, and the fewest.
    run: (u32, i64),
    unsure_until: Option<Instant>,
    /// How many jobs are missing, and when some were found missing last.
    reported: Option<(u64, Instant)>,
}

impl LaneTrack {
    fn note_dead(&mut self, dead: u64) {
        self.revived += self.dead.saturating_sub(dead);
        self.dead = dead;
    }

    /// Whatever is missing now is let be: all that is counted as accepted now counts as done, and what was done lately
    /// once more, for its acceptance may be yet to be reported.
    fn start_anew(&mut self, now: Seen) {
        self.remember(now);
        let then = self.before(now.at, MARGIN).or(self.seen.front().copied()).unwrap_or(now);
        self.offset = now.accepted - then.done;
        self.run = (0, 0);
    }

    fn remember(&mut self, now: Seen) {
        self.seen.push_back(now);
        let is_old = |seen: &mut Seen| now.at.saturating_duration_since(seen.at) > HISTORY;
        while self.seen.pop_front_if(is_old).is_some() {}
    }

    /// The last sample that is at least so old.
    fn before(&self, now: Instant, age: Duration) -> Option<Seen> {
        let mut newest_first = self.seen.iter().rev();
        newest_first.find(|seen| now.saturating_duration_since(seen.at) >= age).copied()
    }

    /// What had an outcome a while ago was accepted by now, whoever counts it.
    fn let_surplus_be(&mut self, now: Seen) {
        if let Some(then) = self.before(now.at, MARGIN) {
            self.offset -= (then.done + self.offset - now.accepted).max(0);
        }
    }

    /// How many jobs are missing for certain, once: from then on they are counted as done.
    fn missing(&mut self, now: Seen, oldest_waits: Option<Duration>) -> Option<u64> {
        let then = oldest_waits.and_then(|age| self.before(now.at, age.saturating_add(MARGIN)));
        let missing = then.map_or(0, |then| then.accepted - (now.done + self.offset));
        if missing <= 0 {
            self.run = (0, 0);
            return None;
        }
        let (samples, fewest) = self.run;
        let fewest = if samples == 0 { missing } else { missing.min(fewest) };
        self.run = (samples + 1, fewest);
        if samples + 1 < SAMPLES {
            return None;
        }
        self.offset += fewest;
        self.run = (0, 0);
        u64::try_from(fewest).ok()
    }
}

#[cfg(test)]
mod tests;
