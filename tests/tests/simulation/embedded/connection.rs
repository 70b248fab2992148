//! The connection that writes to the file, as SQLite's behind sqlx.
//!
//! SQLite ends a transaction by itself after some errors (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors
//! Within A Transaction"). sqlx counts how deep it is in transactions; it does not see that, and what begins within a
//! transaction is a savepoint of it, whose release writes nothing to the disk.

use std::sync::Arc;

use bytes::Bytes;
use domain::lane::Lane;
use jiff::Timestamp;
use queue::embedded::port::{Connection, Kept, Seq, Transaction};
use queue::{DeadLetter, QueueError};

use super::disk::{DiskOf, File};

/// The connection that writes.
pub struct Writing {
    storage: DiskOf,
    /// As sqlx counts.
    depth: u32,
    /// What SQLite has open.
    open: Option<Open>,
}

/// A transaction of SQLite.
struct Open {
    file: Arc<File>,
    /// What the file was when each savepoint of it began.
    savepoints: Vec<Arc<File>>,
    /// It began with a savepoint, with whose release it ends.
    began_with_savepoint: bool,
}

impl Writing {
    pub(super) fn new(storage: DiskOf) -> Writing {
        Writing { storage, depth: 0, open: None }
    }

    /// Executes a statement that writes.
    async fn write<T>(&mut self, change: impl FnOnce(&mut File) -> T + Send) -> Result<T, QueueError> {
        self.storage.work(1).await;
        let (world, faults) = (self.storage.disk.world(), self.storage.disk.state().faults);
        if faults.full || (faults.writes_failed > 0 && world.percent(faults.writes_failed)) {
            let ended = world.percent(50);
            if ended {
                self.open = None;
            }
            let what = if ended { "with it its transaction" } else { "its transaction goes on" };
            world.note(format_args!("a write fails, and {what}"));
            return Err(QueueError::Failed("database or disk is full".to_owned()));
        }
        match &mut self.open {
            Some(open) => Ok(change(Arc::make_mut(&mut open.file))),
            // A statement on its own is a transaction.
            None => Ok(change(Arc::make_mut(&mut self.storage.disk.state().file))),
        }
    }

    /// Ends the transaction of SQLite: it is on disk, or nobody knows.
    async fn end(&mut self) -> Result<(), QueueError> {
        let (world, faults) = (self.storage.disk.world().clone(), self.storage.disk.state().faults);
        let failed = faults.commits_failed > 0 && world.percent(faults.commits_failed);
        // Whoever is killed meanwhile, or told of a failure, may have written it all the same.
        let early = world.percent(50);
        let written = self.open.as_ref().map(|open| open.file.clone()).filter(|_| early);
        if let Some(file) = written {
            self.storage.disk.state().file = file;
        }
        self.storage.work(8).await;
        if failed {
            let what = if early { "is there all the same" } else { "is nowhere" };
            world.note(format_args!("a commit fails, and {what}"));
            if world.percent(50) {
                self.open = None;
            }
            return Err(QueueError::Failed("disk I/O error".to_owned()));
        }
        if let Some(open) = self.open.take() {
            self.storage.disk.state().file = open.file;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        let Some(open) = &mut self.open else { return };
        match (self.depth, open.savepoints.last()) {
            (0, _) => return,
            (1, _) => self.open = None,
            // The savepoint is still there, and the transaction with it.
            (_, Some(savepoint)) => open.file = savepoint.clone(),
            (_, None) => return,
        }
        self.depth -= 1;
    }
}

impl Connection for Writing {
    type Transaction<'c> = Part<'c>;

    async fn begin(&mut self) -> Result<Part<'_>, QueueError> {
        self.storage.work(1).await;
        let began_with_savepoint = self.depth > 0;
        match &mut self.open {
            Some(open) if began_with_savepoint => open.savepoints.push(open.file.clone()),
            Some(_) => {
                return Err(QueueError::Failed("cannot start a transaction within a transaction".to_owned()));
            }
            None => {
                let file = self.storage.disk.file();
                let savepoints = if began_with_savepoint { vec![file.clone()] } else { Vec::new() };
                self.open = Some(Open { file, savepoints, began_with_savepoint });
            }
        }
        self.depth += 1;
        Ok(Part { connection: self, committed: false })
    }

    async fn try_write(&mut self) -> Result<(), QueueError> {
        self.write(|_| ()).await
    }

    async fn since(&mut self, newest: Seq) -> Result<Vec<Kept>, QueueError> {
        Ok(self.storage.read().await?.since(newest))
    }

    async fn close_hard(self) -> Result<(), QueueError> {
        self.storage.work(1).await;
        Ok(())
    }

    async fn close(self) -> Result<(), QueueError> {
        self.storage.work(1).await;
        Ok(())
    }
}

/// What sqlx takes for a transaction.
pub struct Part<'c> {
    connection: &'c mut Writing,
    committed: bool,
}

impl Transaction for Part<'_> {
    async fn append(&mut self, lane: Lane, envelope: &[u8], jobs: u64) -> Result<Seq, QueueError> {
        let envelope = Bytes::copy_from_slice(envelope);
        let append = |file: &mut File| {
            file.newest += 1;
            file.messages.insert(file.newest, (lane, envelope, jobs));
            file.newest
        };
        self.connection.write(append).await
    }

    async fn remove_through(&mut self, lane: Lane, through: Seq) -> Result<(), QueueError> {
        let stays = |seq: &Seq, of: Lane| of != lane || *seq > through;
        self.connection.write(|file| file.messages.retain(|seq, (of, ..)| stays(seq, *of))).await
    }

    async fn remove(&mut self, seq: Seq) -> Result<(), QueueError> {
        self.connection.write(|file| drop(file.messages.remove(&seq))).await
    }

    async fn append_events(&mut self, batch: &[u8], at: Timestamp) -> Result<Seq, QueueError> {
        let batch = Bytes::copy_from_slice(batch);
        let append = |file: &mut File| {
            file.newest_events += 1;
            file.events.insert(file.newest_events, (at, batch));
            file.newest_events
        };
        self.connection.write(append).await
    }

    async fn forget_events(&mut self, through: Seq) -> Result<(), QueueError> {
        self.connection.write(|file| file.events.retain(|seq, _| *seq > through)).await
    }

    async fn keep(&mut self, letter: &DeadLetter) -> Result<(), QueueError> {
        let keep = |file: &mut File| {
            if file.letters.iter().all(|kept| kept.id != letter.id) {
                file.letters.push(letter.clone());
            }
        };
        self.connection.write(keep).await
    }

    async fn discard(&mut self, id: &str) -> Result<bool, QueueError> {
        let discard = |file: &mut File| {
            let before = file.letters.len();
            file.letters.retain(|letter| letter.id != id);
            file.letters.len() < before
        };
        self.connection.write(discard).await
    }

    async fn commit(mut self) -> Result<(), QueueError> {
        let connection = &mut *self.connection;
        match &mut connection.open {
            None => return Err(QueueError::Failed("no transaction is active".to_owned())),
            Some(open) if connection.depth > 1 => {
                open.savepoints.pop();
                if open.savepoints.is_empty() && open.began_with_savepoint {
                    connection.end().await?;
                }
            }
            Some(_) => connection.end().await?,
        }
        connection.depth -= 1;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.connection.roll_back();
        }
    }
}
