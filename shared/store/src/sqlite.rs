//! The ledger on SQLite: the books of one machine, in one file, with nothing installed.

mod schema;

use std::path::Path;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use contract::report::PoolReport;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Pool, Sqlite};

use crate::error::StoreError;
use crate::failure::{self, Failure};
use crate::sql::group_commit::GroupCommit;
use crate::sql::pool::MeasuredPool;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::{self, Database, Purpose, Session, SqlLedger};

/// Connections that read beside the one that writes.
const READ_CONNECTIONS_MAX: u32 = 10;
/// How long a connection waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries to open a connection, spread over as long.
const OPEN_ATTEMPTS_MAX: u32 = 100;

/// Pages that the writer keeps in memory: 32 MiB, given in KiB below zero as SQLite wants it.
const WRITER_CACHE: &str = "-32768";
/// Pages to gather in the log before they are copied to the file: 16 MiB, so that a page which changes with
/// every batch is copied once for many of them.
const CHECKPOINT_PAGES: &str = "4096";

/// Rows that the thread of a connection hands over before it waits for the task that asked: as many as a
/// batch locks, so that neither wakes the other in between.
const ROWS_BUFFERED: usize = 512;

/// The books in a file.
pub type SqliteLedger = SqlLedger<SqliteDatabase>;

/// A file with one writer and many readers, which do not wait for each other (WAL).
#[derive(Debug, Clone)]
pub struct SqliteDatabase {
    writer: MeasuredPool<Sqlite>,
    readers: MeasuredPool<Sqlite>,
    group_commit: GroupCommit,
}

impl SqliteLedger {
    /// Opens the books in the file at `path`; makes it, and its folder, if they are not there.
    ///
    /// # Errors
    /// The folder could not be made.
    pub fn open(path: &Path) -> Result<SqliteLedger, StoreError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| {
                StoreError::Permanent(format!("the folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        // FULL: a commit is on the disk before it is answered.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_BUFFERED)
            .disable_statement_logging();
        let pool = |name: &'static str, connections_max: u32, options: SqliteConnectOptions| {
            let pool = SqlitePoolOptions::new().max_connections(connections_max).test_before_acquire(false);
            MeasuredPool::new(name, pool.connect_lazy_with(options))
        };
        let writer =
            options.clone().pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let writer = pool("writer", 1, writer);
        let readers = pool("readers", READ_CONNECTIONS_MAX, options);
        let database = SqliteDatabase { writer, readers, group_commit: GroupCommit::default() };
        Ok(SqlLedger { database, reading: Purpose::Reading })
    }
}

fn open_retries() -> ConstantBuilder {
    let delay = BUSY_TIMEOUT / OPEN_ATTEMPTS_MAX;
    ConstantBuilder::new().with_delay(delay).with_max_times(OPEN_ATTEMPTS_MAX as usize).with_jitter()
}

impl Database for SqliteDatabase {
    type Session = PoolConnection<Sqlite>;

    async fn session(&self, purpose: Purpose) -> Result<Self::Session, Failure> {
        let pool = match purpose {
            Purpose::Posting | Purpose::WritingRecords => &self.writer,
            Purpose::Reading | Purpose::Analysis | Purpose::ReadingRecords => &self.readers,
        };
        // A new file turns to WAL with its first connection, and that does not wait for whoever else opens
        // the file at the same moment (https://www.sqlite.org/wal.html, "Sometimes queries return
        // SQLITE_BUSY in WAL mode").
        let is_contended = |error: &sqlx::Error| match error {
            sqlx::Error::Database(database) => {
                matches!(failure::sqlite::of_code(database.code().as_deref(), ""), Failure::LockWait(_))
            }
            _ => false,
        };
        let patiently = async |pool: &Pool<Sqlite>| {
            (async || pool.acquire().await).retry(open_retries()).when(is_contended).await
        };
        pool.acquire(patiently).await
    }

    /// Nothing ever is due.
    async fn maintain_partitions(&self) {}

    fn group_commit(&self) -> Option<&GroupCommit> {
        Some(&self.group_commit)
    }

    /// All is one.
    fn era(&self) -> i64 {
        0
    }

    fn migrator(&self) -> &'static Migrator {
        &schema::MIGRATOR
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        schema::migrate(&mut self.session(Purpose::Posting).await?).await
    }

    fn reads_replica(&self) -> bool {
        false
    }

    fn pools(&self) -> Vec<PoolReport> {
        vec![self.writer.report(), self.readers.report()]
    }

    async fn close(&self) {
        tokio::join!(self.writer.close(), self.readers.close());
    }
}

impl Session for PoolConnection<Sqlite> {
    type Row = SqliteRow;

    const DIALECT: Dialect = Dialect::Sqlite;

    async fn run(&mut self, script: Script) -> Result<Vec<Vec<SqliteRow>>, Failure> {
        session::run(&mut **self, script.into_text()).await
    }

    fn abandon(&mut self) {
        self.close_on_drop();
    }
}
