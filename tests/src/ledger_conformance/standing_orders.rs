//! Standing orders: opened, paid, put off and changed, through the database.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context as _, ensure};
use contract::submission;
use domain::access::Accounts;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::{Action, Job, Spec};
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use domain::standing_order::{LastPayment, OrderStatus, StandingOrder, StandingPayment, day_of};
use domain::text::{Client, FLEET};
use jiff::ToSpan as _;
use jiff::civil::Date;
use store::ledger::{OrderFilter, OrderRecord};

use super::subject::{Jobs, Subject, deposit, number_of, open, transfer};

/// The lane of all these jobs.
const LANE: Lane = Lane(2);
const POSTED: Outcome = Outcome::Posted;
/// When the fleet's jobs are accepted, in their order.
static ACCEPTED: AtomicI64 = AtomicI64::new(0);

fn today() -> Date {
    day_of(jiff::Timestamp::now().as_microsecond())
}

fn ago(days: i64) -> Date {
    today().saturating_sub(days.days())
}

/// The body of a job that opens an order from `a` to `b`, daily since so many days. `pays`: `"amount":5` or `"keep":5`.
fn daily(pays: &str, since: i64, more: &str) -> String {
    let from = ago(since);
    format!(
        r#"{{"kind":"open_standing_order","account":"a","to":"b",{pays},"currency":"EUR","rule":{{"unit":"days","from":"{from}"{more}}}}}"#
    )
}

