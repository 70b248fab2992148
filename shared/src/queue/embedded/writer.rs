//! The one task that writes: what waits when it begins shares its commit, and so its sync to disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::lane::Place;
use super::store::{self, Seq};
use super::work::{WORK, WorkState};
use crate::domain::lane::Lane;
use crate::queue::{DeadLetter, QueueError};

/// Writes in one commit at the most: some milliseconds of work, so that none waits long.
const COMMIT_WRITES_MAX: usize = 512;

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
    DeadLetter {
        letter: DeadLetter,
        done: Done<()>,
    },
    Discard {
        id: String,
        done: Done<bool>,
    },
}

/// What a write came to, told once it is committed.
enum Effect {
    Appended(Seq),
    Kept,
    Found(bool),
    /// Nobody asks.
    Noted,
}

/// Owns the connection that writes, and the lock on the file.
pub(super) struct Writer {
    connection: SqliteConnection,
    /// Acknowledgements that are not on disk yet; a later one of a lane covers those before it.
    acknowledged: BTreeMap<Lane, Seq>,
    /// Work that is done and still on disk.
    finished: BTreeSet<Seq>,
    _lock: File,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, lock: File) -> Writer {
        Writer { connection, acknowledged: BTreeMap::new(), finished: BTreeSet::new(), _lock: lock }
    }

    /// Writes until `stopping`, then what still waits.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Write>, stopping: CancellationToken) {
        loop {
            let mut writes = Vec::new();
            tokio::select! {
                taken = waiting.recv_many(&mut writes, COMMIT_WRITES_MAX) => match taken {
                    0 => break,
                    _ => self.commit(writes).await,
                },
                () = stopping.cancelled(), if !waiting.is_closed() => waiting.close(),
            }
        }
        if let Err(cause) = store::close(self.connection).await {
            warn!("the queue's file did not close well and is repaired when it is opened again: {cause}");
        }
    }

    /// One transaction for all: where it fails, nobody is told that his write is on disk.
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
                writes.into_iter().zip(effects).for_each(|(write, effect)| write.succeeded(effect));
            }
            Err(cause) => {
                error!("the queue's file takes no writes; is the disk full? {cause}");
                let failure = store::failure("writing", &cause);
                writes.into_iter().for_each(|write| write.failed(&failure));
            }
        }
    }

    async fn transaction(&mut self, writes: &[Write]) -> Result<Vec<Effect>, sqlx::Error> {
        let mut transaction = self.connection.begin().await?;
        let mut effects = Vec::with_capacity(writes.len());
        for write in writes {
            effects.push(write.apply(&mut transaction).await?);
        }
        for (lane, through) in &self.acknowledged {
            store::remove_through(&mut transaction, *lane, *through).await?;
        }
        for seq in &self.finished {
            store::remove(&mut transaction, *seq).await?;
        }
        transaction.commit().await?;
        Ok(effects)
    }
}

impl Write {
    async fn apply(&self, connection: &mut SqliteConnection) -> Result<Effect, sqlx::Error> {
        Ok(match self {
            Write::Publish { place, envelope, jobs, .. } => {
                Effect::Appended(store::append(connection, place.lane(), envelope, *jobs).await?)
            }
            Write::Work { message, .. } => {
                Effect::Appended(store::append(connection, WORK, message, 1).await?)
            }
            Write::DeadLetter { letter, .. } => {
                store::keep(connection, letter).await?;
                Effect::Kept
            }
            Write::Discard { id, .. } => Effect::Found(store::discard(connection, id).await?),
            Write::Acknowledge { .. } | Write::Done { .. } => Effect::Noted,
        })
    }

    /// A caller that has gone away does not read what it is told.
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
            (Write::DeadLetter { done, .. }, _) => {
                let _ = done.send(Ok(()));
            }
            (Write::Discard { done, .. }, Effect::Found(found)) => {
                let _ = done.send(Ok(found));
            }
            _ => {}
        }
    }

    fn failed(self, failure: &QueueError) {
        match self {
            Write::Publish { done, .. } | Write::Work { done, .. } | Write::DeadLetter { done, .. } => {
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
