//! The file in SQLite, and what is read of it.

mod connection;

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use domain::lane::Lane;
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tracing::warn;

use self::connection::SqliteWriter;
use super::port::{KeptEvents, KeptLane, Message, Seq, Storage, StoredEvents};
use super::work::WORK;
use crate::{DeadLetter, QueueError};

/// Connections that read beside the one that writes: subscriptions fetch many messages at a time.
const READ_CONNECTIONS: u32 = 2;
/// Bytes to which the write-ahead log shrinks back after a burst.
const LOG_BYTES_MAX: &str = "67108864";
/// How long to wait for a file that another connection holds; only a checkpoint does, briefly.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Messages keep their number for ever (`AUTOINCREMENT`): one that came after a deleted one must not
/// take its place.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        lane INTEGER NOT NULL,
        jobs INTEGER NOT NULL,
        envelope BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS messages_by_lane ON messages (lane, seq, jobs);
    CREATE TABLE IF NOT EXISTS dead_letters (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        lane INTEGER NOT NULL,
        cause TEXT NOT NULL,
        at_microsecond INTEGER NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at_microsecond INTEGER NOT NULL,
        batch BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS events_by_size ON events (seq, at_microsecond, length(batch));
    CREATE TABLE IF NOT EXISTS trial (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        filling BLOB NOT NULL
    ) STRICT;
";

/// What to do with a file that is damaged beyond its indexes.
const WAY_OUT: &str = "; the file is damaged: move it away and start without it, write what can still be read of it \
                       to another file (sqlite3 DAMAGED .recover | sqlite3 OTHER), and have the jobs of that time \
                       sent again: what was posted is not posted twice";

/// Where the file is, how it is opened, and the connections that read.
#[derive(Clone)]
pub struct Store {
    options: SqliteConnectOptions,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, which is made where there is none, and mends it where it is damaged.
    pub(super) async fn open(path: &Path) -> Result<Store, QueueError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", LOG_BYTES_MAX)
            .busy_timeout(BUSY_TIMEOUT);
        let opened = async {
            let mut writer = connect(&options).await?;
            mend(&mut writer).await?;
            let readers = SqlitePoolOptions::new().max_connections(READ_CONNECTIONS);
            let readers = readers.connect_with(options.clone()).await?;
            writer.close().await?;
            Ok(readers)
        };
        match opened.await {
            Ok(readers) => Ok(Store { options, readers }),
            Err(cause) => {
                let way_out = if is_damage(&cause) { WAY_OUT } else { "" };
                let path = path.display();
                Err(QueueError::Failed(format!("the queue's file {path} cannot be opened: {cause}{way_out}")))
            }
        }
    }
}

/// A connection that writes.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
    Ok(connection)
}

impl Storage for Store {
    type Connection = SqliteWriter;

    fn name(&self) -> String {
        self.options.get_filename().display().to_string()
    }

    async fn connect(&self) -> Result<SqliteWriter, QueueError> {
        let doing = format!("writing to {}", self.name());
        match connect(&self.options).await {
            Ok(connection) => Ok(SqliteWriter::new(connection, doing)),
            Err(cause) => Err(failure(&doing, &cause)),
        }
    }

    async fn lanes(&self) -> Result<Vec<KeptLane>, QueueError> {
        let lanes = sqlx::query(
            "SELECT lane, count(*), sum(jobs), max(seq) FROM messages WHERE lane <> ? GROUP BY lane ORDER BY lane",
        )
        .bind(WORK.0);
        let rows =
            lanes.fetch_all(&self.readers).await.map_err(|cause| failure("counting messages", &cause))?;
        let lanes = rows.iter().map(|row| {
            Ok(KeptLane {
                lane: Lane(row.try_get(0)?),
                messages: unsigned(row.try_get(1)?),
                jobs: unsigned(row.try_get(2)?),
                newest: row.try_get(3)?,
            })
        });
        lanes.collect::<Result<_, sqlx::Error>>().map_err(|cause| failure("counting messages", &cause))
    }

