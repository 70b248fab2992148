//! The ledger port: double-entry books that a batch of jobs is posted to in one transaction.
//!
//! Two adapters stand behind it, `mysql` (MySQL and MariaDB) for a fleet and `sqlite` for one machine,
//! and one conformance suite holds both to the promises written here.

mod audit;
pub mod durability;
mod entry_range;
mod failure;
mod listing;
pub mod mysql;
pub mod port;
mod post;
mod sql;
pub mod sqlite;

use std::collections::{BTreeMap, HashMap};
use std::iter::Sum;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;

pub use durability::Durability;
pub use entry_range::{EntryRange, Freshness};
pub use failure::{LedgerError, PoolExhausted};
pub use listing::{JobFilter, JobsCursor, JobsPage, VerdictName};
pub use post::{ATTEMPT_TIMEOUT, Posted, Unposted, post_bisecting};

use contract::report::PoolReport;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::{Job, Kind};
use domain::lane::{Lane, Lanes};
use domain::money::Currency;
use domain::outcome::{Outcome, Recorded, Verdict};
use domain::text::Client;

/// The books.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Creates or updates the schema, and records the number of lanes on first use.
    ///
    /// # Errors
    /// The database could not be reached or holds another number of lanes.
    async fn migrate(&self, lanes: Lanes) -> Result<(), LedgerError>;

    /// Checks that the schema is current and that it holds this number of lanes.
    ///
    /// # Errors
    /// It does not, or the database could not be reached.
    async fn check(&self, lanes: Lanes) -> Result<(), LedgerError>;

    /// Posts a batch, whatever its size and lanes, in one transaction, in order. Returns after the
    /// commit, with one outcome for each job in the order of the jobs.
    ///
    /// Deadlocks, lock wait time-outs and ids that appear meanwhile roll everything back and are tried
    /// again, a bounded number of times.
    ///
    /// # Errors
    /// [`LedgerError::Transient`]: nothing was written, or it is not known; the same batch may be
    /// posted again. [`LedgerError::Obstructed`] and [`LedgerError::TimedOut`]: the same, and a part of the batch may
    /// fare better. [`LedgerError::Permanent`]: nothing was written, and this batch never will be.
    async fn post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, LedgerError>;

    /// Records a job that can never be posted as dead, unless the ledger holds it already.
    ///
    /// # Errors
    /// It could not be written.
    async fn record_dead(&self, job: &Job, cause: &str) -> Result<(), LedgerError>;

    /// What the ledger holds of a job; `None`: nothing yet.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn job(&self, id: JobId) -> Result<Option<JobRecord>, LedgerError>;

    /// What the ledger holds of each of these jobs; those that it holds nothing of are left out. Ask for some thousand at the
    /// most.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn recorded(&self, ids: &[JobId]) -> Result<HashMap<JobId, Recorded>, LedgerError>;

    /// An account as it stands.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn account(&self, number: &AccountNumber) -> Result<Option<Account>, LedgerError>;

    /// Who holds these accounts, as far as they exist and say so: one read for all. Ask for a thousand or so at the most.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn holders(&self, numbers: &[AccountNumber])
    -> Result<HashMap<AccountNumber, String>, LedgerError>;

    /// Up to `limit` entries of an account, newest first, those with a `seq` below `before` only.
    /// `None`: no such account.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn entries(
        &self,
        number: &AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Vec<EntryRecord>>, LedgerError>;

    /// The range of an account's entries that were posted from `from` until before `to` (µs since the Unix epoch;
    /// `None`: its first entry, its last one), with the balances at both ends. Entries never change, so what
    /// it says stays true whatever is posted meanwhile. `None`: no such account.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn entry_range(
        &self,
        number: &AccountNumber,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Option<EntryRange>, LedgerError>;

    /// The entries of a range with these numbers, the oldest first. Ask for some thousand at the most.
    ///
    /// # Errors
    /// The database could not be reached, or does not hold all of them.
    async fn range_entries(
        &self,
        range: &EntryRange,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<EntryRecord>, LedgerError>;

    /// A page of up to `limit` jobs that have an outcome, the newest first, from `cursor` on. Looks at a bounded
    /// number of jobs, so a page may be short, or empty, and not the last one.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn jobs(
        &self,
        filter: &JobFilter,
        cursor: Option<JobsCursor>,
        limit: u32,
    ) -> Result<JobsPage, LedgerError>;

    /// How fresh single reads are.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn freshness(&self) -> Result<Freshness, LedgerError> {
        Ok(Freshness::Present)
    }

    /// The same books with single reads from the primary; `None`: they come from there anyway.
    fn on_primary(&self) -> Option<Arc<dyn Ledger>> {
        None
    }

    /// Marks the present on the primary, so that [`freshness`](Self::freshness) can tell how far its replicas
    /// are behind. Does nothing where there are none.
    ///
    /// # Errors
    /// It could not be written.
    async fn heartbeat(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Up to `limit` active holds that have expired by the database's clock, oldest first.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn expired_holds(&self, limit: u32) -> Result<Vec<(JobId, AccountNumber)>, LedgerError>;

    /// How many jobs of each lane have which verdict: read from the primary, and as quick for a large ledger as for a
    /// small one.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn verdicts(&self) -> Result<BTreeMap<Lane, Verdicts>, LedgerError>;

    /// The books at a glance. Reads every balance.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn totals(&self) -> Result<Totals, LedgerError>;

    /// Reads everything and checks it: the oracle. Runs in constant memory, beside the posting.
    ///
    /// # Errors
    /// The database could not be reached. Books that are wrong are findings, not errors.
    async fn audit(&self) -> Result<Audit, LedgerError>;

    /// Which ids that are not derived any more the ledger may hold jobs under. `clients` are those of the fleet's
    /// keys, each by a hash of the key: they are kept, so that a client whose key comes with another name is known.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn former_ids(&self, clients: &[([u8; 32], Client)]) -> Result<FormerIds, LedgerError> {
        let _ = clients;
        Ok(FormerIds::default())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not; says why.
    async fn ready(&self) -> Result<(), LedgerError>;

    /// Looks whether the database keeps what it has committed, for [`durability`](Self::durability).
    ///
    /// # Errors
    /// The database could not be reached.
    async fn look_at_durability(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Whether the database keeps what it has committed, as it was found last; `None`: nobody has looked yet.
    fn durability(&self) -> Option<Arc<Durability>> {
        Some(Arc::default())
    }

    /// Why nothing is posted to the database: what it has committed it may forget, and that is not allowed.
    fn refusal(&self) -> Option<Arc<Durability>> {
        self.durability().filter(|found| found.is_refused())
    }

    /// How its pools of connections stand; empty: it has none.
    fn pools(&self) -> Vec<PoolReport> {
        Vec::new()
    }

    /// Closes its connections.
    async fn close(&self);
}

/// Ids that the ledger may hold jobs under, and that are not derived any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerIds {
    /// Those of release 0.1.
    pub of_release: bool,
    /// Those of a fleet that asked nobody for a key.
    pub of_anonymous: bool,
    /// Those of clients whose keys had other names: each client with the ids that it had.
    pub of_clients: HashMap<Client, Vec<Client>>,
}

