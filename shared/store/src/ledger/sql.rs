//! The ledger on a relational database. All that MySQL and SQLite share is here: what is locked, read and
//! written, and in which order. An adapter brings its connections, its schema, and a [`Dialect`].

mod analyses;
mod entry_ranges;
mod former_ids;
mod freshness;
mod imports;
mod listings;
pub(super) mod pages;
pub(super) mod pool;
mod posting;
mod prefetches;
mod reads;
mod records;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod script;
mod statements;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt as _, TryStreamExt};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Either};

pub(super) use reads::newest_era;
pub(super) use rows::Cells;
pub(super) use script::{Dialect, Script, Value};

use contract::report::PoolReport;
use domain::account::{Account, AccountNumber};
use domain::id::JobId;
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, Recorded};
use domain::text::Client;
use runtime::clock;

use self::pages::Snapshot;
use self::posting::SqlTransaction;
use super::failure::Failure;
use super::post::{self, Store};
use super::sqlite::{GroupCommit, PostsAtOnce};
use super::{
    Audit, Durability, EntryRange, EntryRecord, FormerIds, Freshness, JobFilter, JobRecord, JobsCursor,
    JobsPage, Ledger, LedgerError, Totals, Verdicts,
};

/// How long [`Ledger::ready`] waits for an answer.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection is for. A read that people wait for never waits for the posting or for an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Posting, and whatever decides about it: the primary.
    Posting,
    /// Single reads.
    Reading,
    /// Reads of everything.
    Analysis,
    /// Writing what the fleet keeps about itself.
    WritingRecords,
    /// Reading it as it was written last: from the primary.
    ReadingRecords,
}

/// A database that holds a ledger.
pub(super) trait Database: Send + Sync {
    /// A connection to it.
    type Session: Session;

    /// Takes a connection from the pool of this purpose.
    fn session(&self, purpose: Purpose) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Does what is due from time to time, before a batch is posted.
    fn maintain_partitions(&self) -> impl Future<Output = ()> + Send;

    /// Where batches that wait for the one writer are posted together; `None`: there are several.
    fn group_commit(&self) -> Option<&GroupCommit> {
        None
    }

    /// The era that entries are written to.
    fn era(&self) -> i64;

    /// The migrations of its schema.
    fn migrator(&self) -> &'static Migrator;

    /// Applies those that are missing, also when several processes do so at once.
    fn migrate(&self) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Whether single reads go to another server than the primary.
    fn reads_replica(&self) -> bool;

    /// See [`Ledger::look_at_durability`].
    fn look_at_durability(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// See [`Ledger::durability`].
    fn durability(&self) -> Option<Arc<Durability>> {
        Some(Arc::default())
    }

    /// See [`Ledger::pools`].
    fn pools(&self) -> Vec<PoolReport>;

    /// See [`Ledger::close`].
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A connection.
pub(super) trait Session: Send {
    /// What its rows are.
    type Row: Cells;

    /// How it wants its SQL.
    const DIALECT: Dialect;

    /// Runs a script in one round trip: for each of its statements the rows that it gave.
    fn run(&mut self, script: Script) -> impl Future<Output = Result<Vec<Vec<Self::Row>>, Failure>> + Send;

    /// Gives the connection up instead of handing it back: something is open on it.
    fn abandon(&mut self);
}

/// Books on the database `D`.
#[derive(Debug, Clone)]
pub struct SqlLedger<D> {
    pub(super) database: D,
    /// What single reads take a connection for.
    pub(super) reading: Purpose,
}

/// Where a ledger's transactions come from.
struct Transactions<'a, D>(&'a SqlLedger<D>);

impl<D: Database> Store for Transactions<'_, D> {
    type Transaction = SqlTransaction<D::Session>;

    async fn begin(&self) -> Result<Self::Transaction, Failure> {
        let database = &self.0.database;
        database.maintain_partitions().await;
        let session = database.session(Purpose::Posting).await?;
        // After the connection was made, and what is at its end looked at.
        if let Some(refused) = database.durability().filter(|found| found.is_refused()) {
            return Err(Failure::Transient(refused.to_string()));
        }
        Ok(SqlTransaction::new(session, database.era()))
    }
}

impl<D: Database> PostsAtOnce for SqlLedger<D> {
    async fn post_at_once(&self, jobs: &[Job]) -> Result<Vec<Outcome>, LedgerError> {
        unbroken(post::post(&Transactions(self), jobs)).await
    }
}

