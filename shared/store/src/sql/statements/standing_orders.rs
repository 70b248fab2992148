//! What a batch reads and writes about standing orders: nothing where it has none of them.

use std::collections::HashMap;

use contract::submission;
use domain::id::JobId;
use domain::job::Action;
use domain::lane::Lane;
use domain::money::Amount;
use domain::outcome::RecordedOutcome;
use domain::standing_order::{LastPayment, OrderStatus, StandingOrder};
use jiff::civil::Date;

use super::{Keys, key, rows};
use crate::failure::Failure;
use crate::ledger::post::Writes;
use crate::sql::rows::Cells;
use crate::sql::script::{Script, Value};

/// What [`order`] reads, of `standing_orders s JOIN jobs j`.
pub(in crate::sql) const ORDER: &str = "s.id, s.status, s.next_due, s.attempt, s.retries, s.attempt_on, s.paid, s.last_due, \
     s.last_result, s.last_job, j.body";

/// An order, with what the job says that opened it.
pub(in crate::sql) fn order(row: &impl Cells) -> Result<StandingOrder, Failure> {
    let id = rows::id(row.bytes(0)?)?;
    let body = row.text(10)?;
    let terms = match submission::parse(body.as_bytes()).map(|spec| spec.action) {
        Ok(Action::OpenStandingOrder(terms)) => *terms,
        _ => return Err(Failure::unreadable(&format!("body of standing order {id}"), body)),
    };
    let last = match row.text_or_null(7)? {
        Some(due) => Some(LastPayment {
            job: rows::id(row.bytes(9)?)?,
            due: date(due)?,
            outcome: result(row.text(8)?)?,
        }),
        None => None,
    };
    let small = |place| -> Result<u32, Failure> {
        let count = row.int(place)?;
        u32::try_from(count).map_err(|_| Failure::unreadable("count of a standing order", count))
    };
    Ok(StandingOrder {
        id,
        terms,
        status: status(row.text(1)?)?,
        next_due: row.text_or_null(2)?.map(date).transpose()?,
        attempt: small(3)?,
        retries: u16::try_from(small(4)?).map_err(|_| Failure::unreadable("retries", row.int(4).ok()))?,
        attempt_on: row.text_or_null(5)?.map(date).transpose()?,
        paid: small(6)?,
        last,
    })
}

pub(in crate::sql) fn select_orders<'a>(script: &mut Script, ids: impl IntoIterator<Item = &'a JobId>) {
    script
        .sql("SELECT ")
        .sql(ORDER)
        .sql(" FROM standing_orders s JOIN jobs j ON j.id = s.id WHERE s.id IN (");
    script.keys(ids).sql("); ");
}

/// What the payments among these jobs have moved that pay all above some amount.
pub(in crate::sql) fn select_sweeps<'a>(script: &mut Script, jobs: impl IntoIterator<Item = &'a JobId>) {
    script.sql("SELECT job, amount FROM sweeps WHERE job IN (").keys(jobs).sql("); ");
}

/// A row of [`select_sweeps`].
pub(in crate::sql) fn sweep(row: &impl Cells) -> Result<(JobId, Amount), Failure> {
    let amount = row.int(1)?;
    let amount = Amount::new(amount).map_err(|_| Failure::unreadable("amount of a sweep", amount))?;
    Ok((rows::id(row.bytes(0)?)?, amount))
}

