//! Cancelling jobs that wait, by the unique key of their ids. One that is scheduled is put on its lane at once, and is recorded
//! there as cancelled: its execution sees the cancellation, or comes before it.

use domain::cancellation::Whose;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::RecordedOutcome;
use domain::text::Client;

use super::posting::SqlTransaction;
use super::rows::JOB;
use super::{rows, schedules, statements};
use crate::failure::Failure;
use crate::ledger::{Cancellation, Cancelled, NewCancellation};
use crate::sql::rows::Cells;
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

/// What `outcome` says in the row of an id that was cancelled and whose job has not come.
pub(super) const AWAITED: &str = "awaited";

/// Whether the id of `j` was cancelled before the job had its outcome: its row stands where the cancellation wrote it, and not
/// where the job was posted. A cancellation that came too late changes nothing.
pub(super) const CAME_FIRST: &str =
    "EXISTS (SELECT 1 FROM cancellations c WHERE c.job = j.id AND c.at <= j.posted_at)";

/// The lane of such a row: none.
const NO_LANE: i64 = -1;

/// ` AND …`: leaves out ids whose jobs have not come.
pub(super) fn only_jobs(script: &mut Script) -> &mut Script {
    script.sql(" AND j.outcome <> ").value(Value::Name(AWAITED))
}

/// Who cancelled which of these jobs.
pub(super) fn select<'a>(script: &mut Script, jobs: impl IntoIterator<Item = &'a JobId>) {
    script.sql("SELECT c.job, c.whose, c.client, c.reason, c.at FROM cancellations c WHERE c.job IN (");
    script.keys(jobs).sql("); ");
}

/// A row of [`select`].
pub(super) fn read(row: &impl Cells) -> Result<(JobId, Cancellation), Failure> {
    let whose = match row.text(1)? {
        "" => Whose::Anybodys,
        client => Whose::Clients(
            Client::parse(client).map_err(|_| Failure::unreadable("client of a cancellation", client))?,
        ),
    };
    let reason = row.text_or_null(3)?.map(str::to_owned);
    let cancellation = Cancellation { whose, by: row.text(2)?.to_owned(), reason, at: row.int(4)? };
    Ok((rows::id(row.bytes(0)?)?, cancellation))
}

/// The id in a row of [`rows::RECORDED`] that says that its job has not come.
pub(super) fn awaited(row: &impl Cells) -> Result<Option<JobId>, Failure> {
    if row.text(2)? == AWAITED { rows::id(row.bytes(0)?).map(Some) } else { Ok(None) }
}

/// See [`crate::ledger::Reads::cancellations`].
pub(super) async fn of<S: Session>(session: &mut S, id: JobId) -> Result<Vec<Cancellation>, Failure> {
    let mut script = Script::new(S::DIALECT);
    select(&mut script, [&id]);
    let found = session.run(script).await?.into_iter().next().unwrap_or_default();
    found.iter().map(|row| Ok(read(row)?.1)).collect()
}

impl<S: Session> SqlTransaction<S> {
    /// See [`crate::ledger::Posting::cancel_job`].
    ///
    /// Whoever inserts an id that is there waits for whoever has written it, and keeps it from being written until the
    /// commit: so what is read of it behind that is what will stand.
    pub(super) async fn cancel(mut self, id: JobId, new: &NewCancellation) -> Result<Cancelled, Failure> {
        let now = self.time_of_posting().await?;
        let mut script = Script::new(S::DIALECT);
        statements::begin(&mut script);
        insert_awaited(&mut script, &id, now);
        script.insert_ignore().sql("cancellations (job, whose, client, reason, at) VALUES (").list([
            Value::from(&id),
            whose_column(&new.whose).into(),
            new.by.as_str().into(),
            new.reason.as_ref().map(|reason| reason.as_str()).into(),
            now.into(),
        ]);
        script.sql("); SELECT ").sql(JOB).sql(" FROM jobs j WHERE j.id = ").value(&id);
        only_jobs(&mut script).sql("; ");
        select(&mut script, [&id]);
        let whose = match &new.whose {
            Whose::Anybodys => None,
            Whose::Clients(client) => Some(client),
        };
        schedules::cancel(&mut script, &id, whose, now);
        script.sql("COMMIT");
        // The beginning of the transaction and both inserts give no rows.
        let mut results = self.run_to_its_end(script).await?.into_iter().skip(3);
        if let Some(job) = results.next().unwrap_or_default().first() {
            let job = rows::job(job)?;
            let is_stopped = whose.is_none_or(|client| client.as_str() == job.client);
            if job.outcome != RecordedOutcome::Scheduled || !is_stopped {
                return Ok(Cancelled::Recorded(Box::new(job)));
            }
        }
        let found = results.next().unwrap_or_default();
        let found = found.iter().map(|row| Ok(read(row)?.1)).collect::<Result<Vec<_>, Failure>>()?;
        let own = found.into_iter().find(|found| found.whose == new.whose);
        own.map(Cancelled::Waiting).ok_or_else(|| Failure::unreadable("cancellation of a job", id))
    }
}

fn insert_awaited(script: &mut Script, id: &JobId, now: i64) {
    const NO_FINGERPRINT: [u8; 16] = [0; 16];
    script.insert_ignore().sql(
        "jobs (id, client, kind, lane, account, body, fingerprint, outcome, ingress, accepted_at, posted_at) \
         VALUES (",
    );
    script.list([
        Value::from(id),
        "".into(),
        "".into(),
        Value::Int(NO_LANE),
        "".into(),
        "".into(),
        Value::Bytes(&NO_FINGERPRINT),
        Value::Name(AWAITED),
        "".into(),
        Value::Int(0),
        Value::Int(now),
    ]);
    script.sql("); ");
}

/// Says of jobs whose ids were cancelled before they came what they are, and what became of them; of a dead one why. They
/// are few. One that is cancelled was so when its row was written, and keeps that time.
pub(super) fn complete<'a>(
    script: &mut Script,
    jobs: impl Iterator<Item = (&'a Job, RecordedOutcome, Option<&'a str>)>,
    now: i64,
) {
    for (job, outcome, cause) in jobs {
        let is_cancelled = outcome == RecordedOutcome::Cancelled;
        let (outcome, reason) = rows::outcome_columns(outcome);
        let reference = job.spec.reference.as_ref().map(|reference| reference.as_str());
        let columns: [(&str, Value<'_>); 11] = [
            ("client", job.client.as_str().into()),
            ("reference", reference.into()),
            ("kind", Value::Name(job.spec.action.kind().name())),
            ("lane", job.lane.into()),
            ("account", job.spec.action.account().into()),
            ("body", job.body.as_str().into()),
            ("fingerprint", (&job.fingerprint).into()),
            ("outcome", Value::Name(outcome)),
            ("reason", reason.map(Value::Name).into()),
            ("ingress", job.ingress.as_str().into()),
            ("accepted_at", job.accepted_at.into()),
        ];
        for (place, (column, value)) in columns.into_iter().enumerate() {
            script
                .sql(if place == 0 { "UPDATE jobs SET " } else { ", " })
                .sql(column)
                .sql(" = ")
                .value(value);
        }
        if !is_cancelled {
            script.sql(", posted_at = ").value(now);
        }
        if cause.is_some() {
            script.sql(", cause = ").value(cause);
        }
        script.sql(" WHERE id = ").value(&job.id).sql("; ");
    }
}

/// The column `whose`.
fn whose_column(whose: &Whose) -> &str {
    match whose {
        Whose::Anybodys => "",
        Whose::Clients(client) => client.as_str(),
    }
}
