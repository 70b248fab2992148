//! What one client may have of something that all share: no more than leaves some for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::text::Client;

/// How much of one thing each client has.
#[derive(Debug, Default)]
pub struct Shares(Mutex<HashMap<Client, usize>>);

/// What a client has of it, until it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    client: Client,
    amount: usize,
}

/// The most of so many that one client has: three quarters, and at least one.
pub fn most_of(all: usize) -> usize {
    (all - all / 4).max(1)
}

impl Shares {
    /// So much for a client, if it then has no more than `most`.
    pub fn take(self: &Arc<Self>, client: &Client, amount: usize, most: usize) -> Option<Share> {
        let mut share = Share { of: self.clone(), client: client.clone(), amount: 0 };
        share.grow(amount, most).then_some(share)
    }

    /// Nobody has anything, and nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Share {
    /// So much more, if the client then has no more than `most`. `false`: it stays as it was.
    pub fn grow(&mut self, more: usize, most: usize) -> bool {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = all.get(&self.client).copied().unwrap_or(0);
        if has + more > most {
            return false;
        }
        all.insert(self.client.clone(), has + more);
        self.amount += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(has) = all.get_mut(&self.client) {
            *has = has.saturating_sub(self.amount);
            if *has == 0 {
                all.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_some_for_the_others_and_gives_back_what_it_had() {
        let shares = Arc::new(Shares::default());
        let [acme, beta] = ["acme", "beta"].map(|name| Client::parse(name).unwrap());
        let most = most_of(8);
        let mut first = shares.take(&acme, 4, most).unwrap();
        assert!(first.grow(2, most) && !first.grow(1, most));
        assert!(shares.take(&acme, 1, most).is_none());
        assert!(shares.take(&beta, 2, most).is_some(), "each has its own");
        drop(first);
        assert!(shares.take(&acme, 6, most).is_some());
        assert!(shares.is_empty(), "who has nothing is forgotten");
        assert_eq!([most_of(1), most_of(4), most_of(1_000)], [1, 3, 750]);
    }
}
