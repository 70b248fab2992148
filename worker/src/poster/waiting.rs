//! What waits to be posted, and which of it may go into a transaction now.
//!
//! Two transactions that share an account wait for each other's rows, and of 10,000 accounts two batches of a hundred
//! transfers nearly always share one. So a transaction is gathered from jobs whose accounts no other one has that is in
//! flight; a job whose account is taken stays for a later one. This is for speed alone: between workers, and for accounts
//! that only the ledger can name, the locks on the rows decide as ever.
//!
//! The order of a lane holds by two rules. A lane has jobs in one transaction at a time. And a job that stays keeps back
//! every job behind it in its batch that shares an account with it, so that what draws on one account is posted in the
//! order of its lane. A reversal keeps back all of them: which accounts it credits only the ledger knows.
//!
//! A job of many accounts would wait for ever while others take them in turn. So a batch that others have overtaken often
//! reserves what it needs, and nothing younger takes it.

use std::collections::{HashSet, VecDeque};

use domain::account::AccountNumber;
use domain::fold::Needs;
use domain::job::{Action, Job};
use store::StoreError;
use store::ledger::{Posted, Unposted};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Answer, Finished};

/// By how many transactions of younger batches a batch is overtaken before it reserves its accounts.
const OVERTAKEN_MAX: u32 = 8;

/// Names a batch while it waits or is in flight.
type Key = u64;

/// The batches that have no answer yet, the oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    batches: VecDeque<LaneBatch>,
    /// What the transactions in flight may touch.
    taken: HashSet<AccountNumber>,
    keys: Key,
}

/// What one lane handed over.
struct LaneBatch {
    key: Key,
    submitted_at: Instant,
    answer: oneshot::Sender<Answer>,
    places: Vec<Place>,
    /// It has the same job twice, or another body under an id: then its jobs stay together, since what becomes of one
    /// decides what becomes of the other.
    is_whole: bool,
    is_in_flight: bool,
    /// Since when its turn could have come: its arrival, or the end of its last transaction.
    waits_since: Instant,
    overtaken: u32,
    was_late: bool,
    failure: Option<StoreError>,
}

/// A job in its batch.
struct Place {
    /// `None`: it is in flight.
    job: Option<Job>,
    accounts: Vec<AccountNumber>,
    is_reversal: bool,
    finished: Option<Finished>,
}

impl Place {
    fn waits(&self) -> bool {
        self.job.is_some() && self.finished.is_none()
    }
}

/// Jobs that may be posted together now.
pub(super) struct Selection {
    /// Batches by their position, each with the places of the jobs.
    picked: Vec<(usize, Vec<usize>)>,
    pub(super) jobs: usize,
    /// When the oldest of them came.
    pub(super) oldest: Instant,
}

/// A transaction on its way.
pub(super) struct Gathered {
    pub(super) jobs: Vec<Job>,
    /// Since when each batch waited.
    pub(super) waited_since: Vec<Instant>,
    pub(super) origin: Gone,
}

/// Where the jobs of a transaction come from, and what they may touch.
pub(super) struct Gone {
    places: Vec<(Key, Vec<usize>)>,
    accounts: Vec<AccountNumber>,
}

impl Waiting {
    /// A lane hands over its batch.
    pub(super) fn push(&mut self, jobs: Vec<Job>, answer: oneshot::Sender<Answer>) {
        self.keys += 1;
        let mut ids = HashSet::with_capacity(jobs.len());
        let mut are_distinct = true;
        for job in &jobs {
            are_distinct &= ids.insert(job.id);
            are_distinct &= job.former.iter().all(|former| former.id == job.id || ids.insert(former.id));
        }
        let place = |job: Job| {
            let mut accounts = Needs::of(std::slice::from_ref(&job)).accounts;
            // No other lane has them, and one deposit need not wait for another.
            accounts.retain(|account| !account.is_external());
            let is_reversal = matches!(job.spec.action, Action::Reversal { .. });
            Place { job: Some(job), accounts: accounts.into_iter().collect(), is_reversal, finished: None }
        };
        let now = Instant::now();
        self.batches.push_back(LaneBatch {
            key: self.keys,
            submitted_at: now,
            answer,
            places: jobs.into_iter().map(place).collect(),
            is_whole: !are_distinct,
            is_in_flight: false,
            waits_since: now,
            overtaken: 0,
            was_late: false,
            failure: None,
        });
    }

    /// What may go into a transaction of at most so many jobs, the oldest first; `None`: nothing.
    pub(super) fn select(&mut self, jobs_max: usize) -> Option<Selection> {
        // Whoever takes over a lane that was given up posts it from the queue.
        self.batches.retain(|batch| batch.is_in_flight || !batch.answer.is_closed());
        let mut selection: Option<Selection> = None;
        let mut reserved: HashSet<&AccountNumber> = HashSet::new();
        for (position, batch) in self.batches.iter().enumerate() {
            let free = match batch.is_in_flight {
                true => Vec::new(),
                false => batch.free(|account| self.taken.contains(account) || reserved.contains(account)),
            };
            if reserved.is_empty() && batch.overtaken >= OVERTAKEN_MAX {
                // Not of what goes now: younger jobs may go along with it.
                let waiting = batch.places.iter().enumerate().filter(|(_, place)| place.waits());
                let staying = waiting.filter(|(number, _)| free.binary_search(number).is_err());
                reserved.extend(staying.flat_map(|(_, place)| &place.accounts));
            }
            if free.is_empty() {
                continue;
            }
            let selection = selection.get_or_insert_with(|| Selection {
                picked: Vec::new(),
                jobs: 0,
                oldest: batch.submitted_at,
            });
            let room = jobs_max.saturating_sub(selection.jobs);
            let fits = free.len() <= room;
            let is_full = free.len() >= room;
            // A batch that must stay together goes alone if it is larger than the room.
            let picked = match (fits, batch.is_whole) {
                (true, _) => free,
                (false, false) => free.into_iter().take(room).collect(),
                (false, true) if selection.jobs == 0 => free,
                (false, true) => Vec::new(),
            };
            if !picked.is_empty() {
                selection.jobs += picked.len();
                selection.picked.push((position, picked));
            }
            if is_full {
                break;
            }
        }
        selection
    }

