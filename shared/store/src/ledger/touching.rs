//! Which accounts a recorded job is about.

use contract::submission;
use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Action;

use super::record::JobRecord;

/// Whether a job touches any of these accounts, as far as its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It undoes another job: it does if that one does.
    As(JobId),
}

impl JobRecord {
    /// Whether its body names this account.
    pub(crate) fn names(&self, account: &AccountNumber) -> bool {
        let Ok(spec) = submission::parse(self.body.as_bytes()) else { return false };
        spec.action.named_accounts().contains(&account)
    }

    /// Whether it touches any of these accounts: draws on one, or moves something to one.
    pub fn touches(&self, accounts: &Accounts) -> Touches {
        // The ledger holds only jobs; what some hand put there instead is nobody's.
        let Ok(spec) = submission::parse(self.body.as_bytes()) else { return Touches::No };
        match &spec.action {
            action if action.named_accounts().into_iter().any(|number| accounts.contain(number)) => {
                Touches::Yes
            }
            Action::Reversal { job, .. } => Touches::As(*job),
            _ => Touches::No,
        }
    }
}
