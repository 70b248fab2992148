//! What a run knows of its accepted jobs: their fate, and which of their entries were seen. Pure.

use domain::id::JobId;

use super::Proof;
use crate::accounts::{Accounts, FUNDS, Transfer};

/// What became of an accepted job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Posted,
    Rejected,
    Dead,
    Cancelled,
    /// It had no outcome at the deadline.
    Waiting,
    /// The ingress does not know it.
    Unknown,
    /// The ingress did not answer.
    NotRead,
}

/// 28 bytes each: there may be a million.
struct Known {
    id: JobId,
    n: u32,
    fate: Fate,
    debits: u8,
    credits: u8,
}

/// The accepted jobs of a run, by id.
#[derive(Default)]
pub(crate) struct Jobs {
    known: Vec<Known>,
}

impl Jobs {
    pub(crate) fn add(&mut self, id: JobId, n: u32, fate: Fate) {
        self.known.push(Known { id, n, fate, debits: 0, credits: 0 });
    }

    /// To be called once all are there.
    pub(crate) fn sort(&mut self) {
        self.known.sort_unstable_by_key(|job| job.id);
    }

    /// An account has an entry. `false`: no accepted job should have made it.
    pub(crate) fn see(&mut self, accounts: &Accounts, account: u32, id: JobId, amount: i64) -> bool {
        let Ok(found) = self.known.binary_search_by_key(&id, |job| job.id) else { return false };
        let job = &mut self.known[found];
        match leg(accounts.transfer(job.n), account, amount) {
            Some(Leg::Debit) => job.debits = job.debits.saturating_add(1),
            Some(Leg::Credit) => job.credits = job.credits.saturating_add(1),
            None => return false,
        }
        true
    }

    /// What every account should hold, by the jobs that were posted.
    pub(crate) fn balances(&self, accounts: &Accounts, unconfirmed: &[u32]) -> Vec<i64> {
        let mut balances: Vec<i64> = (0..accounts.count()).map(|_| FUNDS).collect();
        let posted = self.known.iter().filter(|job| job.fate == Fate::Posted).map(|job| job.n);
        for n in posted.chain(unconfirmed.iter().copied()) {
            let Transfer { from, to, amount } = accounts.transfer(n);
            for (order, amount) in [(from, -amount), (to, amount)] {
                if let Some(balance) = usize::try_from(order).ok().and_then(|order| balances.get_mut(order)) {
                    *balance += amount;
                }
            }
        }
        balances
    }

    /// Counts the fates, and the entries that were seen if all were read.
    pub(crate) fn judge(&self, proof: &mut Proof, entries_read: bool) {
        let mut before: Option<JobId> = None;
        for job in &self.known {
            proof.accepted += 1;
            match job.fate {
                Fate::Posted => proof.posted += 1,
                Fate::Rejected => proof.rejected += 1,
                Fate::Dead => proof.dead += 1,
                Fate::Cancelled => proof.cancelled += 1,
                Fate::Waiting | Fate::Unknown | Fate::NotRead => {}
            }
            if let Some(why) = job
                .loss(entries_read)
                .or_else(|| (before == Some(job.id)).then_some("was accepted under the id of another job"))
            {
                proof.lost += 1;
                proof.find(|| format!("job {} {why}", job.id));
            }
            let (expected, seen) = (u8::from(job.fate == Fate::Posted), job.debits.max(job.credits));
            if entries_read && seen > expected {
                proof.doubled += 1;
                proof.find(|| {
                    format!("job {} has {seen} times its entries where it should have {expected}", job.id)
                });
            }
            before = Some(job.id);
        }
    }
}

impl Known {
    fn loss(&self, entries_read: bool) -> Option<&'static str> {
        match self.fate {
            Fate::Waiting => Some("has no outcome at the deadline"),
            Fate::Unknown => Some("was accepted and the ingress does not know it"),
            Fate::NotRead => Some("could not be read again"),
            Fate::Posted if entries_read && (self.debits == 0 || self.credits == 0) => {
                Some("is posted and does not have its two entries")
            }
            Fate::Posted | Fate::Rejected | Fate::Dead | Fate::Cancelled => None,
        }
    }
}

