//! The tables, page by page, for the ledger's own audit.

use std::collections::{BTreeMap, HashMap};

use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::job::Origin;
use domain::lane::Lane;
use domain::money::Amount;
use domain::standing_order::StandingOrder;
use store::imports::RowTally;
use store::ledger::JobRecord;
use store::ledger::port::{
    AccountsPage, EntryOnPage, Failure, ImportRowOnPage, JobOnPage, LaneTotals, Library, OnSchedule, Pages,
    SweepOnPage,
};

use super::Tables;

/// The tables as they were once; each is a single page.
pub struct Snapshot {
    tables: Tables,
    /// Accounts that were read, whose entries were not.
    unread: Vec<i64>,
}

impl Snapshot {
    /// Of these tables.
    pub fn new(tables: Tables) -> Snapshot {
        Snapshot { tables, unread: Vec::new() }
    }
}

impl Library for Snapshot {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        let holds = holds.iter().filter_map(|id| self.tables.holds.get(id).cloned()).collect();
        let jobs = jobs.iter().filter_map(|id| self.tables.job(*id)).map(|row| row.record.clone());
        Ok((holds, jobs.collect()))
    }

    /// Nobody opens a standing order here.
    async fn sweeps(&mut self, _: &[JobId]) -> Result<HashMap<JobId, Amount>, Failure> {
        Ok(HashMap::new())
    }
}

impl Pages for Snapshot {
    async fn accounts(&mut self, after: i64) -> Result<AccountsPage, Failure> {
        let mut accounts: Vec<_> = self.tables.accounts.values().cloned().collect();
        accounts.retain(|account| account.key.is_some_and(|key| key > after));
        accounts.sort_by_key(|account| account.key);
        self.unread = accounts.iter().rev().filter_map(|account| account.key).collect();
        let mut held: HashMap<i64, i64> = HashMap::new();
        for hold in self.tables.holds.values().filter(|hold| hold.status == HoldStatus::Active) {
            let account = self.tables.accounts.get(&hold.account).and_then(|account| account.key);
            *held.entry(account.unwrap_or_default()).or_default() += hold.amount.minor_units();
        }
        Ok(AccountsPage::new(accounts, held))
    }

    async fn entries(&mut self, _: &mut AccountsPage) -> Result<Option<Vec<EntryOnPage>>, Failure> {
        let Some(key) = self.unread.pop() else { return Ok(None) };
        let entries = self.tables.entries.get(&key).into_iter().flatten();
        Ok(Some(entries.map(|entry| EntryOnPage::from((key, entry.clone()))).collect()))
    }

    async fn jobs(&mut self, after: i64) -> Result<Vec<JobOnPage>, Failure> {
        let skipped = usize::try_from(after).unwrap_or_default();
        let on_page = |(seq, row): (i64, &super::JobRow)| JobOnPage {
            seq,
            record: row.record.clone(),
            account: row.account.clone(),
            ingress: row.ingress.clone(),
            is_out_of_order: row.cause.is_some(),
            was_scheduled: row.was_scheduled,
            on_schedule: self
                .tables
                .scheduled
                .get(&row.record.id)
                .map(|waiting| OnSchedule { due_at: waiting.due_at, message: waiting.message.clone() }),
        };
        Ok((1..).zip(&self.tables.jobs).skip(skipped).map(on_page).collect())
    }

    async fn holds(&mut self, after: Option<JobId>) -> Result<Vec<Hold>, Failure> {
        let holds = self.tables.holds.values().filter(|hold| Some(hold.id) > after);
        Ok(holds.cloned().collect())
    }

    async fn reversals(&mut self, after: Option<JobId>) -> Result<Vec<(JobId, JobId)>, Failure> {
        let reversals = self.tables.reversals.iter().filter(|(original, _)| Some(**original) > after);
        Ok(reversals.map(|(original, by)| (*original, *by)).collect())
    }

    /// Nobody imports files here.
    async fn import_rows(&mut self, _: Origin) -> Result<Vec<ImportRowOnPage>, Failure> {
        Ok(Vec::new())
    }

    async fn import_totals(&mut self) -> Result<BTreeMap<u64, RowTally>, Failure> {
        Ok(BTreeMap::new())
    }

    async fn standing_orders(&mut self, _: Option<JobId>) -> Result<Vec<StandingOrder>, Failure> {
        Ok(Vec::new())
    }

    async fn orders_without_jobs(&mut self) -> Result<Vec<JobId>, Failure> {
        Ok(Vec::new())
    }

    async fn sweeps_after(&mut self, _: Option<JobId>) -> Result<Vec<SweepOnPage>, Failure> {
        Ok(Vec::new())
    }

    async fn schedules_without_jobs(&mut self) -> Result<Vec<JobId>, Failure> {
        let is_alone = |id: &&JobId| self.tables.job(**id).is_none();
        Ok(self.tables.scheduled.keys().filter(is_alone).copied().collect())
    }

    async fn lane_totals(&mut self) -> Result<BTreeMap<Lane, LaneTotals>, Failure> {
        Ok(self.tables.totals.clone())
    }
}
