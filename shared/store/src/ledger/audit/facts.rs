//! What rows say against what jobs did, in any order and in constant memory: entries, holds and reversals.
//!
//! Every fact (a job, and what became of an account or a hold by it) is hashed under a key that nobody knows beforehand. Rows add
//! their hash to a bucket, jobs take the hashes of what they did away from it: if both sides say the same, as often, nothing is
//! left. The facts of a bucket that differs, and they alone, are then gathered from both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::account::AccountNumber;
use domain::entry::Entry;
use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::money::{Amount, Currency};
use domain::outcome::RecordedOutcome;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::ledger::findings::Audit;
use crate::ledger::record::JobRecord;

/// One mebibyte of sums: of 10 million entries, a bucket has 150.
const BUCKETS: usize = 1 << 16;
/// Buckets that are read again to name what is wrong in them; where more differ, the ledger is lost
/// anyway and the number of findings says so.
const BUCKETS_NAMED_MAX: usize = 64;

/// What a job did that a row says too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// It moved this much on an account, in minor units, and was posted at this time (µs since the Unix epoch).
    Moved { account: AccountNumber, amount: i64, posted_at: i64 },
    /// It reserved funds.
    Held { account: AccountNumber, currency: Currency, amount: Amount, expires_at: Option<i64> },
    /// Of the job of a hold: another one moved so much of it.
    Captured(Amount),
    /// Of the job of a hold: another one gave it back.
    Released,
    /// This job reversed it.
    ReversedBy(JobId),
}

impl Fact {
    /// What an entry says of its job.
    pub(super) fn of_entry(account: &AccountNumber, entry: &Entry) -> Fact {
        let Entry { amount, posted_at, .. } = *entry;
        Fact::Moved { account: account.clone(), amount, posted_at }
    }

    /// What a hold says of its job: how it was made, and how it ended.
    pub(super) fn of_hold(hold: &Hold) -> (Fact, Option<Fact>) {
        let Hold { account, currency, amount, expires_at, status, .. } = hold.clone();
        let end = match status {
            HoldStatus::Active => None,
            HoldStatus::Captured(captured) => Some(Fact::Captured(captured)),
            HoldStatus::Released => Some(Fact::Released),
        };
        (Fact::Held { account, currency, amount, expires_at }, end)
    }

    fn hash_into(&self, hasher: &mut blake3::Hasher) {
        match self {
            Fact::Moved { account, amount, posted_at } => {
                hasher.update(&[0]).update(&amount.to_be_bytes()).update(&posted_at.to_be_bytes());
                hasher.update(account.as_str().as_bytes());
            }
            Fact::Held { account, currency, amount, expires_at } => {
                hasher.update(&[1]).update(&amount.minor_units().to_be_bytes());
                // No hold ends at the beginning of time.
                hasher.update(&expires_at.unwrap_or(i64::MIN).to_be_bytes());
                hasher.update(currency.code().as_bytes()).update(account.as_str().as_bytes());
            }
            Fact::Captured(amount) => drop(hasher.update(&[2]).update(&amount.minor_units().to_be_bytes())),
            Fact::Released => drop(hasher.update(&[3])),
            Fact::ReversedBy(job) => drop(hasher.update(&[4]).update(job.as_bytes())),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Moved { account, amount, .. } => write!(to, "moved {amount} on account {account}"),
            Fact::Held { account, currency, amount, expires_at } => {
                write!(to, "held {} {currency} on account {account}", amount.minor_units())?;
                expires_at.map_or(Ok(()), |end| write!(to, " until {}", time(end)))
            }
            Fact::Captured(amount) => write!(to, "was captured with {}", amount.minor_units()),
            Fact::Released => write!(to, "was released"),
            Fact::ReversedBy(job) => write!(to, "was reversed by job {job}"),
        }
    }
}

fn time(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| microseconds.to_string(), |time| time.to_string())
}

/// What rows and jobs have not yet been matched with.
#[derive(Debug)]
pub(super) struct Facts {
    key: [u8; 32],
    buckets: Vec<u128>,
}

