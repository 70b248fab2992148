//! Work without an order: one durable queue that all workers take from, each a message at a time.
//!
//! It has nothing to do with the lanes: what waits here never holds a job up.

use async_trait::async_trait;
use bytes::Bytes;

use super::{PublishError, QueueError, Subscription};

/// Messages of work that are kept at the most; beyond them more is refused. A message stands for up to 100
/// accounts, so this is ten million of them.
pub const WORK_MESSAGES_MAX: u32 = 100_000;

/// A durable queue whose messages go to whoever is free.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Puts a message of work in the queue. Returns once the queue holds it on disk.
    ///
    /// # Errors
    /// Every error means "not known to be queued".
    async fn publish_work(&self, message: Bytes) -> Result<(), PublishError>;

    /// Starts taking work, beside whoever else does. It hands out one message at a time: the next one comes
    /// when that is acknowledged. What is not acknowledged comes again, to anyone, when the subscription ends.
    ///
    /// # Errors
    /// The queue could not be reached; try again.
    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError>;

    /// Messages of work that nobody has taken.
    ///
    /// # Errors
    /// The queue could not be asked.
    async fn work_waiting(&self) -> Result<u64, QueueError>;
}
