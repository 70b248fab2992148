//! Random jobs, folded in batches, against a ledger of three maps that takes one job at a time.

use proptest::prelude::*;

use super::standing::{above, daily, payment_of, units};
use super::*;
use crate::job::{Leg, Legs as JournalLegs};
use crate::money::SignedAmount;
use crate::standing_order::Terms;

const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];

fn any_account() -> impl Strategy<Value = AccountNumber> {
    prop::sample::select(&ACCOUNTS[..]).prop_map(number)
}

fn any_money() -> impl Strategy<Value = Money> {
    let currency = prop::sample::select(vec!["EUR", "EUR", "EUR", "JPY"]);
    let amount = prop_oneof![8 => 1..200_i64, 1 => Just(Amount::MAX)];
    (amount, currency).prop_map(|(amount, currency)| Money {
        amount: Amount::new(amount).unwrap(),
        currency: currency.parse().unwrap(),
    })
}

/// Refers to jobs by small numbers, so that holds and reversals often hit.
fn any_action() -> impl Strategy<Value = Action> {
    let any_limit = prop_oneof![9 => 0..100_i64, 1 => Just(Amount::MAX)];
    let open = (any_account(), any_money(), any_limit).prop_map(|(account, money, limit)| {
        let overdraft_limit = OverdraftLimit::new(limit).unwrap();
        Action::OpenAccount { account, currency: money.currency, overdraft_limit, holder: None }
    });
    let transfer = (any_account(), any_account(), any_money())
        .prop_filter("two accounts", |(from, to, _)| from != to)
        .prop_map(|(from, to, money)| Action::Transfer { from, to, money });
    let journal =
        (any_account(), any_account(), any_account(), 1..100_i64, 1..100_i64).prop_map(|(a, b, c, x, y)| {
            let legs = [(a, -x - y), (b, x), (c, y)];
            let leg = |(account, units)| Leg { account, amount: SignedAmount::new(units).unwrap() };
            let legs = JournalLegs::new(legs.into_iter().map(leg).collect()).unwrap();
            Action::Journal { currency: "EUR".parse().unwrap(), legs }
        });
    let hold = (any_account(), any_money(), prop::option::of(1..60_i64)).prop_map(|(account, money, end)| {
        let expires_at = end.map(|end| jiff::Timestamp::from_microsecond(NOW - 30 + end).unwrap());
        Action::Hold { account, money, expires_at }
    });
    let capture = (any_account(), 0..60_u64, prop::option::of(any_account()), prop::option::of(1..200_i64))
        .prop_map(|(account, hold, to, amount)| {
            let to = to.filter(|to| *to != account);
            let amount = amount.map(|amount| Amount::new(amount).unwrap());
            Action::Capture { account, hold: id(hold), to, amount }
        });
    let limit = (any_account(), 0..100_i64).prop_map(|(account, limit)| {
        let overdraft_limit = OverdraftLimit::new(limit).unwrap();
        Action::SetOverdraftLimit { account, currency: None, overdraft_limit }
    });
    prop_oneof![
        2 => open,
        4 => (any_account(), any_money()).prop_map(|(account, money)| Action::Deposit { account, money }),
        2 => (any_account(), any_money()).prop_map(|(account, money)| Action::Withdrawal { account, money }),
        6 => transfer,
        2 => journal,
        4 => hold,
        4 => capture,
        2 => (any_account(), 0..60_u64).prop_map(|(account, hold)| Action::Release { account, hold: id(hold) }),
        3 => (any_account(), 0..60_u64).prop_map(|(account, job)| Action::Reversal { account, job: id(job) }),
        1 => any_account().prop_map(|account| Action::FreezeAccount { account }),
        1 => any_account().prop_map(|account| Action::UnfreezeAccount { account }),
        1 => any_account().prop_map(|account| Action::CloseAccount { account }),
        1 => limit,
        4 => any_order_action(),
    ]
}

/// Orders from `a` to `b` alone, so that payments often hit.
fn any_order_action() -> impl Strategy<Value = Action> {
    let pays = prop::sample::select(vec![units(20), above(30)]);
    let open = (pays.clone(), 0..2_u16).prop_map(|(pays, retry_days)| {
        Action::OpenStandingOrder(Box::new(Terms { retry_days, ..daily(pays, 3) }))
    });
    let payment = (pays, 0..60_u64, 0..5_u64, 1..3_u32).prop_map(|(pays, order, ago, attempt)| {
        Action::StandingPayment(Box::new(payment_of(pays, order, ago, attempt)))
    });
    let change = (any_account(), 0..60_u64, 0..3_u8).prop_map(|(account, order, change)| {
        let order = id(order);
        match change {
            0 => Action::PauseStandingOrder { account, order },
            1 => Action::ResumeStandingOrder { account, order },
            _ => Action::CloseStandingOrder { account, order },
        }
    });
    prop_oneof![2 => open, 6 => payment, 1 => change]
}