/// A job as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Who submitted it.
    pub client: String,
    /// The client's own name for it.
    pub reference: Option<String>,
    /// What it was to do.
    pub kind: Kind,
    /// The lane that it came by.
    pub lane: Lane,
    /// Its body as JSON.
    pub body: String,
    /// Of that body.
    pub fingerprint: domain::job::Fingerprint,
    /// What became of it.
    pub verdict: Verdict,
    /// When it was accepted, in microseconds since the Unix epoch.
    pub accepted_at: i64,
    /// When it got its verdict, in microseconds since the Unix epoch.
    pub posted_at: i64,
    /// Other bodies that came under its identity and took no effect; known where a single job was asked for.
    pub conflicts: Option<Conflicts>,
}

/// Other bodies that came under the identity of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts {
    /// How many, each once however often it came; at least 1.
    pub count: u64,
    /// When the latest one was accepted, in microseconds since the Unix epoch.
    pub last_at: i64,
    /// That one, as JSON.
    pub last_body: String,
}

/// An entry as an account's holder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// The entry.
    pub entry: Entry,
    /// The kind of the job that made it.
    pub kind: Kind,
    /// That job's body as JSON: memo, value date, counterparty.
    pub body: String,
    /// When that job was accepted, in microseconds since the Unix epoch: its value date unless it has one.
    pub accepted_at: i64,
}

/// Jobs of all time by their verdict, each once however often it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// With entries.
    pub posted: u64,
    /// Turned down for a business reason.
    pub rejected: u64,
    /// Given up and kept. A replay that posts one takes it from here.
    pub dead: u64,
}

impl Verdicts {
    /// Jobs with any verdict.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.posted + self.rejected + self.dead
    }
}

impl<'a> Sum<&'a Verdicts> for Verdicts {
    fn sum<I: Iterator<Item = &'a Verdicts>>(all: I) -> Verdicts {
        all.fold(Verdicts::default(), |sum, one| Verdicts {
            posted: sum.posted + one.posted,
            rejected: sum.rejected + one.rejected,
            dead: sum.dead + one.dead,
        })
    }
}

/// The books at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts, the system's own not counted.
    pub accounts: u64,
    /// Jobs with the verdict posted.
    pub posted: u64,
    /// Jobs with the verdict rejected.
    pub rejected: u64,
    /// Jobs with the verdict dead.
    pub dead: u64,
    /// For each currency the sum of all balances, in minor units; zero if the books balance.
    pub balances: Vec<(Currency, i128)>,
}

/// What an audit read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Accounts read.
    pub accounts: u64,
    /// Entries read.
    pub entries: u64,
    /// Jobs read.
    pub jobs: u64,
    /// What is wrong, a sentence each, the first [`Audit::FINDINGS_MAX`] of them; empty: all is well.
    pub findings: Vec<String>,
    /// How many there were in all.
    pub findings_total: u64,
}

impl Audit {
    /// The most findings that are told in words.
    pub const FINDINGS_MAX: usize = 100;

    /// Adds a finding.
    pub fn find(&mut self, finding: impl FnOnce() -> String) {
        self.findings_total += 1;
        if self.findings.len() < Self::FINDINGS_MAX {
            self.findings.push(finding());
        }
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }
}
