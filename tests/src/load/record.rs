//! What the service has promised: each accepted job, with the account that it draws on and its place.

use std::collections::BTreeMap;

/// The accepted jobs of each account in the order of acceptance.
#[derive(Debug, Default)]
pub struct Record {
    /// For each account that jobs draw on, the jobs' ids with their ranks. Ranks do not fall along the
    /// list; which of several jobs with one rank was accepted first is not known.
    pub accounts: BTreeMap<String, Vec<(u64, String)>>,
    rank: u64,
}

impl Record {
    /// Adds jobs, each (account, id), that were accepted one after the other.
    pub fn accept_in_order<'a>(&mut self, jobs: impl Iterator<Item = (&'a str, String)>) {
        for (account, id) in jobs {
            self.rank += 1;
            self.add(account, id);
        }
    }

    /// Adds jobs, each (account, id), of which only the whole was accepted after what came before.
    pub fn accept_at_once<'a>(&mut self, jobs: impl Iterator<Item = (&'a str, String)>) {
        self.rank += 1;
        for (account, id) in jobs {
            self.add(account, id);
        }
    }

    /// Adds what another client was promised, after what is here: no two clients draw on one account at the
    /// same time.
    pub fn join(&mut self, later: Record) {
        let after = self.rank;
        for (account, jobs) in later.accounts {
            let jobs = jobs.into_iter().map(|(rank, id)| (after + rank, id));
            self.accounts.entry(account).or_default().extend(jobs);
        }
        self.rank += later.rank;
    }

    /// How many jobs were accepted.
    pub fn len(&self) -> usize {
        self.accounts.values().map(Vec::len).sum()
    }

    /// None was.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn add(&mut self, account: &str, id: String) {
        self.accounts.entry(account.to_owned()).or_default().push((self.rank, id));
    }
}
