//! Limits and holders that are changed.

use super::cases::{balance, deposit, open, outcomes, transfer};
use super::*;
use crate::outcome::Rejection::*;
use Outcome::{Posted, Rejected};

fn limit(account: &str, units: i64) -> Action {
    let overdraft_limit = OverdraftLimit::new(units).unwrap();
    Action::SetOverdraftLimit { account: number(account), currency: None, overdraft_limit }
}

fn limit_in(currency: &str, account: &str, units: i64) -> Action {
    let (currency, overdraft_limit) = (currency.parse().ok(), OverdraftLimit::new(units).unwrap());
    Action::SetOverdraftLimit { account: number(account), currency, overdraft_limit }
}

fn holder(account: &str, name: Option<&str>) -> Action {
    Action::SetHolder { account: number(account), holder: name.map(|name| name.parse().unwrap()) }
}

#[test]
fn terms_are_refused_where_there_is_no_open_account_of_the_currency() {
    let closed = Account { status: AccountStatus::Closed, ..account("closed", 0) };
    let actions = [limit("closed", 1), holder("nobody", Some("Ann")), limit_in("JPY", "a", 1)];
    let (outcomes, folded) = outcomes(&[account("a", 0), closed], actions);
    assert_eq!(outcomes, [AccountClosed, AccountNotFound, CurrencyMismatch].map(Rejected));
    assert!(folded.accounts.is_empty() && folded.new_terms.is_empty());
}

#[test]
fn a_limit_counts_from_its_job_on_and_takes_back_nothing() {
    let actions = [
        open("a", 0),
        open("b", 0),
        transfer("a", "b", 50),
        limit_in("EUR", "a", 50),
        transfer("a", "b", 50),
        limit("a", 20),
        transfer("a", "b", 1),
        deposit("a", 29),
        transfer("a", "b", 1),
        deposit("a", 2),
        transfer("a", "b", 1),
    ];
    let (outcomes, folded) = outcomes(&[], actions);
    let short = Rejected(InsufficientFunds);
    let expected = [Posted, Posted, short, Posted, Posted, Posted, short, Posted, short, Posted, Posted];
    assert_eq!(outcomes, expected);
    assert_eq!(balance(&folded, "a"), -20);
    assert_eq!(folded.accounts[&number("a")].overdraft_limit.minor_units(), 20);
}

#[test]
fn a_frozen_account_gets_another_holder_or_none() {
    let frozen = |number: &str| Account { status: AccountStatus::Frozen, ..account(number, 5) };
    let actions = [holder("a", Some("Ann")), holder("b", Some("Bo")), holder("b", None)];
    let (outcomes, folded) = outcomes(&[frozen("a"), frozen("b"), account("c", 0)], actions);
    assert_eq!(outcomes, [Posted; 3]);
    assert_eq!(folded.accounts[&number("a")].holder.as_deref(), Some("Ann"));
    assert_eq!(folded.accounts[&number("b")].holder, None);
    assert_eq!(folded.new_terms, [number("a"), number("b")].into());
    assert!(folded.entries.is_empty());
}
