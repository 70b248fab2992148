//! Why a transaction did not commit, as far as it decides what to do next, and what the ledger says of it.

use sqlx::mysql::MySqlDatabaseError;

/// Why the ledger did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The database is away, busy or overtaken; the same may work later.
    #[error("the ledger is not available: {0}")]
    Transient(String),
    /// Every connection of a pool was in use for as long as a task may wait for one.
    #[error("the ledger is not available: {0}")]
    PoolExhausted(PoolExhausted),
    /// The database did not answer in time; a smaller batch may be done in time.
    #[error("the ledger is not available: {0}")]
    TimedOut(String),
    /// No job is at fault, yet at least one cannot go on until somebody mends what is in its way: a row that this
    /// release cannot read, a packet that is too large for the server.
    #[error("the ledger cannot go on until this is mended: {0}")]
    Obstructed(String),
    /// The same will never work.
    #[error("the ledger refused: {0}")]
    Permanent(String),
}

impl LedgerError {
    /// Whether a part of the batch may fare better than all of it.
    #[must_use]
    pub fn may_concern_a_part(&self) -> bool {
        matches!(self, LedgerError::TimedOut(_) | LedgerError::Obstructed(_) | LedgerError::Permanent(_))
    }
}

/// A pool of which every connection is in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "every connection of the pool `{pool}` ({size_max}) is in use; try again later{}",
    self.setting().map_or_else(String::new, |setting| format!(
        ", or raise {setting} (connections) or DB_POOL_TIMEOUT (seconds to wait for one)"
    ))
)]
pub struct PoolExhausted {
    /// The pool's name.
    pub pool: String,
    /// How many connections it may have.
    pub size_max: u32,
}

impl PoolExhausted {
    /// The setting that says how many connections the pool has, if there is one.
    #[must_use]
    pub fn setting(&self) -> Option<&'static str> {
        match self.pool.as_str() {
            "primary" => Some("DB_POOL_SIZE"),
            "reads" => Some("DB_READONLY_POOL_SIZE"),
            "analytics" => Some("DB_ANALYTICS_POOL_SIZE"),
            _ => None,
        }
    }
}

/// What an adapter makes of its database's errors, by their numbers, never by their text.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// A deadlock: all of it again, soon.
    #[error("{0}")]
    Deadlock(String),
    /// A lock that was not to be had in time: all of it again, soon.
    #[error("{0}")]
    LockWait(String),
    /// A key appeared meanwhile that was not there when the batch looked: read again.
    #[error("{0}")]
    DuplicateKey(String),
    /// The database is away, full or not the one that was asked for: the same may work later.
    #[error("{0}")]
    Transient(String),
    /// The server takes no writes: another one may be behind the same address by now.
    #[error("{0}")]
    ReadOnly(String),
    /// Every connection of a pool was in use for too long: the same may work later.
    #[error("{0}")]
    PoolExhausted(PoolExhausted),
    /// The database took longer than an attempt may: a smaller batch may be done in time.
    #[error("{0}")]
    TimedOut(String),
    /// Something that is no job's fault, and that may stand in the way of a part of the batch only.
    #[error("{0}")]
    Obstructed(String),
    /// The same will never work.
    #[error("{0}")]
    Permanent(String),
}

impl Failure {
    /// Whether the transaction should be tried again at once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Failure::Deadlock(_) | Failure::LockWait(_) | Failure::DuplicateKey(_))
    }

    /// Why it is tried again, as metrics label it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Failure::Deadlock(_) => "deadlock",
            Failure::LockWait(_) => "lock_wait",
            Failure::DuplicateKey(_) => "id_met",
            Failure::Transient(_) => "unavailable",
            Failure::ReadOnly(_) => "read_only",
            Failure::PoolExhausted(_) => "pool_exhausted",
            Failure::TimedOut(_) => "timed_out",
            Failure::Obstructed(_) => "obstructed",
            Failure::Permanent(_) => "refused",
        }
    }

    /// A value in the database that is not one of ours: a newer release wrote it, or somebody changed it.
    pub(super) fn unreadable(what: &str, value: impl std::fmt::Debug) -> Failure {
        Failure::Obstructed(format!("the database holds {value:?}, which is no {what}"))
    }
}

impl From<Failure> for LedgerError {
    /// What is left when all attempts are spent. A key that goes on colliding though it was read anew
    /// is no race but a fault in the books, which no job has caused.
    fn from(failure: Failure) -> LedgerError {
        match failure {
            Failure::Deadlock(why)
            | Failure::LockWait(why)
            | Failure::Transient(why)
            | Failure::ReadOnly(why) => LedgerError::Transient(why),
            Failure::PoolExhausted(exhausted) => LedgerError::PoolExhausted(exhausted),
            Failure::TimedOut(why) => LedgerError::TimedOut(why),
            Failure::DuplicateKey(why) | Failure::Obstructed(why) => LedgerError::Obstructed(why),
            Failure::Permanent(why) => LedgerError::Permanent(why),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        match &error {
            sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
                Some(mysql) => super::mysql::errors::of_number(mysql.number(), mysql.message()),
                None => super::sqlite::errors::of_code(database.code().as_deref(), database.message()),
            },
            sqlx::Error::PoolTimedOut => Failure::Transient(
                "no connection to the database could be made in time; see that it runs and takes more of them"
                    .to_owned(),
            ),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                let why = runtime::tls::explain(&error, "DATABASE_URL", "ssl-mode=DISABLED in it");
                Failure::Transient(format!("connection to the database: {}", why.unwrap_or_else(|| error.to_string())))
            }
            // A row that has not the form that this release reads.
            sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_) => Failure::Obstructed(format!("the database holds what this release cannot read: {error}")),
            // None of these is made of what a job says.
            _ => Failure::Transient(error.to_string()),
        }
    }
}
