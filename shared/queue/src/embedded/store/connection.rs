//! The connection that writes, and its statements.

use domain::lane::Lane;
use jiff::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::{failure, unsigned};
use crate::embedded::port::{Connection, Kept, Seq, Transaction};
use crate::{DeadLetter, QueueError};

/// Bytes that a trial writes: about those of a commit under load, so that a disk with room for a page is not yet
/// taken for one with room.
const TRIAL_BYTES: i64 = 262_144;

/// The connection that writes.
pub struct SqliteWriter {
    connection: SqliteConnection,
    /// What it does, for errors.
    doing: String,
}

impl SqliteWriter {
    pub(super) fn new(connection: SqliteConnection, doing: String) -> SqliteWriter {
        SqliteWriter { connection, doing }
    }
}

impl Connection for SqliteWriter {
    type Transaction<'c> = SqliteTransaction<'c>;

    async fn begin(&mut self) -> Result<SqliteTransaction<'_>, QueueError> {
        let SqliteWriter { connection, doing } = self;
        match connection.begin().await {
            Ok(transaction) => Ok(SqliteTransaction { transaction, doing }),
            Err(cause) => Err(failure(doing, &cause)),
        }
    }

    async fn try_write(&mut self) -> Result<(), QueueError> {
        // Copies the log into the file, as far as nobody reads it: a full disk has no room for a longer one.
        let shrunk = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.connection).await;
        shrunk.map_err(|cause| failure(&self.doing, &cause))?;
        let trial = sqlx::query(
            "INSERT INTO trial (only, filling) VALUES (1, randomblob(?))
             ON CONFLICT (only) DO UPDATE SET filling = excluded.filling",
        );
        let tried = trial.bind(TRIAL_BYTES).execute(&mut self.connection).await;
        tried.map(drop).map_err(|cause| failure(&self.doing, &cause))
    }

    async fn since(&mut self, newest: Seq) -> Result<Vec<Kept>, QueueError> {
        let messages = sqlx::query_as::<_, (Seq, u16, i64)>(
            "SELECT seq, lane, jobs FROM messages WHERE seq > ? ORDER BY seq",
        );
        let rows = messages.bind(newest).fetch_all(&mut self.connection).await;
        let kept = |(seq, lane, jobs)| Kept { seq, lane: Lane(lane), jobs: unsigned(jobs) };
        let rows = rows.map_err(|cause| failure(&self.doing, &cause))?;
        Ok(rows.into_iter().map(kept).collect())
    }

    async fn close_hard(self) -> Result<(), QueueError> {
        let SqliteWriter { connection, doing } = self;
        connection.close_hard().await.map_err(|cause| failure(&doing, &cause))
    }

    /// Folds the log into the file.
    async fn close(self) -> Result<(), QueueError> {
        let SqliteWriter { connection, doing } = self;
        connection.close().await.map_err(|cause| failure(&doing, &cause))
    }
}

/// A transaction of it.
pub struct SqliteTransaction<'c> {
    transaction: sqlx::Transaction<'c, Sqlite>,
    doing: &'c str,
}

impl SqliteTransaction<'_> {
    fn checked<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, QueueError> {
        done.map_err(|cause| failure(self.doing, &cause))
    }
}

impl Transaction for SqliteTransaction<'_> {
    async fn append(&mut self, lane: Lane, envelope: &[u8], jobs: u64) -> Result<Seq, QueueError> {
        let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
        let message = sqlx::query("INSERT INTO messages (lane, jobs, envelope) VALUES (?, ?, ?)");
        let message = message.bind(lane.0).bind(jobs).bind(envelope);
        let appended = message.execute(&mut *self.transaction).await;
        Ok(self.checked(appended)?.last_insert_rowid())
    }

    async fn remove_through(&mut self, lane: Lane, through: Seq) -> Result<(), QueueError> {
        let messages = sqlx::query("DELETE FROM messages WHERE lane = ? AND seq <= ?");
        let removed = messages.bind(lane.0).bind(through).execute(&mut *self.transaction).await;
        self.checked(removed).map(drop)
    }

    async fn remove(&mut self, seq: Seq) -> Result<(), QueueError> {
        let message = sqlx::query("DELETE FROM messages WHERE seq = ?").bind(seq);
        let removed = message.execute(&mut *self.transaction).await;
        self.checked(removed).map(drop)
    }

    async fn append_events(&mut self, batch: &[u8], at: Timestamp) -> Result<Seq, QueueError> {
        let message = sqlx::query("INSERT INTO events (at_microsecond, batch) VALUES (?, ?)");
        let message = message.bind(at.as_microsecond()).bind(batch);
        let appended = message.execute(&mut *self.transaction).await;
        Ok(self.checked(appended)?.last_insert_rowid())
    }

    async fn forget_events(&mut self, through: Seq) -> Result<(), QueueError> {
        let messages = sqlx::query("DELETE FROM events WHERE seq <= ?").bind(through);
        let removed = messages.execute(&mut *self.transaction).await;
        self.checked(removed).map(drop)
    }

    async fn keep(&mut self, letter: &DeadLetter) -> Result<(), QueueError> {
        let kept = sqlx::query(
            "INSERT INTO dead_letters (id, lane, cause, at_microsecond, payload) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&letter.id)
        .bind(letter.lane.0)
        .bind(&letter.cause)
        .bind(letter.at.as_microsecond())
        .bind(&letter.payload[..])
        .execute(&mut *self.transaction)
        .await;
        self.checked(kept).map(drop)
    }

    async fn discard(&mut self, id: &str) -> Result<bool, QueueError> {
        let letter = sqlx::query("DELETE FROM dead_letters WHERE id = ?").bind(id);
        let discarded = letter.execute(&mut *self.transaction).await;
        Ok(self.checked(discarded)?.rows_affected() > 0)
    }

    async fn commit(self) -> Result<(), QueueError> {
        self.transaction.commit().await.map_err(|cause| failure(self.doing, &cause))
    }
}
