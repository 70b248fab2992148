//! Whether jobs that draw on an account took effect in the order in which they were accepted.
//!
//! Times of acceptance grow along what one ingress replica puts on one lane. As long as they do so in the
//! whole lane, no account in it is out of order. Where a job comes late in its lane, as many do whose accounts other
//! transactions had, its account is read again by itself.

use std::collections::HashMap;

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::lane::Lane;

use crate::ledger::audit::pages::JobOnPage;
use crate::ledger::findings::Audit;

/// Accounts that are read again, some 150 bytes each. Where more are in doubt, the log says so.
const SUSPECTS_MAX: usize = 1_000_000;

/// The latest acceptance in each lane, and the accounts in doubt.
#[derive(Debug, Default)]
pub(super) struct Order {
    latest: HashMap<(Lane, String), i64>,
    suspects: HashMap<(AccountNumber, String), Option<(i64, JobId)>>,
}

impl Order {
    /// The next job in the order of posting. What is recorded in another place than that of its posting
    /// says nothing: a job that was dead took effect out of order if at all, by an operator's replay. Nor does one that has
    /// waited for its day.
    pub(super) fn watch(&mut self, job: &JobOnPage) {
        if job.is_out_of_order || job.was_scheduled {
            return;
        }
        let accepted_at = job.record.accepted_at;
        let key = (job.record.lane, job.ingress.clone());
        let latest = self.latest.entry(key).or_insert(i64::MIN);
        if accepted_at > *latest {
            *latest = accepted_at;
        } else if self.suspects.len() < SUSPECTS_MAX {
            self.suspects.insert((job.account.clone(), job.ingress.clone()), None);
        }
    }

    pub(super) fn suspects(self) -> Suspects {
        if self.suspects.len() >= SUSPECTS_MAX {
            tracing::warn!(
                accounts = SUSPECTS_MAX,
                "the order of jobs is checked for so many accounts alone, by ingress"
            );
        }
        Suspects(self.suspects)
    }
}

/// The accounts in doubt by ingress replica, each with the job last seen.
#[derive(Debug)]
pub(super) struct Suspects(HashMap<(AccountNumber, String), Option<(i64, JobId)>>);

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next job in the order of posting.
    pub(super) fn look(&mut self, job: &JobOnPage, audit: &mut Audit) {
        let key = (job.account.clone(), job.ingress.clone());
        let Some(last) = self.0.get_mut(&key).filter(|_| !(job.is_out_of_order || job.was_scheduled)) else {
            return;
        };
        let (accepted_at, id) = (job.record.accepted_at, job.record.id);
        match last {
            Some((latest, before)) if accepted_at <= *latest => audit.find(|| {
                format!(
                    "account {}, job number {}: job {id} was accepted by {} before job {before} and posted after it",
                    job.account, job.seq, job.ingress
                )
            }),
            last => *last = Some((accepted_at, id)),
        }
    }
}