impl Facts {
    pub(super) fn new() -> Result<Facts, Failure> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Failure::Transient(format!("the system provides no random numbers: {error}")))?;
        Ok(Facts { key, buckets: vec![0; BUCKETS] })
    }

    /// What a row in the ledger says of a job.
    pub(super) fn row(&mut self, job: JobId, fact: &Fact) {
        let hash = self.hash(job, fact);
        let bucket = &mut self.buckets[bucket_of(job)];
        *bucket = bucket.wrapping_add(hash);
    }

    /// What the jobs say of it.
    pub(super) fn job(&mut self, job: JobId, fact: &Fact) {
        let hash = self.hash(job, fact);
        let bucket = &mut self.buckets[bucket_of(job)];
        *bucket = bucket.wrapping_sub(hash);
    }

    fn hash(&self, job: JobId, fact: &Fact) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(job.as_bytes());
        fact.hash_into(&mut hasher);
        let mut head = [0; 16];
        hasher.finalize_xof().fill(&mut head);
        u128::from_be_bytes(head)
    }

    /// What is left to explain.
    pub(super) fn differences(&self) -> Differences {
        let differing = self.buckets.iter().enumerate().filter(|(_, sum)| **sum != 0);
        let buckets: Vec<usize> = differing.map(|(bucket, _)| bucket).collect();
        Differences {
            unnamed: buckets.len().saturating_sub(BUCKETS_NAMED_MAX),
            buckets: buckets.into_iter().take(BUCKETS_NAMED_MAX).collect(),
            jobs: BTreeMap::new(),
        }
    }
}

/// Ids end in a hash, so their last bytes spread evenly.
fn bucket_of(job: JobId) -> usize {
    let bytes = job.as_bytes();
    usize::from(bytes[14]) << 8 | usize::from(bytes[15])
}

/// The jobs of the buckets that differ: what is said of them on both sides.
#[derive(Debug)]
pub(super) struct Differences {
    buckets: BTreeSet<usize>,
    unnamed: usize,
    jobs: BTreeMap<JobId, Sides>,
}

#[derive(Debug, Default)]
struct Sides {
    outcome: Option<RecordedOutcome>,
    by_jobs: Vec<Fact>,
    /// Of an entry with its `seq`.
    by_rows: Vec<(Fact, Option<i64>)>,
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(super) fn ask_for(&self, job: JobId) -> bool {
        self.buckets.contains(&bucket_of(job))
    }

    /// What a row says of a job; of an entry with its `seq`.
    pub(super) fn row(&mut self, job: JobId, fact: Fact, seq: Option<i64>) {
        if self.ask_for(job) {
            self.jobs.entry(job).or_default().by_rows.push((fact, seq));
        }
    }

    /// What the jobs say of it.
    pub(super) fn job(&mut self, job: JobId, fact: Fact) {
        if self.ask_for(job) {
            self.jobs.entry(job).or_default().by_jobs.push(fact);
        }
    }

    /// A job that is in the ledger.
    pub(super) fn found(&mut self, job: &JobRecord) {
        if self.ask_for(job.id) {
            self.jobs.entry(job.id).or_default().outcome = Some(job.outcome);
        }
    }

    /// Says what is wrong with each job.
    pub(super) fn tell(self, audit: &mut Audit) {
        for (id, sides) in self.jobs {
            sides.tell(id, audit);
        }
        if self.unnamed > 0 {
            audit.find(|| {
                format!("{} more groups of jobs do not match their entries and holds", self.unnamed)
            });
        }
    }
}

impl Sides {
    fn tell(mut self, id: JobId, audit: &mut Audit) {
        let held_on = |fact: &Fact| match fact {
            Fact::Held { account, .. } => Some(account.clone()),
            _ => None,
        };
        let account = self.by_rows.iter().find_map(|(fact, _)| held_on(fact));
        let account = account.or_else(|| self.by_jobs.iter().find_map(held_on));
        let account = account.map_or(String::new(), |account| format!(" of account {account}"));
        for (fact, seq) in self.by_rows {
            if let Some(matched) = self.by_jobs.iter().position(|by_job| *by_job == fact) {
                self.by_jobs.swap_remove(matched);
                continue;
            }
            let why = match self.outcome {
                None => "its job is not in the ledger".to_owned(),
                Some(RecordedOutcome::Posted) => "no job did that".to_owned(),
                Some(other) => format!("its job was not posted but is {other:?}"),
            };
            audit.find(|| match (&fact, seq) {
                (Fact::Moved { account, amount, posted_at }, Some(seq)) => {
                    format!(
                        "account {account}, entry {seq} of {amount} at {} by job {id}: {why}",
                        time(*posted_at)
                    )
                }
                (Fact::ReversedBy(_), _) => format!("job {id}: its row says that it {fact}; {why}"),
                _ => format!("hold {id}{account}: its row says that it {fact}; {why}"),
            });
        }
        for fact in self.by_jobs {
            audit.find(|| match &fact {
                Fact::Moved { account, amount, posted_at } => format!(
                    "job {id}: it moved {amount} on account {account}, which has no such entry of {}",
                    time(*posted_at)
                ),
                Fact::ReversedBy(_) => format!("job {id}: it {fact}, and no row says so"),
                _ => format!("hold {id}{account}: by its jobs it {fact}, and its row does not say so"),
            });
        }
    }
}
