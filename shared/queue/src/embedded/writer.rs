//! The one task that writes: what waits when it begins shares its commit, and so its sync to disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::lane::Lane;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::events::EventsState;
use super::lane::{LaneState, Place};
use super::port::{Connection, Seq, Storage, Transaction};
use super::work::{WORK, WorkState};
use crate::{DeadLetter, QueueError};

/// Writes in one commit at the most: some milliseconds of work, so that none waits long.
const COMMIT_WRITES_MAX: usize = 512;
/// How often a file that takes no writes is tried.
const TRIAL_EVERY: Duration = Duration::from_millis(500);

type Done<T> = oneshot::Sender<Result<T, QueueError>>;

/// What is to be written.
pub(super) enum Write {
    Publish {
        place: Place,
        envelope: Bytes,
        jobs: u64,
        done: Done<()>,
    },
    /// Nobody waits for it: one that is lost in a crash brings a delivery again, no more.
    Acknowledge {
        lane: Lane,
        through: Seq,
    },
    Work {
        work: Arc<WorkState>,
        message: Bytes,
        done: Done<()>,
    },
    /// Nobody waits for it, as with [`Write::Acknowledge`].
    Done {
        seq: Seq,
    },
    Events {
        events: Arc<EventsState>,
        batch: Bytes,
        at: Timestamp,
        done: Done<()>,
    },
    DeadLetter {
        letter: DeadLetter,
        done: Done<()>,
    },
    Discard {
        id: String,
        done: Done<bool>,
    },
}

/// The result of a write, sent once it is committed.
enum Effect {
    Appended(Seq),
    Published(Seq),
    Kept,
    Discarded(bool),
    /// Nobody asks.
    Noted,
}

/// Owns the connection that writes.
///
/// After a write that failed the connection is closed and another one opened. SQLite may have rolled the transaction
/// back by itself or not (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors Within A
/// Transaction"), and a commit inside of a transaction that is still open is no commit. What the file holds is then
/// read back before anything more is written to it.
pub(super) struct Writer<S: Storage> {
    storage: S,
    /// `None` after a write that failed.
    connection: Option<S::Connection>,
    lanes: Vec<Arc<LaneState>>,
    work: Arc<WorkState>,
    events: Arc<EventsState>,
    /// The newest message that this writer knows of.
    newest: Seq,
    /// Acknowledgements that are not on disk yet; a later one of a lane covers those before it.
    acknowledged: BTreeMap<Lane, Seq>,
    /// Work that is done and still on disk.
    finished: BTreeSet<Seq>,
    /// Why the file takes no writes, as long as it does not.
    state: watch::Sender<Result<(), QueueError>>,
}

impl<S: Storage> Writer<S> {
    /// Writes to the file by `connection`, behind the message `newest`.
    pub(super) fn new(
        (storage, connection): (S, S::Connection),
        (lanes, work, events): (Vec<Arc<LaneState>>, Arc<WorkState>, Arc<EventsState>),
        newest: Seq,
    ) -> Writer<S> {
        Writer {
            storage,
            connection: Some(connection),
            lanes,
            work,
            events,
            newest,
            acknowledged: BTreeMap::new(),
            finished: BTreeSet::new(),
            state: watch::Sender::new(Ok(())),
        }
    }

    /// Whether the file takes writes.
    pub(super) fn state(&self) -> watch::Receiver<Result<(), QueueError>> {
        self.state.subscribe()
    }

