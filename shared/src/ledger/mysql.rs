//! The ledger on MySQL 8.4 or 9.x, or on MariaDB 10.11 or later: the books of a fleet.

mod eras;
pub(super) mod errors;
mod pools;
mod posting;
mod reads;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::eras::Eras;
use self::pools::Pools;
use self::posting::MySqlTransaction;
use super::failure::Failure;
use super::post::{self, Store};
use super::{Audit, EntryRecord, JobRecord, Ledger, LedgerError, Totals};
use crate::domain::account::{Account, AccountNumber};
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::lane::{Lane, Lanes};
use crate::domain::outcome::Outcome;

/// How long [`Ledger::ready`] waits for an answer.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
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
            pool_timeout: Duration::from_secs(30),
        }
    }
}

/// The books on MySQL or MariaDB.
#[derive(Debug, Clone)]
pub struct MySqlLedger {
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
        Ok(MySqlLedger { pools: Pools::connect(config)?, eras: Arc::default() })
    }
}

impl Store for MySqlLedger {
    type Transaction = MySqlTransaction;

    async fn begin(&self) -> Result<MySqlTransaction, Failure> {
        self.eras.tend(&self.pools).await;
        let connection = self.pools.acquire(&self.pools.primary).await?;
        Ok(MySqlTransaction::new(connection, self.eras.current()))
    }
}

#[async_trait]
impl Ledger for MySqlLedger {
    async fn migrate(&self, lanes: Lanes) -> Result<(), LedgerError> {
        schema::migrate(&self.pools, lanes).await
    }

    async fn check(&self, lanes: Lanes) -> Result<(), LedgerError> {
        schema::check(&self.pools, lanes).await
    }

    async fn post(&self, lane: Lane, jobs: &[Job]) -> Result<Vec<Outcome>, LedgerError> {
        post::post(self, lane, jobs).await
    }

    async fn record_dead(&self, lane: Lane, job: &Job, cause: &str) -> Result<(), LedgerError> {
        Ok(self.begin().await?.record_dead(lane, job, cause).await?)
    }

    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, LedgerError> {
        Ok(reads::job(&self.pools, id).await?)
    }

    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, LedgerError> {
        Ok(reads::account(&self.pools, number).await?)
    }

    async fn entries(
        &self,
        number: &AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<EntryRecord>>, LedgerError> {
        Ok(reads::entries(&self.pools, number, before, limit).await?)
    }

    async fn expired_holds(&self, now: i64, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, LedgerError> {
        Ok(reads::expired_holds(&self.pools, now, limit).await?)
    }

    async fn totals(&self) -> Result<Totals, LedgerError> {
        Ok(reads::totals(&self.pools).await?)
    }

    async fn audit(&self) -> Result<Audit, LedgerError> {
        todo!()
    }

    async fn ready(&self) -> Result<(), LedgerError> {
        let answered = tokio::time::timeout(READY_TIMEOUT, reads::ping(&self.pools)).await;
        let unanswered = |_| Failure::Transient(format!("the database did not answer in {READY_TIMEOUT:?}"));
        Ok(answered.map_err(unanswered)??)
    }

    async fn close(&self) {
        self.pools.close().await;
    }
}