    async fn messages(
        &self,
        lane: Lane,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> Result<Vec<Message>, QueueError> {
        let messages = sqlx::query_as::<_, (Seq, i64, Vec<u8>)>(
            "SELECT seq, jobs, envelope FROM messages WHERE lane = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        );
        let rows = messages
            .bind(lane.0)
            .bind(numbers.start())
            .bind(numbers.end())
            .bind(limit)
            .fetch_all(&self.readers)
            .await;
        let rows = rows.map_err(|cause| failure(&format!("reading {lane}"), &cause))?;
        let message = |(seq, jobs, envelope): (_, _, Vec<u8>)| Message {
            seq,
            jobs: unsigned(jobs),
            envelope: envelope.into(),
        };
        Ok(rows.into_iter().map(message).collect())
    }

    async fn numbers(&self, lane: Lane) -> Result<Vec<Seq>, QueueError> {
        let numbers = sqlx::query_scalar("SELECT seq FROM messages WHERE lane = ? ORDER BY seq").bind(lane.0);
        numbers.fetch_all(&self.readers).await.map_err(|cause| failure("counting messages", &cause))
    }

    async fn kept_events(&self) -> Result<Vec<KeptEvents>, QueueError> {
        let parts = sqlx::query_as::<_, (Seq, i64, i64)>(
            "SELECT max(seq), sum(length(batch)), max(at_microsecond) FROM events \
             GROUP BY seq / 1000 ORDER BY max(seq)",
        );
        let rows = parts.fetch_all(&self.readers).await;
        let rows = rows.map_err(|cause| failure("counting events", &cause))?;
        let part = |(last, bytes, at)| KeptEvents {
            last,
            bytes: unsigned(bytes),
            newest_at: Timestamp::from_microsecond(at).unwrap_or_default(),
        };
        Ok(rows.into_iter().map(part).collect())
    }

    async fn events(
        &self,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> Result<Vec<StoredEvents>, QueueError> {
        let messages = sqlx::query_as::<_, (Seq, Vec<u8>)>(
            "SELECT seq, batch FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        );
        let messages = messages.bind(*numbers.start()).bind(*numbers.end()).bind(limit);
        let rows = messages.fetch_all(&self.readers).await;
        let rows = rows.map_err(|cause| failure("reading events", &cause))?;
        Ok(rows.into_iter().map(|(seq, batch)| StoredEvents { seq, batch: batch.into() }).collect())
    }

    async fn events_since(&self, time: Timestamp) -> Result<Option<Seq>, QueueError> {
        let first = sqlx::query_scalar("SELECT min(seq) FROM events WHERE at_microsecond >= ?");
        let first = first.bind(time.as_microsecond()).fetch_one(&self.readers).await;
        first.map_err(|cause| failure("looking for events", &cause))
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM dead_letters").fetch_one(&self.readers).await;
        count.map(unsigned).map_err(|cause| failure("counting dead letters", &cause))
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let oldest = sqlx::query_as::<_, LetterRow>(
            "SELECT id, lane, cause, at_microsecond, payload FROM dead_letters ORDER BY seq LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        letters(oldest.bind(limit).fetch_all(&self.readers).await)
    }

    async fn dead_letters_of(&self, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
        let one = sqlx::query_as::<_, LetterRow>(
            "SELECT id, lane, cause, at_microsecond, payload FROM dead_letters WHERE id = ?",
        );
        letters(one.bind(id).fetch_all(&self.readers).await)
    }

    async fn close(&self) {
        self.readers.close().await;
    }
}

type LetterRow = (String, u16, String, i64, Vec<u8>);

fn letters(rows: Result<Vec<LetterRow>, sqlx::Error>) -> Result<Vec<DeadLetter>, QueueError> {
    let rows = rows.map_err(|cause| failure("reading dead letters", &cause))?;
    let letter = |(id, lane, cause, at, payload): LetterRow| DeadLetter {
        id,
        lane: Lane(lane),
        cause,
        at: Timestamp::from_microsecond(at).unwrap_or_default(),
        payload: payload.into(),
    };
    Ok(rows.into_iter().map(letter).collect())
}

/// Looks for damage. An index that does not agree with its table is built anew: with a wrong one messages are there,
/// and nobody finds them. What a message holds is checked where it is read.
///
/// # Errors
/// The file is damaged beyond that, or cannot be read.
async fn mend(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let Err(damage) = look_for_damage(connection).await else { return Ok(()) };
    warn!("the queue's file is damaged, and its indexes are built anew: {damage}");
    sqlx::raw_sql("REINDEX").execute(&mut *connection).await?;
    look_for_damage(connection).await.map_err(sqlx::Error::Protocol)
}

fn is_damage(cause: &sqlx::Error) -> bool {
    match cause {
        // What `look_for_damage` found.
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(cause) => {
            let code = cause.code().and_then(|code| code.parse::<u32>().ok());
            // CORRUPT, NOTADB: the low byte is the primary code, <https://www.sqlite.org/rescode.html>.
            code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
        }
        _ => false,
    }
}

async fn look_for_damage(connection: &mut SqliteConnection) -> Result<(), String> {
    let found = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)").fetch_one(connection).await;
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(found),
        Err(cause) => Err(cause.to_string()),
    }
}

fn failure(doing: &str, cause: &sqlx::Error) -> QueueError {
    QueueError::Failed(format!("{doing} failed in the queue's file: {cause}"))
}

/// SQLite's numbers are signed; a count is not.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
