//! Lanes that cannot go on: which, why and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::report::{Trouble, TroubleKind};
use domain::lane::Lane;
use tokio::time::Instant;

/// A failure that passes sooner is a restart, a failover or a deadlock, and nobody has to do anything.
const PASSES_WITHIN: Duration = Duration::from_secs(3);

/// The lanes of a worker that cannot go on.
#[derive(Default)]
pub(crate) struct HeldUp(Mutex<State>);

#[derive(Default)]
struct State {
    lanes: BTreeMap<Lane, Cause>,
    /// When a batch of any lane was posted last.
    posted_at: Option<Instant>,
}

struct Cause {
    why: String,
    since: Instant,
    /// Whether it may pass by itself.
    may_pass: bool,
}

impl HeldUp {
    /// The lane waits until somebody mends what is in its way.
    pub(crate) fn obstructed(&self, lane: Lane, why: String) {
        self.note(lane, why, false);
    }

    /// The lane's batch was not posted, and is tried again.
    pub(crate) fn failed(&self, lane: Lane, why: String) {
        self.note(lane, why, true);
    }

    fn note(&self, lane: Lane, why: String, may_pass: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of the same kind: a lane that was obstructed has not failed for as long.
        let known = state.lanes.get(&lane).filter(|cause| cause.may_pass == may_pass);
        let since = known.map_or_else(Instant::now, |cause| cause.since);
        state.lanes.insert(lane, Cause { why, since, may_pass });
    }

    /// A batch of the lane was posted.
    pub(crate) fn posted(&self, lane: Lane) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.lanes.remove(&lane);
        state.posted_at = Some(Instant::now());
    }

    /// The lane goes on, or is no longer this worker's.
    pub(crate) fn forget(&self, lane: Lane) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lanes.remove(&lane);
    }

    /// Why a lane cannot go on, if somebody is to know of one.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = state.lanes.iter().filter(|(_, cause)| !cause.may_pass || cause.lasts());
        let (lane, Cause { why, .. }) = waiting.next()?;
        let what = match waiting.count() {
            0 => format!("{lane} waits, and no job of it is lost: {why}"),
            more => format!("{lane} and {more} more wait, and no job of them is lost: {why}"),
        };
        Some(Trouble { kind: TroubleKind::LaneHeldUp, what })
    }

    /// Why nothing is posted at all: a batch fails again and again, and none of another lane was posted lately.
    pub(crate) fn standstill(&self) -> Option<Trouble> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = state.lanes.values().filter(|cause| cause.may_pass && cause.lasts());
        let cause = failing.min_by_key(|cause| cause.since)?;
        let posts = state.posted_at.is_some_and(|at| at.elapsed() <= PASSES_WITHIN);
        let what = format!("nothing is posted, and no job is lost: {}", cause.why);
        (!posts).then_some(Trouble { kind: TroubleKind::NothingPosted, what })
    }
}

impl Cause {
    fn lasts(&self) -> bool {
        self.since.elapsed() > PASSES_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn full() -> String {
        "the table is full".to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_reported_once_it_lasts_and_until_it_is_over() {
        let lanes = HeldUp::default();
        lanes.posted(Lane(1));
        lanes.failed(Lane(1), full());
        lanes.failed(Lane(3), full());
        lanes.posted(Lane(2));
        assert_eq!((lanes.trouble(), lanes.standstill()), (None, None));
        advance(PASSES_WITHIN * 2).await;
        lanes.failed(Lane(1), full());
        let what = |trouble: Option<Trouble>| trouble.map(|trouble| trouble.what);
        let text = "lane 01 and 1 more wait, and no job of them is lost: the table is full";
        assert_eq!(what(lanes.trouble()).as_deref(), Some(text));
        let still = lanes.standstill().unwrap();
        assert_eq!(still.what, "nothing is posted, and no job is lost: the table is full");
        assert_eq!(still.kind, TroubleKind::NothingPosted);

        lanes.posted(Lane(1));
        let text = "lane 03 waits, and no job of it is lost: the table is full";
        assert_eq!(
            (what(lanes.trouble()).as_deref(), lanes.standstill()),
            (Some(text), None),
            "one lane goes on"
        );
        lanes.forget(Lane(3));
        assert_eq!(lanes.trouble(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_has_to_mend_is_reported_at_once_and_is_no_standstill() {
        let lanes = HeldUp::default();
        lanes.obstructed(Lane(0), "an unknown status".to_owned());
        advance(PASSES_WITHIN * 2).await;
        assert!(lanes.trouble().unwrap().what.contains("an unknown status"));
        assert_eq!(lanes.standstill(), None);
    }
}
