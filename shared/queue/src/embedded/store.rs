//! The file and every statement on it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use domain::lane::Lane;
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tracing::warn;

use super::work::WORK;
use crate::{DeadLetter, QueueError};

/// Grows with every message of the file, across lanes.
pub(super) type Seq = i64;

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
    CREATE TABLE IF NOT EXISTS trial (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        filling BLOB NOT NULL
    ) STRICT;
";

/// Bytes that a trial writes: about those of a commit under load, so that a disk with room for a page is not yet
/// taken for one with room.
const TRIAL_BYTES: i64 = 262_144;

/// What a lane holds on disk.
pub(super) struct KeptLane {
    pub(super) lane: Lane,
    pub(super) messages: u64,
    pub(super) jobs: u64,
    pub(super) newest: Seq,
}

/// One message.
pub(super) struct Message {
    pub(super) seq: Seq,
    pub(super) jobs: u64,
    pub(super) envelope: Bytes,
}

/// What to do with a file that is damaged beyond its indexes.
const WAY_OUT: &str = "; the file is damaged: move it away and start without it, write what can still be read of it \
                       to another file (sqlite3 DAMAGED .recover | sqlite3 OTHER), and have the jobs of that time \
                       sent again: what was posted is not posted twice";

/// One message that is on disk.
pub(super) struct Kept {
    pub(super) seq: Seq,
    pub(super) lane: Lane,
    pub(super) jobs: u64,
}

/// Where the file is and how it is opened.
pub(super) struct StoreFile(SqliteConnectOptions);

impl StoreFile {
    pub(super) fn at(path: &Path) -> StoreFile {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", LOG_BYTES_MAX)
            .busy_timeout(BUSY_TIMEOUT);
        StoreFile(options)
    }

    /// A connection that writes.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = self.0.connect().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        Ok(connection)
    }

    pub(super) fn failure(&self, cause: &sqlx::Error) -> QueueError {
        failure(&format!("writing to {}", self.0.get_filename().display()), cause)
    }
}

/// The connections that read.
#[derive(Clone)]
pub(super) struct Store {
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, which is made where there is none, and returns the connection that writes, too.
    pub(super) async fn open(file: &StoreFile) -> Result<(Store, SqliteConnection), QueueError> {
        let opened = async {
            let mut writer = file.connect().await?;
            mend(&mut writer).await?;
            let readers = SqlitePoolOptions::new().max_connections(READ_CONNECTIONS);
            Ok((Store { readers: readers.connect_with(file.0.clone()).await? }, writer))
        };
        opened.await.map_err(|cause: sqlx::Error| {
            let path = file.0.get_filename().display();
            let way_out = if is_damage(&cause) { WAY_OUT } else { "" };
            QueueError::Failed(format!("the queue's file {path} can not be opened: {cause}{way_out}"))
        })
    }

