//! The ledger on MySQL 8.4 or 9.x, or on MariaDB 10.11 or later: the books of a fleet.

pub(crate) mod address;
mod config;
mod durability;
mod eras;
mod examination;
pub(crate) mod nodelay;
mod pools;
mod schema;
mod server;
mod standing;

use std::sync::Arc;

use contract::report::PoolReport;
use sqlx::migrate::Migrator;

pub use self::address::{Exposure, exposure};
pub use self::config::MySqlConfig;
use self::eras::Eras;
pub use self::examination::{Examination, examine};
use self::pools::Pools;
use self::server::Lease;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::ledger::durability::Durability;
use crate::sql::account_keys::AccountKeys;
use crate::sql::session::{Database, Purpose, SqlLedger};

/// The books on MySQL or MariaDB.
pub type MySqlLedger = SqlLedger<MySqlDatabase>;

/// A MySQL or MariaDB server, or a primary with replicas.
#[derive(Debug, Clone)]
pub struct MySqlDatabase {
    pools: Pools,
    eras: Arc<Eras>,
    account_keys: Arc<AccountKeys>,
}

impl MySqlLedger {
    /// Prepares the pools. Nothing connects before it is needed, so a process starts while the database
    /// is away.
    ///
    /// # Errors
    /// A URL is none.
    pub fn connect(config: &MySqlConfig) -> Result<MySqlLedger, StoreError> {
        let database = MySqlDatabase {
            pools: Pools::connect(config)?,
            eras: Arc::default(),
            account_keys: Arc::default(),
        };
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

    fn account_keys(&self) -> Option<Arc<AccountKeys>> {
        Some(self.account_keys.clone())
    }

    fn migrator(&self) -> &'static Migrator {
        &schema::MIGRATOR
    }

    async fn migrate(&self) -> Result<(), StoreError> {
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
