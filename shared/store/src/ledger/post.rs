//! The heart: a batch of jobs becomes entries, in one transaction.
//!
//! | phase  | what | round trips |
//! |--------|------|---|
//! | refer  | immutable facts that say which accounts to lock: what captures and reversals refer to | 0, or up to 3 where there are any |
//! | lock   | the accounts of the batch, sorted by key (SQLite has one lock) | 1, |
//! | read   | how holds stand, what is reversed; which jobs are recorded, if any may be | with the lock |
//! | fold   | pure and in memory: accounts and jobs in, outcomes and entries out | 0 |
//! | write  | new accounts, jobs, entries, changed accounts, holds, reversals | 1, and more with new accounts or prepared inserts |
//! | commit | | with the write |
//!
//! Nearly every job is new, so the first attempt does not ask whether it is. Where one is recorded already (a
//! redelivery, a client's retry), its unique key collides, nothing is written, and the next attempt looks.
//!
//! The algorithm is here once; an adapter brings the [`Transaction`]. Posting one job is the same with a
//! batch of one.

mod bisecting;
mod imported;
mod moved;
mod phases;
mod writes;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use domain::fold::{Books, Folded, Legs, Needs, Original, fold};
use domain::former::FormerJob;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::money::Amount;
use domain::outcome::{Outcome, RecordedOutcome};
use metrics::counter;
use runtime::telemetry::names;

use crate::error::StoreError;
use crate::failure::Failure;
use crate::imports::RowOutcome;

use crate::ledger::applied::Applied;
use crate::ledger::record::JobRecord;
pub use bisecting::{Posted, Unposted, post_bisecting, try_bisecting};
use imported::imported;
pub use imported::{Imported, NewRow};
pub(crate) use moved::{moved, parse};
use phases::Phases;
pub use writes::{Tally, Writes};

/// How often a batch that others overtook is tried in all. Ten attempts span about a second: whoever
/// loses that often meets something that does not go away.
const ATTEMPTS_MAX: usize = 10;
/// The pause before the second attempt; it doubles, with jitter, up to [`RETRY_DELAY_MAX`].
const RETRY_DELAY_MIN: Duration = Duration::from_millis(2);
/// One attempt takes milliseconds, and a lock is waited for no longer than 5 s. A database whose host is gone
/// without a word would hold its lane for ever: the connection is given up, and the batch tried on another.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// The longest pause.
const RETRY_DELAY_MAX: Duration = Duration::from_millis(200);

/// Where transactions come from.
pub trait Store: Sync {
    /// One attempt at a batch.
    type Transaction: Transaction;

    /// Takes a connection. Nothing is locked yet.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction, Failure>> + Send;
}

/// Where jobs refer to what was before them.
pub trait Library: Send {
    /// Reads these holds and jobs without locking anything.
    fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> impl Future<Output = Result<(Vec<Hold>, Vec<JobRecord>), Failure>> + Send;

    /// Reads what those of these jobs have moved that are payments of all above some amount.
    fn sweeps(
        &mut self,
        jobs: &[JobId],
    ) -> impl Future<Output = Result<HashMap<JobId, Amount>, Failure>> + Send;
}

/// One attempt at posting a batch. Dropping it before the commit rolls it back.
pub trait Transaction: Library {
    /// Locks the accounts in one order, then reads what `jobs` meet: the accounts, the jobs that are
    /// recorded unless all are checked by key, the holds; which of the originals are reversed; which rows of
    /// imports are known.
    fn lock_and_read(
        &mut self,
        needs: &Needs,
        jobs: &[Job],
        duplicate_check: DuplicateCheck,
    ) -> impl Future<Output = Result<Found, Failure>> + Send;

