//! The ledger port on either database.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::Retryable as _;
use contract::report::PoolReport;
use domain::access::Accounts;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, Recorded};
use domain::text::Client;
use futures::FutureExt as _;
use runtime::clock;

use super::group_commit::PostsAtOnce;
use super::pages::Snapshot;
use super::posting::SqlTransaction;
use super::related::import_row::import_row;
use super::session::{Database, Purpose, SqlLedger};
use super::{balances, cancellations, entry_ranges, former_ids, freshness, listings, reads, related, schema};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::ledger::applied::Applied;
use crate::ledger::durability::Durability;
use crate::ledger::entry_range::{EntryRange, Freshness};
use crate::ledger::findings::Audit;
use crate::ledger::listing::{
    AccountFilter, AccountsPage, HoldFilter, HoldPlace, HoldsPage, JobFilter, JobsCursor, JobsPage,
    OrderFilter, OrderRecord, OrdersPage, ScheduleFilter, SchedulePlace, SchedulesPage,
};
use crate::ledger::port::{Store, audit, post, retries, try_post};
use crate::ledger::record::{EntryRecord, FormerIds, JobRecord};
use crate::ledger::related::Related;
use crate::ledger::totals::{OutcomeCounts, Totals};
use crate::ledger::{Admin, BalancePages, Cancellation, Cancelled, NewCancellation, Posting, Reads};

/// How long [`Admin::ready`] waits for an answer.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

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
        Ok(SqlTransaction::posting(session, database))
    }
}

impl<D: Database> PostsAtOnce for SqlLedger<D> {
    async fn post_at_once(&self, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
        unbroken(post(&Transactions(self), jobs)).await
    }
}

#[async_trait]
impl<D: Database + Clone + 'static> Posting for SqlLedger<D> {
    async fn apply(&self, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
        match self.database.group_commit() {
            Some(group_commit) => group_commit.post(jobs, self).await,
            None => self.post_at_once(jobs).await,
        }
    }

    async fn try_post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        unbroken(try_post(&Transactions(self), jobs)).await
    }

    async fn record_dead(&self, job: &Job, cause: &str) -> Result<bool, StoreError> {
        Ok(Transactions(self).begin().await?.record_dead(job, cause).await?)
    }

    async fn cancel_job(&self, id: JobId, cancellation: &NewCancellation) -> Result<Cancelled, StoreError> {
        // By the rights of an ingress, which posts nothing.
        let attempt = || async {
            let session = self.database.session(Purpose::WritingRecords).await?;
            SqlTransaction::new(session).cancel(id, cancellation).await
        };
        Ok(attempt.retry(retries()).when(Failure::is_retryable).await?)
    }
}

