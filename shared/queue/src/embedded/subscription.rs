//! Consuming one lane of the file.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::sync::{OwnedMutexGuard, mpsc, watch};

use super::lane::LaneState;
use super::port::{Message, Seq, Storage, closed};
use super::writer::Write;
use crate::{Delivery, DeliveryTag, QueueError, Subscription};

/// Messages read ahead in one query: of 30 kB each, a megabyte per lane.
const FETCH_MESSAGES: u32 = 32;

/// One consumer.
pub(super) struct LaneConsumer<S> {
    lane: Arc<LaneState>,
    storage: S,
    writes: mpsc::Sender<Write>,
    published: watch::Receiver<Seq>,
    /// Messages that may be handed out and not acknowledged.
    prefetch: usize,
    /// Read and not handed out.
    ahead: VecDeque<Message>,
    read_through: Seq,
    /// Handed out and not acknowledged: number and jobs.
    outstanding: VecDeque<(Seq, u64)>,
    // Dropped last: the next one starts when the counts are right.
    turn: Turn,
}

type Held = OwnedMutexGuard<()>;

enum Turn {
    /// A place in the line; giving up the future would give up the place.
    Waiting(Pin<Box<dyn Future<Output = Held> + Send>>),
    Active(#[expect(dead_code, reason = "held, never read")] Held),
}

impl<S: Storage> LaneConsumer<S> {
    pub(super) async fn new(
        lane: Arc<LaneState>,
        storage: S,
        writes: mpsc::Sender<Write>,
        prefetch: usize,
    ) -> LaneConsumer<S> {
        lane.joined();
        let mut waiting = lane.turn.clone().lock_owned().boxed();
        // Polled once, it stands in line: the first to subscribe is the first to get the lane.
        let at_once = futures::poll!(&mut waiting);
        let published = lane.published.subscribe();
        let mut consumer = LaneConsumer {
            lane,
            storage,
            writes,
            published,
            prefetch,
            ahead: VecDeque::new(),
            read_through: Seq::default(),
            outstanding: VecDeque::new(),
            turn: Turn::Waiting(waiting),
        };
        if let std::task::Poll::Ready(held) = at_once {
            consumer.start(held);
        }
        consumer
    }

    fn start(&mut self, held: Held) {
        self.read_through = self.lane.acknowledged_through();
        self.turn = Turn::Active(held);
    }

    /// The oldest message that was not handed out by this subscription.
    async fn next_message(&mut self) -> Result<Message, QueueError> {
        if self.outstanding.len() >= self.prefetch {
            // Until something is acknowledged, for which the caller gives up waiting here.
            return std::future::pending().await;
        }
        loop {
            if let Some(message) = self.ahead.pop_front() {
                return Ok(message);
            }
            // Not beyond what is announced: the rest is on disk, perhaps, but not counted yet.
            let newest = *self.published.borrow_and_update();
            if newest <= self.read_through {
                // Its sender is in `self.lane`: it does not go away.
                let _ = self.published.changed().await;
                continue;
            }
            let unread = self.read_through + 1..=newest;
            let found = self.storage.messages(self.lane.lane, unread, FETCH_MESSAGES).await?;
            self.read_through = found.last().map_or(newest, |last| last.seq);
            self.ahead.extend(found);
        }
    }
}

#[async_trait]
impl<S: Storage> Subscription for LaneConsumer<S> {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        if let Turn::Waiting(waiting) = &mut self.turn {
            let held = waiting.await;
            self.start(held);
        }
        if self.writes.is_closed() {
            return Err(closed());
        }
        let writes = self.writes.clone();
        let queue_closed = writes.closed();
        let message = tokio::select! {
            biased;
            () = queue_closed => return Err(closed()),
            message = self.next_message() => message?,
        };
        let redelivered = self.lane.hand_out(&message);
        self.outstanding.push_back((message.seq, message.jobs));
        Ok(Delivery { tag: tag(message.seq), envelope: message.envelope, redelivered })
    }

    fn room(&self) -> usize {
        self.prefetch.saturating_sub(self.outstanding.len())
    }

    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError> {
        let acknowledged = self.outstanding.iter().take_while(|(seq, _)| tag(*seq) <= delivery).count();
        let Some((through, _)) =
            acknowledged.checked_sub(1).and_then(|last| self.outstanding.get(last)).copied()
        else {
            return Ok(());
        };
        let write = Write::Acknowledge { lane: self.lane.lane, through };
        self.writes.send(write).await.map_err(|_| closed())?;
        let messages = u64::try_from(acknowledged).unwrap_or_default();
        let jobs = self.outstanding.drain(..acknowledged).map(|(_, jobs)| jobs).sum();
        self.lane.acknowledge(through, messages, jobs);
        Ok(())
    }

    async fn close(self: Box<Self>) {
        // Dropping it gives the lane back, behind what is acknowledged.
    }
}

impl<S> Drop for LaneConsumer<S> {
    fn drop(&mut self) {
        self.lane.left(u64::try_from(self.outstanding.len()).unwrap_or_default());
    }
}

/// Numbers of the file are positive.
fn tag(seq: Seq) -> DeliveryTag {
    DeliveryTag(u64::try_from(seq).unwrap_or_default())
}
