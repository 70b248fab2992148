//! What is asked of the ledger.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use domain::access::Accounts;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::Origin;
use domain::outcome::Recorded;

use super::balances::BalancePages;
use super::cancelling::Cancellation;
use super::entry_range::{EntryRange, Freshness};
use super::listing::{
    AccountFilter, AccountsPage, HoldFilter, HoldPlace, HoldsPage, JobFilter, JobsCursor, JobsPage,
    OrderFilter, OrderRecord, OrdersPage, ScheduleFilter, SchedulePlace, SchedulesPage,
};
use super::record::{EntryRecord, JobRecord};
use super::related::Related;
use crate::error::StoreError;

/// Single reads, for people who wait for them.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Reads: Send + Sync {
    /// What the ledger holds of a job; `None`: nothing yet.
    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, StoreError>;

    /// Who cancelled the job with this id, whether or not that stopped it.
    async fn cancellations(&self, id: JobId) -> Result<Vec<Cancellation>, StoreError>;

    /// What the ledger holds of each of these jobs; those that it holds nothing of are left out. Ask for some thousand at the
    /// most.
    async fn recorded(&self, ids: &[JobId]) -> Result<HashMap<JobId, Recorded>, StoreError>;

    /// An account as it stands.
    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, StoreError>;

    /// Who holds these accounts, as far as they exist and say so: one read for all. Ask for a thousand or so at the most.
    async fn holders(&self, numbers: &[AccountNumber]) -> Result<HashMap<AccountNumber, String>, StoreError>;

    /// Up to `limit` entries of an account, newest first, those with a `seq` below `before` only.
    /// `None`: no such account.
    async fn entries(
        &self,
        number: &AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<EntryRecord>>, StoreError>;

    /// The range of an account's entries that were posted from `from` until before `to` (µs since the Unix epoch;
    /// `None`: its first entry, its last one), with the balances at both ends. Entries never change, so what
    /// it says stays true whatever is posted meanwhile. `None`: no such account.
    async fn entry_range(
        &self,
        number: &AccountNumber,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Option<EntryRange>, StoreError>;

    /// The entries of a range with these numbers, the oldest first. Ask for some thousand at the most.
    ///
    /// # Errors
    /// The database could not be reached, or does not hold all of them.
    async fn range_entries(
        &self,
        range: &EntryRange,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, StoreError>;

    /// A page of up to `limit` jobs that wait for their day, in the order in which they are due, those behind `after` only.
    /// Looks at a bounded number of jobs, so a page may be short, or empty, and not the last one.
    async fn scheduled_jobs(
        &self,
        filter: &ScheduleFilter,
        after: Option<SchedulePlace>,
        limit: u32,
    ) -> Result<SchedulesPage, StoreError>;

    /// A page of up to `limit` jobs that have an outcome or are scheduled, the newest first, from `cursor` on. Looks at a bounded
    /// number of jobs, so a page may be short, or empty, and not the last one.
    async fn jobs(
        &self,
        filter: &JobFilter,
        cursor: Option<JobsCursor>,
        limit: u32,
    ) -> Result<JobsPage, StoreError>;

    /// What the ledger holds of each of these jobs, the newest first, without their conflicts. Ask for some thousand at the most.
    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<JobRecord>, StoreError>;

    /// What is recorded of a job beside itself. Some of it is looked for within bounds: what is not found there is `None`.
    async fn related(&self, job: &JobRecord) -> Result<Related, StoreError>;

    /// The row of the import that was the first to bring a job; it is looked for within bounds, among some ten thousand rows.
    async fn import_row(&self, job: &JobRecord) -> Result<Option<Origin>, StoreError>;

    /// The entries of a job on these accounts, by account.
    async fn entries_of(&self, job: &JobRecord, among: &Accounts) -> Result<Vec<Entry>, StoreError>;

    /// A page of up to `limit` accounts in the order of their numbers, those behind `after` only. Looks at a bounded number
    /// of accounts, so a page may be short, or empty, and not the last one.
    async fn find_accounts(
        &self,
        filter: &AccountFilter,
        after: Option<&AccountNumber>,
        limit: u32,
    ) -> Result<AccountsPage, StoreError>;

    /// A page of up to `limit` holds in the order of their places, those behind `after` only. Looks at a bounded number of
    /// holds, so a page may be short, or empty, and not the last one.
    async fn find_holds(
        &self,
        filter: &HoldFilter,
        after: Option<HoldPlace>,
        limit: u32,
    ) -> Result<HoldsPage, StoreError>;

    /// A page of up to `limit` standing orders in the order of their ids, those behind `after` only. Looks at a bounded number of
    /// orders, so a page may be short, or empty, and not the last one.
    async fn find_standing_orders(
        &self,
        filter: &OrderFilter,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<OrdersPage, StoreError>;

    /// The standing order that this job opened.
    async fn standing_order(&self, id: JobId) -> Result<Option<OrderRecord>, StoreError>;

    /// Sends the balances of all accounts, in the order in which they were opened, as one moment of the ledger shows them: after
    /// all entries, or after those that were posted `before` this time (µs since the Unix epoch), of the accounts that were
    /// there then. Ends early once nobody takes the `pages` any more.
    ///
    /// # Errors
    /// A page was left untaken for a minute, too.
    async fn balances(&self, before: Option<i64>, pages: BalancePages) -> Result<(), StoreError>;

    /// How fresh single reads are.
    async fn freshness(&self) -> Result<Freshness, StoreError> {
        Ok(Freshness::Present)
    }

    /// The same from the primary; `None`: they come from there anyway.
    fn on_primary(&self) -> Option<Arc<dyn Reads>> {
        None
    }

    /// Up to `limit` active holds that have expired by the database's clock, oldest first.
    async fn expired_holds(&self, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, StoreError>;
}