#[async_trait]
impl<D: Database + Clone + 'static> Reads for SqlLedger<D> {
    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        Ok(reads::job(&mut self.database.session(self.reading).await?, id).await?)
    }

    async fn cancellations(&self, id: JobId) -> Result<Vec<Cancellation>, StoreError> {
        Ok(cancellations::of(&mut self.database.session(self.reading).await?, id).await?)
    }

    async fn recorded(&self, ids: &[JobId]) -> Result<HashMap<JobId, Recorded>, StoreError> {
        Ok(reads::recorded(&mut self.database.session(self.reading).await?, ids).await?)
    }

    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, StoreError> {
        Ok(reads::account(&mut self.database.session(self.reading).await?, number).await?)
    }

    async fn holders(&self, numbers: &[AccountNumber]) -> Result<HashMap<AccountNumber, String>, StoreError> {
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
    ) -> Result<Option<Vec<EntryRecord>>, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(reads::entries(&mut session, number, before, limit).await?)
    }

    async fn entry_range(
        &self,
        number: &AccountNumber,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Option<EntryRange>, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(entry_ranges::entry_range(&mut session, number, from, to).await?)
    }

    async fn range_entries(
        &self,
        range: &EntryRange,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(entry_ranges::entries(&mut session, range, seqs).await?)
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        cursor: Option<JobsCursor>,
        limit: u32,
    ) -> Result<JobsPage, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::page(&mut session, filter, cursor, limit).await?)
    }

    async fn scheduled_jobs(
        &self,
        filter: &ScheduleFilter,
        after: Option<SchedulePlace>,
        limit: u32,
    ) -> Result<SchedulesPage, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::schedules::page(&mut session, filter, after, limit).await?)
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<JobRecord>, StoreError> {
        Ok(reads::jobs_of(&mut self.database.session(self.reading).await?, ids).await?)
    }

    async fn related(&self, job: &JobRecord) -> Result<Related, StoreError> {
        Ok(related::related(&mut self.database.session(self.reading).await?, job).await?)
    }

    async fn import_row(&self, job: &JobRecord) -> Result<Option<Origin>, StoreError> {
        Ok(import_row(&mut self.database.session(self.reading).await?, job).await?)
    }

    async fn entries_of(&self, job: &JobRecord, among: &Accounts) -> Result<Vec<Entry>, StoreError> {
        Ok(related::entries_of(&mut self.database.session(self.reading).await?, job, among).await?)
    }

    async fn find_accounts(
        &self,
        filter: &AccountFilter,
        after: Option<&AccountNumber>,
        limit: u32,
    ) -> Result<AccountsPage, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::accounts::page(&mut session, filter, after, limit).await?)
    }

    async fn find_holds(
        &self,
        filter: &HoldFilter,
        after: Option<HoldPlace>,
        limit: u32,
    ) -> Result<HoldsPage, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::holds::page(&mut session, filter, after, limit).await?)
    }

    async fn find_standing_orders(
        &self,
        filter: &OrderFilter,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<OrdersPage, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::standing_orders::page(&mut session, filter, after, limit).await?)
    }

    async fn standing_order(&self, id: JobId) -> Result<Option<OrderRecord>, StoreError> {
        let mut session = self.database.session(self.reading).await?;
        Ok(listings::standing_orders::one(&mut session, id).await?)
    }

    async fn balances(&self, before: Option<i64>, pages: BalancePages) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::open(self.database.session(Purpose::Analysis).await?).await?;
        Ok(balances::send(&mut snapshot, before, &pages).await?)
    }

    async fn freshness(&self) -> Result<Freshness, StoreError> {
        if self.reading != Purpose::Reading || !self.database.reads_replica() {
            return Ok(Freshness::Present);
        }
        Ok(freshness::read(&mut self.database.session(self.reading).await?).await?)
    }

    fn on_primary(&self) -> Option<Arc<dyn Reads>> {
        let reads_replica = self.reading == Purpose::Reading && self.database.reads_replica();
        reads_replica.then(|| {
            let database = self.database.clone();
            Arc::new(SqlLedger { database, reading: Purpose::Posting }) as Arc<dyn Reads>
        })
    }

    async fn expired_holds(&self, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, StoreError> {
        // The primary's clock: the one that the posting goes by.
        let now = reads::now(&mut self.database.session(Purpose::ReadingRecords).await?).await?;
        Ok(reads::expired_holds(&mut self.database.session(self.reading).await?, now, limit).await?)
    }
}

#[async_trait]
impl<D: Database + Clone + 'static> Admin for SqlLedger<D> {
    async fn migrate(&self, lanes: Lanes) -> Result<(), StoreError> {
        self.database.migrate().await?;
        schema::record_lanes(&mut self.database.session(Purpose::Posting).await?, lanes).await
    }

    async fn check(&self, lanes: Lanes) -> Result<(), StoreError> {
        let mut session = self.database.session(Purpose::Posting).await?;
        schema::check(&mut session, self.database.migrator(), lanes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let answer = async { reads::ping(&mut self.database.session(Purpose::Posting).await?).await };
        let answered = tokio::time::timeout(READY_TIMEOUT, answer).await;
        let unanswered = |_| Failure::Transient(format!("the database did not answer in {READY_TIMEOUT:?}"));
        Ok(answered.map_err(unanswered)??)
    }

    async fn heartbeat(&self) -> Result<(), StoreError> {
        if !self.database.reads_replica() {
            return Ok(());
        }
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        Ok(freshness::mark(&mut session, clock::now_us()).await?)
    }

    async fn outcome_counts(&self) -> Result<BTreeMap<Lane, OutcomeCounts>, StoreError> {
        Ok(reads::outcome_counts(&mut self.database.session(Purpose::Posting).await?).await?)
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        Ok(reads::totals(&mut self.database.session(Purpose::Analysis).await?).await?)
    }

    async fn audit(&self) -> Result<Audit, StoreError> {
        let mut pages = Snapshot::open(self.database.session(Purpose::Analysis).await?).await?;
        Ok(audit(&mut pages).await?)
    }

    async fn former_ids(&self, clients: &[([u8; 32], Client)]) -> Result<FormerIds, StoreError> {
        let mut session = self.database.session(Purpose::WritingRecords).await?;
        Ok(former_ids::read(&mut session, clients).await?)
    }

    async fn look_at_durability(&self) -> Result<(), StoreError> {
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
async fn unbroken<T>(posting: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    AssertUnwindSafe(posting).catch_unwind().await.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied();
        let said =
            said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Err(StoreError::Permanent(format!("the posting broke off at a fault of this program: {said}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_posting_that_panics_is_a_batch_that_is_refused() {
        let jobs: Vec<Job> = Vec::new();
        let posted =
            unbroken(async { Ok(vec![jobs.first().map(|_| Outcome::Posted).expect("a job")]) }).await;
        assert!(matches!(&posted, Err(StoreError::Permanent(why)) if why.contains("a job")), "{posted:?}");
    }
}
