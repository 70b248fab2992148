//! Every kind and every rejection, one by one.

use super::*;
use crate::hold::HoldStatus;
use crate::job::{Leg, Legs as JournalLegs};
use crate::money::SignedAmount;
use crate::outcome::Rejection::*;
use Outcome::{Posted, Rejected};

pub(super) fn transfer(from: &str, to: &str, units: i64) -> Action {
    Action::Transfer { from: number(from), to: number(to), money: eur(units) }
}

pub(super) fn deposit(to: &str, units: i64) -> Action {
    Action::Deposit { account: number(to), money: eur(units) }
}

fn hold(account: &str, units: i64) -> Action {
    Action::Hold { account: number(account), money: eur(units), expires_at: None }
}

fn capture(account: &str, hold: u64, to: Option<&str>, units: Option<i64>) -> Action {
    let amount = units.map(|units| Amount::new(units).unwrap());
    Action::Capture { account: number(account), hold: id(hold), to: to.map(number), amount }
}

fn release(account: &str, hold: u64) -> Action {
    Action::Release { account: number(account), hold: id(hold) }
}

fn reversal(account: &str, job: u64) -> Action {
    Action::Reversal { account: number(account), job: id(job) }
}

pub(super) fn open(name: &str, overdraft_limit: i64) -> Action {
    let overdraft_limit = OverdraftLimit::new(overdraft_limit).unwrap();
    Action::OpenAccount {
        account: number(name),
        currency: "EUR".parse().unwrap(),
        overdraft_limit,
        holder: None,
    }
}

fn journal(legs: &[(&str, i64)]) -> Action {
    let legs = legs
        .iter()
        .map(|(name, units)| Leg { account: number(name), amount: SignedAmount::new(*units).unwrap() })
        .collect();
    Action::Journal { currency: "EUR".parse().unwrap(), legs: JournalLegs::new(legs).unwrap() }
}

/// Numbers the actions 1, 2, … and folds them as one batch.
pub(super) fn outcomes(
    accounts: &[Account],
    actions: impl IntoIterator<Item = Action>,
) -> (Vec<Outcome>, Folded) {
    let jobs: Vec<Job> = (1..).zip(actions).map(|(n, action)| job(n, action)).collect();
    let folded = folded(accounts, &jobs);
    (folded.outcomes.clone(), folded)
}

pub(super) fn balance(folded: &Folded, name: &str) -> i64 {
    folded.accounts[&number(name)].balance
}

#[test]
fn money_moves_and_every_job_sums_to_zero() {
    let actions = [
        open("a", 0),
        open("b", 0),
        deposit("a", 100),
        transfer("a", "b", 30),
        Action::Withdrawal { account: number("b"), money: eur(5) },
        journal(&[("a", -20), ("b", 15), ("a", 5)]),
    ];
    let (outcomes, folded) = outcomes(&[], actions);
    assert_eq!(outcomes, [Posted; 6]);
    assert_eq!((balance(&folded, "a"), balance(&folded, "b")), (55, 40));
    assert_eq!(folded.accounts[&AccountNumber::external("EUR".parse().unwrap(), Lane(0))].balance, -95);
    for n in 1..=6 {
        assert_eq!(folded.entries.iter().filter(|e| e.job == id(n)).map(|e| e.amount).sum::<i64>(), 0);
    }
    let seqs: Vec<i64> = folded.entries.iter().filter(|e| e.account == number("a")).map(|e| e.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4], "without gaps");
}

/// Beyond 2^53 - 1 a reader of JSON that knows only floats is told another balance.
#[test]
fn no_account_comes_to_hold_more_than_json_holds_exactly() {
    let most = Account::MINOR_UNITS_MAX;
    let (told, books) = outcomes(
        &[account("a", most - 1), account("b", 0), account("low", 1 - most)],
        [
            deposit("a", 2),
            journal(&[("a", 2), ("b", -2)]),
            deposit("a", 1),
            transfer("a", "b", 1),
            // The outside world as this lane sees it has the same limit.
            deposit("b", most),
            deposit("b", most - 1),
            deposit("low", 1),
        ],
    );
    let overflow = Rejected(AmountOverflow);
    assert_eq!(told, [overflow, Rejected(InsufficientFunds), Posted, Posted, overflow, Posted, overflow]);
    assert_eq!((balance(&books, "a"), balance(&books, "b")), (most - 1, most));

    let overdrawn =
        Account { overdraft_limit: OverdraftLimit::new(most).unwrap(), ..account("deep", 1 - most) };
    let rich = Account { overdraft_limit: OverdraftLimit::new(most).unwrap(), ..account("rich", most) };
    let [b, c] = ["b", "c"].map(|name| account(name, 0));
    let deep = [transfer("deep", "b", 1), transfer("deep", "b", 1), hold("rich", most), hold("rich", 1)];
    let (told, _) = outcomes(&[overdrawn, rich, b, c], deep);
    assert_eq!(told, [Posted, Rejected(InsufficientFunds), Posted, overflow]);
}

