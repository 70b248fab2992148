//! What else is recorded of a job. Each look goes by a key, or is bounded: what a bounded look does not find is not said.

use std::collections::{BTreeSet, HashMap};

use contract::submission;
use domain::access::Accounts;
use domain::entry::Entry;
use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::job::{Action, Kind};
use domain::money::Amount;
use domain::outcome::RecordedOutcome;
use domain::text::{Client, FLEET};

use super::entry_ranges::entry_range;
use super::listings::ordered_join;
use super::reads;
use super::rows::{self, Cells, ENTRY, HOLD};
use crate::failure::Failure;
use crate::ledger::post::{Library, moved, parse};
use crate::ledger::record::JobRecord;
use crate::ledger::related::{HoldEnd, Related};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

pub(super) mod import_row;

/// Jobs behind a hold that are looked at for the one that ended it.
const LOOKED_AT_MAX: i64 = 20_000;

/// See [`crate::ledger::Reads::related`].
pub(super) async fn related<S: Session>(session: &mut S, job: &JobRecord) -> Result<Related, Failure> {
    let hold = hold_of(job);
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT j.seq, j.ingress, j.cause, j.scheduled_at FROM jobs j WHERE j.id = ").value(&job.id);
    script.sql("; SELECT by_job FROM reversals WHERE original = ").value(&job.id);
    script
        .sql("; SELECT ")
        .sql(HOLD)
        .sql(" FROM holds h JOIN accounts a ON a.id = h.account_id WHERE h.id IN (");
    script.keys(&hold).sql(")");
    let mut results = session.run(script).await?.into_iter();
    let mut of_job = results.next().unwrap_or_default().into_iter();
    let Some(row) = of_job.next() else { return Ok(Related::default()) };
    let (seq, ingress) = (row.int(0)?, row.text(1)?.to_owned());
    let cause = row.text_or_null(2)?.map(str::to_owned);
    let scheduled_at = row.int_or_null(3)?;
    let reversals = results.next().unwrap_or_default();
    let reversed_by = reversals.first().map(|row| rows::id(row.bytes(0)?)).transpose()?;
    let holds = results.next().unwrap_or_default();
    let hold = holds.first().map(rows::hold).transpose()?;
    let hold_end = match &hold {
        Some(hold) if job.kind == Kind::Hold => end_of(session, hold, job, seq).await?,
        _ => None,
    };
    Ok(Related { ingress, scheduled_at, cause, reversed_by, hold, hold_end })
}

/// The hold that a job made, captured or released, if it was posted.
fn hold_of(job: &JobRecord) -> Option<JobId> {
    if job.outcome != RecordedOutcome::Posted {
        return None;
    }
    match (job.kind, submission::parse(job.body.as_bytes()).ok()?.action) {
        (Kind::Hold, _) => Some(job.id),
        (_, Action::Capture { hold, .. } | Action::Release { hold, .. }) => Some(hold),
        _ => None,
    }
}

