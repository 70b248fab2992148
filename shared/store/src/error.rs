//! Why the database did not do what was asked: one error for the ledger and for all that is kept beside it.

/// Why the ledger did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
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
    #[error("the ledger cannot go on until somebody repairs this: {0}")]
    Obstructed(String),
    /// The user of the database lacks a right, which the message names with the statement that grants it. No job is at
    /// fault: those that need the right wait until it is granted.
    #[error("the ledger is not available: {0}")]
    RightMissing(String),
    /// The server lets nobody in by the URL of the database: it has no such database, or not this user with this password.
    /// Waiting mends nothing, but an administrator may.
    #[error("the ledger is not available: {0}")]
    ShutOut(String),
    /// The same will never work.
    #[error("the ledger refused: {0}")]
    Permanent(String),
}

impl StoreError {
    /// Whether a part of the batch may fare better than all of it.
    pub fn may_concern_a_part(&self) -> bool {
        matches!(
            self,
            StoreError::TimedOut(_)
                | StoreError::Obstructed(_)
                | StoreError::RightMissing(_)
                | StoreError::Permanent(_)
        )
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
    pub fn setting(&self) -> Option<&'static str> {
        match self.pool.as_str() {
            "primary" => Some("DB_POOL_SIZE"),
            "reads" => Some("DB_READONLY_POOL_SIZE"),
            "analytics" => Some("DB_ANALYTICS_POOL_SIZE"),
            _ => None,
        }
    }
}
