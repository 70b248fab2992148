//! What a batch needs to read before it can be folded.

use std::collections::{BTreeSet, HashMap};

use super::Original;
use crate::account::AccountNumber;
use crate::hold::Hold;
use crate::id::JobId;
use crate::job::{Action, Job};
use crate::lane::Lane;
use crate::money::Currency;

/// What a batch refers to, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Accounts that entries, holds or changes of status may touch.
    pub accounts: BTreeSet<AccountNumber>,
    /// Holds that are captured or released.
    pub holds: BTreeSet<JobId>,
    /// Jobs that are reversed.
    pub originals: BTreeSet<JobId>,
    /// Standing orders that are changed, or pay.
    pub orders: BTreeSet<JobId>,
    /// Ids that jobs had before.
    pub former: BTreeSet<JobId>,
    /// Holds that are paid out, each with the lane that does: the hold's currency says which outside
    /// account that needs.
    pays_out: BTreeSet<(JobId, Lane)>,
}

impl Needs {
    /// What the jobs of a batch name themselves.
    pub fn of(jobs: &[Job]) -> Needs {
        let mut needs = Needs::default();
        let mut holds_made: HashMap<JobId, Currency> = HashMap::new();
        for job in jobs {
            let action = &job.spec.action;
            needs.accounts.insert(action.account().clone());
            needs.former.extend(job.former.iter().map(|former| former.id));
            match action {
                Action::Deposit { money, .. } | Action::Withdrawal { money, .. } => {
                    needs.accounts.insert(AccountNumber::external(money.currency, job.lane));
                }
                Action::Transfer { to, .. } => {
                    needs.accounts.insert(to.clone());
                }
                Action::Journal { legs, .. } => {
                    needs.accounts.extend(legs.iter().map(|leg| leg.account.clone()));
                }
                Action::Hold { money, .. } => {
                    holds_made.insert(job.id, money.currency);
                }
                Action::Capture { hold, to, .. } => {
                    needs.holds.insert(*hold);
                    match to {
                        Some(to) => needs.accounts.insert(to.clone()),
                        None => needs.pays_out.insert((*hold, job.lane)),
                    };
                }
                Action::Release { hold, .. } => {
                    needs.holds.insert(*hold);
                }
                Action::Reversal { job, .. } => {
                    needs.originals.insert(*job);
                }
                Action::OpenStandingOrder(terms) => {
                    needs.accounts.insert(terms.to.clone());
                }
                Action::StandingPayment(payment) => {
                    needs.accounts.insert(payment.to.clone());
                    needs.orders.insert(payment.order);
                }
                Action::PauseStandingOrder { order, .. }
                | Action::ResumeStandingOrder { order, .. }
                | Action::CloseStandingOrder { order, .. } => {
                    needs.orders.insert(*order);
                }
                Action::OpenAccount { .. }
                | Action::CloseAccount { .. }
                | Action::FreezeAccount { .. }
                | Action::UnfreezeAccount { .. }
                | Action::SetOverdraftLimit { .. }
                | Action::SetHolder { .. } => {}
            }
        }
        for (hold, lane) in &needs.pays_out {
            if let Some(currency) = holds_made.get(hold) {
                needs.accounts.insert(AccountNumber::external(*currency, *lane));
            }
        }
        needs
    }

    /// Whether something must be looked up before it is known which accounts to lock.
    pub fn refers_back(&self) -> bool {
        !(self.pays_out.is_empty() && self.originals.is_empty())
    }

    /// Adds the accounts that follow from what the batch refers to: a hold's currency, a posted job's
    /// legs. Neither ever changes, so both may be read before anything is locked.
    pub fn follow(&mut self, holds: &HashMap<JobId, Hold>, originals: &HashMap<JobId, Original>) {
        let paid_out = self.pays_out.iter().filter_map(|(id, lane)| Some((holds.get(id)?, *lane)));
        self.accounts.extend(paid_out.map(|(hold, lane)| AccountNumber::external(hold.currency, lane)));
        let touched = originals.values().flat_map(|original| &original.legs);
        self.accounts.extend(touched.map(|(account, _)| account.clone()));
    }
}
