//! The port below the embedded queue: what it asks of the file that keeps it.
//!
//! `store` brings the one that there is, SQLite. It is public so that tests can bring one that fails as disks do.

use std::future::Future;
use std::ops::RangeInclusive;

use bytes::Bytes;
use domain::lane::Lane;
use jiff::Timestamp;

use crate::{DeadLetter, QueueError};

/// Grows with every message of the file, across lanes.
pub type Seq = i64;

/// What a lane holds on disk.
#[derive(Debug, Clone, Copy)]
pub struct KeptLane {
    /// The lane.
    pub lane: Lane,
    /// Its messages.
    pub messages: u64,
    /// The jobs in them.
    pub jobs: u64,
    /// The newest of its messages.
    pub newest: Seq,
}

/// One message that is on disk.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its number.
    pub seq: Seq,
    /// The lane that it is on, or [`Lane::NONE`] for work.
    pub lane: Lane,
    /// The jobs in it.
    pub jobs: u64,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub seq: Seq,
    /// The jobs in it.
    pub jobs: u64,
    /// As it was published.
    pub envelope: Bytes,
}

/// A part of the event stream that is on disk.
#[derive(Debug, Clone, Copy)]
pub struct KeptEvents {
    /// The number of its last message.
    pub last: Seq,
    /// The bytes of its messages.
    pub bytes: u64,
    /// When its newest message was written.
    pub newest_at: Timestamp,
}

/// One message of the event stream.
#[derive(Debug, Clone)]
pub struct StoredEvents {
    /// Its number: events have numbers of their own.
    pub seq: Seq,
    /// As it was published.
    pub batch: Bytes,
}

/// The file, and the connections that read it. Every reading sees all that is committed, and nothing else.
///
/// # Errors
/// Of every operation: the file could not be read or written.
pub trait Storage: Clone + Send + Sync + 'static {
    /// The connection that writes.
    type Connection: Connection;

    /// What messages call it.
    fn name(&self) -> String;

    /// Opens a connection that writes. There is one at a time.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, QueueError>> + Send;

    /// What each lane holds that holds anything, in the order of the lanes.
    fn lanes(&self) -> impl Future<Output = Result<Vec<KeptLane>, QueueError>> + Send;

    /// The numbers of the messages of a lane, the oldest first.
    fn numbers(&self, lane: Lane) -> impl Future<Output = Result<Vec<Seq>, QueueError>> + Send;

    /// The oldest `limit` messages of a lane with these numbers.
    fn messages(
        &self,
        lane: Lane,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Message>, QueueError>> + Send;

    /// The event stream in parts, the oldest first.
    fn kept_events(&self) -> impl Future<Output = Result<Vec<KeptEvents>, QueueError>> + Send;

    /// The oldest `limit` messages of the event stream with these numbers.
    fn events(
        &self,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEvents>, QueueError>> + Send;

    /// The number of the first message of the event stream that was written at that time or later.
    fn events_since(&self, time: Timestamp) -> impl Future<Output = Result<Option<Seq>, QueueError>> + Send;

    /// How many dead letters there are.
    fn dead_letter_count(&self) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// The oldest of them.
    fn dead_letters(&self, limit: usize) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// The one with this id, if there is one.
    fn dead_letters_of(&self, id: &str) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// Closes the connections that read.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A connection that writes. After an error nothing is known of the transaction that it may be in: only closing the
/// connection ends that for certain.
///
/// # Errors
/// Of every operation: the file could not be read or written.
pub trait Connection: Send + Sync + 'static {
    /// A transaction on it.
    type Transaction<'c>: Transaction
    where
        Self: 'c;

    /// Begins a transaction. Where one is open still, it is a part of that one and is on disk no earlier.
    fn begin(&mut self) -> impl Future<Output = Result<Self::Transaction<'_>, QueueError>> + Send;

    /// Fails where there is no room for what is written in a moment of load; uses room first that the file can give
    /// back.
    fn try_write(&mut self) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// The messages behind `newest`, in their order.
    fn since(&mut self, newest: Seq) -> impl Future<Output = Result<Vec<Kept>, QueueError>> + Send;

    /// Closes it after an error, with whatever it has open.
    fn close_hard(self) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Closes it.
    fn close(self) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// What is written as a whole. Dropping it before the commit rolls it back, if that can be done.
///
/// # Errors
/// Of every operation: the file could not be written. A commit that failed may be there all the same.
pub trait Transaction: Send {
    /// Appends a message and returns its number, which no message had before.
    fn append(
        &mut self,
        lane: Lane,
        envelope: &[u8],
        jobs: u64,
    ) -> impl Future<Output = Result<Seq, QueueError>> + Send;

    /// Forgets the messages of a lane up to `through`.
    fn remove_through(
        &mut self,
        lane: Lane,
        through: Seq,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Forgets one message.
    fn remove(&mut self, seq: Seq) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Appends a message to the event stream and returns its number.
    fn append_events(
        &mut self,
        batch: &[u8],
        at: Timestamp,
    ) -> impl Future<Output = Result<Seq, QueueError>> + Send;

    /// Forgets the messages of the event stream up to `through`.
    fn forget_events(&mut self, through: Seq) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Keeps a letter; one that is there already stays as it is.
    fn keep(&mut self, letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Forgets a letter; returns whether there was one with this id.
    fn discard(&mut self, id: &str) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// Returns once all of it is on disk.
    fn commit(self) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// What is said of a queue that was closed.
pub(super) fn closed() -> QueueError {
    QueueError::Failed("the queue is closed".to_owned())
}
