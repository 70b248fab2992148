//! Standing orders and their payments.

use std::num::NonZeroU16;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::cases::{balance, deposit};
use super::*;
use crate::money::Kept;
use crate::outcome::Rejection::*;
use crate::standing_order::{
    End, Every, OrderStatus, Pays, Rule, StandingOrder, StandingPayment, Terms, day_of,
};
use Outcome::{Posted, Rejected};

fn today() -> Date {
    day_of(NOW)
}

pub(super) fn units(units: i64) -> Pays {
    Pays::Amount(Amount::new(units).unwrap())
}

pub(super) fn above(kept: i64) -> Pays {
    Pays::Above(Kept::new(kept).unwrap())
}

/// An order from `a` to `b` that has had so many days.
pub(super) fn daily(pays: Pays, days_ago: u64) -> Terms {
    let (every, from) = (Every::Days(NonZeroU16::MIN), ago(days_ago));
    Terms {
        account: number("a"),
        to: number("b"),
        currency: "EUR".parse().unwrap(),
        pays,
        rule: Rule { every, from, end: End::Never },
        retry_days: 0,
    }
}

/// A payment of such an order, whose job has the number `order`.
pub(super) fn payment_of(pays: Pays, order: u64, days_ago: u64, attempt: u32) -> StandingPayment {
    let Terms { account, to, currency, .. } = daily(pays, 0);
    StandingPayment { account, to, currency, pays, order: id(order), due: ago(days_ago), attempt }
}

fn ago(days: u64) -> Date {
    today().saturating_sub(i64::try_from(days).unwrap().days())
}

fn open(terms: Terms) -> Action {
    Action::OpenStandingOrder(Box::new(terms))
}

fn pay(pays: Pays, days_ago: u64) -> Action {
    Action::StandingPayment(Box::new(payment_of(pays, 1, days_ago, 1)))
}

fn pause(account: &str) -> Action {
    Action::PauseStandingOrder { account: number(account), order: id(1) }
}

fn resume() -> Action {
    Action::ResumeStandingOrder { account: number("a"), order: id(1) }
}

fn close() -> Action {
    Action::CloseStandingOrder { account: number("a"), order: id(1) }
}

/// Numbers the actions 1, 2, …: so the order that the first one opens has the number 1.
fn outcomes(accounts: &[Account], actions: impl IntoIterator<Item = Action>) -> (Vec<Outcome>, Folded) {
    super::cases::outcomes(accounts, actions)
}

fn order(folded: &Folded) -> &StandingOrder {
    &folded.orders[&id(1)]
}

#[test]
fn each_date_that_was_missed_is_paid_once_and_in_order() {
    let pays = units(10);
    let (outcomes, folded) = outcomes(
        &[account("a", 100), account("b", 0)],
        [
            open(daily(pays, 2)),
            pay(pays, 2),
            pay(pays, 2),
            pay(pays, 0),
            pay(pays, 1),
            pay(pays, 0),
            Action::StandingPayment(Box::new(StandingPayment {
                due: today().tomorrow().unwrap(),
                ..payment_of(pays, 1, 0, 1)
            })),
        ],
    );
    let not_due = Rejected(StandingPaymentNotDue);
    assert_eq!(outcomes, [Posted, Posted, not_due, not_due, Posted, Posted, not_due]);
    assert_eq!((balance(&folded, "a"), balance(&folded, "b")), (70, 30));
    let order = order(&folded);
    assert_eq!((order.paid, order.next_due), (3, today().tomorrow().ok()));
    assert_eq!(order.attempt, 2, "the job that came before its day has used up its id");
    assert_eq!(folded.new_orders, [id(1)].into());
}

#[test]
fn a_sweep_leaves_what_is_kept_and_what_is_held_and_draws_no_overdraft() {
    let swept = Account { held: 15, overdraft_limit: OverdraftLimit::new(500).unwrap(), ..account("a", 100) };
    let (outcomes, folded) = outcomes(
        &[swept, account("b", 0)],
        [open(daily(above(30), 2)), pay(above(30), 2), pay(above(30), 1), deposit("a", 1), pay(above(30), 0)],
    );
    assert_eq!(outcomes, [Posted, Posted, Rejected(NothingToSweep), Posted, Posted]);
    assert_eq!((balance(&folded, "a"), balance(&folded, "b")), (45, 56));
    assert_eq!(order(&folded).paid, 2);
    let sweep = |job, seq, amount| Sweep { job: id(job), account: number("a"), seq, amount, held: 15 };
    assert_eq!(folded.sweeps, [sweep(2, 1, 55), sweep(5, 3, 1)]);
}

#[test]
fn lacking_funds_are_a_rejection_that_puts_the_payment_off_or_leaves_it_out() {
    let pays = units(10);
    let (found, folded) = outcomes(&[account("a", 9), account("b", 0)], [open(daily(pays, 1)), pay(pays, 1)]);
    assert_eq!(found, [Posted, Rejected(InsufficientFunds)]);
    assert_eq!(order(&folded).next_due, Some(today()));

    let terms = Terms { retry_days: 1, ..daily(pays, 1) };
    let (found, folded) = outcomes(&[account("a", 9), account("b", 0)], [open(terms), pay(pays, 1)]);
    assert_eq!(found, [Posted, Rejected(InsufficientFunds)]);
    let order = order(&folded);
    assert_eq!((order.next_due, order.attempt), (Some(ago(1)), 2));
    assert_eq!(order.attempt_on, today().tomorrow().ok());
}

