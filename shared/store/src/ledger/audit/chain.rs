//! One account against its entries.

use domain::account::{Account, AccountNumber, AccountStatus};
use domain::entry::{Digest, Entry};

use crate::ledger::audit::pages::EntryOnPage;
use crate::ledger::findings::Audit;

/// An account, and how far its entries have been followed.
#[derive(Debug)]
pub(super) struct Chain {
    account: Account,
    /// Sum of the active holds on it.
    held: i64,
    seq: i64,
    balance: i128,
    digest: Digest,
}

impl Chain {
    pub(super) fn new(account: Account, held: i64) -> Chain {
        Chain { account, held, seq: 0, balance: 0, digest: Digest::EMPTY }
    }

    pub(super) fn number(&self) -> &AccountNumber {
        &self.account.number
    }

    /// Follows the next entry.
    pub(super) fn take(&mut self, found: EntryOnPage, audit: &mut Audit) -> Entry {
        let number = &self.account.number;
        let entry = found.of(number);
        if entry.seq != self.seq + 1 {
            let expected = self.seq + 1;
            audit.find(|| format!("account {number}: entry {expected} is missing; {} follows", entry.seq));
        }
        self.balance += i128::from(entry.amount);
        if self.balance != i128::from(entry.balance_after) {
            audit.find(|| {
                format!(
                    "account {number}, entry {}: the balance after it is {}, the sum of its entries is {}",
                    entry.seq, entry.balance_after, self.balance
                )
            });
            // One finding for each place that is wrong, not for all that follow it.
            self.balance = i128::from(entry.balance_after);
        }
        self.seq = entry.seq;
        self.digest = self.digest.after(&entry);
        entry
    }

    /// Compares where the entries ended with the account.
    pub(super) fn end(self, audit: &mut Audit) {
        let Account { number, seq, balance, digest, held, .. } = &self.account;
        if *seq != self.seq {
            audit.find(|| {
                format!("account {number}: it has {seq} entries, the last one found is {}", self.seq)
            });
        }
        if i128::from(*balance) != self.balance {
            audit.find(|| {
                format!(
                    "account {number}: its balance is {balance}, its entries up to {seq} sum to {}",
                    self.balance
                )
            });
        }
        if *digest != self.digest {
            audit.find(|| {
                format!("account {number}: the digest of its entries 1 to {seq} is not the recorded one")
            });
        }
        if *held != self.held {
            audit.find(|| format!("account {number}: {held} is held, its active holds sum to {}", self.held));
        }
        if self.account.status == AccountStatus::Closed && (*balance != 0 || *held != 0) {
            audit.find(|| {
                format!("account {number}: it is closed with a balance of {balance} and {held} held")
            });
        }
    }
}
