//! What is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::job::{Action, Job};
use domain::lane::Lane;
use domain::outcome::{RecordedOutcome, Rejection};
use store::ledger::JobRecord;
use store::ledger::port::LaneTotals;

use super::schedules::Waiting;
use super::writes::Written;
use crate::world::World;

/// A job's row.
#[derive(Debug, Clone)]
pub struct JobRow {
    pub job: Job,
    /// When its transaction had its locks.
    pub read: Read,
    /// When that committed, since the beginning.
    pub committed_after: Duration,
    /// What the ledger holds of it.
    pub record: JobRecord,
    /// The account that it draws on.
    pub account: AccountNumber,
    /// The ingress replica that accepted it.
    pub ingress: String,
    /// Why it was dead.
    pub cause: Option<String>,
    /// It has waited for its day.
    pub was_scheduled: bool,
}

/// When a transaction had its locks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    /// By the clock of the database, in microseconds since the Unix epoch.
    pub now: i64,
    /// Since the beginning.
    pub after: Duration,
}

/// The rows.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub accounts: BTreeMap<AccountNumber, Account>,
    keys: i64,
    /// The latest time that a job was posted at.
    pub(super) latest: i64,
    /// The latest time that its clock was read at.
    pub(super) latest_read: i64,
    /// Jobs in the order of posting.
    pub jobs: Vec<JobRow>,
    by_id: BTreeMap<JobId, usize>,
    /// Entries by the key of their account, in their order.
    pub entries: BTreeMap<i64, Vec<Entry>>,
    pub holds: BTreeMap<JobId, Hold>,
    /// Reversed jobs, each with the one that reversed it.
    pub reversals: BTreeMap<JobId, JobId>,
    /// What waits for its day.
    pub(super) scheduled: BTreeMap<JobId, Waiting>,
    pub(super) scheduled_ever: i64,
    /// Counts of the lanes.
    pub totals: BTreeMap<Lane, LaneTotals>,
    /// Jobs whose identity another body came under.
    pub conflicts: BTreeSet<JobId>,
}

impl JobRow {
    pub(super) fn new(
        job: &Job,
        outcome: RecordedOutcome,
        posted_at: i64,
        (read, committed_after): (Read, Duration),
        cause: Option<String>,
    ) -> JobRow {
        let record = JobRecord {
            id: job.id,
            client: job.client.as_str().to_owned(),
            reference: job.spec.reference.as_ref().map(|reference| reference.as_str().to_owned()),
            kind: job.spec.action.kind(),
            lane: job.lane,
            body: job.body.clone(),
            fingerprint: job.fingerprint,
            outcome,
            accepted_at: job.accepted_at,
            posted_at,
            conflicts: None,
        };
        let (account, ingress) = (job.spec.action.account().clone(), job.ingress.clone());
        let job = job.clone();
        JobRow { job, read, committed_after, record, account, ingress, cause, was_scheduled: false }
    }
}

impl Tables {
    /// What is known of a job.
    pub fn job(&self, id: JobId) -> Option<&JobRow> {
        self.by_id.get(&id).and_then(|place| self.jobs.get(*place))
    }

    /// A key for a new account; one that a transaction took and rolled back is not given again.
    pub(super) fn next_key(&mut self) -> i64 {
        self.keys += 1;
        self.keys
    }

    /// Active holds that have expired.
    pub(super) fn expired(&self, now: i64, limit: usize) -> Vec<(JobId, AccountNumber)> {
        let expired =
            |hold: &&Hold| hold.status == HoldStatus::Active && hold.expires_at.is_some_and(|end| end <= now);
        self.holds.values().filter(expired).map(|hold| (hold.id, hold.account.clone())).take(limit).collect()
    }

    pub(super) fn add_job(&mut self, row: JobRow) {
        self.by_id.insert(row.record.id, self.jobs.len());
        self.jobs.push(row);
    }

