//! The ledger on MySQL 8.4 or 9.x, or on MariaDB 10.11 or later: the books of a fleet.

mod address;
mod durability;
mod eras;
pub(super) mod errors;
mod pools;
mod schema;
mod server;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use contract::report::PoolReport;
use sqlx::migrate::Migrator;

pub(super) use self::eras::ERA_ENTRIES;
use self::eras::Eras;
use self::pools::Pools;
use self::server::Lease;
use super::failure::Failure;
use super::sql::{Database, Purpose, SqlLedger};
use super::{Durability, LedgerError};

/// Where the database is, and how many connections it is worth.
#[derive(Debug, Clone)]
pub struct MySqlConfig {
    /// `mysql://USER:PASSWORD@HOST:PORT/NAME` of the primary.
    pub url: String,
    /// The same of a replica for single reads; `None`: the primary.
    pub readonly_url: Option<String>,
    /// The same of a replica for audits and totals; `None`: that for single reads.
    pub analytics_url: Option<String>,
    /// Connections to the primary.
    pub pool_size: u32,
    /// Connections above that at peaks; closed when they have been idle for a minute.
    pub max_overflow: u32,
    /// Connections for single reads.
    pub readonly_pool_size: u32,
    /// Connections for audits, totals and analyses.
    pub analytics_pool_size: u32,
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
    /// Post to a server too that may forget at a power cut what it has committed.
    pub allow_weak_durability: bool,
}

impl MySqlConfig {
    /// One server for everything, with the default pools.
    #[must_use]
    pub fn new(url: impl Into<String>) -> MySqlConfig {
        MySqlConfig {
            url: url.into(),
            readonly_url: None,
            analytics_url: None,
            pool_size: 50,
            max_overflow: 100,
            readonly_pool_size: 10,
            analytics_pool_size: 5,
            pool_timeout: Duration::from_secs(30),
            allow_weak_durability: false,
        }
    }
}

/// The books on MySQL or MariaDB.
pub type MySqlLedger = SqlLedger<MySqlDatabase>;

/// A MySQL or MariaDB server, or a primary with replicas.
#[derive(Debug, Clone)]
pub struct MySqlDatabase {
    pools: Pools,
    eras: Arc<Eras>,
}

impl MySqlLedger {
    /// Prepares the pools. Nothing connects before it is needed, so a process starts while the database
    /// is away.
    ///
    /// # Errors
    /// A URL is none.
    pub fn connect(config: &MySqlConfig) -> Result<MySqlLedger, LedgerError> {
        let database = MySqlDatabase { pools: Pools::connect(config)?, eras: Arc::default() };
        Ok(SqlLedger { database, reading: Purpose::Reading })
    }
}

impl Database for MySqlDatabase {
    type Session = Lease;

    async fn session(&self, purpose: Purpose) -> Result<Self::Session, Failure> {
        self.pools.acquire(purpose).await
    }

    async fn maintain_partitions(&self) {
        self.eras.maintain_partitions(&self.pools).await;
    }

    fn era(&self) -> i64 {
        self.eras.current()
    }

    fn migrator(&self) -> &'static Migrator {
        &schema::MIGRATOR
    }

    async fn migrate(&self) -> Result<(), LedgerError> {
        schema::migrate(self.pools.acquire(Purpose::Posting).await?).await
    }

    fn reads_replica(&self) -> bool {
        self.pools.reads_replica()
    }

    async fn look_at_durability(&self) -> Result<(), Failure> {
        self.pools.look_at_durability().await
    }

    fn durability(&self) -> Option<Arc<Durability>> {
        self.pools.durability()
    }

    fn pools(&self) -> Vec<PoolReport> {
        self.pools.report()
    }

    async fn close(&self) {
        self.pools.close().await;
    }
}
