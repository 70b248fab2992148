//! The fold: accounts and jobs in, outcomes and entries out. All that decides about money is here.
//!
//! Jobs are judged one after the other, each against the ledger as the ones before it left it, so a
//! batch of a hundred does exactly what a hundred batches of one would do.

mod judge;
mod legs;
mod needs;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::account::{Account, AccountNumber, AccountStatus};
use super::cancellation::Whose;
use super::entry::Entry;
use super::former::FormerJob;
use super::hold::Hold;
use super::id::FormerId;
use super::id::JobId;
use super::job::{Job, Kind};
use super::money::OverdraftLimit;
use super::outcome::{Outcome, Recorded, RecordedOutcome, Rejection};
use super::standing_order::StandingOrder;

pub use legs::{Settled, legs, opposite};
pub use needs::Needs;

/// What a batch reads before it is folded, all of it locked or immutable.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// The accounts that exist, of those that the batch needs.
    pub accounts: HashMap<AccountNumber, Account>,
    /// The jobs of the batch that the ledger holds already.
    pub recorded: HashMap<JobId, Recorded>,
    /// Ids of the batch that were cancelled before their jobs came, or while they were scheduled, each with whose jobs that
    /// stops.
    pub cancelled: HashMap<JobId, Vec<Whose>>,
    /// The holds that exist, of those that the batch captures or releases.
    pub holds: HashMap<JobId, Hold>,
    /// The standing orders that exist, of those that the batch changes or pays.
    pub orders: HashMap<JobId, StandingOrder>,
    /// The jobs that exist, of those that the batch reverses.
    pub originals: HashMap<JobId, Original>,
    /// The jobs that exist, of those ids that the jobs of the batch had before.
    pub former: HashMap<JobId, FormerJob>,
    /// Entries are posted no earlier than this, and what was due by then is due (µs since the Unix epoch), though the time of a database may go back.
    pub posted_from: i64,
}

/// A job that may be reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// What it was.
    pub kind: Kind,
    /// What became of it.
    pub outcome: RecordedOutcome,
    /// Its entries: account and minor units. Empty unless it was posted.
    pub legs: Legs,
    /// It has been reversed.
    pub reversed: bool,
}

/// Accounts and what each gains, in minor units; sums to zero.
pub type Legs = Vec<(AccountNumber, i64)>;

/// What a batch writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// One for each job, in the order of the jobs.
    pub outcomes: Vec<Outcome>,
    /// In the order of the jobs; `seq` grows within each account.
    pub entries: Vec<Entry>,
    /// Accounts that are new (`key` is `None`) or changed, as they are now, by number.
    pub accounts: BTreeMap<AccountNumber, Account>,
    /// Accounts among `accounts` whose overdraft limit or holder a job has set.
    pub new_terms: BTreeSet<AccountNumber>,
    /// Holds that are new or changed, as they are now.
    pub holds: BTreeMap<JobId, Hold>,
    /// Holds among `holds` that are new.
    pub new_holds: BTreeSet<JobId>,
    /// Standing orders that are new or changed, as they are now.
    pub orders: BTreeMap<JobId, StandingOrder>,
    /// Standing orders among `orders` that are new.
    pub new_orders: BTreeSet<JobId>,
    /// What payments have moved whose body does not say how much.
    pub sweeps: Vec<Sweep>,
    /// Reversed jobs, each with the job that reversed it.
    pub reversals: BTreeMap<JobId, JobId>,
    /// Jobs among those with a new outcome that were recorded as dead before.
    pub revived: BTreeSet<JobId>,
    /// Jobs among those with a new outcome that were recorded as scheduled before.
    pub executed: BTreeSet<JobId>,
    /// Jobs whose ids were cancelled before they came: their rows are there, and say nothing of them yet.
    pub awaited: BTreeSet<JobId>,
    /// Jobs that are known by a former id, each with what became of it there.
    pub known: BTreeMap<JobId, RecordedOutcome>,
}

