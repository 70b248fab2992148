//! The ledger port, as one process has it: the ledger's own posting on this database.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use async_trait::async_trait;
use domain::access::Accounts;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, Recorded};
use store::StoreError;
use store::ledger::port::{Failure, Store, post, try_post};
use store::ledger::{
    AccountFilter, AccountsPage, Admin, Applied, Audit, BalancePages, Cancellation, Cancelled, EntryRange,
    EntryRecord, HoldFilter, HoldPlace, HoldsPage, JobFilter, JobRecord, JobsCursor, JobsPage,
    NewCancellation, OrderFilter, OrderRecord, OrdersPage, OutcomeCounts, Posting, Reads, Related,
    ScheduleFilter, SchedulePlace, SchedulesPage, Totals,
};

use super::Database;
use super::connection::Connection;
use super::session::Command;
use crate::world::Process;

pub(super) struct LedgerOf {
    database: Database,
    process: Process,
}

impl LedgerOf {
    pub(super) fn new(database: Database, process: Process) -> LedgerOf {
        LedgerOf { database, process }
    }
}

impl Store for LedgerOf {
    type Transaction = Connection;

    async fn begin(&self) -> Result<Connection, Failure> {
        Connection::open(&self.database, &self.process).await
    }
}

/// No worker reads that way.
fn unread<T>() -> Result<T, StoreError> {
    Err(StoreError::Permanent("the simulation reads its tables by itself".to_owned()))
}

#[async_trait]
impl Posting for LedgerOf {
    async fn apply(&self, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
        let posted = post(self, jobs).await;
        let (world, name) = (self.process.world(), self.process.name());
        match &posted {
            Ok(applied) => {
                let again =
                    applied.iter().filter(|applied| matches!(applied.outcome, Outcome::Duplicate(_))).count();
                let again = if again > 0 { format!(", {again} of them duplicates") } else { String::new() };
                world.note(format_args!("{name} posts {} jobs{again}", jobs.len()));
            }
            Err(error) => world.note(format_args!("{name} cannot post {} jobs: {error}", jobs.len())),
        }
        posted
    }

    async fn try_post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        try_post(self, jobs).await
    }

    async fn record_dead(&self, job: &Job, cause: &str) -> Result<bool, StoreError> {
        let (job, cause) = (Box::new(job.clone()), cause.to_owned());
        let connection = self.begin().await?;
        Ok(connection.ask(|reply| Command::RecordDead { job, cause, reply }).await?)
    }

    /// No worker cancels.
    async fn cancel_job(&self, _: JobId, _: &NewCancellation) -> Result<Cancelled, StoreError> {
        unread()
    }
}

#[async_trait]
impl Reads for LedgerOf {
    async fn expired_holds(&self, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let connection = self.begin().await?;
        Ok(connection.ask(|reply| Command::ExpiredHolds { limit, reply }).await?)
    }

    async fn job(&self, _: JobId) -> Result<Option<JobRecord>, StoreError> {
        unread()
    }

    async fn cancellations(&self, _: JobId) -> Result<Vec<Cancellation>, StoreError> {
        unread()
    }

    async fn recorded(&self, _: &[JobId]) -> Result<HashMap<JobId, Recorded>, StoreError> {
        unread()
    }

    async fn account(&self, _: &AccountNumber) -> Result<Option<Account>, StoreError> {
        unread()
    }

    async fn holders(&self, _: &[AccountNumber]) -> Result<HashMap<AccountNumber, String>, StoreError> {
        unread()
    }

    async fn entries(
        &self,
        _: &AccountNumber,
        _: Option<i64>,
        _: u32,
    ) -> Result<Option<Vec<EntryRecord>>, StoreError> {
        unread()
    }

    async fn entry_range(
        &self,
        _: &AccountNumber,
        _: Option<i64>,
        _: Option<i64>,
    ) -> Result<Option<EntryRange>, StoreError> {
        unread()
    }

    async fn range_entries(
        &self,
        _: &EntryRange,
        _: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        unread()
    }

    async fn scheduled_jobs(
        &self,
        _: &ScheduleFilter,
        _: Option<SchedulePlace>,
        _: u32,
    ) -> Result<SchedulesPage, StoreError> {
        unread()
    }

    async fn jobs(&self, _: &JobFilter, _: Option<JobsCursor>, _: u32) -> Result<JobsPage, StoreError> {
        unread()
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<JobRecord>, StoreError> {
        self.process.gate().await;
        let tables = self.database.tables();
        let wanted = tables.jobs.iter().filter(|row| ids.contains(&row.record.id));
        Ok(wanted.map(|row| row.record.clone()).collect())
    }

    async fn related(&self, _: &JobRecord) -> Result<Related, StoreError> {
        unread()
    }

    async fn import_row(&self, _: &JobRecord) -> Result<Option<Origin>, StoreError> {
        unread()
    }

    async fn entries_of(&self, job: &JobRecord, _: &Accounts) -> Result<Vec<Entry>, StoreError> {
        self.process.gate().await;
        let tables = self.database.tables();
        Ok(tables.entries.values().flatten().filter(|entry| entry.job == job.id).cloned().collect())
    }

    async fn find_accounts(
        &self,
        _: &AccountFilter,
        _: Option<&AccountNumber>,
        _: u32,
    ) -> Result<AccountsPage, StoreError> {
        unread()
    }

    async fn balances(&self, _: Option<i64>, _: BalancePages) -> Result<(), StoreError> {
        unread()
    }

    async fn find_standing_orders(
        &self,
        _: &OrderFilter,
        _: Option<JobId>,
        _: u32,
    ) -> Result<OrdersPage, StoreError> {
        unread()
    }

    async fn standing_order(&self, _: JobId) -> Result<Option<OrderRecord>, StoreError> {
        unread()
    }

    async fn find_holds(
        &self,
        _: &HoldFilter,
        _: Option<HoldPlace>,
        _: u32,
    ) -> Result<HoldsPage, StoreError> {
        unread()
    }
}

#[async_trait]
impl Admin for LedgerOf {
    async fn migrate(&self, _: Lanes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check(&self, _: Lanes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}

    async fn outcome_counts(&self) -> Result<BTreeMap<Lane, OutcomeCounts>, StoreError> {
        unread()
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        unread()
    }

    async fn audit(&self) -> Result<Audit, StoreError> {
        unread()
    }
}
