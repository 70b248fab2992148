//! The event stream, in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use queue::events::{EventMessage, EventReader, EventStream, Start};
use queue::{PublishError, QueueError};
use tokio::sync::watch;

use super::FakeQueue;

/// What was published; the place of a message is its offset.
pub struct FakeStream {
    messages: watch::Sender<Vec<Bytes>>,
    taken: Arc<AtomicUsize>,
}

impl Default for FakeStream {
    fn default() -> FakeStream {
        FakeStream { messages: watch::Sender::new(Vec::new()), taken: Arc::default() }
    }
}

impl FakeStream {
    pub fn publish(&self, batch: impl Into<Bytes>) {
        self.messages.send_modify(|messages| messages.push(batch.into()));
    }

    /// Readers that are open.
    pub fn readers(&self) -> usize {
        self.messages.receiver_count()
    }

    /// Messages that were handed out, to each reader.
    pub fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

struct Reader {
    messages: watch::Receiver<Vec<Bytes>>,
    next: usize,
    taken: Arc<AtomicUsize>,
}

#[async_trait]
impl EventReader for Reader {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        let next = self.next;
        let messages = self.messages.wait_for(|messages| messages.len() > next).await;
        let batch = messages.map_err(|_| QueueError::Failed("gone".to_owned()))?[next].clone();
        self.next += 1;
        self.taken.fetch_add(1, Relaxed);
        Ok(EventMessage { offset: next as u64, batch })
    }
}

#[async_trait]
impl EventStream for FakeQueue {
    async fn publish_events(&self, _: Bytes) -> Result<(), PublishError> {
        panic!("the ingress publishes no events")
    }

    async fn read_events(&self, start: Start) -> Result<Box<dyn EventReader>, QueueError> {
        let messages = self.events.messages.subscribe();
        let count = messages.borrow().len();
        let next = match start {
            // All was published in the past.
            Start::Since(time) if time > Timestamp::now() => count,
            Start::Oldest | Start::Since(_) => 0,
            Start::Newest => count.saturating_sub(1),
            Start::At(offset) => usize::try_from(offset).unwrap(),
        };
        Ok(Box::new(Reader { messages, next, taken: self.events.taken.clone() }))
    }
}