/// Jobs whose ids sometimes come twice, now and then with another body.
fn any_jobs() -> impl Strategy<Value = Vec<Job>> {
    prop::collection::vec((any_action(), 0..8_u8), 1..60).prop_map(|actions| {
        let mut jobs: Vec<Job> = Vec::new();
        for (n, (action, again)) in (0..).zip(actions) {
            let fresh = job(n, action);
            let next = match (again, jobs.last().cloned()) {
                (0, Some(last)) => last,
                (1, Some(last)) => Job { id: last.id, ..fresh },
                _ => fresh,
            };
            jobs.push(next);
        }
        jobs
    })
}

fn in_batches(jobs: &[Job], size: usize) -> (Vec<Outcome>, Vec<Entry>, Books) {
    let (mut outcomes, mut entries, mut books) = (Vec::new(), Vec::new(), Books::default());
    for batch in jobs.chunks(size) {
        let folded = fold(books.clone(), batch, NOW);
        books = after(books, batch, &folded);
        outcomes.extend(folded.outcomes);
        entries.extend(folded.entries);
    }
    (outcomes, entries, books)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_does_what_its_jobs_would_do_alone(jobs in any_jobs(), size in 2..50_usize) {
        let (alone, alone_entries, alone_books) = in_batches(&jobs, 1);
        let (outcomes, entries, books) = in_batches(&jobs, size);
        prop_assert_eq!(outcomes, alone);
        prop_assert_eq!(entries, alone_entries);
        prop_assert_eq!(books.accounts, alone_books.accounts);
        prop_assert_eq!(books.holds, alone_books.holds);
        prop_assert_eq!(books.orders, alone_books.orders);
    }

    #[test]
    fn the_books_always_balance(jobs in any_jobs(), size in 1..50_usize) {
        let (outcomes, entries, books) = in_batches(&jobs, size);

        let mut of_currency: HashMap<Currency, i128> = HashMap::new();
        for account in books.accounts.values() {
            *of_currency.entry(account.currency).or_default() += i128::from(account.balance);
            prop_assert!((0..=Account::MINOR_UNITS_MAX).contains(&account.held));
            prop_assert!(account.balance.unsigned_abs() <= Account::MINOR_UNITS_MAX.unsigned_abs(), "{:?} is too much", account);
            // A lowered limit takes back nothing.
            let sets_limit = |job: &Job| {
                matches!(&job.spec.action, Action::SetOverdraftLimit { account: of, .. } if *of == account.number)
            };
            prop_assert!(account.available() >= 0 || jobs.iter().any(sets_limit), "{:?} is overdrawn", account);
            let held: i64 = books
                .holds
                .values()
                .filter(|hold| hold.account == account.number)
                .filter(|hold| hold.status == crate::hold::HoldStatus::Active)
                .map(|hold| hold.amount.minor_units())
                .sum();
            prop_assert_eq!(account.held, held);
            let own: Vec<&Entry> = entries.iter().filter(|entry| entry.account == account.number).collect();
            prop_assert!(own.iter().all(|entry| entry.balance_after.unsigned_abs() <= Account::MINOR_UNITS_MAX.unsigned_abs()));
            prop_assert_eq!(own.iter().map(|entry| entry.amount).sum::<i64>(), account.balance);
            prop_assert!(own.iter().map(|entry| entry.seq).eq(1..=account.seq));
            let digest = own.iter().fold(crate::entry::Digest::EMPTY, |head, entry| head.after(entry));
            prop_assert_eq!(digest, account.digest);
        }
        prop_assert!(of_currency.values().all(|sum| *sum == 0));

        for (job, outcome) in jobs.iter().zip(&outcomes) {
            let legs: Vec<i64> = entries.iter().filter(|entry| entry.job == job.id).map(|entry| entry.amount).collect();
            prop_assert_eq!(legs.iter().sum::<i64>(), 0);
            prop_assert!(legs.is_empty() || outcome.recorded() == RecordedOutcome::Posted);
        }
    }
}
