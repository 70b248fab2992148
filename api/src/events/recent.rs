//! The newest messages, read once for all who follow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use queue::Queue;
use queue::events::Start;
use tokio::sync::watch;

use super::Batch;

/// Bytes of messages that are kept. What is made of them takes some times as much.
const BYTES_MAX: usize = 4_000_000;
/// How long the newest message may take to come at first.
const NEWEST_MAX: Duration = Duration::from_millis(500);
/// Pause before a stream that was lost is read again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The newest messages.
pub struct Recent {
    queue: Arc<dyn Queue>,
    state: Mutex<State>,
    /// Changes with every message.
    newest: watch::Sender<Option<u64>>,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Those who follow share it; the reading ends with the last of them.
    reading: Weak<()>,
}

/// Keeps the newest messages coming until it is dropped.
pub struct Following {
    recent: Arc<Recent>,
    newest: watch::Receiver<Option<u64>>,
    _reading: Arc<()>,
}

/// What there is at a place.
pub enum Found {
    /// This message, or the next one behind it.
    Batch(Arc<Batch>),
    /// Nothing so far.
    NotYet,
    /// It may be in the stream.
    TooOld,
}

impl Recent {
    pub(super) fn new(queue: Arc<dyn Queue>) -> Arc<Recent> {
        Arc::new(Recent { queue, state: Mutex::default(), newest: watch::Sender::new(None) })
    }

    /// Follows the stream, with whoever else does.
    pub(super) fn follow(self: &Arc<Recent>) -> Following {
        let mut state = self.state();
        let reading = match state.reading.upgrade() {
            Some(reading) => reading,
            None => {
                let reading = Arc::new(());
                *state = State { reading: Arc::downgrade(&reading), ..State::default() };
                tokio::spawn(read(self.clone(), Arc::downgrade(&reading)));
                reading
            }
        };
        let newest = self.newest.subscribe();
        Following { recent: self.clone(), newest, _reading: reading }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> Option<Arc<Batch>> {
        self.state().batches.back().cloned()
    }

    /// Forgets what was read.
    fn clear(&self, reading: &Weak<()>) {
        let mut state = self.state();
        if Weak::ptr_eq(&state.reading, reading) {
            (state.batches, state.bytes) = Default::default();
        }
    }

    fn push(&self, batch: Batch, reading: &Weak<()>) {
        let offset = batch.offset;
        let mut state = self.state();
        if !Weak::ptr_eq(&state.reading, reading) {
            return;
        }
        state.bytes += batch.bytes;
        state.batches.push_back(Arc::new(batch));
        while state.bytes > BYTES_MAX
            && state.batches.len() > 1
            && let Some(oldest) = state.batches.pop_front()
        {
            state.bytes -= oldest.bytes;
        }
        drop(state);
        self.newest.send_replace(Some(offset));
    }
}

/// Reads the stream from its newest message on, until nobody follows any more.
async fn read(recent: Arc<Recent>, reading: Weak<()>) {
    while reading.strong_count() > 0 {
        // Each time anew: the stream may have been, too.
        recent.clear(&reading);
        let failure = match recent.queue.read_events(Start::Newest).await {
            Ok(mut reader) => loop {
                // Looks now and then whether somebody follows still.
                match tokio::time::timeout(RETRY_DELAY, reader.next()).await {
                    Ok(Ok(message)) => recent.push(Batch::read(&message), &reading),
                    Ok(Err(failure)) => break failure,
                    Err(_) if reading.strong_count() == 0 => return reader.close().await,
                    Err(_) => {}
                }
                if reading.strong_count() == 0 {
                    return reader.close().await;
                }
            },
            Err(failure) => failure,
        };
        tracing::debug!(%failure, "the event stream was lost; it is read again");
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

impl Following {
    /// Whether the message at this place is here, or would be the next to come.
    pub(super) fn has(&self, offset: u64) -> bool {
        let state = self.recent.state();
        let (oldest, newest) = (state.batches.front(), state.batches.back());
        oldest
            .zip(newest)
            .is_some_and(|(oldest, newest)| oldest.offset <= offset && offset <= newest.offset + 1)
    }

    /// Where the stream ends; `None`: it has nothing, or that does not show soon.
    pub(super) async fn end(&mut self) -> Option<u64> {
        let newest =
            tokio::time::timeout(NEWEST_MAX, self.newest.wait_for(|_| self.recent.newest().is_some()));
        newest.await.ok()?.ok()?;
        Some(self.recent.newest()?.offset + 1)
    }

    /// Whether no stream that has this newest message has ever had one at this place, or is to have it next.
    pub(super) fn is_beyond(&self, offset: u64) -> bool {
        self.recent.newest().is_some_and(|newest| offset > newest.offset + 1)
    }

    /// What there is at this place.
    pub(super) fn at(&self, offset: u64) -> Found {
        let state = self.recent.state();
        let Some(oldest) = state.batches.front() else { return Found::TooOld };
        if offset < oldest.offset {
            return Found::TooOld;
        }
        let place = state.batches.partition_point(|batch| batch.offset < offset);
        state.batches.get(place).map_or(Found::NotYet, |batch| Found::Batch(batch.clone()))
    }

    /// Returns once there may be more.
    pub(super) async fn changed(&mut self) {
        // The sender is behind `recent`.
        let _ = self.newest.changed().await;
    }
}