pub(super) fn write(script: &mut Script, writes: &Writes<'_>, keys: &Keys) -> Result<(), Failure> {
    let folded = writes.folded;
    if folded.orders.is_empty() {
        return Ok(());
    }
    insert(script, writes)?;
    for order in folded.orders.values().filter(|order| !folded.new_orders.contains(&order.id)) {
        update(script, order);
    }
    if !folded.sweeps.is_empty() {
        let mut swept: Vec<[Value<'_>; 5]> = Vec::with_capacity(folded.sweeps.len());
        for sweep in &folded.sweeps {
            let account = key(keys, &sweep.account)?;
            let (amount, held) = (sweep.amount.into(), sweep.held.into());
            swept.push([(&sweep.job).into(), account.into(), sweep.seq.into(), amount, held]);
        }
        script.sql("INSERT INTO sweeps (job, account_id, seq, amount, held) VALUES ").rows(swept).sql("; ");
    }
    Ok(())
}

fn insert(script: &mut Script, writes: &Writes<'_>) -> Result<(), Failure> {
    let folded = writes.folded;
    let lanes: HashMap<JobId, Lane> = writes.judged.iter().map(|(job, _)| (job.id, job.lane)).collect();
    for order in folded.new_orders.iter().filter_map(|id| folded.orders.get(id)) {
        let lane = lanes.get(&order.id).copied();
        let lane =
            lane.ok_or_else(|| Failure::Obstructed(format!("standing order {} has no job", order.id)))?;
        script.sql("INSERT INTO standing_orders (id, account_id, lane, status, next_due, attempt, retries, ");
        script.sql("attempt_on, paid, last_due, last_result, last_job) VALUES (").value(&order.id);
        // The account is locked, and nothing of it is written: so its key is not at hand.
        script.sql(", (SELECT a.id FROM accounts a WHERE a.number = ").value(&order.terms.account);
        script.sql("), ").value(lane);
        let columns = Columns::of(order);
        for value in columns.values() {
            script.sql(", ").value(value);
        }
        script.sql("); ");
    }
    Ok(())
}

fn update(script: &mut Script, order: &StandingOrder) {
    const NAMES: [&str; 9] = [
        "status = ",
        ", next_due = ",
        ", attempt = ",
        ", retries = ",
        ", attempt_on = ",
        ", paid = ",
        ", last_due = ",
        ", last_result = ",
        ", last_job = ",
    ];
    script.sql("UPDATE standing_orders SET ");
    let columns = Columns::of(order);
    for (name, value) in NAMES.into_iter().zip(columns.values()) {
        script.sql(name).value(value);
    }
    script.sql(" WHERE id = ").value(&order.id).sql("; ");
}

/// What the columns are written from, those of the order's own account and lane excepted.
struct Columns<'a> {
    order: &'a StandingOrder,
    next_due: Option<String>,
    attempt_on: Option<String>,
    last_due: Option<String>,
}

impl Columns<'_> {
    fn of(order: &StandingOrder) -> Columns<'_> {
        let text = |date: Option<Date>| date.map(|date| date.to_string());
        let last_due = text(order.last.map(|last| last.due));
        Columns { order, next_due: text(order.next_due), attempt_on: text(order.attempt_on), last_due }
    }

    fn values(&self) -> [Value<'_>; 9] {
        let Columns { order, next_due, attempt_on, last_due } = self;
        let last = order.last.as_ref();
        [
            Value::Name(status_name(order.status)),
            next_due.as_deref().into(),
            i64::from(order.attempt).into(),
            i64::from(order.retries).into(),
            attempt_on.as_deref().into(),
            i64::from(order.paid).into(),
            last_due.as_deref().into(),
            last.map(|last| Value::Name(result_name(last.outcome))).into(),
            last.map(|last| &last.job).into(),
        ]
    }
}

/// A day as it is stored.
pub(in crate::sql) fn date(text: &str) -> Result<Date, Failure> {
    text.parse().map_err(|_| Failure::unreadable("date of a standing order", text))
}

fn status(name: &str) -> Result<OrderStatus, Failure> {
    name.parse().map_err(|_| Failure::unreadable("status of a standing order", name))
}

fn status_name(status: OrderStatus) -> &'static str {
    status.into()
}

/// `posted`, `cancelled`, `dead`, `scheduled` or the reason of a rejection.
fn result_name(outcome: RecordedOutcome) -> &'static str {
    match rows::outcome_columns(outcome) {
        (_, Some(reason)) => reason,
        (outcome, None) => outcome,
    }
}

fn result(name: &str) -> Result<RecordedOutcome, Failure> {
    match name {
        "posted" => Ok(RecordedOutcome::Posted),
        "cancelled" => Ok(RecordedOutcome::Cancelled),
        reason => match reason.parse() {
            Ok(reason) => Ok(RecordedOutcome::Rejected(reason)),
            Err(_) => Err(Failure::unreadable("result of a standing payment", name)),
        },
    }
}
