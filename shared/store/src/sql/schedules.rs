//! What a batch writes about jobs that wait for their day: nothing where it has none of them.

mod releases;

use std::collections::HashMap;

use contract::message;
use domain::id::JobId;
use domain::job::Job;
use domain::text::Client;

use super::rows;
use super::statements::{self, stored};
use crate::failure::Failure;
use crate::ledger::post::Writes;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};

/// What the row of a scheduled job says of how it came: the copy that is executed was put on its lane by a worker.
#[derive(Debug)]
pub(super) struct FirstRow {
    ingress: String,
    accepted_at: i64,
    /// When it was recorded.
    scheduled_at: i64,
}

/// Such rows, by their ids.
pub(super) type FirstRows = HashMap<JobId, FirstRow>;

/// A row of [`rows::RECORDED`].
pub(super) fn first_row(row: &impl Cells) -> Result<FirstRow, Failure> {
    Ok(FirstRow { ingress: row.text(4)?.to_owned(), accepted_at: row.int(5)?, scheduled_at: row.int(6)? })
}

/// Writes down the jobs that are to be executed later, beside their rows in `jobs`, and executes those that have waited.
pub(super) fn write(script: &mut Script, writes: &Writes<'_>, first_rows: &FirstRows) -> Result<(), Failure> {
    let executed: Vec<_> = writes.executed_jobs().map(|(job, _)| job).collect();
    if !executed.is_empty() {
        replace(script, writes, first_rows)?;
        delete_by_id(script, "scheduled_jobs", "scheduled_jobs_id", executed.iter().map(|job| &job.id));
    }
    let scheduled: Vec<_> = writes.scheduled_jobs().collect();
    if !scheduled.is_empty() {
        insert(script, &scheduled)?;
    }
    Ok(())
}

/// A new row takes the place of the one that says scheduled: so `jobs` is in the order of posting.
fn replace(script: &mut Script, writes: &Writes<'_>, first_rows: &FirstRows) -> Result<(), Failure> {
    delete_by_id(script, "jobs", "jobs_id", writes.executed_jobs().map(|(job, _)| &job.id));
    script.sql(
        "INSERT INTO jobs (id, client, reference, kind, lane, account, body, fingerprint, outcome, reason, ingress, \
         accepted_at, posted_at, scheduled_at) VALUES ",
    );
    let mut executed: Vec<[Value<'_>; 14]> = Vec::new();
    for (job, outcome) in writes.executed_jobs() {
        let first = first_rows.get(&job.id);
        let first = first.ok_or_else(|| Failure::Obstructed(format!("job {} has no first row", job.id)))?;
        let (outcome, reason) = rows::outcome_columns(outcome);
        executed.push([
            (&job.id).into(),
            job.client.as_str().into(),
            job.spec.reference.as_ref().map(|reference| reference.as_str()).into(),
            Value::Name(job.spec.action.kind().name()),
            job.lane.into(),
            job.spec.action.account().into(),
            job.body.as_str().into(),
            (&job.fingerprint).into(),
            Value::Name(outcome),
            reason.map(Value::Name).into(),
            first.ingress.as_str().into(),
            first.accepted_at.into(),
            writes.now.into(),
            first.scheduled_at.into(),
        ]);
    }
    script.rows(executed).sql("; ");
    Ok(())
}

/// Through the index, whatever the optimiser thinks of a small table: a scan would wait for rows of other lanes.
fn delete_by_id<'a>(
    script: &mut Script,
    table: &'static str,
    index: &'static str,
    ids: impl Iterator<Item = &'a JobId>,
) {
    match script.dialect() {
        Dialect::MySql => {
            script.sql("DELETE d FROM ").sql(table).sql(" d FORCE INDEX (").sql(index).sql(") WHERE d.id")
        }
        Dialect::Sqlite => script.sql("DELETE FROM ").sql(table).sql(" WHERE id"),
    };
    script.sql(" IN (").keys(ids).sql("); ");
}

fn insert(script: &mut Script, scheduled: &[&Job]) -> Result<(), Failure> {
    let message = |job: &Job| {
        let json = message::write(job.id, &job.client, None, &job.former, job.grant.as_ref(), &job.body);
        let json = json.map_err(|error| Failure::unreadable("body of a job", error))?;
        String::from_utf8(json).map_err(|error| Failure::unreadable("body of a job", error))
    };
    let messages = scheduled.iter().map(|job| message(job)).collect::<Result<Vec<_>, Failure>>()?;
    script.sql("INSERT INTO scheduled_jobs (id, lane, due_at, release_at, import, number, message) VALUES ");
    script.rows(scheduled.iter().zip(&messages).map(|(job, message)| -> [Value<'_>; 7] {
        let due_at = Value::from(job.spec.execute_at.map(|at| at.microseconds()));
        [
            (&job.id).into(),
            job.lane.into(),
            due_at,
            due_at,
            job.origin.map(|origin| stored(origin.import)).into(),
            job.origin.map(|origin| stored(origin.row)).into(),
            message.as_str().into(),
        ]
    }));
    script.sql("; ");
    Ok(())
}

/// Says of a scheduled job that it can never be posted. `is_row_scheduled`: so says the row of the import that it comes from.
pub(super) fn die(script: &mut Script, job: &Job, cause: &str, now: i64, is_row_scheduled: bool) {
    script.sql("UPDATE jobs SET outcome = 'dead', cause = ").value(cause);
    script.sql(", scheduled_at = posted_at, posted_at = ").value(now);
    script.sql(" WHERE id = ").value(&job.id);
    script.sql("; UPDATE lane_totals SET dead = dead + 1, scheduled = scheduled - 1 WHERE lane = ");
    script.value(job.lane).sql("; DELETE FROM scheduled_jobs WHERE id = ").value(&job.id).sql("; ");
    if let Some(origin) = job.origin.filter(|_| is_row_scheduled) {
        statements::scheduled_row_died(script, origin, job.lane);
    }
}

/// Has a scheduled job put on its lane at once, whose id this cancellation stops: there it is recorded as cancelled.
pub(super) fn cancel(script: &mut Script, id: &JobId, whose: Option<&Client>, now: i64) {
    script.sql("UPDATE scheduled_jobs SET release_at = 0, cancelled_at = ").value(now);
    script.sql(" WHERE id = ").value(id).sql(" AND cancelled_at IS NULL");
    if let Some(client) = whose {
        script.sql(" AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = ").value(id);
        script.sql(" AND j.client = ").value(client.as_str()).sql(")");
    }
    script.sql("; ");
}
