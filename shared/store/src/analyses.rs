//! The analyses port: runs that look for patterns in accounts' histories, and what they found.
//!
//! The ledger's adapters stand behind it, on its database. Histories are read by the pool for analysis, so that
//! neither the posting nor those who wait for a read ever wait for them.

use async_trait::async_trait;
use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Kind;
use jiff::civil::Date;

use crate::error::StoreError;

/// Accounts of one batch: a batch is one message of work and one transaction.
pub const BATCH_ACCOUNTS_MAX: usize = 100;

/// Entries of an account that are looked at, the newest: 27 a day for a year. What has more is not a person's
/// account, and its history would not fit a batch's memory.
pub const HISTORY_ENTRIES_MAX: i64 = 10_000;

/// Who cancelled a run before anybody began it, where they may cancel everybody's.
pub const ANY_CLIENT: &str = "*";

/// What is noted as the request of a run that was cancelled before anybody began it.
pub const REQUEST_UNKNOWN: &str = "{}";

/// Runs, histories and results.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Analyses: Send + Sync {
    /// Notes that a run has begun, unless that is noted, and returns it as it stands. One that its client, or
    /// [`ANY_CLIENT`], had noted as cancelled stays so, and what it was asked for is known from now on.
    ///
    /// # Errors
    /// It could not be written.
    async fn begin(&self, run: &NewRun) -> Result<Run, StoreError>;

    /// Notes how many batches and accounts a run has.
    ///
    /// # Errors
    /// It could not be written.
    async fn planned(&self, run: JobId, batches: u64, accounts: u64) -> Result<(), StoreError>;

    /// Cancels a run of this client, or of any for [`ANY_CLIENT`]; one that is not noted yet is noted as cancelled. One that is
    /// done stays so.
    ///
    /// # Errors
    /// It could not be written.
    async fn cancel(&self, run: &NewRun, at: i64) -> Result<(), StoreError>;

    /// A run as it stands, or `None` where nobody has begun it.
    async fn run(&self, run: JobId) -> Result<Option<Run>, StoreError>;

    /// The same by the pool for reads, for those who only look: many may, and a replica may be behind.
    async fn run_as_read(&self, run: JobId) -> Result<Option<Run>, StoreError>;

    /// Up to `limit` runs, of one client if given, the newest first, those that were requested before `before` (µs since
    /// the Unix epoch).
    async fn runs(
        &self,
        client: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError>;

    /// Up to `limit` accounts of clients behind the one with the key `after`, by key.
    async fn accounts(&self, after: i64, limit: u32) -> Result<Vec<Holding>, StoreError>;

    /// Those of these accounts that exist.
    async fn find(&self, numbers: &[AccountNumber]) -> Result<Vec<Holding>, StoreError>;

    /// The newest [`HISTORY_ENTRIES_MAX`] entries of each of these accounts, in no order: all of them in one
    /// statement.
    async fn histories(&self, accounts: &[Holding]) -> Result<Vec<Line>, StoreError>;

    /// Keeps what a batch came to, in one transaction: each result in place of the account's last one, and the
    /// batch's counts in place of its own, if it was done before.
    ///
    /// # Errors
    /// Nothing was written, or it is not known; the same may be done again.
    async fn keep(&self, batch: &Batch, results: &[PatternsRecord]) -> Result<(), StoreError>;

    /// What was found last in an account's history.
    async fn patterns(&self, account: &AccountNumber) -> Result<Option<PatternsRecord>, StoreError>;

    /// Up to `limit` of what a run found and no later one has replaced, behind `after`, by account.
    async fn found(
        &self,
        run: JobId,
        after: Option<&AccountNumber>,
        limit: u32,
    ) -> Result<Vec<PatternsRecord>, StoreError>;
}

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: JobId,
    /// Who asked for it.
    pub client: String,
    /// When, in microseconds since the Unix epoch.
    pub requested_at: i64,
    /// The request as JSON, shortened.
    pub request: String,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What was asked for.
    pub new: NewRun,
    /// Batches, once that is known.
    pub batches: Option<u64>,
    /// Accounts, once that is known.
    pub accounts: Option<u64>,
    /// When it was cancelled, in microseconds since the Unix epoch.
    pub cancelled_at: Option<i64>,
    /// Batches that are done.
    pub batches_done: u64,
    /// Accounts that are done, those that failed among them.
    pub accounts_done: u64,
    /// Accounts that could not be analysed.
    pub accounts_failed: u64,
    /// Why the first of them failed.
    pub cause: Option<String>,
    /// When the last batch was done, in microseconds since the Unix epoch.
    pub last_at: Option<i64>,
}

impl Run {
    /// Whether all its batches are done.
    pub fn is_done(&self) -> bool {
        self.batches.is_some_and(|batches| self.batches_done >= batches)
    }

    /// Whether anybody has begun it. If not, only its id is known, which may be that of no analysis at all.
    pub fn is_begun(&self) -> bool {
        self.new.request != REQUEST_UNKNOWN
    }

    /// Whether it is to go no further.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled_at.is_some()
    }
}

/// An account, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The ledger's own key.
    pub key: i64,
    /// Its number.
    pub number: AccountNumber,
    /// Number of its entries.
    pub seq: i64,
}

/// One entry of an account's history, with the job that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The key of the account.
    pub key: i64,
    /// Minor units; a credit is positive, a debit negative.
    pub amount: i64,
    /// The job's id.
    pub job: JobId,
    /// The job's kind.
    pub kind: Kind,
    /// The job's body as JSON.
    pub body: String,
    /// When that was accepted, in microseconds since the Unix epoch: its value date unless it has one.
    pub accepted_at: i64,
}

/// Which days of a history count; `None`: no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Option<Date>,
    /// The last.
    pub to: Option<Date>,
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The run that it is of.
    pub run: JobId,
    /// Its number within the run.
    pub number: u64,
    /// Its accounts.
    pub accounts: u64,
    /// Those that could not be analysed.
    pub failed: u64,
    /// Why the first of them could not.
    pub cause: Option<String>,
    /// When it was done, in microseconds since the Unix epoch.
    pub at: i64,
}

/// What was found in one account's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternsRecord {
    /// The account.
    pub account: AccountNumber,
    /// The run that found it.
    pub run: JobId,
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
    /// [`Patterns`](patterns::Patterns) as JSON.
    pub body: String,
}
