//! The transfers of the naive loop, and what they do to the accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Money from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Begins with the time, so that rows that come together lie together.
    pub(super) id: [u8; 16],
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) amount: i64,
}

/// The balance of an account, and how many entries it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) balance: i64,
    pub(super) version: i64,
}

/// What a transfer moves on one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) job: [u8; 16],
    pub(super) account: u64,
    pub(super) amount: i64,
    pub(super) after: Standing,
}

impl Transfer {
    /// Between any two of the accounts `1..=accounts`, of which there are at least two.
    pub(super) fn any(accounts: u64, random: &mut fastrand::Rng) -> Transfer {
        let from = random.u64(1..=accounts);
        let to = match random.u64(1..accounts) {
            to if to < from => to,
            to => to + 1,
        };
        let milliseconds = u128::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let id = (milliseconds << 80 | random.u128(..) >> 48).to_be_bytes();
        Transfer { id, from, to, amount: random.i64(1..1_000) }
    }
}

/// Moves the money, and returns two entries of each transfer. What is in none of `accounts` stays as it is.
pub(super) fn apply(transfers: &[Transfer], accounts: &mut BTreeMap<u64, Standing>) -> Vec<Entry> {
    let legs = transfers.iter().flat_map(|transfer| {
        [(transfer.id, transfer.from, -transfer.amount), (transfer.id, transfer.to, transfer.amount)]
    });
    legs.filter_map(|(job, account, amount)| {
        let standing = accounts.get_mut(&account)?;
        standing.balance = standing.balance.saturating_add(amount);
        standing.version += 1;
        Some(Entry { job, account, amount, after: *standing })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_between_two_accounts() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1_000 {
            let Transfer { from, to, .. } = Transfer::any(3, &mut random);
            assert!(from != to && (1..=3).contains(&from) && (1..=3).contains(&to), "{from} to {to}");
        }
    }

    #[test]
    fn money_moves_and_none_is_made() {
        let start = Standing { balance: 100, version: 0 };
        let mut accounts = BTreeMap::from([(1, start), (2, start)]);
        let transfer = |from, to, amount| Transfer { id: [0; 16], from, to, amount };
        let entries = apply(&[transfer(1, 2, 30), transfer(2, 1, 5)], &mut accounts);
        assert_eq!(accounts[&1], Standing { balance: 75, version: 2 });
        assert_eq!(accounts[&2], Standing { balance: 125, version: 2 });
        let amounts: Vec<_> = entries.iter().map(|entry| (entry.account, entry.amount)).collect();
        assert_eq!(amounts, [(1, -30), (2, 30), (2, -5), (1, 5)]);
    }
}