/// What a payment of a standing order has moved that pays all above some amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The payment.
    pub job: JobId,
    /// The account that it debited.
    pub account: AccountNumber,
    /// Its entry there.
    pub seq: i64,
    /// What it moved, in minor units.
    pub amount: i64,
    /// What was held there and was not moved, in minor units.
    pub held: i64,
}

/// Applies `jobs`, of whatever lanes, to `books` at `now` (µs since the Unix epoch).
#[must_use]
pub fn fold(books: Books, jobs: &[Job], now: i64) -> Folded {
    let former = jobs.iter().flat_map(|job| &job.former).map(|former| former.id).collect();
    let mut fold = Fold { books, now, former, folded: Folded::default() };
    for job in jobs {
        let outcome = fold.apply(job);
        fold.folded.outcomes.push(outcome);
    }
    fold.folded
}

struct Fold {
    books: Books,
    now: i64,
    /// Ids that jobs of this batch had before: one of them may be another job of this batch.
    former: HashSet<JobId>,
    folded: Folded,
}

/// What a job that passes does to the ledger.
enum Change {
    Open(Account),
    SetStatus(AccountNumber, AccountStatus),
    SetTerms(AccountNumber, Terms),
    Move(Legs),
    Reserve(Hold),
    /// The hold as it is afterwards; the legs are empty for a release.
    Settle(Hold, Legs),
    Reverse(JobId, Legs),
    /// The standing order as it is afterwards.
    Order(StandingOrder),
    /// The legs, and what is held on the account that is swept.
    Sweep(Legs, i64),
}

/// What is agreed about an account beside its status.
enum Terms {
    OverdraftLimit(OverdraftLimit),
    Holder(Option<String>),
}

impl Fold {
    fn apply(&mut self, job: &Job) -> Outcome {
        let known = self.known_by_a_former_id(job);
        let recorded = self.books.recorded.get(&job.id).copied();
        let cancelled = self.books.cancelled.get(&job.id);
        let is_stopped = cancelled.is_some_and(|whose| whose.iter().any(|whose| whose.stops(&job.client)));
        if cancelled.is_some() && recorded.is_none() {
            self.folded.awaited.insert(job.id);
            // What became of it under a former id stands, whatever was cancelled since.
            if known.is_none() && is_stopped {
                return self.record(job, Outcome::Cancelled);
            }
        }
        if let Some(outcome) = known {
            self.folded.known.insert(job.id, outcome);
        }
        match recorded {
            // Its id is another's, and it has had its outcome under one of its own.
            Some(recorded) if recorded.fingerprint != job.fingerprint => {
                return known.map_or(Outcome::Conflict(recorded.outcome), Outcome::Duplicate);
            }
            Some(Recorded { outcome: RecordedOutcome::Dead, .. }) => {
                self.folded.revived.insert(job.id);
            }
            Some(Recorded { outcome: RecordedOutcome::Scheduled, .. }) => {
                if !job.is_release() {
                    let outcome = if is_stopped { Outcome::Cancelled } else { Outcome::Scheduled };
                    return Outcome::Duplicate(outcome.recorded());
                }
                if !is_stopped && !self.is_due(job) {
                    // The clock of the database went back, or another server took over.
                    return Outcome::Duplicate(RecordedOutcome::Scheduled);
                }
                self.folded.executed.insert(job.id);
                if is_stopped {
                    return self.record(job, Outcome::Cancelled);
                }
            }
            Some(recorded) => return Outcome::Duplicate(recorded.outcome),
            None => {}
        }
        let outcome = match known {
            Some(_) => Outcome::Rejected(Rejection::KnownByFormerId),
            None if !self.is_due(job) => Outcome::Scheduled,
            None => match self.judge(job) {
                Ok(change) => {
                    self.enact(job, change);
                    Outcome::Posted
                }
                Err(rejection) => Outcome::Rejected(rejection),
            },
        };
        self.record(job, outcome)
    }

    /// By the time that the ledger has come to: what was posted before was posted by then.
    fn is_due(&self, job: &Job) -> bool {
        job.is_due(self.now.max(self.books.posted_from))
    }