#[test]
fn a_journal_that_an_account_can_not_hold_moves_nothing() {
    let most = Account::MINOR_UNITS_MAX;
    let accounts = [account("full", most), account("a", 50), account("b", 0)];
    let legs = journal(&[("a", -2), ("b", 1), ("full", 1)]);
    // Each entry states the balance after it, so what is over for a moment is over.
    let passing = journal(&[("full", 5), ("full", -5), ("a", -1), ("b", 1)]);
    let (told, books) = outcomes(&accounts, [legs, passing]);
    assert_eq!(told, [Rejected(AmountOverflow); 2]);
    assert!(books.entries.is_empty() && books.accounts.is_empty());
}

#[test]
fn what_an_account_held_before_there_was_a_limit_comes_back() {
    let accounts = [account("rich", i64::MAX), account("b", 0)];
    let (told, books) =
        outcomes(&accounts, [deposit("rich", 1), transfer("rich", "b", 7), deposit("rich", 1)]);
    assert_eq!(told, [Rejected(AmountOverflow), Posted, Rejected(AmountOverflow)]);
    assert_eq!(balance(&books, "rich"), i64::MAX - 7);
}

#[test]
fn rejections_change_nothing_and_harm_no_neighbour() {
    let mut frozen = account("frozen", 10);
    frozen.status = AccountStatus::Frozen;
    let mut closed = account("closed", 0);
    closed.status = AccountStatus::Closed;
    let mut yen = account("yen", 10);
    yen.currency = "JPY".parse().unwrap();
    let full = account("full", Account::MINOR_UNITS_MAX);
    let accounts = [account("a", 10), frozen, closed, yen, full];
    let cases = [
        (transfer("a", "nobody", 1), AccountNotFound),
        (transfer("frozen", "nobody", 1), AccountNotFound),
        (open("a", 0), AccountExists),
        (open("closed", 0), AccountExists),
        (transfer("closed", "frozen", 1), AccountClosed),
        (transfer("a", "frozen", 1), AccountFrozen),
        (transfer("frozen", "yen", 1), AccountFrozen),
        (transfer("a", "yen", 100), CurrencyMismatch),
        (transfer("a", "full", 11), InsufficientFunds),
        (transfer("a", "full", 1), AmountOverflow),
        (hold("a", 11), InsufficientFunds),
        (capture("a", 99, None, None), HoldNotFound),
        (release("a", 99), HoldNotFound),
        (reversal("a", 99), JobNotFound),
        (Action::CloseAccount { account: number("a") }, AccountNotEmpty),
        (Action::CloseAccount { account: number("frozen") }, AccountFrozen),
        (Action::UnfreezeAccount { account: number("closed") }, AccountClosed),
        (journal(&[("a", -11), ("full", 11)]), InsufficientFunds),
    ];
    let (outcomes, folded) = outcomes(&accounts, cases.iter().map(|(action, _)| action.clone()));
    for ((action, reason), outcome) in cases.iter().zip(outcomes) {
        assert_eq!(outcome, Rejected(*reason), "{action:?}");
    }
    assert!(folded.entries.is_empty() && folded.accounts.is_empty());
}

#[test]
fn funds_reach_to_the_overdraft_limit_and_not_beyond() {
    let actions = [open("a", 50), open("b", 0), transfer("a", "b", 51), transfer("a", "b", 50), hold("a", 1)];
    let (outcomes, folded) = outcomes(&[], actions);
    assert_eq!(outcomes[2..], [Rejected(InsufficientFunds), Posted, Rejected(InsufficientFunds)]);
    assert_eq!(balance(&folded, "a"), -50);
}

