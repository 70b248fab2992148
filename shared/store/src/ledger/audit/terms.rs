//! Overdraft limits and holders of accounts against the jobs that set them.
//!
//! Only accounts that are below their limit, and those whose limit or holder a job has changed since they were opened, are
//! kept in memory, some 200 bytes each.

use std::collections::HashMap;

use domain::account::{Account, AccountNumber};
use domain::job::Action;
use domain::money::OverdraftLimit;

use crate::ledger::findings::Audit;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Terms {
    below: HashMap<AccountNumber, Below>,
    set: HashMap<AccountNumber, Set>,
}

/// An account that has less than its limit leaves it.
#[derive(Debug)]
struct Below {
    account: Account,
    /// The highest limit that a job gave it.
    highest: OverdraftLimit,
}

/// What the last job said that set it.
#[derive(Debug, Default)]
struct Set {
    overdraft_limit: Option<OverdraftLimit>,
    holder: Option<Option<String>>,
    /// One of the jobs is not in the place of its posting, so that which was last does not show.
    in_doubt: bool,
}

impl Terms {
    /// An account as it stands; before any job.
    pub(super) fn account(&mut self, account: &Account) {
        if account.available() < 0 {
            let below = Below { account: account.clone(), highest: OverdraftLimit::default() };
            self.below.insert(account.number.clone(), below);
        }
    }

    /// What the next posted job did, in the order of posting.
    pub(super) fn job(&mut self, action: &Action, is_out_of_order: bool) {
        match action {
            Action::OpenAccount { account, overdraft_limit, .. } => self.allow(account, *overdraft_limit),
            Action::SetOverdraftLimit { account, overdraft_limit, .. } => {
                self.allow(account, *overdraft_limit);
                let set = self.set.entry(account.clone()).or_default();
                set.overdraft_limit = Some(*overdraft_limit);
                set.in_doubt |= is_out_of_order;
            }
            Action::SetHolder { account, holder } => {
                let set = self.set.entry(account.clone()).or_default();
                set.holder = Some(holder.as_ref().map(ToString::to_string));
                set.in_doubt |= is_out_of_order;
            }
            _ => {}
        }
    }

    fn allow(&mut self, account: &AccountNumber, limit: OverdraftLimit) {
        if let Some(below) = self.below.get_mut(account) {
            below.highest = below.highest.max(limit);
        }
    }

    /// Whether the accounts have to be read again, to be compared with what jobs set.
    pub(super) fn asks_for_accounts(&self) -> bool {
        !self.set.is_empty()
    }

    /// Compares an account with what jobs set.
    pub(super) fn compare(&self, account: &Account, audit: &mut Audit) {
        let Some(set) = self.set.get(&account.number).filter(|set| !set.in_doubt) else { return };
        let number = &account.number;
        if let Some(limit) = set.overdraft_limit.filter(|limit| *limit != account.overdraft_limit) {
            let (found, limit) = (account.overdraft_limit.minor_units(), limit.minor_units());
            audit.find(|| {
                format!("account {number}: its overdraft limit is {found}, the last job set {limit}")
            });
        }
        if let Some(holder) = set.holder.as_ref().filter(|holder| **holder != account.holder) {
            let found = &account.holder;
            audit.find(|| format!("account {number}: its holder is {found:?}, the last job set {holder:?}"));
        }
    }

    /// Says which accounts are below a limit that no job has lowered so far.
    pub(super) fn tell(self, audit: &mut Audit) {
        for (number, Below { account, highest }) in self.below {
            let was_set = self.set.get(&number).is_some_and(|set| set.overdraft_limit.is_some());
            let allowed = Account { overdraft_limit: highest, ..account.clone() }.available() >= 0;
            if !(was_set && allowed) {
                let (balance, held, limit) =
                    (account.balance, account.held, account.overdraft_limit.minor_units());
                audit.find(|| {
                    format!(
                        "account {number}: balance {balance} less {held} held is below its overdraft limit {limit}"
                    )
                });
            }
        }
    }
}