    /// Writes all of it and commits.
    ///
    /// # Errors
    /// [`Failure::DuplicateKey`] if a job is recorded that was not looked for.
    fn write_and_commit(self, writes: &Writes<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Writes all of it and rolls it back.
    ///
    /// # Errors
    /// As of [`Transaction::write_and_commit`], as far as they show before the commit.
    fn write_and_roll_back(self, writes: &Writes<'_>) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How the jobs of a batch that are recorded already are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateCheck {
    /// None is looked for: all are taken to be new, and the unique key of their ids says which is not.
    ByKey,
    /// Each is looked for.
    BySearch,
}

/// What the jobs of a batch meet.
#[derive(Debug, Default)]
pub struct Found {
    /// The time of the database once all locks were granted, in microseconds since the Unix epoch. No replica's own clock
    /// decides about money.
    pub now: i64,
    /// The latest time that any process posted at, read behind the same locks: nothing is posted earlier. The clock of a
    /// database can go back: somebody sets it, or another server takes over.
    pub latest: i64,
    /// What decides about them.
    pub books: Books,
    /// Of the originals those that are reversed.
    pub reversed: HashSet<JobId>,
    /// Of the rows of imports those that have an outcome.
    pub rows: HashMap<Origin, RowOutcome>,
}

/// Posts a batch, again if others were in the way; see [`Posting::apply`](super::Posting::apply).
///
/// # Errors
/// As there.
pub async fn post(store: &impl Store, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
    post_until(End::Commit, store, jobs).await
}

/// What would become of a batch; see [`Posting::try_post`](super::Posting::try_post).
///
/// # Errors
/// As there.
pub async fn try_post(store: &impl Store, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
    let applied = post_until(End::RollBack, store, jobs).await?;
    Ok(applied.into_iter().map(|applied| applied.outcome).collect())
}

/// How an attempt ends that has written everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    RollBack,
}

async fn post_until(end: End, store: &impl Store, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut duplicate_check = duplicate_check(jobs);
    // By key once: whatever was in the way may have been one of these very jobs.
    let attempt = || {
        let duplicate_check = std::mem::replace(&mut duplicate_check, DuplicateCheck::BySearch);
        bounded_attempt(end, store, jobs, duplicate_check)
    };
    let posted = attempt.retry(retries()).when(Failure::is_retryable);
    let posted = posted.notify(|failure, delay| {
        counter!(names::LEDGER_RETRIES, names::REASON => failure.reason()).increment(1);
        tracing::debug!(jobs = jobs.len(), ?delay, "a batch was overtaken and is tried again: {failure}");
    });
    Ok(posted.await?)
}

/// When a transaction is tried again that others overtook.
pub fn retries() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(RETRY_DELAY_MIN)
        .with_max_delay(RETRY_DELAY_MAX)
        .with_max_times(ATTEMPTS_MAX - 1)
        .with_jitter()
}

fn duplicate_check(jobs: &[Job]) -> DuplicateCheck {
    let mut ids = HashSet::with_capacity(jobs.len());
    // A redelivered envelope and its twin may share a batch.
    let are_distinct = jobs.iter().all(|job| ids.insert(job.id));
    // What is released is recorded already.
    if are_distinct && !jobs.iter().any(Job::is_release) {
        DuplicateCheck::ByKey
    } else {
        DuplicateCheck::BySearch
    }
}

async fn bounded_attempt(
    end: End,
    store: &impl Store,
    jobs: &[Job],
    duplicate_check: DuplicateCheck,
) -> Result<Vec<Applied>, Failure> {
    let mut phase = Phases::start();
    // The pool has a limit of its own.
    let transaction = store.begin().await?;
    phase.ended(names::PHASE_CONNECT);
    match tokio::time::timeout(ATTEMPT_TIMEOUT, attempt(end, transaction, jobs, duplicate_check, phase)).await
    {
        Ok(attempted) => attempted,
        Err(_) => Err(Failure::TimedOut(format!("the database did not answer within {ATTEMPT_TIMEOUT:?}"))),
    }
}

async fn attempt(
    end: End,
    mut transaction: impl Transaction,
    jobs: &[Job],
    duplicate_check: DuplicateCheck,
    mut phase: Phases,
) -> Result<Vec<Applied>, Failure> {
    let mut needs = Needs::of(jobs);
    let mut originals = HashMap::new();
    if needs.refers_back() {
        originals = refer(&mut transaction, &mut needs).await?;
        phase.ended(names::PHASE_REFER);
    }
    let former = former_jobs(&mut transaction, &needs).await?;

    let Found { now, latest, mut books, reversed, rows } =
        transaction.lock_and_read(&needs, jobs, duplicate_check).await?;
    phase.ended(names::PHASE_LOCK_AND_READ);
    for id in reversed {
        originals.entry(id).and_modify(|original: &mut Original| original.reversed = true);
    }
    books.originals = originals;
    books.former = former;

    let posted_at = now.max(latest);
    books.posted_from = posted_at;
    let folded = fold(books, jobs, now);

    let imported = imported(jobs, &folded, &rows);
    let conflicts = conflicts(jobs, &folded);
    let writes =
        Writes { now: posted_at, judged: judged(jobs, &folded), folded: &folded, imported, conflicts };
    phase.ended(names::PHASE_FOLD);
    if !writes.is_empty() {
        match end {
            End::Commit => transaction.write_and_commit(&writes).await?,
            End::RollBack => transaction.write_and_roll_back(&writes).await?,
        }
        phase.ended(names::PHASE_WRITE_AND_COMMIT);
    }
    Ok(applied(jobs, folded, posted_at))
}

