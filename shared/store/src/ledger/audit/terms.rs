//! Accounts against the jobs that opened and changed them: currency, overdraft limit, holder and status.
//!
//! What was agreed about an account is kept in memory until it is compared, some 200 bytes each. So a large ledger is gone
//! through in parts: its jobs are read once for each part of its accounts.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use domain::account::{Account, AccountNumber, AccountStatus};
use domain::job::Action;
use domain::money::{Currency, OverdraftLimit};

use crate::ledger::findings::Audit;

/// Accounts of one part, about.
const ACCOUNTS_AT_ONCE: u64 = 200_000;

/// The parts of a ledger with so many accounts.
pub(super) fn parts(accounts: u64) -> impl Iterator<Item = Part> {
    let of = accounts.div_ceil(ACCOUNTS_AT_ONCE).max(1);
    (0..of).map(move |number| Part { number, of })
}

/// Some of the accounts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    number: u64,
    of: u64,
}

impl Part {
    pub(super) fn is_first(self) -> bool {
        self.number == 0
    }

    fn has(self, account: &AccountNumber) -> bool {
        self.of == 1
            || BuildHasherDefault::<DefaultHasher>::default().hash_one(account) % self.of == self.number
    }
}

/// What the jobs agreed about the accounts of one part.
#[derive(Debug)]
pub(super) struct Terms {
    part: Part,
    accounts: HashMap<AccountNumber, Agreed>,
}

/// What holds for an account after the jobs so far.
#[derive(Debug)]
struct Agreed {
    /// `None`: no job opened it.
    currency: Option<Currency>,
    overdraft_limit: OverdraftLimit,
    /// The highest that a job gave it.
    highest_limit: OverdraftLimit,
    holder: Option<String>,
    status: AccountStatus,
    /// One of the jobs is not in the place of its posting, so that which was last does not show.
    is_in_doubt: bool,
}

impl Terms {
    pub(super) fn of(part: Part) -> Terms {
        Terms { part, accounts: HashMap::new() }
    }

    /// What the next posted job did, in the order of posting.
    pub(super) fn job(&mut self, action: &Action, is_out_of_order: bool) {
        let change: &dyn Fn(&mut Agreed) = match action {
            Action::OpenAccount { currency, overdraft_limit, holder, .. } => &|agreed| {
                agreed.currency = Some(*currency);
                agreed.set_limit(*overdraft_limit);
                agreed.holder = holder.as_ref().map(ToString::to_string);
            },
            Action::SetOverdraftLimit { overdraft_limit, .. } => &|agreed| agreed.set_limit(*overdraft_limit),
            Action::SetHolder { holder, .. } => {
                &|agreed| agreed.holder = holder.as_ref().map(ToString::to_string)
            }
            Action::CloseAccount { .. } => &|agreed| agreed.status = AccountStatus::Closed,
            Action::FreezeAccount { .. } => &|agreed| agreed.status = AccountStatus::Frozen,
            Action::UnfreezeAccount { .. } => &|agreed| agreed.status = AccountStatus::Open,
            _ => return,
        };
        let account = action.account();
        if self.part.has(account) {
            let agreed = self.accounts.entry(account.clone()).or_insert_with(Agreed::nothing);
            change(agreed);
            agreed.is_in_doubt |= is_out_of_order;
        }
    }

    /// Compares an account with what was agreed, and forgets that.
    pub(super) fn compare(&mut self, account: &Account, audit: &mut Audit) {
        let number = &account.number;
        if !self.part.has(number) {
            return;
        }
        if number.is_external() {
            return compare_outside(account, audit);
        }
        match self.accounts.remove(number) {
            None | Some(Agreed { currency: None, .. }) => {
                audit.find(|| format!("account {number}: no job opened it"));
            }
            Some(agreed) => agreed.compare(account, audit),
        }
    }

    /// Says which accounts jobs opened that are not there.
    pub(super) fn tell(self, audit: &mut Audit) {
        let mut missing: Vec<_> = self.accounts.into_keys().collect();
        missing.sort_unstable();
        for number in missing {
            audit.find(|| format!("account {number}: a job opened or changed it, and it is not there"));
        }
    }
}

impl Agreed {
    fn nothing() -> Agreed {
        let limit = OverdraftLimit::default();
        Agreed {
            currency: None,
            overdraft_limit: limit,
            highest_limit: limit,
            holder: None,
            status: AccountStatus::Open,
            is_in_doubt: false,
        }
    }

    fn set_limit(&mut self, limit: OverdraftLimit) {
        self.overdraft_limit = limit;
        self.highest_limit = self.highest_limit.max(limit);
    }

    fn compare(self, account: &Account, audit: &mut Audit) {
        let Account { number, currency, overdraft_limit, holder, status, .. } = account;
        let mut differs = |what: &str, found: &dyn std::fmt::Debug, agreed: &dyn std::fmt::Debug| {
            audit.find(|| format!("account {number}: its {what} is {found:?}, by its jobs it is {agreed:?}"));
        };
        if let Some(agreed) = self.currency.filter(|agreed| agreed != currency) {
            differs("currency", currency, &agreed);
        }
        if !self.is_in_doubt {
            if self.overdraft_limit != *overdraft_limit {
                let agreed = self.overdraft_limit.minor_units();
                differs("overdraft limit", &overdraft_limit.minor_units(), &agreed);
            }
            if self.holder != *holder {
                differs("holder", holder, &self.holder);
            }
            if self.status != *status {
                differs("status", status, &self.status);
            }
        }
        // What was drawn stays drawn when the limit is lowered behind it.
        let allowed = Account { overdraft_limit: self.highest_limit, ..account.clone() };
        if account.available() < 0 && allowed.available() < 0 {
            let (balance, held, limit) = (account.balance, account.held, overdraft_limit.minor_units());
            audit.find(|| {
                format!("account {number}: balance {balance} less {held} held is below its overdraft limit {limit}")
            });
        }
    }
}

/// One that stands for the outside world is opened by the first job that needs it.
fn compare_outside(account: &Account, audit: &mut Audit) {
    let expected = Account::new(account.number.clone(), account.currency);
    let named = account.number.as_str().split(':').nth(1);
    let Account { number, currency, overdraft_limit, holder, status, .. } = account;
    let is_as_opened =
        (*overdraft_limit, holder, *status) == (expected.overdraft_limit, &expected.holder, expected.status);
    if !(is_as_opened && named == Some(currency.code())) {
        audit.find(|| {
            format!(
                "account {number}: it is {status:?} in {currency} with limit {} and holder {holder:?}; the outside world is open, \
                 in the currency of its number, without limit or holder",
                overdraft_limit.minor_units()
            )
        });
    }
}