#[test]
fn an_order_needs_both_accounts_in_its_currency() {
    let frozen = |name| Account { status: AccountStatus::Frozen, ..account(name, 0) };
    let closed = Account { status: AccountStatus::Closed, ..account("b", 0) };
    let yen = Account::new(number("b"), "JPY".parse().unwrap());
    for (accounts, expected) in [
        (vec![account("a", 0)], Rejected(AccountNotFound)),
        (vec![account("b", 0)], Rejected(AccountNotFound)),
        (vec![account("a", 0), closed], Rejected(AccountClosed)),
        (vec![account("a", 0), yen], Rejected(CurrencyMismatch)),
        (vec![frozen("a"), frozen("b")], Posted),
    ] {
        let (found, folded) = outcomes(&accounts, [open(daily(units(1), 0))]);
        assert_eq!(found, [expected]);
        assert_eq!(folded.orders.len(), usize::from(expected == Posted));
        assert!(folded.entries.is_empty());
    }
}

#[test]
fn a_paused_order_pays_nothing_and_goes_on_today() {
    let pays = units(1);
    let again = Action::StandingPayment(Box::new(payment_of(pays, 1, 0, 1)));
    let (found, folded) = outcomes(
        &[account("a", 9), account("b", 0)],
        [open(daily(pays, 2)), pause("a"), pay(pays, 2), pause("a"), resume(), resume(), pay(pays, 2), again],
    );
    let not_due = Rejected(StandingPaymentNotDue);
    assert_eq!(found, [Posted, Posted, not_due, Posted, Posted, Posted, not_due, Posted]);
    assert_eq!((order(&folded).paid, order(&folded).next_due), (1, today().tomorrow().ok()));
}

#[test]
fn an_order_is_changed_by_its_account_alone_and_not_once_it_is_closed() {
    let pays = units(1);
    let (found, folded) = outcomes(
        &[account("a", 9), account("b", 0)],
        [open(daily(pays, 0)), pause("b"), close(), close(), resume(), pause("a"), pay(pays, 0)],
    );
    let ended = Rejected(StandingOrderEnded);
    let not_found = Rejected(StandingOrderNotFound);
    assert_eq!(found, [Posted, not_found, Posted, ended, ended, ended, Rejected(StandingPaymentNotDue)]);
    assert_eq!(order(&folded).status, OrderStatus::Closed);
}

#[test]
fn an_account_that_was_closed_meanwhile_ends_the_order() {
    let pays = units(1);
    let close = Action::CloseAccount { account: number("b") };
    let (found, folded) = outcomes(
        &[account("a", 9), account("b", 0)],
        [open(daily(pays, 1)), close, pay(pays, 1), pay(pays, 0)],
    );
    assert_eq!(found, [Posted, Posted, Rejected(AccountClosed), Rejected(StandingPaymentNotDue)]);
    assert_eq!(order(&folded).status, OrderStatus::Ended);
}

#[test]
fn a_sweep_that_two_things_keep_from_moving_says_what_counts_more() {
    let frozen = Account { status: AccountStatus::Frozen, ..account("b", 0) };
    let (found, folded) = outcomes(&[account("a", 0), frozen], [open(daily(above(0), 0)), pay(above(0), 0)]);
    assert_eq!(found, [Posted, Rejected(AccountFrozen)]);
    assert!(folded.entries.is_empty() && folded.sweeps.is_empty());
}

#[test]
fn a_payment_that_was_cancelled_before_it_came_is_left_out() {
    let pays = units(1);
    let jobs = [job(1, open(daily(pays, 1))), job(2, pay(pays, 1)), job(3, pay(pays, 0))];
    let accounts = [account("a", 9), account("b", 0)];
    let accounts = accounts.iter().map(|account| (account.number.clone(), account.clone())).collect();
    let cancelled = [(id(2), vec![Whose::Anybodys])].into();
    let folded = fold(Books { accounts, cancelled, ..Books::default() }, &jobs, NOW);
    assert_eq!(folded.outcomes, [Posted, Outcome::Cancelled, Posted]);
    assert_eq!((balance(&folded, "a"), order(&folded).paid), (8, 1));
}

#[test]
fn a_payment_is_reversed_as_a_transfer_is_and_the_order_stays_where_it_is() {
    let undo = Action::Reversal { account: number("b"), job: id(2) };
    let (found, folded) =
        outcomes(&[account("a", 100), account("b", 0)], [open(daily(above(0), 1)), pay(above(0), 1), undo]);
    assert_eq!(found, [Posted; 3]);
    assert_eq!((balance(&folded, "a"), order(&folded).next_due), (100, Some(today())));
}
