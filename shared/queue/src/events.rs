//! The event stream: what became of jobs, kept for a time, for as many readers as there are.
//!
//! Unlike a lane nobody takes anything off it: each reader has a place of its own, and starts where it likes.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{PublishError, QueueError};

/// How long events are kept: what is older, or beyond the size, goes, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// By age.
    pub age_max: Duration,
    /// By size of all together.
    pub bytes_max: u64,
}

impl Retention {
    /// A week, and what a disk of these days can spare.
    pub const DEFAULT: Retention =
        Retention { age_max: Duration::from_secs(7 * 24 * 3600), bytes_max: 5_000_000_000 };
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that is kept.
    Oldest,
    /// With the newest messages that are there: at least one, if there is any.
    Newest,
    /// With this message, or the oldest behind it that is kept.
    At(u64),
    /// With what was published at that time, or somewhat earlier.
    Since(Timestamp),
}

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMessage {
    /// Its place: grows from message to message, mostly by 1.
    pub offset: u64,
    /// As it was published: see [`contract::event`].
    pub batch: Bytes,
}

/// A stream that many read.
#[async_trait]
pub trait EventStream: Send + Sync {
    /// Appends a message. Returns once the stream holds it.
    ///
    /// # Errors
    /// It is not known to be there: publish it again. It may then be there twice.
    async fn publish_events(&self, batch: Bytes) -> Result<(), PublishError>;

    /// Starts reading.
    ///
    /// # Errors
    /// The stream could not be reached; try again.
    async fn read_events(&self, start: Start) -> Result<Box<dyn EventReader>, QueueError>;
}

/// One reader.
#[async_trait]
pub trait EventReader: Send {
    /// The next message; waits for as long as there is none.
    ///
    /// Cancel safe: a message is handed out whole or stays where it is.
    ///
    /// # Errors
    /// The reader has ended (broker gone, channel closed): read on from behind the last message.
    async fn next(&mut self) -> Result<EventMessage, QueueError>;

    /// Ends it.
    async fn close(self: Box<Self>) {}
}