    /// Writes all of a transaction.
    pub(super) fn apply(&mut self, world: &World, written: Written, read: Read) {
        self.latest = self.latest.max(written.now);
        self.latest_read = self.latest_read.max(read.now);
        for (job, outcome) in &written.judged {
            self.check_time(world, job, *outcome, &written, read.now);
            if *outcome == RecordedOutcome::Scheduled {
                self.wait(job);
            }
            if written.executed.contains(&job.id) {
                let row = JobRow::new(job, *outcome, written.now, (read, world.elapsed()), None);
                self.execute(row);
            } else if written.revived.contains(&job.id) {
                let place = self.by_id.get(&job.id).copied().unwrap_or_default();
                (self.jobs[place].record.outcome, self.jobs[place].record.posted_at) =
                    (*outcome, written.now);
            } else {
                self.add_job(JobRow::new(job, *outcome, written.now, (read, world.elapsed()), None));
            }
        }
        for (number, account) in written.accounts {
            let row = self.accounts.entry(number).or_insert_with(|| account.clone());
            (row.balance, row.held, row.seq) = (account.balance, account.held, account.seq);
            (row.digest, row.status) = (account.digest, account.status);
            if written.new_terms.contains(&account.number) {
                (row.overdraft_limit, row.holder) = (account.overdraft_limit, account.holder);
            }
        }
        for entry in written.entries {
            let key = self.accounts.get(&entry.account).and_then(|account| account.key).unwrap_or_default();
            let entries = self.entries.entry(key).or_default();
            if let Some(last) = entries.last().filter(|last| last.posted_at > entry.posted_at) {
                let (account, seq, back) = (&entry.account, entry.seq, last.posted_at - entry.posted_at);
                world.wrong(format_args!(
                    "entry {seq} of {account} is posted {back} µs before the one ahead of it"
                ));
            }
            entries.push(entry);
        }
        self.holds.extend(written.holds);
        self.reversals.extend(written.reversals);
        self.conflicts.extend(written.conflicts);
        for (lane, tally) in written.tallies {
            let totals = self.totals.entry(lane).or_default();
            let add = |count: &mut u64, more: i64| *count = count.saturating_add_signed(more);
            add(&mut totals.posted, tally.posted);
            add(&mut totals.rejected, tally.rejected);
            add(&mut totals.dead, -tally.revived);
            add(&mut totals.scheduled, tally.scheduled);
            add(&mut totals.entries, tally.entries);
        }
    }

    /// A row with an outcome takes the place of one that says scheduled.
    fn execute(&mut self, row: JobRow) {
        let id = row.record.id;
        let Some(place) = self.by_id.get(&id).copied() else { return };
        let first = self.jobs.remove(place);
        self.by_id.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        self.scheduled.remove(&id);
        let record = JobRecord { accepted_at: first.record.accepted_at, ..row.record };
        self.add_job(JobRow { record, ingress: first.ingress, was_scheduled: true, ..row });
    }

    /// A scheduled job can never be posted; false: it is none.
    pub(super) fn die(&mut self, job: &Job, cause: String) -> bool {
        let place = self.by_id.get(&job.id).copied();
        let Some(row) = place.and_then(|place| self.jobs.get_mut(place)) else { return false };
        if row.record.outcome != RecordedOutcome::Scheduled || row.record.fingerprint != job.fingerprint {
            return false;
        }
        (row.record.outcome, row.cause, row.was_scheduled) = (RecordedOutcome::Dead, Some(cause), true);
        self.scheduled.remove(&job.id);
        let totals = self.totals.entry(job.lane).or_default();
        (totals.dead, totals.scheduled) = (totals.dead + 1, totals.scheduled.saturating_sub(1));
        true
    }

    /// The promises: nothing is executed before its day, by the clock of the database and what was posted before. Holds
    /// expire by the clock of the database, read behind the locks. A release that was queued when a hold
    /// had expired is posted, though the clock has gone back since.
    fn check_time(&self, world: &World, job: &Job, outcome: RecordedOutcome, written: &Written, now: i64) {
        let is_early = !job.is_due(written.now);
        if is_early == (outcome != RecordedOutcome::Scheduled) && outcome != RecordedOutcome::Cancelled {
            world.wrong(format_args!(
                "job {} is {outcome:?} at {now}, and due at {:?}",
                job.id, job.spec.execute_at
            ));
        }
        let (Action::Capture { hold, .. } | Action::Release { hold, .. }) = &job.spec.action else { return };
        let Some(hold) = self.holds.get(hold) else { return };
        let has_expired = hold.expires_at.is_some_and(|end| end <= now);
        let is_capture = matches!(job.spec.action, Action::Capture { .. });
        let by_fleet = job.client.as_str() == "tellers";
        // Another job of the same batch may have ended it.
        let is_untouched = hold.status == HoldStatus::Active && !written.holds.contains_key(&hold.id);
        let wrong = match outcome {
            RecordedOutcome::Posted if is_capture => has_expired,
            RecordedOutcome::Posted => by_fleet && hold.expires_at.is_none_or(|end| end > self.latest_read),
            RecordedOutcome::Rejected(Rejection::HoldNotActive) => is_capture && !has_expired && is_untouched,
            RecordedOutcome::Rejected(_)
            | RecordedOutcome::Dead
            | RecordedOutcome::Cancelled
            | RecordedOutcome::Scheduled => false,
        };
        if wrong {
            let (id, kind, end) = (job.id, job.spec.action.kind(), hold.expires_at);
            world.wrong(format_args!(
                "{kind} {id} is {outcome:?} at {now}, of a hold that expires at {end:?}"
            ));
        }
    }
}