fn change(kind: &str, account: &str, order: JobId) -> String {
    format!(r#"{{"kind":"{kind}_standing_order","account":"{account}","order":"{order}"}}"#)
}

/// The job by which the fleet makes a payment.
///
/// # Errors
/// The order makes none.
pub(super) fn payment_job(order: &StandingOrder) -> anyhow::Result<Job> {
    let payment = order.payment().context("the order pays nothing")?;
    job_of(payment)
}

fn job_of(payment: StandingPayment) -> anyhow::Result<Job> {
    let fleet = Client::parse(FLEET)?;
    let id = payment.job(&fleet);
    let spec = Spec::of(Action::StandingPayment(Box::new(payment)));
    let body = submission::canonical(&spec);
    Ok(Job {
        id,
        client: fleet,
        lane: LANE,
        ingress: "worker-1".to_owned(),
        accepted_at: ACCEPTED.fetch_add(1, Ordering::Relaxed),
        fingerprint: Fingerprint::of(&body),
        body,
        spec,
        origin: None,
        former: Vec::new(),
        grant: None,
    })
}

async fn shown(subject: &Subject, id: JobId) -> anyhow::Result<StandingOrder> {
    Ok(subject.ledger.standing_order(id).await?.context("there is no such order")?.order)
}

/// Makes the next payment of an order.
async fn pay(subject: &Subject, order: JobId) -> anyhow::Result<Outcome> {
    let job = payment_job(&shown(subject, order).await?)?;
    subject.post(LANE.0, &[job]).await?.pop().context("one outcome")
}

/// A ledger with two accounts, and an order.
async fn opened(subject: &Subject, jobs: &Jobs, funds: i64, order: &str) -> anyhow::Result<Job> {
    let order = jobs.job(order);
    let batch = [jobs.job(&open("a")), jobs.job(&open("b")), jobs.job(&deposit("a", funds)), order.clone()];
    ensure!(subject.post(LANE.0, &batch).await? == [POSTED; 4]);
    Ok(order)
}

/// What was missed is due in the order of its days, and each date is paid once, whatever comes again.
pub async fn a_standing_order_pays_each_date_once(subject: Subject) -> anyhow::Result<()> {
    let (jobs, orders) = (Jobs::default(), subject.again()?);
    let order = opened(&subject, &jobs, 100, &daily(r#""amount":10"#, 2, r#","count":3"#)).await?;
    let next = orders.next_payments(&[LANE, Lane(3)]).await?;
    ensure!(next.by_lane == [(LANE, ago(2))].into(), "{next:?}");
    let known = orders.opened(&[order.id]).await?;
    ensure!(known.get(&order.id).is_some_and(|opened| opened.spec == order.spec), "{known:?}");

    let (mut paid, mut last) = (Vec::new(), None);
    loop {
        let due = orders.due_payments(LANE, today(), 10).await?;
        let [payment] = due.as_slice() else { break };
        ensure!((payment.order, payment.attempt) == (order.id, 1), "{payment:?}");
        paid.push(payment.due);
        let job = payment_job(&shown(&subject, order.id).await?)?;
        ensure!(subject.ledger.try_post(std::slice::from_ref(&job)).await? == [POSTED]);
        // Twice in a batch, and once more.
        let duplicate = Outcome::Duplicate(RecordedOutcome::Posted);
        ensure!(subject.post(LANE.0, &[job.clone(), job.clone()]).await? == [POSTED, duplicate]);
        ensure!(subject.post(LANE.0, std::slice::from_ref(&job)).await? == [duplicate]);
        last = Some(LastPayment { job: job.id, due: payment.due, outcome: RecordedOutcome::Posted });
    }
    ensure!(paid == [ago(2), ago(1), today()], "{paid:?}");
    ensure!(subject.funds("a").await? == (70, 0) && subject.funds("b").await? == (30, 0));
    let order = shown(&subject, order.id).await?;
    ensure!((order.status, order.paid, order.last) == (OrderStatus::Ended, 3, last), "{order:?}");
    ensure!(orders.next_payments(&[LANE]).await?.by_lane.is_empty());
    subject.books_are_right().await
}

/// A whole batch of the payments of one order is one after the other, as many batches would be; orders of one lane are due in
/// the order of their days.
pub async fn payments_of_one_batch_are_made_one_after_the_other(subject: Subject) -> anyhow::Result<()> {
    let (jobs, orders) = (Jobs::default(), subject.again()?);
    let late = opened(&subject, &jobs, 100, &daily(r#""amount":10"#, 1, "")).await?;
    let early = jobs.job(&daily(r#""amount":1"#, 3, ""));
    let opening = shown(&subject, late.id).await?;
    let mut batch = vec![early.clone()];
    for due in [ago(1), today()] {
        let payment = opening.payment().context("it pays")?;
        batch.push(job_of(StandingPayment { due, ..payment })?);
    }
    ensure!(subject.post(LANE.0, &batch).await? == [POSTED; 3]);
    ensure!(shown(&subject, late.id).await?.next_due == today().tomorrow().ok());
    let due = orders.due_payments(LANE, today().tomorrow()?, 10).await?;
    let due: Vec<_> = due.iter().map(|payment| payment.order).collect();
    ensure!(due == [early.id, late.id], "{due:?}");
    ensure!(orders.due_payments(LANE, today().tomorrow()?, 1).await?.len() == 1);
    ensure!(orders.due_payments(LANE, today(), 10).await?.len() == 1);
    subject.books_are_right().await
}

/// A payment that lacks funds is rejected, as everybody sees, and tried again on the next day, or left out.
pub async fn a_payment_that_lacks_funds_is_put_off_or_left_out(subject: Subject) -> anyhow::Result<()> {
    let (jobs, orders) = (Jobs::default(), subject.again()?);
    let monthly = format!(
        r#"{{"kind":"open_standing_order","account":"a","to":"b","amount":10,"currency":"EUR","retry_days":1,"rule":{{"unit":"weeks","from":"{}"}}}}"#,
        today()
    );
    let retried = opened(&subject, &jobs, 9, &monthly).await?;
    let skipped = jobs.job(&daily(r#""amount":10"#, 0, ""));
    ensure!(subject.post(LANE.0, std::slice::from_ref(&skipped)).await? == [POSTED]);
    let short = Outcome::Rejected(Rejection::InsufficientFunds);
    for order in [&retried, &skipped] {
        ensure!(pay(&subject, order.id).await? == short);
        let order = shown(&subject, order.id).await?;
        ensure!(order.last.is_some_and(|last| last.outcome == short.recorded()), "{order:?}");
        ensure!(order.attempt_on == today().tomorrow().ok(), "{order:?}");
    }
    let order = shown(&subject, retried.id).await?;
    ensure!((order.next_due, order.attempt, order.retries) == (Some(today()), 2, 1), "{order:?}");
    // Before its day it is rejected, and another job will make it.
    ensure!(pay(&subject, retried.id).await? == Outcome::Rejected(Rejection::StandingPaymentNotDue));
    ensure!(shown(&subject, retried.id).await?.attempt == 3);
    subject.books_are_right().await?;

    let today = today();
    let sql = format!("UPDATE standing_orders SET attempt_on = '{today}' WHERE retries = 1");
    subject.behind_its_back(&sql).await?;
    ensure!(orders.due_payments(LANE, today, 10).await?.len() == 1);
    ensure!(pay(&subject, retried.id).await? == short);
    let order = shown(&subject, retried.id).await?;
    let in_a_week = today.checked_add(7.days())?;
    ensure!((order.next_due, order.attempt, order.retries) == (Some(in_a_week), 1, 0), "{order:?}");
    Ok(())
}

/// A sweep leaves what is kept and what is held, and says nothing where there is nothing above; it is reversed as any other.
pub async fn a_sweep_moves_what_is_above(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let order = opened(&subject, &jobs, 100, &daily(r#""keep":30"#, 2, "")).await?;
    let hold = jobs.job(r#"{"kind":"hold","account":"a","amount":20,"currency":"EUR"}"#);
    let limit = jobs.job(r#"{"kind":"set_overdraft_limit","account":"a","overdraft_limit":500}"#);
    ensure!(subject.post(LANE.0, &[hold, limit]).await? == [POSTED; 2]);
    let sweep = payment_job(&shown(&subject, order.id).await?)?;
    ensure!(subject.post(LANE.0, std::slice::from_ref(&sweep)).await? == [POSTED]);
    ensure!(subject.funds("a").await? == (50, 20) && subject.funds("b").await? == (50, 0));
    let record = subject.ledger.job(sweep.id).await?.context("it is recorded")?;
    let entries = subject.ledger.entries_of(&record, &Accounts::all()).await?;
    ensure!(entries.iter().map(|entry| entry.amount).collect::<Vec<_>>() == [-50, 50], "{entries:?}");
    let nothing = Outcome::Rejected(Rejection::NothingToSweep);
    ensure!(pay(&subject, order.id).await? == nothing);
    ensure!(shown(&subject, order.id).await?.next_due == Some(today()));
    subject.books_are_right().await?;

    let undo = format!(r#"{{"kind":"reversal","account":"b","job":"{}"}}"#, sweep.id);
    ensure!(subject.post(5, &[jobs.job(&undo)]).await? == [POSTED]);
    ensure!(subject.funds("a").await? == (100, 20));
    ensure!(pay(&subject, order.id).await? == POSTED);
    ensure!(subject.funds("a").await? == (50, 20));
    subject.books_are_right().await
}

/// Who may change an order, and what that does.
pub async fn a_standing_order_is_paused_resumed_and_closed(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let order = opened(&subject, &jobs, 100, &daily(r#""amount":10"#, 5, "")).await?.id;
    let in_flight = payment_job(&shown(&subject, order).await?)?;
    let not_due = Outcome::Rejected(Rejection::StandingPaymentNotDue);
    let not_found = Outcome::Rejected(Rejection::StandingOrderNotFound);
    let batch = [jobs.job(&change("close", "b", order)), jobs.job(&change("pause", "a", order)), in_flight];
    ensure!(subject.post(LANE.0, &batch).await? == [not_found, POSTED, not_due]);
    let paused = shown(&subject, order).await?;
    ensure!((paused.status, paused.attempt_on) == (OrderStatus::Paused, None), "{paused:?}");
    ensure!(subject.post(LANE.0, &[jobs.job(&change("resume", "a", order))]).await? == [POSTED]);
    ensure!(pay(&subject, order).await? == POSTED);
    let resumed = shown(&subject, order).await?;
    ensure!((resumed.paid, resumed.next_due) == (1, today().tomorrow().ok()), "{resumed:?}");
    // On the day of a date whose job was rejected because of the pause, another job makes the payment.
    let daily = jobs.job(&daily(r#""amount":10"#, 0, ""));
    ensure!(subject.post(LANE.0, std::slice::from_ref(&daily)).await? == [POSTED]);
    let in_flight = payment_job(&shown(&subject, daily.id).await?)?;
    let [pause, resume] = ["pause", "resume"].map(|kind| jobs.job(&change(kind, "a", daily.id)));
    ensure!(subject.post(LANE.0, &[pause, in_flight, resume]).await? == [POSTED, not_due, POSTED]);
    ensure!(pay(&subject, daily.id).await? == POSTED);
    ensure!(subject.funds("b").await? == (20, 0));

    let close = || jobs.job(&change("close", "a", order));
    let ended = Outcome::Rejected(Rejection::StandingOrderEnded);
    ensure!(subject.post(LANE.0, &[close(), close()]).await? == [POSTED, ended]);
    ensure!(shown(&subject, order).await?.status == OrderStatus::Closed);
    subject.books_are_right().await
}

/// An account that is closed ends the orders that it takes part in; a job that was cancelled is a date that is left out.
pub async fn an_order_ends_with_its_accounts(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let order = opened(&subject, &jobs, 100, &daily(r#""amount":10"#, 3, "")).await?;
    let payment = payment_job(&shown(&subject, order.id).await?)?;
    let cancellation = store::ledger::NewCancellation {
        whose: domain::cancellation::Whose::Anybodys,
        by: "ops".to_owned(),
        reason: None,
    };
    subject.ledger.cancel_job(payment.id, &cancellation).await?;
    ensure!(subject.post(LANE.0, &[payment]).await? == [Outcome::Cancelled]);
    let left_out = shown(&subject, order.id).await?;
    ensure!((left_out.next_due, left_out.paid) == (Some(ago(2)), 0), "{left_out:?}");

    let close = r#"{"kind":"close_account","account":"b"}"#;
    ensure!(subject.post(LANE.0, &[jobs.job(close)]).await? == [POSTED]);
    ensure!(pay(&subject, order.id).await? == Outcome::Rejected(Rejection::AccountClosed));
    let ended = shown(&subject, order.id).await?;
    ensure!((ended.status, ended.next_due) == (OrderStatus::Ended, None), "{ended:?}");
    subject.books_are_right().await
}

/// Standing orders are listed by account and status, those on accounts that are shown, page by page.
pub async fn standing_orders_are_listed_by_filter(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut ids = vec![opened(&subject, &jobs, 100, &daily(r#""amount":1"#, 0, "")).await?.id];
    let back = daily(r#""keep":0"#, 0, "").replace(r#""account":"a","to":"b""#, r#""account":"b","to":"a""#);
    let more = [jobs.job(&daily(r#""amount":2"#, 0, r#","count":9"#)), jobs.job(&back)];
    ids.extend(more.iter().map(|job| job.id));
    ensure!(subject.post(LANE.0, &more).await? == [POSTED; 2]);
    ensure!(subject.post(LANE.0, &[jobs.job(&change("pause", "a", ids[0]))]).await? == [POSTED]);
    let listed = async |among: &str, account: Option<&str>, status| -> anyhow::Result<Vec<JobId>> {
        let account = account.map(number_of).transpose()?;
        let filter = OrderFilter { among: among.parse()?, account, status };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = subject.ledger.find_standing_orders(&filter, after, 1).await?;
            found.extend(page.orders.iter().map(|record| record.order.id));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    };
    let mut in_order = ids.clone();
    in_order.sort_unstable();
    let of_a: Vec<_> = in_order.iter().copied().filter(|id| *id != ids[2]).collect();
    ensure!(listed("*", None, None).await? == in_order);
    ensure!(listed("*", Some("a"), None).await? == of_a && listed("a", None, None).await? == of_a);
    ensure!(listed("b", None, None).await? == [ids[2]] && listed("b*", None, None).await? == [ids[2]]);
    ensure!(listed("*", None, Some(OrderStatus::Paused)).await? == [ids[0]]);
    ensure!(listed("*", Some("b"), Some(OrderStatus::Paused)).await?.is_empty());
    ensure!(listed("*", Some("nobody"), None).await?.is_empty());
    let record = subject.ledger.standing_order(ids[1]).await?.context("it is there")?;
    let OrderRecord { client, opened_at, spec, .. } = record;
    ensure!(client == "acme" && opened_at > 0 && spec == more[0].spec, "{client} {opened_at} {spec:?}");
    ensure!(subject.ledger.standing_order(jobs.job(&open("c")).id).await?.is_none());
    subject.books_are_right().await
}

/// What is wrong between the orders and their jobs shows, and what was swept and was not above.
pub async fn tampering_with_standing_orders_shows(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let order = opened(&subject, &jobs, 100, &daily(r#""keep":30"#, 1, "")).await?;
    ensure!(pay(&subject, order.id).await? == POSTED);
    ensure!(subject.post(LANE.0, &[jobs.job(&transfer("b", "a", 5))]).await? == [POSTED]);
    let (day, other) = (today(), ago(1));
    let cases = [
        (
            format!("UPDATE standing_orders SET next_due = '{other}'"),
            format!("UPDATE standing_orders SET next_due = '{day}'"),
        ),
        ("UPDATE standing_orders SET paid = 2".into(), "UPDATE standing_orders SET paid = 1".into()),
        ("UPDATE standing_orders SET attempt = 2".into(), "UPDATE standing_orders SET attempt = 1".into()),
        (
            "UPDATE standing_orders SET last_result = 'nothing_to_sweep'".into(),
            "UPDATE standing_orders SET last_result = 'posted'".into(),
        ),
        (
            "UPDATE standing_orders SET status = 'paused'".into(),
            "UPDATE standing_orders SET status = 'active'".into(),
        ),
        ("UPDATE sweeps SET amount = amount + 1".into(), "UPDATE sweeps SET amount = amount - 1".into()),
        ("UPDATE sweeps SET held = held + 1".into(), "UPDATE sweeps SET held = held - 1".into()),
        ("UPDATE sweeps SET seq = seq + 1".into(), "UPDATE sweeps SET seq = seq - 1".to_owned()),
    ];
    for (tampering, undone) in cases {
        subject.behind_its_back(&tampering).await?;
        let audit = subject.ledger.audit().await?;
        ensure!(!audit.is_clean(), "{tampering} does not show");
        subject.behind_its_back(&undone).await?;
        subject.books_are_right().await?;
    }
    subject.behind_its_back("DELETE FROM standing_orders").await?;
    let audit = subject.ledger.audit().await?;
    ensure!(audit.findings.iter().any(|found| found.contains("was opened and has no row")), "{audit:?}");
    subject.behind_its_back("DELETE FROM sweeps").await?;
    ensure!(!subject.ledger.audit().await?.is_clean(), "a sweep without its amount does not show");
    Ok(())
}