#[test]
fn a_journal_counts_funds_for_all_its_legs_together() {
    let accounts = [account("a", 10), account("b", 0)];
    let (outcomes, _) = outcomes(&accounts, [journal(&[("a", -100), ("b", 5), ("a", 95)])]);
    assert_eq!(outcomes, [Posted]);
}

#[test]
fn a_hold_reserves_until_it_is_captured_or_released() {
    let accounts = [account("a", 100), account("b", 0)];
    let actions = [
        hold("a", 80),
        transfer("a", "b", 21),
        capture("a", 1, Some("b"), Some(81)),
        capture("b", 1, None, None),
        capture("a", 1, Some("b"), Some(50)),
        capture("a", 1, None, None),
        hold("a", 50),
        release("a", 7),
        release("a", 7),
        hold("a", 50),
        capture("a", 10, None, None),
        Action::CloseAccount { account: number("a") },
    ];
    let (outcomes, folded) = outcomes(&accounts, actions);
    let expected = [
        Posted,
        Rejected(InsufficientFunds),
        Rejected(HoldExceeded),
        Rejected(HoldNotFound),
        Posted,
        Rejected(HoldNotActive),
        Posted,
        Posted,
        Rejected(HoldNotActive),
        Posted,
        Posted,
        Posted,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!((balance(&folded, "a"), balance(&folded, "b")), (0, 50));
    assert_eq!(folded.accounts[&number("a")].held, 0);
    assert_eq!(folded.holds[&id(1)].status, HoldStatus::Captured(Amount::new(50).unwrap()));
    assert_eq!(folded.new_holds.len(), 3);
}

#[test]
fn an_expired_hold_can_be_released_but_not_captured() {
    let placed = |expires_at| {
        let expires_at = Some(jiff::Timestamp::from_microsecond(expires_at).unwrap());
        Action::Hold { account: number("a"), money: eur(5), expires_at }
    };
    let taken = || [capture("a", 1, None, None), release("a", 1)];
    let (expired, _) = outcomes(&[account("a", 5)], [placed(NOW)].into_iter().chain(taken()));
    assert_eq!(expired, [Posted, Rejected(HoldNotActive), Posted]);
    // By the time of posting: jobs of these tests were accepted at the epoch, by whatever clock.
    let (runs, _) =
        outcomes(&[account("a", 5), account("b", 0)], [placed(NOW + 1), capture("a", 1, Some("b"), None)]);
    assert_eq!(runs, [Posted, Posted]);
}

#[test]
fn no_entry_is_posted_before_those_that_this_process_wrote() {
    let accounts = [account("a", 5), account("b", 0)].map(|account| (account.number.clone(), account)).into();
    let transfer = [job(1, transfer("a", "b", 5))];
    let folded = fold(Books { accounts, posted_from: NOW + 7, ..Books::default() }, &transfer, NOW);
    assert_eq!(folded.entries.iter().map(|entry| entry.posted_at).collect::<Vec<_>>(), [NOW + 7, NOW + 7]);
}

#[test]
fn a_frozen_account_still_releases_its_holds() {
    let actions = [
        hold("a", 5),
        Action::FreezeAccount { account: number("a") },
        Action::FreezeAccount { account: number("a") },
        capture("a", 1, None, None),
        release("a", 1),
        transfer("a", "b", 1),
        Action::UnfreezeAccount { account: number("a") },
        transfer("a", "b", 1),
    ];
    let (outcomes, _) = outcomes(&[account("a", 5), account("b", 0)], actions);
    let frozen = Rejected(AccountFrozen);
    assert_eq!(outcomes, [Posted, Posted, Posted, frozen, Posted, frozen, Posted, Posted]);
}

#[test]
fn a_posted_job_is_reversed_once() {
    let actions = [
        transfer("a", "b", 7),
        reversal("c", 1),
        reversal("b", 1),
        reversal("a", 1),
        reversal("a", 3),
        open("d", 0),
        reversal("d", 6),
        deposit("a", 1),
        transfer("a", "b", 11),
        reversal("a", 8),
        reversal("b", 1),
    ];
    let (outcomes, folded) = outcomes(&[account("a", 10), account("b", 0), account("c", 0)], actions);
    let expected = [
        Posted,
        Rejected(JobNotFound),
        Posted,
        Rejected(JobNotReversible),
        Rejected(JobNotReversible),
        Posted,
        Rejected(JobNotReversible),
        Posted,
        Posted,
        Rejected(InsufficientFunds),
        Rejected(AlreadyReversed),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!((balance(&folded, "a"), balance(&folded, "b")), (0, 11));
    assert_eq!(folded.reversals, BTreeMap::from([(id(1), id(3))]));
}

#[test]
fn a_reversal_debits_no_account_beyond_its_grant() {
    let actions = [
        transfer("theirs", "mine", 7),
        transfer("theirs", "other", 7),
        journal(&[("theirs", -2), ("mine", 1), ("other", 1)]),
        Action::FreezeAccount { account: number("other") },
    ];
    let jobs = (1..).zip(actions).map(|(n, action)| job(n, action));
    // What touches none of mine, what is none, and what moves nothing look the same.
    let reversals = [2, 99, 4, 3, 1].map(|original| reversal("mine", original));
    let grant = Some("mine".parse().unwrap());
    let granted = (10..).zip(reversals).map(|(n, action)| Job { grant: grant.clone(), ..job(n, action) });
    let accounts = [account("theirs", 20), account("mine", 0), account("other", 0)];
    let folded = folded(&accounts, &jobs.chain(granted).collect::<Vec<_>>());
    let expected = [
        Rejected(JobNotFound),
        Rejected(JobNotFound),
        Rejected(JobNotFound),
        Rejected(JobNotReversible),
        Posted,
    ];
    assert_eq!(folded.outcomes[4..], expected);
}

#[test]
fn a_reversal_keeps_its_order_with_an_account_that_it_debits() {
    let actions = [
        transfer("a", "b", 7),
        reversal("a", 1),
        reversal("b", 1),
        // The outside world has no order to keep.
        Action::Withdrawal { account: number("a"), money: eur(5) },
        reversal("a", 4),
        journal(&[("a", -3), ("b", 1), ("c", 2)]),
        reversal("a", 6),
        reversal("c", 6),
    ];
    let (outcomes, _) = outcomes(&[account("a", 10), account("b", 0), account("c", 0)], actions);
    let refused = Rejected(JobNotReversible);
    assert_eq!(outcomes, [Posted, refused, Posted, Posted, Posted, Posted, refused, Posted]);
}

#[test]
fn a_journal_keeps_its_order_with_the_first_account_that_it_debits() {
    let journal = journal(&[("a", 3), ("b", -1), ("c", -2)]);
    assert_eq!(journal.account(), &number("b"));
    assert!(journal.was_of(&number("a")), "as earlier releases had it");
    assert!(!journal.was_of(&number("c")));
    let lanes = crate::lane::Lanes::DEFAULT;
    assert_eq!(Spec::of(journal).lane(lanes), lanes.of("b"));
}

#[test]
fn the_same_job_takes_effect_once_and_another_body_never() {
    let jobs = [
        job(1, deposit("a", 5)),
        job(1, deposit("a", 5)),
        job(1, deposit("a", 6)),
        job(2, transfer("a", "nobody", 5)),
        job(2, transfer("a", "nobody", 5)),
    ];
    let folded = folded(&[account("a", 0)], &jobs);
    let gone = RecordedOutcome::Rejected(AccountNotFound);
    let expected = [
        Posted,
        Outcome::Duplicate(RecordedOutcome::Posted),
        Outcome::Conflict(RecordedOutcome::Posted),
        Rejected(AccountNotFound),
        Outcome::Duplicate(gone),
    ];
    assert_eq!(folded.outcomes, expected);
    assert_eq!(balance(&folded, "a"), 5);
}

#[test]
fn a_dead_job_that_is_replayed_gets_an_outcome_after_all() {
    let replayed = job(1, deposit("a", 5));
    let dead = Recorded { fingerprint: replayed.fingerprint, outcome: RecordedOutcome::Dead };
    let books = Books {
        accounts: [(number("a"), account("a", 0))].into(),
        recorded: [(replayed.id, dead)].into(),
        ..Books::default()
    };
    let other = job(1, deposit("a", 6));
    let folded = fold(books, &[other, replayed.clone(), replayed.clone()], NOW);
    let expected =
        [Outcome::Conflict(RecordedOutcome::Dead), Posted, Outcome::Duplicate(RecordedOutcome::Posted)];
    assert_eq!(folded.outcomes, expected);
    assert_eq!(folded.revived, [replayed.id].into());
}
