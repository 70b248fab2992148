//! Why a transaction did not commit, as far as it decides what to do next.

pub(crate) mod mysql;
pub(crate) mod sqlite;

use runtime::tls::{self, Peer};
use sqlx::mysql::MySqlDatabaseError;
use strum::IntoStaticStr;

use crate::error::{PoolExhausted, StoreError};

const DATABASE: Peer = Peer {
    setting: "DATABASE_URL",
    plain: "ssl-mode=DISABLED in it",
    any_name: Some("ssl-mode=VERIFY_CA in it"),
};

/// What an adapter makes of its database's errors, by their numbers, never by their text.
#[derive(Debug, Clone, thiserror::Error, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Failure {
    /// A deadlock: all of it again, soon.
    #[error("{0}")]
    Deadlock(String),
    /// A lock that was not to be had in time: all of it again, soon.
    #[error("{0}")]
    LockWait(String),
    /// A key appeared meanwhile that was not there when the batch looked: read again.
    #[error("{0}")]
    #[strum(serialize = "id_met")]
    DuplicateKey(String),
    /// An account has another key than it had, or one now that had none: another transaction opened it, or another database
    /// is there, or an older state of it. Read again.
    #[error("{0}")]
    KeyMoved(String),
    /// The database is away, full or not the one that was asked for: the same may work later.
    #[error("{0}")]
    #[strum(serialize = "unavailable")]
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
    /// The user of the database lacks a right. No job is at fault, and those that do without the right can be posted.
    #[error("{0}")]
    RightMissing(String),
    /// The server lets nobody in by this URL: the database is not there, or the user, or the password is another.
    #[error("{0}")]
    ShutOut(String),
    /// The same will never work.
    #[error("{0}")]
    #[strum(serialize = "refused")]
    Permanent(String),
}

impl Failure {
    /// Whether the transaction should be tried again at once.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Failure::Deadlock(_) | Failure::LockWait(_) | Failure::DuplicateKey(_) | Failure::KeyMoved(_)
        )
    }

    /// Why it is tried again, as metrics label it.
    pub fn reason(&self) -> &'static str {
        self.into()
    }

    /// A value in the database that is not one of ours: a newer release wrote it, or somebody changed it.
    pub(crate) fn unreadable(what: &str, value: impl std::fmt::Debug) -> Failure {
        Failure::Obstructed(format!("the database holds {value:?}, which is no {what}"))
    }
}

impl From<Failure> for StoreError {
    /// What is left when all attempts are spent. A key that goes on colliding though it was read anew
    /// is no race but a fault in the ledger, which no job has caused.
    fn from(failure: Failure) -> StoreError {
        match failure {
            Failure::Deadlock(why)
            | Failure::LockWait(why)
            | Failure::KeyMoved(why)
            | Failure::Transient(why)
            | Failure::ReadOnly(why) => StoreError::Transient(why),
            Failure::PoolExhausted(exhausted) => StoreError::PoolExhausted(exhausted),
            Failure::TimedOut(why) => StoreError::TimedOut(why),
            Failure::DuplicateKey(why) | Failure::Obstructed(why) => StoreError::Obstructed(why),
            Failure::RightMissing(why) => StoreError::RightMissing(why),
            Failure::ShutOut(why) => StoreError::ShutOut(why),
            Failure::Permanent(why) => StoreError::Permanent(why),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        match &error {
            sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
                Some(error) => mysql::of_number(error.number(), error.message()),
                None => sqlite::of_code(database.code().as_deref(), database.message()),
            },
            sqlx::Error::PoolTimedOut => Failure::Transient(
                "no connection to the database could be made in time; check that the database runs and accepts more connections"
                    .to_owned(),
            ),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                let why = tls::explain(&error, &DATABASE);
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
