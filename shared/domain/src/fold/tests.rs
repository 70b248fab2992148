//! The fold against a ledger that is obviously right, and case by case.

mod cancelled;
mod cases;
mod model;
mod scheduled;
mod standing;
mod terms;

use super::*;
use crate::fingerprint::Fingerprint;
use crate::job::{Action, Money, Spec};
use crate::lane::Lane;
use crate::money::{Amount, Currency, OverdraftLimit};
use crate::text::Client;

const NOW: i64 = 1_795_453_200_000_000;

fn number(text: &str) -> AccountNumber {
    AccountNumber::parse(text).unwrap()
}

fn eur(minor_units: i64) -> Money {
    Money { amount: Amount::new(minor_units).unwrap(), currency: "EUR".parse().unwrap() }
}

fn id(n: u64) -> JobId {
    JobId::from_chance(n, [0; 6])
}

fn job(n: u64, action: Action) -> Job {
    let spec = Spec::of(action);
    let body = format!("{spec:?}");
    Job {
        id: id(n),
        client: Client::parse("test").unwrap(),
        lane: Lane(0),
        ingress: "api".to_owned(),
        accepted_at: i64::try_from(n).unwrap(),
        fingerprint: Fingerprint::of(&body),
        body,
        spec,
        origin: None,
        former: Vec::new(),
        grant: None,
    }
}

fn account(name: &str, balance: i64) -> Account {
    Account { balance, ..Account::new(number(name), "EUR".parse::<Currency>().unwrap()) }
}

/// Folds jobs over the accounts and tells the outcomes with the ledger that comes of it.
fn folded(accounts: &[Account], jobs: &[Job]) -> Folded {
    let accounts = accounts.iter().map(|account| (account.number.clone(), account.clone())).collect();
    fold(Books { accounts, ..Books::default() }, jobs, NOW)
}

/// The ledger after a batch, as the next batch would read it.
fn after(mut books: Books, jobs: &[Job], folded: &Folded) -> Books {
    books.accounts.extend(folded.accounts.clone());
    books.holds.extend(folded.holds.clone());
    books.orders.extend(folded.orders.clone());
    for (job, outcome) in jobs.iter().zip(&folded.outcomes) {
        let recorded = Recorded { fingerprint: job.fingerprint, outcome: outcome.recorded() };
        books.recorded.entry(job.id).or_insert(recorded);
        let legs: Legs = folded
            .entries
            .iter()
            .filter(|entry| entry.job == job.id)
            .map(|entry| (entry.account.clone(), entry.amount))
            .collect();
        let original =
            Original { kind: job.spec.action.kind(), outcome: outcome.recorded(), reversed: false, legs };
        books.originals.entry(job.id).or_insert(original);
    }
    for original in folded.reversals.keys() {
        books.originals.get_mut(original).unwrap().reversed = true;
    }
    books
}
