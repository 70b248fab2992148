//! What one lane holds, counted in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::lane::Lane;
use tokio::sync::watch;

use super::port::{KeptLane, Message, Seq};
use crate::LaneDepth;

/// One lane. Its messages are on disk; this is what is known of them.
pub(super) struct LaneState {
    pub(super) lane: Lane,
    /// Held by the active subscription; those who wait for it form a line.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// The newest message on disk.
    pub(super) published: watch::Sender<Seq>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// On disk and not acknowledged.
    messages: u64,
    jobs: u64,
    /// On their way to disk.
    reserved: u64,
    /// Handed out and not acknowledged.
    unacknowledged: u64,
    consumers: u32,
    handed_out_through: Seq,
    acknowledged_through: Seq,
}

/// Room for one message that is on its way to disk.
pub(super) struct Place(Arc<LaneState>);

impl LaneState {
    pub(super) fn new(lane: Lane) -> LaneState {
        LaneState {
            lane,
            turn: Arc::default(),
            published: watch::Sender::new(Seq::default()),
            counts: Mutex::default(),
        }
    }

    /// Takes up what a file held when it was opened.
    pub(super) fn restore(&mut self, kept: &KeptLane) {
        self.published.send_replace(kept.newest);
        let mut counts = self.counts();
        counts.messages = kept.messages;
        counts.jobs = kept.jobs;
        counts.handed_out_through = kept.newest;
    }

    /// A message is on disk: it counts, and whoever waits for it may read it.
    pub(super) fn take_up(&self, seq: Seq, jobs: u64) {
        {
            let mut counts = self.counts();
            counts.messages += 1;
            counts.jobs += jobs;
        }
        self.published.send_replace(seq);
    }

    /// `None` where the lane is full.
    pub(super) fn reserve(self: &Arc<Self>, messages_max: u64) -> Option<Place> {
        let mut counts = self.counts();
        if counts.messages + counts.reserved >= messages_max {
            return None;
        }
        counts.reserved += 1;
        Some(Place(self.clone()))
    }

    pub(super) fn joined(&self) {
        self.counts().consumers += 1;
    }

    /// A consumer is gone, and `returned` deliveries wait again.
    pub(super) fn left(&self, returned: u64) {
        let mut counts = self.counts();
        counts.consumers -= 1;
        counts.unacknowledged -= returned;
    }

    /// Where a subscription starts whose turn has come: behind this.
    pub(super) fn acknowledged_through(&self) -> Seq {
        self.counts().acknowledged_through
    }

    /// Returns whether it was handed out before.
    pub(super) fn hand_out(&self, message: &Message) -> bool {
        let mut counts = self.counts();
        counts.unacknowledged += 1;
        let before = message.seq <= counts.handed_out_through;
        counts.handed_out_through = counts.handed_out_through.max(message.seq);
        before
    }

    pub(super) fn acknowledge(&self, through: Seq, messages: u64, jobs: u64) {
        let mut counts = self.counts();
        counts.messages -= messages;
        counts.unacknowledged -= messages;
        counts.jobs -= jobs;
        counts.acknowledged_through = counts.acknowledged_through.max(through);
    }

    pub(super) fn depth(&self) -> LaneDepth {
        let counts = self.counts();
        LaneDepth {
            lane: self.lane,
            messages_ready: counts.messages - counts.unacknowledged,
            messages_unacknowledged: Some(counts.unacknowledged),
            jobs: Some(counts.jobs),
            consumers: counts.consumers,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn lane(&self) -> Lane {
        self.0.lane
    }

    /// The message is on disk: it counts, and whoever waits for it may read it.
    pub(super) fn filled(self, seq: Seq, jobs: u64) {
        self.0.take_up(seq, jobs);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counts().reserved -= 1;
    }
}