    /// Takes what was selected out of its batches.
    pub(super) fn take(&mut self, selection: Selection) -> Gathered {
        let mut jobs = Vec::with_capacity(selection.jobs);
        let mut waited_since = Vec::with_capacity(selection.picked.len());
        let youngest = selection.picked.last().map_or(0, |(position, _)| *position);
        for batch in self.batches.iter_mut().take(youngest) {
            batch.overtaken += u32::from(batch.places.iter().any(Place::waits));
        }
        let mut origin = Gone { places: Vec::with_capacity(selection.picked.len()), accounts: Vec::new() };
        for (position, places) in selection.picked {
            let Some(batch) = self.batches.get_mut(position) else { continue };
            batch.is_in_flight = true;
            batch.overtaken = 0;
            waited_since.push(batch.waits_since);
            for place in places.iter().filter_map(|place| batch.places.get(*place)) {
                origin.accounts.extend(place.accounts.iter().cloned());
            }
            jobs.extend(places.iter().filter_map(|place| batch.places.get_mut(*place)?.job.take()));
            origin.places.push((batch.key, places));
        }
        self.taken.extend(origin.accounts.iter().cloned());
        Gathered { jobs, waited_since, origin }
    }

    /// A transaction has ended: its jobs are back in their batches, and whichever batch is complete, or cannot be
    /// completed, gets its answer.
    pub(super) fn ended(
        &mut self,
        origin: Gone,
        jobs: Vec<Job>,
        posted: Result<Vec<Posted>, StoreError>,
        was_late: bool,
    ) {
        self.release(&origin);
        let (mut posted, failure) = match posted {
            Ok(posted) => (posted.into_iter(), None),
            Err(failure) => (Vec::new().into_iter(), Some(failure)),
        };
        let mut jobs = jobs.into_iter();
        for (key, places) in origin.places {
            let mut next = || (jobs.next(), posted.next());
            let position = self.batches.iter().position(|batch| batch.key == key);
            let Some((position, batch)) = position.and_then(|at| Some((at, self.batches.get_mut(at)?)))
            else {
                places.iter().for_each(|_| drop(next()));
                continue;
            };
            batch.is_in_flight = false;
            batch.waits_since = Instant::now();
            batch.was_late |= was_late;
            batch.failure = failure.clone();
            for place in places {
                let (job, posted) = next();
                let Some(place) = batch.places.get_mut(place) else { continue };
                place.job = job;
                match posted {
                    Some(Ok(applied)) => place.finished = Some(Ok(applied)),
                    Some(Err(Unposted::Dead(cause))) => place.finished = Some(Err(cause)),
                    // The lane tries it again, and what has no outcome yet.
                    Some(Err(Unposted::Waits(why))) => batch.failure = Some(why),
                    None => {}
                }
            }
            if batch.failure.is_some() || batch.places.iter().all(|place| place.finished.is_some()) {
                self.batches.remove(position).into_iter().for_each(LaneBatch::answer);
            }
        }
    }

    /// A transaction broke off, and its jobs with it: whether they are posted is not known, and their lanes get no answer.
    pub(super) fn broke_off(&mut self, origin: &Gone) {
        self.release(origin);
        let gone: HashSet<Key> = origin.places.iter().map(|(key, _)| *key).collect();
        self.batches.retain(|batch| !gone.contains(&batch.key));
    }

    fn release(&mut self, origin: &Gone) {
        for account in &origin.accounts {
            self.taken.remove(account);
        }
    }
}

impl LaneBatch {
    /// The places of the jobs that may go now, in order.
    fn free(&self, is_taken: impl Fn(&AccountNumber) -> bool) -> Vec<usize> {
        let mut kept_back = HashSet::new();
        let mut free = Vec::with_capacity(self.places.len());
        for (number, place) in self.places.iter().enumerate().filter(|(_, place)| place.waits()) {
            if place.accounts.iter().any(|account| is_taken(account) || kept_back.contains(account)) {
                if self.is_whole {
                    return Vec::new();
                }
                if place.is_reversal {
                    break;
                }
                kept_back.extend(&place.accounts);
            } else {
                free.push(number);
            }
        }
        free
    }

    fn answer(self) {
        let LaneBatch { answer, places, was_late, failure, .. } = self;
        let jobs = places.into_iter().filter_map(|place| Some((place.job?, place.finished))).collect();
        // A lane that has gone takes the batch up again where it is served next.
        drop(answer.send(Answer { jobs, failure, was_late }));
    }
}

#[cfg(test)]
mod tests;