    /// Writes until `stopping`, then what still waits.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Write>, stopping: CancellationToken) {
        let mut trials = tokio::time::interval(TRIAL_EVERY);
        trials.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut writes = Vec::new();
            tokio::select! {
                biased;
                () = stopping.cancelled(), if !waiting.is_closed() => waiting.close(),
                taken = waiting.recv_many(&mut writes, COMMIT_WRITES_MAX) => match taken {
                    0 => break,
                    _ => self.commit(writes).await,
                },
                // Nobody sends anything to a queue that is not ready: it finds out by itself that it is again.
                _ = trials.tick(), if self.connection.is_none() => self.commit(Vec::new()).await,
            }
        }
        if let Some(connection) = self.connection
            && let Err(cause) = connection.close().await
        {
            warn!("the queue's file did not close well and is repaired when it is opened again: {cause}");
        }
    }

    /// One transaction for all: where it fails, no caller learns that its write is on disk.
    async fn commit(&mut self, writes: Vec<Write>) {
        for write in &writes {
            match write {
                Write::Acknowledge { lane, through } => drop(self.acknowledged.insert(*lane, *through)),
                Write::Done { seq } => drop(self.finished.insert(*seq)),
                _ => {}
            }
        }
        match self.transaction(&writes).await {
            Ok(effects) => {
                self.acknowledged.clear();
                self.finished.clear();
                writes.into_iter().zip(effects).for_each(|(write, effect)| self.succeeded(write, effect));
                if self.state.send_replace(Ok(())).is_err() {
                    info!("the queue's file takes writes again");
                }
            }
            Err(failure) => {
                writes.into_iter().for_each(|write| write.failed(&failure));
                if self.state.send_replace(Err(failure.clone())).is_ok() {
                    error!(
                        "the queue's file takes no writes, and no job is accepted; is the disk full? {failure}"
                    );
                }
            }
        }
    }

    /// A new connection, which has taken up what one that failed left in the file.
    async fn reconnect(&mut self) -> Result<S::Connection, QueueError> {
        let mut connection = self.storage.connect().await?;
        connection.try_write().await?;
        // Messages of a commit that was said to have failed and is there all the same: their clients send them
        // again, and the ledger knows them.
        for kept in connection.since(self.newest).await? {
            match self.lanes.get(usize::from(kept.lane.0)) {
                Some(lane) => lane.take_up(kept.seq, kept.jobs),
                None => self.work.add(kept.seq),
            }
            self.newest = kept.seq;
        }
        Ok(connection)
    }

    async fn transaction(&mut self, writes: &[Write]) -> Result<Vec<Effect>, QueueError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reconnect().await?,
        };
        let written = self.write(&mut connection, writes).await;
        if written.is_ok() {
            self.connection = Some(connection);
        } else if let Err(cause) = connection.close_hard().await {
            // Closing it ends the transaction that it may still be in.
            debug!("a connection that failed did not close well: {cause}");
        }
        written
    }

    async fn write(
        &self,
        connection: &mut S::Connection,
        writes: &[Write],
    ) -> Result<Vec<Effect>, QueueError> {
        let expired = self.events.expired_through(Timestamp::now());
        let mut transaction = connection.begin().await?;
        let mut effects = Vec::with_capacity(writes.len());
        for write in writes {
            effects.push(write.apply(&mut transaction).await?);
        }
        for (lane, through) in &self.acknowledged {
            transaction.remove_through(*lane, *through).await?;
        }
        for seq in &self.finished {
            transaction.remove(*seq).await?;
        }
        if let Some(through) = expired {
            transaction.forget_events(through).await?;
        }
        transaction.commit().await?;
        if let Some(through) = expired {
            self.events.forget(through);
        }
        Ok(effects)
    }

    fn succeeded(&mut self, write: Write, effect: Effect) {
        if let Effect::Appended(seq) = effect {
            self.newest = self.newest.max(seq);
        }
        write.succeeded(effect);
    }
}

impl Write {
    async fn apply(&self, transaction: &mut impl Transaction) -> Result<Effect, QueueError> {
        Ok(match self {
            Write::Publish { place, envelope, jobs, .. } => {
                Effect::Appended(transaction.append(place.lane(), envelope, *jobs).await?)
            }
            Write::Work { message, .. } => Effect::Appended(transaction.append(WORK, message, 1).await?),
            Write::Events { batch, at, .. } => {
                Effect::Published(transaction.append_events(batch, *at).await?)
            }
            Write::DeadLetter { letter, .. } => {
                transaction.keep(letter).await?;
                Effect::Kept
            }
            Write::Discard { id, .. } => Effect::Discarded(transaction.discard(id).await?),
            Write::Acknowledge { .. } | Write::Done { .. } => Effect::Noted,
        })
    }

    /// A caller that has gone away does not read its answer.
    fn succeeded(self, effect: Effect) {
        match (self, effect) {
            (Write::Publish { place, jobs, done, .. }, Effect::Appended(seq)) => {
                place.filled(seq, jobs);
                let _ = done.send(Ok(()));
            }
            (Write::Work { work, done, .. }, Effect::Appended(seq)) => {
                work.add(seq);
                let _ = done.send(Ok(()));
            }
            (Write::Events { events, batch, at, done }, Effect::Published(seq)) => {
                events.added(seq, batch.len() as u64, at);
                let _ = done.send(Ok(()));
            }
            (Write::DeadLetter { done, .. }, _) => {
                let _ = done.send(Ok(()));
            }
            (Write::Discard { done, .. }, Effect::Discarded(found)) => {
                let _ = done.send(Ok(found));
            }
            _ => {}
        }
    }

    fn failed(self, failure: &QueueError) {
        match self {
            Write::Publish { done, .. }
            | Write::Work { done, .. }
            | Write::Events { done, .. }
            | Write::DeadLetter { done, .. } => {
                let _ = done.send(Err(failure.clone()));
            }
            Write::Discard { done, .. } => {
                let _ = done.send(Err(failure.clone()));
            }
            // It is still in `acknowledged` or `finished`, for the next commit.
            Write::Acknowledge { .. } | Write::Done { .. } => {}
        }
    }
}
