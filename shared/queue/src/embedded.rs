//! The queue port in one file, for a fleet in one process: SQLite with a write-ahead log, synced at
//! every commit.
//!
//! One task writes; whatever waits when it commits shares the commit. What a lane holds is counted in
//! memory, so depth and limits cost no query.

mod events;
mod lane;
pub mod port;
mod store;
mod subscription;
mod work;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use domain::lane::{Lane, Lanes};
use futures::future::join_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::events::EventsState;
use self::lane::LaneState;
use self::port::Storage;
use self::port::closed;
use self::store::Store;
use self::work::{WorkConsumer, WorkState};
use self::writer::{Write, Writer};
use super::events::{EventReader, EventStream, Retention, Start};
use super::work::{WORK_MESSAGES_MAX, WorkQueue};
use super::{DeadLetter, LaneDepth, PublishError, Queue, QueueError, Subscription};

/// How an embedded queue is sized.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedSettings {
    /// How many lanes.
    pub lanes: Lanes,
    /// Messages in one lane, beyond which it refuses more. A message holds 1 to 100 jobs.
    pub lane_messages_max: u64,
    /// How long the event stream keeps what it holds.
    pub events: Retention,
}

impl EmbeddedSettings {
    /// The defaults for a number of lanes.
    pub fn new(lanes: Lanes) -> EmbeddedSettings {
        EmbeddedSettings { lanes, lane_messages_max: 100_000, events: Retention::DEFAULT }
    }
}

/// Writes that wait for the writer; beyond them callers wait to wait.
const WRITES_WAITING_MAX: usize = 1024;

/// The queue port in one file. A second process that opens the same file is refused.
pub struct EmbeddedQueue<S = Store> {
    storage: S,
    lanes: Vec<Arc<LaneState>>,
    work: Arc<WorkState>,
    events: Arc<EventsState>,
    lane_messages_max: u64,
    writes: mpsc::Sender<Write>,
    state: watch::Receiver<Result<(), QueueError>>,
    stopping: CancellationToken,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedQueue {
    /// Opens the file at `path`, which is made where there is none. Must be called on a Tokio runtime.
    ///
    /// What was in the file before counts as handed out before: its deliveries are `redelivered`.
    ///
    /// # Errors
    /// The file cannot be opened, is open in another process, or holds jobs of lanes beyond
    /// `settings.lanes`.
    pub async fn open(path: &Path, settings: EmbeddedSettings) -> Result<EmbeddedQueue, QueueError> {
        let lock = lock(path)?;
        EmbeddedQueue::start(Store::open(path).await?, settings, Some(lock)).await
    }
}

impl<S: Storage> EmbeddedQueue<S> {
    /// As [`EmbeddedQueue::open`], on a file that nobody else has.
    ///
    /// # Errors
    /// As there.
    pub async fn over(storage: S, settings: EmbeddedSettings) -> Result<EmbeddedQueue<S>, QueueError> {
        EmbeddedQueue::start(storage, settings, None).await
    }

    async fn start(
        storage: S,
        settings: EmbeddedSettings,
        lock: Option<File>,
    ) -> Result<EmbeddedQueue<S>, QueueError> {
        let connection = storage.connect().await?;
        let mut lanes: Vec<_> = settings.lanes.iter().map(LaneState::new).collect();
        let mut newest = 0;
        for kept in storage.lanes().await? {
            newest = kept.newest.max(newest);
            let Some(lane) = lanes.get_mut(usize::from(kept.lane.0)) else {
                return Err(QueueError::Failed(format!(
                    "{} holds jobs of {}, but LANES is {}; start with the number of lanes that it was made with",
                    storage.name(),
                    kept.lane,
                    settings.lanes.count()
                )));
            };
            lane.restore(&kept);
        }
        let lanes: Vec<_> = lanes.into_iter().map(Arc::new).collect();
        let kept_work = storage.numbers(work::WORK).await?;
        newest = kept_work.last().copied().unwrap_or_default().max(newest);
        let work = Arc::new(WorkState::new(kept_work));
        let events = Arc::new(EventsState::new(settings.events, storage.kept_events().await?));
        let stopping = CancellationToken::new();
        let (writes, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let kept = (lanes.clone(), work.clone(), events.clone());
        let writer = Writer::new((storage.clone(), connection), kept, newest);
        let state = writer.state();
        let (stop, lane_messages_max) = (stopping.clone(), settings.lane_messages_max);
        let writer = tokio::spawn(async move {
            writer.run(waiting, stop).await;
            // Held until nothing is written any more.
            drop(lock);
        });
        let writer = Mutex::new(Some(writer));
        Ok(EmbeddedQueue { storage, lanes, work, events, lane_messages_max, writes, state, stopping, writer })
    }

    fn lane(&self, lane: Lane) -> Result<&Arc<LaneState>, QueueError> {
        let found = self.lanes.get(usize::from(lane.0));
        found.ok_or_else(|| QueueError::Failed(format!("{lane} is none of {} lanes", self.lanes.len())))
    }

    /// Hands a write to the writer and waits until it is on disk.
    async fn write<T>(
        &self,
        write: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Write,
    ) -> Result<T, QueueError> {
        let (done, committed) = oneshot::channel();
        self.writes.send(write(done)).await.map_err(|_| closed())?;
        committed.await.unwrap_or_else(|_| Err(closed()))
    }
}

#[async_trait]
impl<S: Storage> Queue for EmbeddedQueue<S> {
    async fn publish(&self, lane: Lane, envelope: Bytes, jobs: usize) -> Result<(), PublishError> {
        let unavailable = PublishError::from;
        let state = self.lane(lane).map_err(unavailable)?;
        let Some(place) = state.reserve(self.lane_messages_max) else {
            return Err(PublishError::Full { lane });
        };
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        let published = self.write(|done| Write::Publish { place, envelope, jobs, done }).await;
        published.map_err(unavailable)
    }

