//! Work without an order in the file: each message goes to whoever takes it first.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::lane::Lane;
use tokio::sync::{Notify, mpsc};

use super::port::{Seq, Storage, closed};
use super::writer::Write;
use crate::{Delivery, DeliveryTag, QueueError, Subscription};

/// Where work is kept in the file, beyond any lane.
pub(super) const WORK: Lane = Lane::NONE;

/// What waits, by number, and what was in the file when it was opened.
pub(super) struct WorkState {
    waiting: Mutex<BTreeSet<Seq>>,
    added: Notify,
    /// Up to here a message was, or may have been, handed out before.
    kept_through: Seq,
}

impl WorkState {
    pub(super) fn new(kept: Vec<Seq>) -> WorkState {
        let kept_through = kept.last().copied().unwrap_or_default();
        WorkState { waiting: Mutex::new(kept.into_iter().collect()), added: Notify::new(), kept_through }
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.seqs().len()
    }

    /// It is on disk, or comes back: anyone may have it.
    pub(super) fn add(&self, seq: Seq) {
        self.seqs().insert(seq);
        self.added.notify_one();
    }

    fn take(&self) -> Option<Seq> {
        self.seqs().pop_first()
    }

    fn seqs(&self) -> MutexGuard<'_, BTreeSet<Seq>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those who take work.
pub(super) struct WorkConsumer<S> {
    state: Arc<WorkState>,
    storage: S,
    writes: mpsc::Sender<Write>,
    held: Option<Held>,
}

/// Taken, and not acknowledged.
struct Held {
    seq: Seq,
    handed_out: bool,
    returned_before: bool,
}

impl<S: Storage> WorkConsumer<S> {
    pub(super) fn new(state: Arc<WorkState>, storage: S, writes: mpsc::Sender<Write>) -> WorkConsumer<S> {
        WorkConsumer { state, storage, writes, held: None }
    }

    /// Waits for a message and holds it, so that a caller who gives up half-way loses nothing.
    async fn hold(&mut self) -> &mut Held {
        if self.held.as_ref().is_some_and(|held| held.handed_out) {
            // Until it is acknowledged, for which the caller gives up waiting here.
            return std::future::pending().await;
        }
        let held = match self.held.take() {
            Some(held) => held,
            None => loop {
                let added = self.state.added.notified();
                if let Some(seq) = self.state.take() {
                    let returned_before = seq <= self.state.kept_through;
                    break Held { seq, handed_out: false, returned_before };
                }
                added.await;
            },
        };
        self.held.insert(held)
    }
}

#[async_trait]
impl<S: Storage> Subscription for WorkConsumer<S> {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        let (writes, storage) = (self.writes.clone(), self.storage.clone());
        let found = async {
            let held = self.hold().await;
            let message = storage.messages(WORK, held.seq..=held.seq, 1).await?.pop();
            held.handed_out = true;
            Ok(message.map(|message| Delivery {
                tag: DeliveryTag(u64::try_from(held.seq).unwrap_or_default()),
                envelope: message.envelope,
                redelivered: held.returned_before,
            }))
        };
        let found: Result<Option<Delivery>, QueueError> = tokio::select! {
            biased;
            () = writes.closed() => Err(closed()),
            found = found => found,
        };
        found?.ok_or_else(|| {
            QueueError::Failed("a message of work is not in the queue's file any more".to_owned())
        })
    }

    fn room(&self) -> usize {
        usize::from(!self.held.as_ref().is_some_and(|held| held.handed_out))
    }

    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError> {
        let tagged = |held: &mut Held| u64::try_from(held.seq).is_ok_and(|seq| seq <= delivery.0);
        let Some(held) = self.held.take_if(tagged) else { return Ok(()) };
        self.writes.send(Write::Done { seq: held.seq }).await.map_err(|_| closed())
    }

    async fn close(self: Box<Self>) {
        // Dropping it gives back what it holds.
    }
}

impl<S> Drop for WorkConsumer<S> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.state.add(held.seq);
        }
    }
}
