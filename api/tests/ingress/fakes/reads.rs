//! What is asked of the ledger, of what a test has put there.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use domain::access::Accounts;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::Origin;
use domain::outcome::Recorded;
use store::StoreError;
use store::ledger::{
    AccountBalance, AccountFilter, AccountsPage, BalancePages, Cancellation, EntryRange, EntryRecord,
    HoldFilter, HoldPlace, HoldsPage, JobFilter, JobRecord, JobsCursor, JobsPage, OrderFilter, OrderRecord,
    OrdersPage, Reads, Related, ScheduleFilter, SchedulePlace, SchedulesPage,
};

use super::FakeLedger;

#[async_trait]
impl Reads for FakeLedger {
    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        self.read()?;
        Ok(self.jobs.lock().unwrap().get(&id).cloned())
    }

    async fn cancellations(&self, id: JobId) -> Result<Vec<Cancellation>, StoreError> {
        self.read()?;
        Ok(self.cancellations.lock().unwrap().get(&id).cloned().unwrap_or_default())
    }

    async fn recorded(&self, ids: &[JobId]) -> Result<HashMap<JobId, Recorded>, StoreError> {
        self.read()?;
        self.looked_for.lock().unwrap().push(ids.len());
        let jobs = self.jobs.lock().unwrap();
        let found = ids.iter().filter_map(|id| jobs.get(id));
        let recorded =
            |job: &JobRecord| (job.id, Recorded { fingerprint: job.fingerprint, outcome: job.outcome });
        Ok(found.map(recorded).collect())
    }

    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, StoreError> {
        self.read()?;
        assert_ne!(number.as_str(), "faulty", "a fault that a test asked for");
        Ok(self.accounts.lock().unwrap().iter().find(|account| account.number == *number).cloned())
    }

    async fn holders(&self, numbers: &[AccountNumber]) -> Result<HashMap<AccountNumber, String>, StoreError> {
        self.read()?;
        let accounts = self.accounts.lock().unwrap();
        let known = accounts.iter().filter(|account| numbers.contains(&account.number));
        Ok(known.filter_map(|account| Some((account.number.clone(), account.holder.clone()?))).collect())
    }

    async fn entries(
        &self,
        number: &AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<EntryRecord>>, StoreError> {
        if self.account(number).await?.is_none() {
            return Ok(None);
        }
        let entries = self.entries.lock().unwrap();
        let older = entries.iter().filter(|record| before.is_none_or(|before| record.entry.seq < before));
        Ok(Some(older.take(limit as usize).cloned().collect()))
    }

    async fn entry_range(
        &self,
        number: &AccountNumber,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Option<EntryRange>, StoreError> {
        let Some(account) = self.account(number).await? else { return Ok(None) };
        let entries = self.entries.lock().unwrap();
        let oldest_first = || entries.iter().rev().map(|record| &record.entry);
        let before = |time: i64| oldest_first().take_while(|entry| entry.posted_at < time).last();
        let opening = from.and_then(before).map_or((0, 0), |entry| (entry.seq, entry.balance_after));
        let last = to
            .map_or(oldest_first().next_back(), before)
            .map_or(opening, |entry| (entry.seq, entry.balance_after));
        let first = opening.0 + 1;
        let begins_at = oldest_first().find(|entry| entry.seq == first).map(|entry| entry.posted_at);
        Ok(Some(EntryRange { account, first, last: last.0, opening: opening.1, closing: last.1, begins_at }))
    }

    async fn range_entries(
        &self,
        range: &EntryRange,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        self.read()?;
        let entries = self.entries.lock().unwrap();
        let wanted = |seq| (range.first..=range.last).contains(&seq) && seqs.contains(&seq);
        Ok(entries.iter().rev().filter(|record| wanted(record.entry.seq)).cloned().collect())
    }

    async fn jobs(&self, filter: &JobFilter, _: Option<JobsCursor>, _: u32) -> Result<JobsPage, StoreError> {
        self.read()?;
        *self.asked.lock().unwrap() = Some(filter.clone());
        let jobs = self.jobs.lock().unwrap().values().cloned().collect();
        Ok(JobsPage { jobs, next: Some(JobsCursor { before: 7, before_entry: 3 }), looked_back_to: None })
    }

    async fn scheduled_jobs(
        &self,
        filter: &ScheduleFilter,
        _: Option<SchedulePlace>,
        _: u32,
    ) -> Result<SchedulesPage, StoreError> {
        self.read()?;
        *self.asked.lock().unwrap() = Some(filter.jobs.clone());
        let jobs = self.jobs.lock().unwrap().values().map(|job| (job.posted_at, job.clone())).collect();
        Ok(SchedulesPage { jobs, next: Some(SchedulePlace { due_at: 7, seq: 3 }) })
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<JobRecord>, StoreError> {
        self.read()?;
        let jobs = self.jobs.lock().unwrap();
        Ok(ids.iter().filter_map(|id| jobs.get(id).cloned()).collect())
    }

    async fn related(&self, _: &JobRecord) -> Result<Related, StoreError> {
        self.read()?;
        Ok(Related::default())
    }

    async fn import_row(&self, _: &JobRecord) -> Result<Option<Origin>, StoreError> {
        Ok(None)
    }

    async fn entries_of(&self, job: &JobRecord, among: &Accounts) -> Result<Vec<Entry>, StoreError> {
        self.read()?;
        let entries = self.entries.lock().unwrap();
        let own = entries.iter().map(|record| &record.entry).filter(|entry| entry.job == job.id);
        Ok(own.filter(|entry| among.contain(&entry.account)).cloned().collect())
    }

    async fn find_accounts(
        &self,
        filter: &AccountFilter,
        after: Option<&AccountNumber>,
        limit: u32,
    ) -> Result<AccountsPage, StoreError> {
        self.read()?;
        let mut accounts = self.accounts.lock().unwrap().clone();
        accounts.sort_by(|a, b| a.number.cmp(&b.number));
        accounts.retain(|account| filter.among.contain(&account.number));
        accounts.retain(|account| after.is_none_or(|after| account.number > *after));
        let is_more = accounts.len() > limit as usize;
        accounts.truncate(limit as usize);
        let next = accounts.last().filter(|_| is_more).map(|last| last.number.clone());
        Ok(AccountsPage { accounts, next })
    }

    async fn balances(&self, _: Option<i64>, pages: BalancePages) -> Result<(), StoreError> {
        self.read()?;
        let accounts: Vec<_> = self.accounts.lock().unwrap().clone();
        for account in accounts {
            let Account { number, currency, seq, balance, .. } = account;
            let page = vec![AccountBalance { number, currency, entries: seq, balance }];
            if pages.send(page).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn find_standing_orders(
        &self,
        _: &OrderFilter,
        _: Option<JobId>,
        _: u32,
    ) -> Result<OrdersPage, StoreError> {
        self.read()?;
        Ok(OrdersPage::default())
    }

    async fn standing_order(&self, _: JobId) -> Result<Option<OrderRecord>, StoreError> {
        self.read()?;
        Ok(None)
    }

    async fn find_holds(
        &self,
        _: &HoldFilter,
        _: Option<HoldPlace>,
        _: u32,
    ) -> Result<HoldsPage, StoreError> {
        self.read()?;
        Ok(HoldsPage::default())
    }

    async fn expired_holds(&self, _: u32) -> Result<Vec<(JobId, AccountNumber)>, StoreError> {
        Ok(Vec::new())
    }
}
