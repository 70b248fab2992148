//! What a batch writes, and what that adds to the totals.

use std::collections::{BTreeMap, HashMap};

use domain::account::Account;
use domain::fold::Folded;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::RecordedOutcome;

use super::imported::Imported;

/// What a batch writes.
#[derive(Debug)]
pub struct Writes<'a> {
    /// When it is posted, in microseconds since the Unix epoch.
    pub now: i64,
    /// Jobs that got an outcome or were scheduled, in their order. The rows of those in [`Folded::revived`],
    /// [`Folded::awaited`] and [`Folded::executed`] are there already.
    pub judged: Vec<(&'a Job, RecordedOutcome)>,
    /// What became of them.
    pub folded: &'a Folded,
    /// What is written about the rows of imports.
    pub imported: Imported<'a>,
    /// Jobs whose id is another body's: they change nothing, and that they came is noted with the one that did.
    pub conflicts: Vec<&'a Job>,
}

/// What a batch adds to the totals of a lane.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Jobs posted.
    pub posted: i64,
    /// Jobs rejected.
    pub rejected: i64,
    /// Jobs that had been cancelled.
    pub cancelled: i64,
    /// Jobs that were scheduled, less those that are not any more.
    pub scheduled: i64,
    /// Jobs that were dead and are not any more.
    pub revived: i64,
    /// Entries written.
    pub entries: i64,
}

impl Writes<'_> {
    /// Nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.judged.is_empty() && self.imported.is_empty() && self.conflicts.is_empty()
    }

    /// What these writes add to the totals of each of their lanes.
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<Lane, Tally> {
        let mut tallies: BTreeMap<Lane, Tally> = BTreeMap::new();
        let mut lanes = HashMap::with_capacity(self.judged.len());
        for (job, outcome) in &self.judged {
            let tally = tallies.entry(job.lane).or_default();
            match outcome {
                RecordedOutcome::Posted => tally.posted += 1,
                RecordedOutcome::Rejected(_) | RecordedOutcome::Dead => tally.rejected += 1,
                RecordedOutcome::Cancelled => tally.cancelled += 1,
                RecordedOutcome::Scheduled => tally.scheduled += 1,
            }
            tally.scheduled -= i64::from(self.folded.executed.contains(&job.id));
            tally.revived += i64::from(self.folded.revived.contains(&job.id));
            lanes.insert(job.id, job.lane);
        }
        for lane in self.folded.entries.iter().filter_map(|entry| lanes.get(&entry.job)) {
            tallies.entry(*lane).or_default().entries += 1;
        }
        tallies
    }

    /// Accounts that have no row yet.
    pub fn new_accounts(&self) -> impl Iterator<Item = &Account> + Clone {
        self.folded.accounts.values().filter(|account| account.key.is_none())
    }

    /// Accounts that have a row, as they are now, each with its key.
    pub fn changed_accounts(&self) -> impl Iterator<Item = (i64, &Account)> {
        self.folded.accounts.values().filter_map(|account| Some((account.key?, account)))
    }

    /// Accounts that have a row and whose overdraft limit or holder a job has set, as they are now, each with its key.
    pub fn new_terms(&self) -> impl Iterator<Item = (i64, &Account)> {
        let accounts = self.folded.new_terms.iter().filter_map(|number| self.folded.accounts.get(number));
        accounts.filter_map(|account| Some((account.key?, account)))
    }

    /// The jobs that get a row.
    pub fn new_jobs(&self) -> impl Iterator<Item = (&Job, RecordedOutcome)> {
        let Folded { revived, awaited, executed, .. } = self.folded;
        let has_row =
            |job: &Job| revived.contains(&job.id) || awaited.contains(&job.id) || executed.contains(&job.id);
        self.judged.iter().copied().filter(move |(job, _)| !has_row(job))
    }

    /// The jobs that are to be executed later.
    pub fn scheduled_jobs(&self) -> impl Iterator<Item = &Job> {
        let scheduled = self.judged.iter().filter(|(_, outcome)| *outcome == RecordedOutcome::Scheduled);
        scheduled.map(|(job, _)| *job)
    }

    /// The jobs whose row said scheduled until now.
    pub fn executed_jobs(&self) -> impl Iterator<Item = (&Job, RecordedOutcome)> {
        self.judged.iter().copied().filter(|(job, _)| self.folded.executed.contains(&job.id))
    }

    /// The jobs whose row was there before they came, and says nothing of them yet.
    pub fn awaited_jobs(&self) -> impl Iterator<Item = (&Job, RecordedOutcome)> {
        self.judged.iter().copied().filter(|(job, _)| self.folded.awaited.contains(&job.id))
    }

    /// The jobs whose row said dead until now.
    pub fn revived_jobs(&self) -> impl Iterator<Item = (&Job, RecordedOutcome)> {
        self.judged.iter().copied().filter(|(job, _)| self.folded.revived.contains(&job.id))
    }
}
