//! The demo's jobs: what a small bank sees in a day, mistakes and repetitions included.

use fastrand::Rng;
use serde_json::{Value, json};

/// Minor units that every account starts with.
const FUNDS: u64 = 1_000_000_000_000;
/// More than any account ever has: a job for as much is rightly rejected.
const BEYOND_FUNDS: u64 = 1_000_000_000_000_000;
/// Of a hundred jobs, so many are sent twice.
const SENT_TWICE_PERCENT: u64 = 5;

/// A job as it is sent, and what should become of it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) expected: Expected,
}

/// What should become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// Its entries are written.
    Posted,
    /// It is turned down for this reason.
    Rejected(&'static str),
}

/// Chooses jobs by random numbers that start from a seed.
pub(crate) struct Mix {
    random: Rng,
    accounts: u32,
    /// Makes references unique within this run.
    count: u64,
    run: u64,
}

impl Mix {
    pub(crate) fn new(seed: u64, accounts: u32) -> Mix {
        Mix { random: Rng::with_seed(seed), accounts, count: 0, run: seed }
    }

    /// One job that opens each account.
    pub(crate) fn open_accounts(&mut self) -> Vec<Sent> {
        let open = |n| json!({"kind": "open_account", "account": name(n), "currency": "EUR"});
        (0..self.accounts).map(|n| self.sent("open_account", open(n), Expected::Posted)).collect()
    }

    /// One deposit to each account.
    pub(crate) fn fund_accounts(&mut self) -> Vec<Sent> {
        let deposit = |n| json!({"kind": "deposit", "account": name(n), "amount": FUNDS, "currency": "EUR"});
        (0..self.accounts).map(|n| self.sent("deposit", deposit(n), Expected::Posted)).collect()
    }

    /// Mixed jobs, about one in seven of them to be rejected, some in the list twice.
    pub(crate) fn mixed(&mut self, jobs: usize) -> Vec<Sent> {
        let mut mixed = Vec::with_capacity(jobs);
        while mixed.len() < jobs {
            let job = self.any();
            if self.random.u64(0..100) < SENT_TWICE_PERCENT && mixed.len() + 1 < jobs {
                mixed.push(job.clone());
            }
            mixed.push(job);
        }
        mixed
    }

    fn any(&mut self) -> Sent {
        let (a, b) = self.two_accounts();
        // Small enough that no account ever runs dry.
        let amount = 1 + self.random.u64(0..50);
        let posted = Expected::Posted;
        match self.random.u64(0..100) {
            0..50 => {
                let body = json!({"kind": "transfer", "from": a, "to": b, "amount": amount, "currency": "EUR", "memo": "rent"});
                self.sent("transfer", body, posted)
            }
            50..62 => {
                let body = json!({"kind": "deposit", "account": a, "amount": amount, "currency": "EUR"});
                self.sent("deposit", body, posted)
            }
            62..72 => {
                let counterparty = json!({"name": "Corner Shop", "account": "DE02120300000000202051"});
                let body = json!({"kind": "withdrawal", "account": a, "amount": amount, "currency": "EUR", "counterparty": counterparty});
                self.sent("withdrawal", body, posted)
            }
            72..78 => {
                let legs = json!([{"account": a, "amount": -7}, {"account": b, "amount": 4}, {"account": a, "amount": 3}]);
                self.sent("journal", json!({"kind": "journal", "currency": "EUR", "legs": legs}), posted)
            }
            78..86 => {
                let body = json!({"kind": "hold", "account": a, "amount": amount, "currency": "EUR", "expires_at": "2100-01-01T00:00:00Z"});
                self.sent("hold", body, posted)
            }
            86..92 => {
                let body = json!({"kind": "transfer", "from": a, "to": b, "amount": BEYOND_FUNDS, "currency": "EUR"});
                self.sent("transfer", body, Expected::Rejected("insufficient_funds"))
            }
            92..95 => {
                let body = json!({"kind": "transfer", "from": a, "to": "nobody", "amount": amount, "currency": "EUR"});
                self.sent("transfer", body, Expected::Rejected("account_not_found"))
            }
            95..98 => {
                let body = json!({"kind": "deposit", "account": a, "amount": amount, "currency": "JPY"});
                self.sent("deposit", body, Expected::Rejected("currency_mismatch"))
            }
            _ => {
                let body = json!({"kind": "open_account", "account": a, "currency": "EUR"});
                self.sent("open_account", body, Expected::Rejected("account_exists"))
            }
        }
    }

    fn sent(&mut self, kind: &'static str, mut body: Value, expected: Expected) -> Sent {
        self.count += 1;
        if let Some(fields) = body.as_object_mut() {
            fields.insert("reference".to_owned(), format!("demo-{}-{}", self.run, self.count).into());
        }
        Sent { kind, body: body.to_string(), expected }
    }

    fn two_accounts(&mut self) -> (String, String) {
        let accounts = u64::from(self.accounts);
        let a = self.random.u64(0..accounts);
        let b = (a + 1 + self.random.u64(0..accounts - 1)) % accounts;
        (name(a), name(b))
    }
}

fn name(n: impl Into<u64>) -> String {
    format!("demo-{:06}", n.into())
}
