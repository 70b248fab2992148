//! Pages of the jobs that wait for their day, in the order in which they are due. A page looks at a bounded number of them.

use super::conditions::conditions;
use super::{Listing, ordered_join};
use crate::failure::Failure;
use crate::ledger::listing::{ScheduleFilter, SchedulePlace, SchedulesPage};
use crate::sql::rows::{self, Cells, JOB};
use crate::sql::script::{Script, Value};
use crate::sql::session::Session;

/// Scheduled jobs that one page looks at.
const LOOKED_AT_MAX: i64 = 20_000;
/// Jobs whose bodies a statement gives at the least: only their bodies tell whether they touch an account.
const BODIES_AT_ONCE: i64 = 200;

/// See [`crate::ledger::Reads::scheduled_jobs`].
pub(in crate::sql) async fn page<S: Session>(
    session: &mut S,
    filter: &ScheduleFilter,
    after: Option<SchedulePlace>,
    limit: u32,
) -> Result<SchedulesPage, Failure> {
    let (limit, limit_rows) = (usize::try_from(limit.max(1)).unwrap_or(usize::MAX), i64::from(limit.max(1)));
    let mut listing = Listing { session, filter: &filter.jobs, limit: limit_rows };
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT s.due_at, s.seq FROM scheduled_jobs s WHERE 1 = 1");
    in_range(&mut script, filter, after);
    script.sql(" ORDER BY s.due_at, s.seq LIMIT 1 OFFSET ").value(LOOKED_AT_MAX - 1);
    let end = listing.ask(script).await?;
    let end = end.first().map(|row| place(row, 0)).transpose()?;

    let at_once = limit_rows.max(BODIES_AT_ONCE);
    let mut page = SchedulesPage { jobs: Vec::new(), next: end };
    let mut after = after;
    loop {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", s.due_at, s.seq FROM scheduled_jobs s ");
        script.sql(ordered_join(S::DIALECT)).sql(" jobs j ON j.id = s.id WHERE s.cancelled_at IS NULL");
        in_range(&mut script, filter, after);
        if let Some(end) = end {
            up_to(&mut script, end);
        }
        conditions(&mut script, &filter.jobs);
        if let Some(account) = &filter.jobs.account {
            let written = format!("\"{account}\"");
            script.sql(" AND (j.account = ").value(account).sql(" OR INSTR(j.body, ");
            script.value(written.as_str()).sql(") > 0)");
        }
        script.sql(" AND j.outcome = ").value(Value::Name(rows::SCHEDULED));
        script.sql(" ORDER BY s.due_at, s.seq LIMIT ").value(at_once);
        let found = listing.ask(script).await?;
        for row in &found {
            let (job, place) = (rows::job(row)?, place(row, 11)?);
            after = Some(place);
            let names = |account| job.names(account);
            if filter.jobs.account.as_ref().is_none_or(names) && listing.is_wanted(&job).await? {
                page.jobs.push((place.due_at, job));
            }
            if page.jobs.len() >= limit {
                page.next = Some(place);
                return Ok(page);
            }
        }
        if i64::try_from(found.len()).is_ok_and(|count| count < at_once) {
            return Ok(page);
        }
    }
}

fn place(row: &impl Cells, at: usize) -> Result<SchedulePlace, Failure> {
    Ok(SchedulePlace { due_at: row.int(at)?, seq: row.int(at + 1)? })
}

/// ` AND …` for when they are due, and behind which place.
fn in_range(script: &mut Script, filter: &ScheduleFilter, after: Option<SchedulePlace>) {
    if let Some(from) = filter.from {
        script.sql(" AND s.due_at >= ").value(from);
    }
    if let Some(to) = filter.to {
        script.sql(" AND s.due_at < ").value(to);
    }
    if let Some(SchedulePlace { due_at, seq }) = after {
        // The first of the two is what the index is looked into by.
        script.sql(" AND s.due_at >= ").value(due_at).sql(" AND (s.due_at > ").value(due_at);
        script.sql(" OR s.seq > ").value(seq).sql(")");
    }
}

/// ` AND …` for what is not behind a place.
fn up_to(script: &mut Script, SchedulePlace { due_at, seq }: SchedulePlace) {
    script.sql(" AND s.due_at <= ").value(due_at).sql(" AND (s.due_at < ").value(due_at);
    script.sql(" OR s.seq <= ").value(seq).sql(")");
}