/// What ended a hold. The fleet's own release has an id that follows from the hold's; any other job is looked for behind the job
/// that made the hold.
async fn end_of<S: Session>(
    session: &mut S,
    hold: &Hold,
    job: &JobRecord,
    seq: i64,
) -> Result<Option<HoldEnd>, Failure> {
    if hold.status == HoldStatus::Active {
        return Ok(None);
    }
    let expiry = Client::parse(FLEET).ok().map(|fleet| Hold::expiry_job(hold.id, &fleet));
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT j.id, j.posted_at FROM jobs j WHERE j.outcome = 'posted' AND j.id IN (");
    script.keys(&expiry).sql(")");
    script.sql("; SELECT j.id, j.posted_at FROM jobs j WHERE j.seq > ").value(seq);
    script.sql(" AND j.seq <= ").value(seq.saturating_add(LOOKED_AT_MAX));
    script.sql(" AND j.account = ").value(&hold.account).sql(" AND j.outcome = 'posted' AND j.kind = ");
    let ended_by = if hold.status == HoldStatus::Released { Kind::Release } else { Kind::Capture };
    script.value(Value::Name(ended_by.name()));
    script.sql(" AND INSTR(j.body, ").value(written(hold).as_str()).sql(") > 0 ORDER BY j.seq LIMIT 1");
    let mut results = session.run(script).await?.into_iter();
    for is_expiry in [true, false] {
        let found = results.next().unwrap_or_default();
        if let Some(row) = found.first() {
            return Ok(Some(HoldEnd { by: rows::id(row.bytes(0)?)?, at: row.int(1)?, is_expiry }));
        }
    }
    match hold.status {
        HoldStatus::Captured(amount) => captured_by(session, hold, job, amount.minor_units()).await,
        HoldStatus::Active | HoldStatus::Released => Ok(None),
    }
}

/// A capture moved money, so it is among the entries of the account, however many jobs of others lie between.
async fn captured_by<S: Session>(
    session: &mut S,
    hold: &Hold,
    job: &JobRecord,
    amount: i64,
) -> Result<Option<HoldEnd>, Failure> {
    let Some(range) = entry_range(session, &hold.account, Some(job.posted_at), None).await? else {
        return Ok(None);
    };
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT j.id, j.posted_at FROM entries e ").sql(ordered_join(S::DIALECT));
    script.sql(" jobs j ON j.id = e.job WHERE e.account_id = ").value(range.account.key.unwrap_or_default());
    script.sql(" AND e.seq >= ").value(range.first);
    script.sql(" AND e.seq < ").value(range.first.saturating_add(LOOKED_AT_MAX));
    script.sql(" AND e.amount = ").value(-amount).sql(" AND j.kind = ");
    script.value(Value::Name(Kind::Capture.name())).sql(" AND INSTR(j.body, ");
    script.value(written(hold).as_str()).sql(") > 0 ORDER BY e.seq LIMIT 1");
    let found = session.run(script).await?.pop().unwrap_or_default();
    let end = |row: &S::Row| Ok(HoldEnd { by: rows::id(row.bytes(0)?)?, at: row.int(1)?, is_expiry: false });
    found.first().map(end).transpose()
}

/// How the body of a job names a hold.
fn written(hold: &Hold) -> String {
    format!("\"hold\":\"{}\"", hold.id)
}

/// See [`crate::ledger::Reads::entries_of`].
pub(super) async fn entries_of<S: Session>(
    session: &mut S,
    job: &JobRecord,
    among: &Accounts,
) -> Result<Vec<Entry>, Failure> {
    if job.outcome != RecordedOutcome::Posted {
        return Ok(Vec::new());
    }
    let action = (job.lane, parse(job)?.action);
    let legs = moved(&mut Recorded(session), &[Some(action)]).await?.pop().unwrap_or_default();
    let accounts: BTreeSet<_> =
        legs.into_iter().map(|(number, _)| number).filter(|number| among.contain(number)).collect();
    let mut entries = Vec::new();
    for number in accounts {
        let (from, to) = (job.posted_at, job.posted_at.saturating_add(1));
        let Some(range) = entry_range(session, &number, Some(from), Some(to)).await? else { continue };
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(ENTRY).sql(" FROM entries e WHERE e.account_id = ");
        script.value(range.account.key.unwrap_or_default()).sql(" AND e.seq BETWEEN ").value(range.first);
        script.sql(" AND ").value(range.last).sql(" AND e.job = ").value(&job.id).sql(" ORDER BY e.seq");
        let rows = session.run(script).await?.pop().unwrap_or_default();
        entries.extend(rows.iter().map(|row| rows::entry(row, &number)).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(entries)
}

/// What is recorded, to be read.
struct Recorded<'a, S>(&'a mut S);

impl<S: Session> Library for Recorded<'_, S> {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        reads::find(self.0, holds, jobs).await
    }

    async fn sweeps(&mut self, jobs: &[JobId]) -> Result<HashMap<JobId, Amount>, Failure> {
        reads::sweeps(self.0, jobs).await
    }
}
