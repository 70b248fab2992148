//! The event stream as an ingress reads it for its clients.
//!
//! The newest messages are read once for all and kept in memory; who is behind them reads for itself until it has caught up.
//! Nobody reads anything while no client asks for events.

mod cursor;
mod recent;

use std::sync::Arc;

use contract::event::{self, Event};
use queue::Queue;
use queue::QueueError;
use queue::events::{EventMessage, EventReader, Start};

pub use self::cursor::Cursor;
use self::recent::{Following, Recent};

/// A message of the stream, read.
#[derive(Debug)]
pub struct Batch {
    /// Its place.
    pub offset: u64,
    /// Its events, in their order, each with its place in the message.
    pub events: Vec<(usize, Event)>,
    bytes: usize,
}

impl Batch {
    /// A message that cannot be read has no events: a later release wrote it, or somebody else.
    fn read(message: &EventMessage) -> Batch {
        let events = event::read_batch(&message.batch).unwrap_or_else(|error| {
            tracing::warn!(offset = message.offset, %error, "a message of the event stream cannot be read; it is passed over");
            Vec::new()
        });
        Batch { offset: message.offset, events, bytes: message.batch.len() }
    }
}

/// The event stream, for all clients of an ingress.
pub struct Feed {
    queue: Arc<dyn Queue>,
    recent: Arc<Recent>,
}

/// Where a client begins.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// With the oldest event that is kept.
    Oldest,
    /// With what comes from now on.
    Now,
    /// With what was published at that time, or somewhat earlier.
    Since(jiff::Timestamp),
    /// Behind what it has read.
    Behind(Cursor),
}

/// One client's reading.
pub struct Reading {
    feed: Arc<Feed>,
    /// Keeps the newest messages coming.
    newest: Following,
    source: Source,
    /// The first that is wanted; `None`: whatever comes first.
    next: Option<u64>,
    /// Behind what the stream had as this began, where that is known.
    end: Option<u64>,
    /// Taken off the stream, and not yet handed out.
    pending: Option<EventMessage>,
}

enum Source {
    /// From the stream.
    Stream(Box<dyn EventReader>),
    /// From memory.
    Recent,
}

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The stream could not be reached.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Events behind the cursor are not kept any more; the oldest that are kept stand here.
    #[error("events are gone")]
    Gone(Cursor),
}

impl Feed {
    /// Reads the stream of `queue` once somebody asks for it.
    pub fn new(queue: Arc<dyn Queue>) -> Arc<Feed> {
        Arc::new(Feed { recent: Recent::new(queue.clone()), queue })
    }

    /// Starts reading.
    ///
    /// # Errors
    /// The stream could not be reached, or has no longer what was asked for.
    pub async fn read(self: &Arc<Feed>, from: From) -> Result<Reading, Broken> {
        let mut newest = self.recent.follow();
        let end = match from {
            From::Now | From::Since(_) => newest.end().await,
            From::Oldest | From::Behind(_) => None,
        };
        let (start, next) = match from {
            From::Oldest => (Start::Oldest, None),
            From::Now => (end.map_or(Start::Since(jiff::Timestamp::now()), Start::At), end),
            // The times of events do not tell: one that comes again has that of the first time.
            From::Since(time) => (Start::Since(time), None),
            // Nothing was read before.
            From::Behind(Cursor { offset: 0, .. }) => (Start::Oldest, None),
            From::Behind(cursor) => (Start::At(cursor.offset), Some(cursor.offset)),
        };
        self.check(&newest, next).await?;
        let source = match next.filter(|next| newest.has(*next)) {
            Some(_) => Source::Recent,
            None => Source::Stream(self.queue.read_events(start).await?),
        };
        Ok(Reading { feed: self.clone(), newest, source, next, end, pending: None })
    }

    /// Fails where the stream was made anew since `next` was to come, and counts from the beginning.
    async fn check(&self, newest: &Following, next: Option<u64>) -> Result<(), Broken> {
        if next.is_some_and(|next| newest.is_beyond(next)) {
            return Err(Broken::Gone(Cursor { offset: self.oldest().await?, place: 0 }));
        }
        Ok(())
    }

    /// The offset of the oldest message that is kept.
    async fn oldest(&self) -> Result<u64, QueueError> {
        let mut reader = self.queue.read_events(Start::Oldest).await?;
        let oldest = reader.next().await;
        reader.close().await;
        Ok(oldest?.offset)
    }
}

impl Reading {
    /// The next message; waits until there is one. Cancel safe.
    ///
    /// # Errors
    /// The stream could not be reached, or has no longer what comes next.
    pub async fn next(&mut self) -> Result<Arc<Batch>, Broken> {
        loop {
            match (&mut self.source, self.next) {
                (Source::Stream(_), Some(next)) if self.newest.has(next) => {
                    (self.source, self.pending) = (Source::Recent, None);
                }
                (Source::Stream(reader), next) => {
                    let message = match &self.pending {
                        Some(message) => message,
                        None => self.pending.insert(reader.next().await?),
                    };
                    let offset = message.offset;
                    // A stream may begin somewhat earlier than it is asked to.
                    if next.is_some_and(|next| offset < next) {
                        self.pending = None;
                        continue;
                    }
                    if next.is_some_and(|next| offset > next) && offset == self.feed.oldest().await? {
                        return Err(Broken::Gone(Cursor { offset, place: 0 }));
                    }
                    self.next = Some(offset + 1);
                    if let Some(message) = self.pending.take() {
                        return Ok(Arc::new(Batch::read(&message)));
                    }
                }
                (Source::Recent, next) => match self.newest.at(next.unwrap_or_default()) {
                    recent::Found::Batch(batch) => {
                        self.next = Some(batch.offset + 1);
                        return Ok(batch);
                    }
                    recent::Found::NotYet => self.newest.changed().await,
                    recent::Found::TooOld => {
                        let start = Start::At(next.unwrap_or_default());
                        self.source = Source::Stream(self.feed.queue.read_events(start).await?);
                    }
                },
            }
        }
    }

    /// How far was read; `None`: that shows with the first message.
    pub fn cursor(&self) -> Option<Cursor> {
        self.next.map(|offset| Cursor { offset, place: 0 })
    }

    /// How far the stream went as this began; `None`: that did not show soon.
    pub fn end(&self) -> Option<Cursor> {
        self.end.map(|offset| Cursor { offset, place: 0 })
    }

    /// Fails where the stream was made anew since, and counts from the beginning.
    ///
    /// # Errors
    /// It does.
    pub async fn check(&mut self) -> Result<(), Broken> {
        self.feed.check(&self.newest, self.next).await
    }

    /// Whether all that the stream has was read, as far as is known at once.
    pub fn is_at_the_end(&self) -> bool {
        matches!(self.source, Source::Recent)
            && matches!(self.newest.at(self.next.unwrap_or_default()), recent::Found::NotYet)
    }
}