enum Leg {
    Debit,
    Credit,
}

/// Which leg of a transfer an entry is; `None`: neither.
fn leg(transfer: Transfer, account: u32, amount: i64) -> Option<Leg> {
    match (account, amount) {
        (account, amount) if account == transfer.from && amount == -transfer.amount => Some(Leg::Debit),
        (account, amount) if account == transfer.to && amount == transfer.amount => Some(Leg::Credit),
        _ => None,
    }
}

/// Whether an entry is a leg of the `n`-th request.
pub(super) fn is_leg(accounts: &Accounts, n: u32, account: u32, amount: i64) -> bool {
    leg(accounts.transfer(n), account, amount).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> JobId {
        JobId::from_chance(u64::from(n), [n; 6])
    }

    /// Two posted jobs and a rejected one, with the entries that they should have.
    fn in_order() -> (Accounts, Jobs) {
        let accounts = Accounts::of_a_new_run(10);
        let mut jobs = Jobs::default();
        for (n, fate) in [(2, Fate::Rejected), (0, Fate::Posted), (1, Fate::Posted)] {
            jobs.add(id(n), u32::from(n), fate);
        }
        jobs.sort();
        for n in [0_u8, 1] {
            see(&accounts, &mut jobs, n);
        }
        (accounts, jobs)
    }

    fn see(accounts: &Accounts, jobs: &mut Jobs, n: u8) {
        let transfer = accounts.transfer(u32::from(n));
        assert!(jobs.see(accounts, transfer.from, id(n), -transfer.amount));
        assert!(jobs.see(accounts, transfer.to, id(n), transfer.amount));
    }

    fn judged(jobs: &Jobs) -> Proof {
        let mut proof = Proof::default();
        jobs.judge(&mut proof, true);
        proof
    }

    #[test]
    fn books_in_order_have_no_findings() {
        let (accounts, jobs) = in_order();
        let proof = judged(&jobs);
        assert_eq!((proof.accepted, proof.posted, proof.rejected), (3, 2, 1));
        assert_eq!((proof.lost, proof.doubled), (0, 0), "{proof:?}");
        let balances = jobs.balances(&accounts, &[]);
        assert_eq!(balances.iter().sum::<i64>(), 10 * FUNDS);
        assert_eq!(balances.iter().filter(|balance| **balance == FUNDS).count(), {
            let moved = [accounts.transfer(0), accounts.transfer(1)];
            (0..10).filter(|order| moved.iter().all(|t| t.from != *order && t.to != *order)).count()
        });
    }

    #[test]
    fn an_entry_that_comes_twice_is_doubled() {
        let (accounts, mut jobs) = in_order();
        see(&accounts, &mut jobs, 1);
        let proof = judged(&jobs);
        assert_eq!((proof.lost, proof.doubled), (0, 1));
        assert!(proof.findings[0].contains(&id(1).to_string()), "{proof:?}");
    }

    #[test]
    fn a_rejected_job_with_entries_is_doubled() {
        let (accounts, mut jobs) = in_order();
        see(&accounts, &mut jobs, 2);
        assert_eq!(judged(&jobs).doubled, 1);
    }

    #[test]
    fn what_has_no_outcome_or_no_entries_is_lost() {
        for fate in [Fate::Waiting, Fate::Unknown, Fate::NotRead, Fate::Posted] {
            let (_, mut jobs) = in_order();
            jobs.add(id(9), 9, fate);
            jobs.sort();
            assert_eq!(judged(&jobs).lost, 1, "{fate:?}");
        }
    }

    #[test]
    fn two_jobs_under_one_id_are_one_lost() {
        let (_, mut jobs) = in_order();
        jobs.add(id(2), 7, Fate::Rejected);
        jobs.sort();
        assert_eq!(judged(&jobs).lost, 1);
    }

    #[test]
    fn an_entry_that_fits_no_job_is_foreign() {
        let (accounts, mut jobs) = in_order();
        let transfer = accounts.transfer(0);
        assert!(!jobs.see(&accounts, transfer.from, id(0), -transfer.amount - 1));
        assert!(!jobs.see(&accounts, transfer.from, id(200), -transfer.amount));
    }
}