    async fn subscribe(
        &self,
        lane: Lane,
        prefetch_messages: u16,
    ) -> Result<Box<dyn Subscription>, QueueError> {
        if self.writes.is_closed() {
            return Err(closed());
        }
        let state = self.lane(lane)?.clone();
        let (storage, writes) = (self.storage.clone(), self.writes.clone());
        let prefetch = usize::from(prefetch_messages.max(1));
        Ok(Box::new(subscription::LaneConsumer::new(state, storage, writes, prefetch).await))
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<(), QueueError> {
        self.write(|done| Write::DeadLetter { letter, done }).await
    }

    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError> {
        Ok(self.lanes.iter().map(|lane| lane.depth()).collect())
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        self.storage.dead_letter_count().await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.storage.dead_letters(limit).await
    }

    async fn dead_letters_of(&self, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
        self.storage.dead_letters_of(id).await
    }

    async fn discard_dead_letter(&self, id: &str) -> Result<bool, QueueError> {
        let id = id.to_owned();
        self.write(|done| Write::Discard { id, done }).await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<Vec<String>, QueueError> {
        // They are on their way together, and share their commits.
        let discarded = join_all(ids.iter().map(|id| self.discard_dead_letter(id))).await;
        let mut found = Vec::with_capacity(ids.len());
        for (id, discarded) in ids.iter().zip(discarded) {
            found.extend(discarded?.then(|| id.clone()));
        }
        Ok(found)
    }

    async fn ready(&self) -> Result<(), QueueError> {
        if self.writes.is_closed() {
            return Err(closed());
        }
        self.state.borrow().clone()
    }

    async fn close(&self) {
        self.stopping.cancel();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.await;
        }
        self.storage.close().await;
    }
}

#[async_trait]
impl<S: Storage> WorkQueue for EmbeddedQueue<S> {
    async fn publish_work(&self, message: Bytes) -> Result<(), PublishError> {
        if self.work.waiting() >= WORK_MESSAGES_MAX as usize {
            return Err(PublishError::Unavailable("the queue of work is full".to_owned()));
        }
        let work = self.work.clone();
        let published = self.write(|done| Write::Work { work, message, done }).await;
        Ok(published?)
    }

    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError> {
        if self.writes.is_closed() {
            return Err(closed());
        }
        let consumer = WorkConsumer::new(self.work.clone(), self.storage.clone(), self.writes.clone());
        Ok(Box::new(consumer))
    }

    async fn work_waiting(&self) -> Result<u64, QueueError> {
        Ok(self.work.waiting() as u64)
    }
}

#[async_trait]
impl<S: Storage> EventStream for EmbeddedQueue<S> {
    async fn publish_events(&self, batch: Bytes) -> Result<(), PublishError> {
        let (events, at) = (self.events.clone(), Timestamp::now());
        Ok(self.write(|done| Write::Events { events, batch, at, done }).await?)
    }

    async fn read_events(&self, start: Start) -> Result<Box<dyn EventReader>, QueueError> {
        let (storage, writes) = (self.storage.clone(), self.writes.clone());
        Ok(Box::new(events::Reader::start(&self.events, storage, writes, start).await?))
    }
}

/// Two processes on one file would each hand out the same messages. The lock goes with the process
/// that holds it, however it ends.
fn lock(path: &Path) -> Result<File, QueueError> {
    let path = path.with_added_extension("lock");
    let failure =
        |cause: std::io::Error| QueueError::Failed(format!("{} cannot be opened: {cause}", path.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failure)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(cause)) => Err(failure(cause)),
        Err(TryLockError::WouldBlock) => Err(QueueError::Failed(format!(
            "{} is held by another process; stop it, or give this one another folder",
            path.display()
        ))),
    }
}
