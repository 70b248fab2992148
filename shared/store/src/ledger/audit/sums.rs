//! All entries against all jobs, in any order and in constant memory.
//!
//! Every leg (job, account, amount) is hashed under a key that nobody knows beforehand. Entries add their
//! hash to a bucket, jobs take the hashes of what they moved away from it: if both sides hold the same
//! legs, as often, nothing is left. The entries of a bucket that differs, and they alone, are then
//! gathered beside what their jobs moved.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::AccountNumber;
use domain::entry::Entry;
use domain::fold::Legs;
use domain::id::JobId;
use domain::outcome::RecordedOutcome;

use crate::failure::Failure;
use crate::ledger::findings::Audit;
use crate::ledger::record::JobRecord;

/// One mebibyte of sums: of 10 million entries, a bucket has 150.
const BUCKETS: usize = 1 << 16;
/// Buckets that are read again to name what is wrong in them; where more differ, the ledger is lost
/// anyway and the number of findings says so.
const BUCKETS_NAMED_MAX: usize = 64;

/// What entries and jobs have not yet been matched with.
#[derive(Debug)]
pub(super) struct Sums {
    key: [u8; 32],
    buckets: Vec<u128>,
}

impl Sums {
    pub(super) fn new() -> Result<Sums, Failure> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Failure::Transient(format!("the system provides no random numbers: {error}")))?;
        Ok(Sums { key, buckets: vec![0; BUCKETS] })
    }

    /// An entry that is in the ledger.
    pub(super) fn entry(&mut self, account: &AccountNumber, entry: &Entry) {
        let hash = self.hash(entry.job, account, entry.amount);
        let bucket = &mut self.buckets[bucket_of(entry.job)];
        *bucket = bucket.wrapping_add(hash);
    }

    /// A leg that a posted job moved.
    pub(super) fn leg(&mut self, job: JobId, account: &AccountNumber, amount: i64) {
        let hash = self.hash(job, account, amount);
        let bucket = &mut self.buckets[bucket_of(job)];
        *bucket = bucket.wrapping_sub(hash);
    }

    fn hash(&self, job: JobId, account: &AccountNumber, amount: i64) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(job.as_bytes());
        hasher.update(&amount.to_be_bytes());
        hasher.update(account.as_str().as_bytes());
        let mut head = [0; 16];
        hasher.finalize_xof().fill(&mut head);
        u128::from_be_bytes(head)
    }

    /// What is left to explain.
    pub(super) fn differences(&self) -> Legend {
        let differing = self.buckets.iter().enumerate().filter(|(_, sum)| **sum != 0);
        let buckets: Vec<usize> = differing.map(|(bucket, _)| bucket).collect();
        Legend {
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

/// The jobs of the buckets that differ: what they moved and the entries that they have.
#[derive(Debug)]
pub(super) struct Legend {
    buckets: BTreeSet<usize>,
    unnamed: usize,
    jobs: BTreeMap<JobId, Sides>,
}

#[derive(Debug, Default)]
struct Sides {
    outcome: Option<RecordedOutcome>,
    moved: Legs,
    /// Account, `seq` and amount.
    entries: Vec<(AccountNumber, i64, i64)>,
}

impl Legend {
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(super) fn asks_for(&self, job: JobId) -> bool {
        self.buckets.contains(&bucket_of(job))
    }

    pub(super) fn entry(&mut self, account: &AccountNumber, entry: &Entry) {
        if self.asks_for(entry.job) {
            let entries = &mut self.jobs.entry(entry.job).or_default().entries;
            entries.push((account.clone(), entry.seq, entry.amount));
        }
    }

    pub(super) fn job(&mut self, job: &JobRecord, moved: Legs) {
        let sides = self.jobs.entry(job.id).or_default();
        sides.outcome = Some(job.outcome);
        sides.moved = moved;
    }

    /// Says what is wrong with each job.
    pub(super) fn tell(self, audit: &mut Audit) {
        for (id, sides) in self.jobs {
            sides.tell(id, audit);
        }
        if self.unnamed > 0 {
            audit.find(|| format!("{} more groups of jobs do not match their entries", self.unnamed));
        }
    }
}

impl Sides {
    fn tell(mut self, id: JobId, audit: &mut Audit) {
        for (account, seq, amount) in self.entries {
            match self.moved.iter().position(|leg| *leg == (account.clone(), amount)) {
                Some(matched) => drop(self.moved.swap_remove(matched)),
                None => audit.find(|| {
                    let why = match self.outcome {
                        None => "its job is not in the ledger".to_owned(),
                        Some(RecordedOutcome::Posted) => "its job did not move that".to_owned(),
                        Some(other) => format!("its job was not posted but is {other:?}"),
                    };
                    format!("account {account}, entry {seq} of {amount} by job {id}: {why}")
                }),
            }
        }
        for (account, amount) in self.moved {
            audit.find(|| {
                format!("job {id}: it moved {amount} on account {account}, which has no such entry")
            });
        }
    }
}
