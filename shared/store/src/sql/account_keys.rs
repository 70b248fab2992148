//! The keys of accounts, kept in memory: an account keeps its key for ever, and rows are found and locked soonest by key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::account::AccountNumber;

/// Accounts in one generation. Two of them take some 20 MB.
const GENERATION_MAX: usize = 100_000;

/// What this process knows of the keys of accounts: the last 100,000 to 200,000 that it met.
#[derive(Debug, Default)]
pub(crate) struct AccountKeys {
    generations: Mutex<Generations>,
}

/// Once the young generation is full, it becomes the old one, and what nobody asked for since goes with the one before.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<AccountNumber, i64>,
    old: HashMap<AccountNumber, i64>,
}

impl AccountKeys {
    /// The keys of those accounts that are known, and the numbers of the others.
    pub(super) fn of<'a>(
        &self,
        numbers: impl IntoIterator<Item = &'a AccountNumber>,
    ) -> (HashMap<AccountNumber, i64>, Vec<&'a AccountNumber>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut unknown) = (HashMap::new(), Vec::new());
        for number in numbers {
            match generations.get(number) {
                Some(key) => drop(known.insert(number.clone(), key)),
                None => unknown.push(number),
            }
        }
        (known, unknown)
    }

    /// What the database says.
    pub(super) fn learn<'a>(&self, keys: impl IntoIterator<Item = (&'a AccountNumber, &'a i64)>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, key) in keys {
            generations.put(number.clone(), *key);
        }
    }

    /// Another database is behind the address, or an older state of this one: nothing of it counts any more.
    pub(super) fn forget(&self) {
        *self.generations.lock().unwrap_or_else(PoisonError::into_inner) = Generations::default();
    }
}

impl Generations {
    fn get(&mut self, number: &AccountNumber) -> Option<i64> {
        if let Some(key) = self.young.get(number) {
            return Some(*key);
        }
        let (number, key) = self.old.remove_entry(number)?;
        self.put(number, key);
        Some(key)
    }

    fn put(&mut self, number: AccountNumber, key: i64) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(number, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_what_nobody_asks_for_goes() {
        let keys = AccountKeys::default();
        let number = |n: i64| AccountNumber::parse(&format!("a{n}")).unwrap();
        let last = i64::try_from(2 * GENERATION_MAX).unwrap();
        for n in 0..=last {
            keys.learn([(&number(n), &n)]);
            assert_eq!(keys.of([&number(0)]).0, HashMap::from([(number(0), 0)]), "after {n}");
        }
        let (gone, here) = (number(1), number(last));
        let (known, unknown) = keys.of([&gone, &here]);
        assert_eq!((known, unknown), (HashMap::from([(here.clone(), last)]), vec![&gone]));
        keys.forget();
        assert_eq!(keys.of([&here]).1, [&here]);
    }
}
