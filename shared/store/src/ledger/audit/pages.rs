//! What the audit reads, page by page.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;

use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::Origin;
use domain::lane::Lane;
use domain::outcome::RecordedOutcome;
use domain::standing_order::StandingOrder;

use super::totals::LaneTotals;
use crate::failure::Failure;
use crate::imports::{RowOutcome, RowTally};
use crate::ledger::post::Library;
use crate::ledger::record::JobRecord;

/// The ledger, page by page.
pub trait Pages: Library {
    /// Accounts with keys above `after`, in the order of their keys; an empty page ends them.
    fn accounts(&mut self, after: i64) -> impl Future<Output = Result<AccountsPage, Failure>> + Send;

    /// The next entries of that page's accounts, in the order of accounts and `seq`; `None` ends them.
    fn entries(
        &mut self,
        page: &mut AccountsPage,
    ) -> impl Future<Output = Result<Option<Vec<EntryOnPage>>, Failure>> + Send;

    /// Holds of jobs with ids above `after`, in the order of their ids; an empty page ends them.
    fn holds(&mut self, after: Option<JobId>) -> impl Future<Output = Result<Vec<Hold>, Failure>> + Send;

    /// Reversed jobs with ids above `after`, each with the job that reversed it, in the order of their ids; an empty page ends
    /// them.
    fn reversals(
        &mut self,
        after: Option<JobId>,
    ) -> impl Future<Output = Result<Vec<(JobId, JobId)>, Failure>> + Send;

    /// Rows of imports behind `after`, in the order of imports and rows; an empty page ends them.
    fn import_rows(
        &mut self,
        after: Origin,
    ) -> impl Future<Output = Result<Vec<ImportRowOnPage>, Failure>> + Send;

    /// What the totals of every import say.
    fn import_totals(&mut self) -> impl Future<Output = Result<BTreeMap<u64, RowTally>, Failure>> + Send;

    /// Jobs with numbers above `after`, in the order of posting; an empty page ends them.
    fn jobs(&mut self, after: i64) -> impl Future<Output = Result<Vec<JobOnPage>, Failure>> + Send;

    /// Some of what is to be put on the lanes and has no row among the jobs.
    fn schedules_without_jobs(&mut self) -> impl Future<Output = Result<Vec<JobId>, Failure>> + Send;

    /// Standing orders with ids above `after`, in the order of their ids; an empty page ends them.
    fn standing_orders(
        &mut self,
        after: Option<JobId>,
    ) -> impl Future<Output = Result<Vec<StandingOrder>, Failure>> + Send;

    /// Some of the standing orders that have no row among the jobs.
    fn orders_without_jobs(&mut self) -> impl Future<Output = Result<Vec<JobId>, Failure>> + Send;

    /// What payments of jobs with ids above `after` have moved, in the order of their ids; an empty page ends them.
    fn sweeps_after(
        &mut self,
        after: Option<JobId>,
    ) -> impl Future<Output = Result<Vec<SweepOnPage>, Failure>> + Send;

    /// What the lanes' totals say.
    fn lane_totals(&mut self) -> impl Future<Output = Result<BTreeMap<Lane, LaneTotals>, Failure>> + Send;
}

/// Accounts, and how to get at their entries.
#[derive(Debug)]
pub struct AccountsPage {
    /// The accounts, by key.
    pub accounts: Vec<Account>,
    /// Sums of active holds, by the accounts' keys.
    pub held: HashMap<i64, i64>,
    /// Ranges of entries that are still to be read, the next one last.
    pub(crate) unread: Vec<Range>,
}

impl AccountsPage {
    /// A page of a store that keeps its own account of which entries were read.
    pub fn new(accounts: Vec<Account>, held: HashMap<i64, i64>) -> AccountsPage {
        AccountsPage { accounts, held, unread: Vec::new() }
    }
}

/// Entries of accounts with keys in `keys`, and a `seq` in `seqs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) keys: (i64, i64),
    pub(crate) seqs: (i64, i64),
}

/// An entry of an account that is known by its key.
#[derive(Debug)]
pub struct EntryOnPage {
    /// The key of the account.
    pub account_key: i64,
    /// Its place among the account's entries.
    pub seq: i64,
    /// The job that made it.
    pub job: JobId,
    pub(crate) amount: i64,
    pub(crate) balance_after: i64,
    pub(crate) posted_at: i64,
}

impl EntryOnPage {
    /// The entry, of this account.
    pub fn of(self, account: &AccountNumber) -> Entry {
        let EntryOnPage { seq, job, amount, balance_after, posted_at, .. } = self;
        Entry { account: account.clone(), seq, job, amount, balance_after, posted_at }
    }
}

impl From<(i64, Entry)> for EntryOnPage {
    /// The entry, with the key of its account.
    fn from((account_key, entry): (i64, Entry)) -> EntryOnPage {
        let Entry { seq, job, amount, balance_after, posted_at, .. } = entry;
        EntryOnPage { account_key, seq, job, amount, balance_after, posted_at }
    }
}

/// A job in the order of posting.
#[derive(Debug)]
pub struct JobOnPage {
    /// Its number in that order.
    pub seq: i64,
    /// The job.
    pub record: JobRecord,
    /// The account that it draws on, as its row says.
    pub account: AccountNumber,
    /// The ingress replica that accepted it.
    pub ingress: String,
    /// Its row is older than its outcome: it is dead, or was, or somebody cancelled its id before it came.
    pub is_out_of_order: bool,
    /// It waited for its day, and was posted in the order of what was due then.
    pub was_scheduled: bool,
    /// What is to be put on its lane.
    pub on_schedule: Option<OnSchedule>,
}

/// A row of an import, and what became of the job that it says.
#[derive(Debug)]
pub struct ImportRowOnPage {
    /// Which it is.
    pub row: Origin,
    /// Its job.
    pub job: JobId,
    /// What it says became of that, for this import.
    pub outcome: RowOutcome,
    /// And why.
    pub reason: Option<String>,
    /// What the job's own row says; `None`: there is no such job.
    pub of_job: Option<RecordedOutcome>,
}

/// What a payment has moved that pays all above some amount, and the entry by which it did.
#[derive(Debug)]
pub struct SweepOnPage {
    /// The payment.
    pub job: JobId,
    /// What it moved, in minor units.
    pub amount: i64,
    /// What was held, in minor units.
    pub held: i64,
    /// The account that it debited.
    pub account: Option<String>,
    /// The entry there: its job, its amount, and the balance after it.
    pub entry: Option<(JobId, i64, i64)>,
    /// The body of the job.
    pub body: Option<String>,
}

/// A row of what is to be put on the lanes.
#[derive(Debug)]
pub struct OnSchedule {
    /// When it is due, in microseconds since the Unix epoch.
    pub due_at: i64,
    /// What goes on the lane.
    pub message: String,
}