    /// Remembers the outcome for the jobs of the batch that come under the same id, and for the standing order that it is of.
    fn record(&mut self, job: &Job, outcome: Outcome) -> Outcome {
        self.move_order_on(job, outcome);
        let recorded = Recorded { fingerprint: job.fingerprint, outcome: outcome.recorded() };
        self.books.recorded.insert(job.id, recorded);
        if self.former.contains(&job.id) {
            self.books.former.insert(job.id, FormerJob::of(job, outcome.recorded()));
        }
        outcome
    }

    /// What became of a job under an id that it had before.
    fn known_by_a_former_id(&self, job: &Job) -> Option<RecordedOutcome> {
        let recorded = |former: &FormerId| {
            let recorded = self.books.former.get(&former.id)?;
            recorded.is(job, former.sameness).then_some(recorded.outcome)
        };
        job.former.iter().find_map(recorded)
    }

    /// Changes the ledger, and notes the job among those that can be reversed from now on.
    fn enact(&mut self, job: &Job, change: Change) {
        let mut held_at_sweep = None;
        let legs = match change {
            Change::Open(account) => {
                self.put_account(account);
                Legs::new()
            }
            Change::SetStatus(number, status) => {
                self.change_account(&number, |account| account.status = status);
                Legs::new()
            }
            Change::SetTerms(number, terms) => {
                self.change_account(&number, |account| match terms {
                    Terms::OverdraftLimit(limit) => account.overdraft_limit = limit,
                    Terms::Holder(holder) => account.holder = holder,
                });
                self.folded.new_terms.insert(number);
                Legs::new()
            }
            Change::Move(legs) => legs,
            Change::Reserve(hold) => {
                let amount = hold.amount.minor_units();
                self.change_account(&hold.account, |account| account.held += amount);
                self.folded.new_holds.insert(hold.id);
                self.put_hold(hold);
                Legs::new()
            }
            Change::Settle(hold, legs) => {
                let amount = hold.amount.minor_units();
                self.change_account(&hold.account, |account| account.held -= amount);
                self.put_hold(hold);
                legs
            }
            Change::Reverse(original, legs) => {
                if let Some(original) = self.books.originals.get_mut(&original) {
                    original.reversed = true;
                }
                self.folded.reversals.insert(original, job.id);
                legs
            }
            Change::Order(order) => {
                self.put_order(order);
                Legs::new()
            }
            Change::Sweep(legs, held) => {
                held_at_sweep = Some(held);
                legs
            }
        };
        self.post(job.id, &legs);
        if let Some(held) = held_at_sweep {
            self.note_sweep(job, held);
        }
        let kind = job.spec.action.kind();
        let original = Original { kind, outcome: RecordedOutcome::Posted, legs, reversed: false };
        self.books.originals.insert(job.id, original);
    }

    /// Writes one entry for each leg. The judge has checked that no sum leaves its range.
    fn post(&mut self, job: JobId, legs: &Legs) {
        let posted_at = self.now.max(self.books.posted_from);
        for (number, amount) in legs {
            let entry = self.change_account(number, |account| {
                account.balance += amount;
                account.seq += 1;
                let entry = Entry {
                    account: number.clone(),
                    seq: account.seq,
                    job,
                    amount: *amount,
                    balance_after: account.balance,
                    posted_at,
                };
                account.digest = account.digest.after(&entry);
                entry
            });
            self.folded.entries.extend(entry);
        }
    }

    fn change_account<T>(
        &mut self,
        number: &AccountNumber,
        change: impl FnOnce(&mut Account) -> T,
    ) -> Option<T> {
        let account = self.books.accounts.get_mut(number)?;
        let result = change(account);
        self.folded.accounts.insert(number.clone(), account.clone());
        Some(result)
    }

    fn put_account(&mut self, account: Account) {
        self.folded.accounts.insert(account.number.clone(), account.clone());
        self.books.accounts.insert(account.number.clone(), account);
    }

    fn put_hold(&mut self, hold: Hold) {
        self.folded.holds.insert(hold.id, hold.clone());
        self.books.holds.insert(hold.id, hold);
    }
}