#[async_trait]
impl<D: Database + Clone + 'static> Ledger for SqlLedger<D> {
    async fn migrate(&self, lanes: Lanes) -> Result<(), LedgerError> {
        self.database.migrate().await?;
        schema::record_lanes(&mut self.database.session(Purpose::Posting).await?, lanes).await
    }

    async fn check(&self, lanes: Lanes) -> Result<(), LedgerError> {
        let mut session = self.database.session(Purpose::Posting).await?;
        schema::check(&mut session, self.database.migrator(), lanes).await
    }

    async fn post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, LedgerError> {
        match self.database.group_commit() {
            Some(group_commit) => group_commit.post(jobs, self).await,
            None => self.post_at_once(jobs).await,
        }
    }

    async fn record_dead(&self, job: &Job, cause: &str) -> Result<(), LedgerError> {
        Ok(Transactions(self).begin().await?.record_dead(job, cause).await?)
    }

    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, LedgerError> {
        Ok(reads::job(&mut self.database.session(self.reading).await?, id).await?)
    }

    async fn recorded(&self, ids: &[JobId]) -> Result<HashMap<JobId, Recorded>, LedgerError> {
        Ok(reads::recorded(&mut self.database.session(self.reading).await?, ids).await?)
    }

    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, LedgerError> {
        Ok(reads::account(&mut self.database.session(self.reading).await?, number).await?)
    }

    async fn holders(
        &self,
        numbers: &[AccountNumber],
    ) -> Result<HashMap<AccountNumber, String>, LedgerError> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(reads::holders(&mut self.database.session(self.reading).await?, numbers).await?)
    }

    async fn entries(
        &self,
        number: &AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<EntryRecord>>, LedgerError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(reads::entries(&mut session, number, before, limit).await?)
    }

    async fn entry_range(
        &self,
        number: &AccountNumber,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Option<EntryRange>, LedgerError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(entry_ranges::entry_range(&mut session, number, from, to).await?)
    }

    async fn range_entries(
        &self,
        range: &EntryRange,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, LedgerError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(entry_ranges::entries(&mut session, range, seqs).await?)
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        cursor: Option<JobsCursor>,
        limit: u32,
    ) -> Result<JobsPage, LedgerError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::page(&mut session, filter, cursor, limit).await?)
    }

    async fn freshness(&self) -> Result<Freshness, LedgerError> {
        if self.reading != Purpose::Reading || !self.database.reads_replica() {
            return Ok(Freshness::Present);
        }
        Ok(freshness::read(&mut self.database.session(self.reading).await?).await?)
    }

    fn on_primary(&self) -> Option<Arc<dyn Ledger>> {
        let reads_replica = self.reading == Purpose::Reading && self.database.reads_replica();
        reads_replica.then(|| {
            let database = self.database.clone();
            Arc::new(SqlLedger { database, reading: Purpose::Posting }) as Arc<dyn Ledger>
        })
    }

    async fn heartbeat(&self) -> Result<(), LedgerError> {
        if !self.database.reads_replica() {
            return Ok(());
        }
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        Ok(freshness::mark(&mut session, clock::now_us()).await?)
    }

    async fn expired_holds(&self, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, LedgerError> {
        // The primary's clock: the one that the posting goes by.
        let now = reads::now(&mut self.database.session(Purpose::ReadingRecords).await?).await?;
        Ok(reads::expired_holds(&mut self.database.session(self.reading).await?, now, limit).await?)
    }

    async fn verdicts(&self) -> Result<BTreeMap<Lane, Verdicts>, LedgerError> {
        Ok(reads::verdicts(&mut self.database.session(Purpose::Posting).await?).await?)
    }

    async fn totals(&self) -> Result<Totals, LedgerError> {
        Ok(reads::totals(&mut self.database.session(Purpose::Analysis).await?).await?)
    }

    async fn audit(&self) -> Result<Audit, LedgerError> {
        let mut pages = Snapshot::open(self.database.session(Purpose::Analysis).await?).await?;
        Ok(super::audit::audit(&mut pages).await?)
    }

    async fn former_ids(&self, clients: &[([u8; 32], Client)]) -> Result<FormerIds, LedgerError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        Ok(former_ids::read(&mut session, clients).await?)
    }

    async fn ready(&self) -> Result<(), LedgerError> {
        let answer = async { reads::ping(&mut self.database.session(Purpose::Posting).await?).await };
        let answered = tokio::time::timeout(READY_TIMEOUT, answer).await;
        let unanswered = |_| Failure::Transient(format!("the database did not answer in {READY_TIMEOUT:?}"));
        Ok(answered.map_err(unanswered)??)
    }

    async fn look_at_durability(&self) -> Result<(), LedgerError> {
        Ok(self.database.look_at_durability().await?)
    }

    fn durability(&self) -> Option<Arc<Durability>> {
        self.database.durability()
    }

    fn pools(&self) -> Vec<PoolReport> {
        self.database.pools()
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

/// What a posting comes to, also if it panics: the batch is then taken apart as any other that is refused, and the job
/// that no posting survives is dead alone. Its transaction was rolled back on the way.
async fn unbroken(
    posting: impl Future<Output = Result<Vec<Outcome>, LedgerError>>,
) -> Result<Vec<Outcome>, LedgerError> {
    AssertUnwindSafe(posting).catch_unwind().await.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied();
        let said =
            said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Err(LedgerError::Permanent(format!("the posting broke off at a fault of this program: {said}")))
    })
}

/// Runs a script as text on a connection of either database.
pub(super) async fn run<'c, E, Db>(connection: E, script: Script) -> Result<Vec<Vec<Db::Row>>, Failure>
where
    Db: sqlx::Database,
    E: sqlx::Executor<'c, Database = Db>,
{
    let mut results = Vec::new();
    let mut rows = Vec::new();
    let mut steps = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(script.into_text())));
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            // A statement is done.
            Either::Left(_) => results.push(std::mem::take(&mut rows)),
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_posting_that_panics_is_a_batch_that_is_refused() {
        let jobs: Vec<Job> = Vec::new();
        let posted =
            unbroken(async { Ok(vec![jobs.first().map(|_| Outcome::Posted).expect("a job")]) }).await;
        assert!(matches!(&posted, Err(LedgerError::Permanent(why)) if why.contains("a job")), "{posted:?}");
    }
}