/// What was done with each job, and whether it was dead or scheduled until now.
fn applied(jobs: &[Job], folded: Folded, posted_at: i64) -> Vec<Applied> {
    let Folded { mut outcomes, revived, executed, entries, .. } = folded;
    for (job, outcome) in jobs.iter().zip(&mut outcomes) {
        let is_judged = matches!(outcome, Outcome::Posted | Outcome::Rejected(_));
        if is_judged && (revived.contains(&job.id) || executed.contains(&job.id)) {
            *outcome = Outcome::Revived(outcome.recorded());
        }
    }
    Applied::of_batch(outcomes, entries, jobs, posted_at)
}

/// Looks up what the batch refers to, and adds the accounts that follow from it. What is read here never
/// changes, so nothing needs a lock yet; whether a hold is active or a job reversed is read after it.
async fn refer(
    transaction: &mut impl Transaction,
    needs: &mut Needs,
) -> Result<HashMap<JobId, Original>, Failure> {
    let holds: Vec<_> = needs.holds.iter().copied().collect();
    let jobs: Vec<_> = needs.originals.iter().copied().collect();
    let (holds, jobs) = transaction.find(&holds, &jobs).await?;
    let originals = originals(transaction, jobs).await?;
    let holds = holds.into_iter().map(|hold| (hold.id, hold)).collect();
    needs.follow(&holds, &originals);
    Ok(originals)
}

/// The jobs that are recorded under ids that jobs of the batch had before. None is new there: whoever gave such ids
/// gives no more.
async fn former_jobs(
    library: &mut impl Library,
    needs: &Needs,
) -> Result<HashMap<JobId, FormerJob>, Failure> {
    if needs.former.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = needs.former.iter().copied().collect();
    let (_, jobs) = library.find(&[], &ids).await?;
    let former = |job: JobRecord| {
        let action = parse(&job)?.action;
        Ok((job.id, FormerJob { reference: job.reference, action, outcome: job.outcome }))
    };
    jobs.into_iter().map(former).collect()
}

/// Jobs as a reversal needs to know them.
async fn originals(
    library: &mut impl Library,
    jobs: Vec<JobRecord>,
) -> Result<HashMap<JobId, Original>, Failure> {
    let posted = |job: &JobRecord| match job.outcome {
        RecordedOutcome::Posted => Ok(Some((job.lane, parse(job)?.action))),
        RecordedOutcome::Rejected(_)
        | RecordedOutcome::Dead
        | RecordedOutcome::Cancelled
        | RecordedOutcome::Scheduled => Ok(None),
    };
    let actions = jobs.iter().map(posted).collect::<Result<Vec<_>, Failure>>()?;
    let moved = moved(library, &actions).await?;
    let original = |(job, legs): (JobRecord, Legs)| {
        (job.id, Original { kind: job.kind, outcome: job.outcome, legs, reversed: false })
    };
    Ok(jobs.into_iter().zip(moved).map(original).collect())
}

/// The jobs that got an outcome from this batch.
fn judged<'a>(jobs: &'a [Job], folded: &Folded) -> Vec<(&'a Job, RecordedOutcome)> {
    let with_outcomes = jobs.iter().zip(&folded.outcomes);
    with_outcomes
        .filter_map(|(job, outcome)| match outcome {
            Outcome::Posted | Outcome::Rejected(_) | Outcome::Cancelled | Outcome::Scheduled => {
                Some((job, outcome.recorded()))
            }
            // Not of a fold.
            Outcome::Revived(_) | Outcome::Duplicate(_) | Outcome::Conflict(_) => None,
        })
        .collect()
}

/// The jobs whose id is another body's.
fn conflicts<'a>(jobs: &'a [Job], folded: &Folded) -> Vec<&'a Job> {
    let with_outcomes = jobs.iter().zip(&folded.outcomes);
    with_outcomes.filter(|(_, outcome)| matches!(outcome, Outcome::Conflict(_))).map(|(job, _)| job).collect()
}
