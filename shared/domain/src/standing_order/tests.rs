//! How an order moves on, payment by payment.

use std::num::NonZeroU16;

use jiff::civil::date;

use super::*;

fn number(text: &str) -> AccountNumber {
    AccountNumber::parse(text).unwrap()
}

fn id(n: u64) -> JobId {
    JobId::from_chance(n, [0; 6])
}

fn fleet() -> Client {
    Client::parse("tellers").unwrap()
}

/// On the last day of each month, from January 2027 on.
fn order(end: End, retry_days: u16) -> StandingOrder {
    let day = DayOfMonth::new(31).unwrap();
    let months = NonZeroU16::new(1).unwrap();
    let every = Every::Months { months, day, missing_day: MissingDay::Last };
    let terms = Terms {
        account: number("a"),
        to: number("b"),
        currency: "EUR".parse().unwrap(),
        pays: Pays::Amount(Amount::new(5).unwrap()),
        rule: Rule { every, from: date(2027, 1, 31), end },
        retry_days,
    };
    StandingOrder::opened(id(1), terms)
}

const SHORT: RecordedOutcome = RecordedOutcome::Rejected(Rejection::InsufficientFunds);

fn pay(order: &mut StandingOrder, outcome: RecordedOutcome, today: Date) -> JobId {
    let job = order.payment().unwrap().job(&fleet());
    order.after(job, outcome, today);
    job
}

#[test]
fn each_date_and_attempt_is_a_job_of_its_own() {
    let job = |order, due, attempt| payment_job(id(order), due, attempt, &fleet());
    let first = job(1, date(2027, 1, 1), 1);
    assert_eq!(first, job(1, date(2027, 1, 1), 1));
    for other in [job(1, date(2027, 1, 1), 2), job(1, date(2027, 2, 1), 1), job(2, date(2027, 1, 1), 1)] {
        assert_ne!(first, other);
    }
}

#[test]
fn each_date_is_paid_once_however_late() {
    let mut order = order(End::Until(date(2027, 4, 30)), 0);
    let late = date(2028, 1, 1);
    let mut dates = Vec::new();
    while let Some(payment) = order.payment() {
        assert_eq!((payment.attempt, order.attempt_on), (1, Some(payment.due)));
        dates.push(payment.due.to_string());
        pay(&mut order, RecordedOutcome::Posted, late);
    }
    assert_eq!(dates, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]);
    assert_eq!((order.status, order.paid, order.next_due), (OrderStatus::Ended, 4, None));
    assert_eq!(order.last.map(|last| last.due), Some(date(2027, 4, 30)));
}

#[test]
fn a_payment_that_lacks_funds_is_tried_again_on_the_days_after_and_then_left_out() {
    let mut order = order(End::Count(2), 2);
    let mut days = Vec::new();
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let (due, day) = (order.next_due.unwrap(), order.attempt_on.unwrap());
        assert_eq!(due, date(2027, 1, 31));
        days.push(day.to_string());
        jobs.push(pay(&mut order, SHORT, day));
    }
    assert_eq!(days, ["2027-01-31", "2027-02-01", "2027-02-02"]);
    jobs.dedup();
    assert_eq!(jobs.len(), 3, "each attempt is a job of its own");
    assert_eq!((order.next_due, order.attempt, order.retries), (Some(date(2027, 2, 28)), 1, 0));
    assert_eq!(order.last.map(|last| (last.due, last.outcome)), Some((date(2027, 1, 31), SHORT)));
    // Funds come on the second day; the date that was left out counts.
    pay(&mut order, SHORT, date(2027, 2, 28));
    assert_eq!(order.attempt_on, Some(date(2027, 3, 1)));
    pay(&mut order, RecordedOutcome::Posted, date(2027, 3, 1));
    assert_eq!((order.status, order.paid), (OrderStatus::Ended, 1));
}

#[test]
fn what_is_late_is_tried_again_on_the_next_day_and_not_at_once() {
    let mut order = order(End::Never, 3);
    pay(&mut order, SHORT, date(2027, 6, 10));
    assert_eq!((order.next_due, order.attempt_on), (Some(date(2027, 1, 31)), Some(date(2027, 6, 11))));
}

#[test]
fn a_payment_that_was_cancelled_or_had_nothing_to_sweep_is_left_out() {
    let nothing = RecordedOutcome::Rejected(Rejection::NothingToSweep);
    for outcome in [RecordedOutcome::Cancelled, nothing] {
        let mut order = order(End::Never, 3);
        pay(&mut order, outcome, date(2027, 1, 31));
        assert_eq!((order.next_due, order.paid), (Some(date(2027, 2, 28)), 0), "{outcome:?}");
    }
}

#[test]
fn an_account_that_cannot_take_part_any_more_ends_the_order() {
    for reason in [Rejection::AccountClosed, Rejection::CurrencyMismatch, Rejection::AccountNotFound] {
        let mut order = order(End::Never, 3);
        pay(&mut order, RecordedOutcome::Rejected(reason), date(2027, 1, 31));
        assert_eq!((order.status, order.payment()), (OrderStatus::Ended, None));
        assert_eq!(order.last.map(|last| last.outcome), Some(RecordedOutcome::Rejected(reason)));
    }
    let mut order = order(End::Never, 3);
    pay(&mut order, RecordedOutcome::Rejected(Rejection::AccountFrozen), date(2027, 1, 31));
    assert_eq!(order.attempt_on, Some(date(2027, 2, 1)), "a frozen account may thaw");
}

#[test]
fn a_pause_leaves_out_the_dates_before_today_and_nothing_twice() {
    let mut order = order(End::Never, 0);
    pay(&mut order, RecordedOutcome::Posted, date(2027, 1, 31));
    order.pause();
    assert_eq!((order.payment(), order.attempt_on), (None, None));
    // On the day of the last payment: that date is behind it.
    order.resume(date(2027, 1, 31));
    assert_eq!(order.next_due, Some(date(2027, 2, 28)));
    order.pause();
    order.resume(date(2027, 4, 1));
    assert_eq!((order.next_due, order.attempt), (Some(date(2027, 4, 30)), 1));
    // A job for this very date may have been rejected because of the pause.
    let before = order.payment().unwrap().job(&fleet());
    order.pause();
    order.resume(date(2027, 4, 30));
    assert_eq!(order.next_due, Some(date(2027, 4, 30)));
    assert_ne!(order.payment().unwrap().job(&fleet()), before);
    assert_eq!(order.attempt_on, Some(date(2027, 4, 30)));
}

#[test]
fn an_order_whose_dates_are_over_ends_when_it_is_resumed() {
    let mut order = order(End::Until(date(2027, 3, 1)), 0);
    order.pause();
    order.resume(date(2027, 3, 2));
    assert_eq!((order.status, order.next_due), (OrderStatus::Ended, None));
}

#[test]
fn what_is_closed_stays_closed() {
    let mut order = order(End::Never, 0);
    order.close();
    order.resume(date(2027, 1, 1));
    order.pause();
    assert_eq!((order.status, order.is_open(), order.payment()), (OrderStatus::Closed, false, None));
}

#[test]
fn a_payment_that_came_before_its_day_is_made_by_another_job() {
    let mut order = order(End::Never, 0);
    let early = RecordedOutcome::Rejected(Rejection::StandingPaymentNotDue);
    let first = pay(&mut order, early, date(2027, 1, 30));
    assert_eq!(
        (order.next_due, order.attempt_on, order.last),
        (Some(date(2027, 1, 31)), Some(date(2027, 1, 31)), None)
    );
    assert_ne!(order.payment().unwrap().job(&fleet()), first);
}
