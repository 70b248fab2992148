//! The event stream in the file: a table, from which the oldest events go.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::port::{KeptEvents, Seq, Storage, StoredEvents, closed};
use super::writer::Write;
use crate::QueueError;
use crate::events::{EventMessage, EventReader, Retention, Start};

/// Messages that a reader fetches at once.
const FETCHED_MESSAGES: u32 = 32;
/// Into how many parts the stream is divided, which go one after the other.
const PARTS: u64 = 50;

/// What the file holds of the stream.
pub(super) struct EventsState {
    retention: Retention,
    /// The oldest first.
    parts: Mutex<VecDeque<KeptEvents>>,
    /// 0: none yet.
    newest: watch::Sender<Seq>,
}

impl EventsState {
    pub(super) fn new(retention: Retention, kept: Vec<KeptEvents>) -> EventsState {
        let newest = kept.last().map_or(0, |part| part.last);
        EventsState { retention, parts: Mutex::new(kept.into()), newest: watch::Sender::new(newest) }
    }

    /// A message is on disk.
    pub(super) fn added(&self, seq: Seq, bytes: u64, at: Timestamp) {
        let mut parts = self.parts();
        match parts.back_mut().filter(|part| part.bytes < self.retention.bytes_max / PARTS) {
            Some(part) => {
                *part = KeptEvents { last: seq, bytes: part.bytes + bytes, newest_at: at };
            }
            None => parts.push_back(KeptEvents { last: seq, bytes, newest_at: at }),
        }
        drop(parts);
        self.newest.send_replace(seq);
    }

    /// The last message that is not to be kept any longer.
    pub(super) fn expired_through(&self, now: Timestamp) -> Option<Seq> {
        let parts = self.parts();
        let mut bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        let mut through = None;
        // The newest part is still written to.
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            let is_old = now.duration_since(part.newest_at).unsigned_abs() > self.retention.age_max
                && part.newest_at < now;
            if bytes <= self.retention.bytes_max && !is_old {
                break;
            }
            bytes -= part.bytes;
            through = Some(part.last);
        }
        through
    }

    /// What was to go is gone.
    pub(super) fn forget(&self, through: Seq) {
        self.parts().retain(|part| part.last > through);
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<KeptEvents>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those who read.
pub(super) struct Reader<S> {
    storage: S,
    writes: mpsc::Sender<Write>,
    newest: watch::Receiver<Seq>,
    /// What is read next.
    next: Seq,
    fetched: VecDeque<StoredEvents>,
}

impl<S: Storage> Reader<S> {
    pub(super) async fn start(
        state: &EventsState,
        storage: S,
        writes: mpsc::Sender<Write>,
        start: Start,
    ) -> Result<Reader<S>, QueueError> {
        let newest = state.newest.subscribe();
        let next = match start {
            Start::Oldest => 1,
            Start::Newest => (*newest.borrow()).max(1),
            Start::At(offset) => Seq::try_from(offset).unwrap_or(Seq::MAX),
            Start::Since(time) => {
                let first = storage.events_since(time).await?;
                first.unwrap_or_else(|| newest.borrow().saturating_add(1))
            }
        };
        Ok(Reader { storage, writes, newest, next, fetched: VecDeque::new() })
    }

    async fn fetch(&mut self) -> Result<EventMessage, QueueError> {
        loop {
            if let Some(StoredEvents { seq, batch }) = self.fetched.pop_front() {
                self.next = seq + 1;
                return Ok(EventMessage { offset: u64::try_from(seq).unwrap_or_default(), batch });
            }
            let newest = *self.newest.borrow_and_update();
            if self.next <= newest {
                self.fetched = self.storage.events(self.next..=newest, FETCHED_MESSAGES).await?.into();
                if self.fetched.is_empty() {
                    self.next = newest + 1;
                }
            } else if self.newest.changed().await.is_err() {
                return Err(closed());
            }
        }
    }
}

#[async_trait]
impl<S: Storage> EventReader for Reader<S> {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        let writes = self.writes.clone();
        tokio::select! {
            biased;
            () = writes.closed() => Err(closed()),
            message = self.fetch() => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_parts_go_by_size_and_by_age() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let retention = Retention { age_max: Duration::from_secs(100), bytes_max: 100 };
        let state = EventsState::new(retention, Vec::new());
        for number in 1..=60 {
            state.added(number, 2, at(number));
        }
        assert_eq!(state.expired_through(at(60)), Some(10), "100 bytes are the newest 50");
        state.forget(10);
        assert_eq!(state.expired_through(at(60)), None);
        assert_eq!(state.expired_through(at(130)), Some(29), "older than 100 seconds");
        assert_eq!(state.expired_through(at(9_999)), Some(59), "but for the part that is written to");
    }
}