    pub(super) async fn lanes(&self) -> Result<Vec<KeptLane>, QueueError> {
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

    /// The oldest `limit` messages of a lane with these numbers.
    pub(super) async fn messages(
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

    /// The numbers of the messages of a lane, the oldest first.
    pub(super) async fn numbers(&self, lane: Lane) -> Result<Vec<Seq>, QueueError> {
        let numbers = sqlx::query_scalar("SELECT seq FROM messages WHERE lane = ? ORDER BY seq").bind(lane.0);
        numbers.fetch_all(&self.readers).await.map_err(|cause| failure("counting messages", &cause))
    }

    /// The message of a lane with this number.
    pub(super) async fn message(&self, lane: Lane, seq: Seq) -> Result<Option<Bytes>, QueueError> {
        Ok(self.messages(lane, seq..=seq, 1).await?.pop().map(|message| message.envelope))
    }

    pub(super) async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM dead_letters").fetch_one(&self.readers).await;
        count.map(unsigned).map_err(|cause| failure("counting dead letters", &cause))
    }

    pub(super) async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let oldest = sqlx::query_as::<_, LetterRow>(
            "SELECT id, lane, cause, at_microsecond, payload FROM dead_letters ORDER BY seq LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        letters(oldest.bind(limit).fetch_all(&self.readers).await)
    }

    pub(super) async fn dead_letters_of(&self, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
        let one = sqlx::query_as::<_, LetterRow>(
            "SELECT id, lane, cause, at_microsecond, payload FROM dead_letters WHERE id = ?",
        );
        letters(one.bind(id).fetch_all(&self.readers).await)
    }

    pub(super) async fn close(&self) {
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
/// The file is damaged beyond that, or can not be read.
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

/// Appends a message and returns its number.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    lane: Lane,
    envelope: &[u8],
    jobs: u64,
) -> Result<Seq, sqlx::Error> {
    let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
    let message = sqlx::query("INSERT INTO messages (lane, jobs, envelope) VALUES (?, ?, ?)");
    let appended = message.bind(lane.0).bind(jobs).bind(envelope).execute(connection).await?;
    Ok(appended.last_insert_rowid())
}

/// The messages behind `newest`, in their order.
pub(super) async fn since(connection: &mut SqliteConnection, newest: Seq) -> Result<Vec<Kept>, sqlx::Error> {
    let messages = sqlx::query_as::<_, (Seq, u16, i64)>(
        "SELECT seq, lane, jobs FROM messages WHERE seq > ? ORDER BY seq",
    );
    let rows = messages.bind(newest).fetch_all(connection).await?;
    let kept = |(seq, lane, jobs)| Kept { seq, lane: Lane(lane), jobs: unsigned(jobs) };
    Ok(rows.into_iter().map(kept).collect())
}

/// Copies the log into the file, as far as nobody reads it, and gives its room back.
pub(super) async fn shrink_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await?;
    Ok(())
}

/// Fails where the file has no room for what is written to it in a moment of load.
pub(super) async fn try_write(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let trial = sqlx::query(
        "INSERT INTO trial (only, filling) VALUES (1, randomblob(?))
         ON CONFLICT (only) DO UPDATE SET filling = excluded.filling",
    );
    trial.bind(TRIAL_BYTES).execute(connection).await?;
    Ok(())
}

/// Forgets the messages of a lane up to `through`.
pub(super) async fn remove_through(
    connection: &mut SqliteConnection,
    lane: Lane,
    through: Seq,
) -> Result<(), sqlx::Error> {
    let messages = sqlx::query("DELETE FROM messages WHERE lane = ? AND seq <= ?");
    messages.bind(lane.0).bind(through).execute(connection).await?;
    Ok(())
}

/// Forgets one message.
pub(super) async fn remove(connection: &mut SqliteConnection, seq: Seq) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM messages WHERE seq = ?").bind(seq).execute(connection).await?;
    Ok(())
}

/// Keeps a letter; one that is there already stays as it is.
pub(super) async fn keep(connection: &mut SqliteConnection, letter: &DeadLetter) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO dead_letters (id, lane, cause, at_microsecond, payload) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&letter.id)
    .bind(letter.lane.0)
    .bind(&letter.cause)
    .bind(letter.at.as_microsecond())
    .bind(&letter.payload[..])
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether there was a letter with this id.
pub(super) async fn discard(connection: &mut SqliteConnection, id: &str) -> Result<bool, sqlx::Error> {
    let letter = sqlx::query("DELETE FROM dead_letters WHERE id = ?").bind(id);
    Ok(letter.execute(connection).await?.rows_affected() > 0)
}

/// Closes the connection that writes, which folds the log into the file.
pub(super) async fn close(connection: SqliteConnection) -> Result<(), sqlx::Error> {
    connection.close().await
}

pub(super) fn failure(doing: &str, cause: &sqlx::Error) -> QueueError {
    QueueError::Failed(format!("{doing} failed in the queue's file: {cause}"))
}

/// SQLite's numbers are signed; a count is not.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
