//! From which row of which import a job came. Rows are kept by their numbers, so the row is looked for where the rows were
//! accepted at the time of the job: rows are accepted nearly in their order.

use domain::id::JobId;
use domain::job::Origin;

use crate::failure::Failure;
use crate::ledger::record::JobRecord;
use crate::sql::listings::ordered_join;
use crate::sql::rows::{self, Cells};
use crate::sql::script::Script;
use crate::sql::session::Session;

/// By how much the clocks of two replicas may differ, in microseconds.
const SKEW_US: i64 = 60_000_000;
/// Twice as many rows as an ingress has read and not yet queued: no row is accepted further from its place.
const OUT_OF_ORDER_MAX: i64 = 8_000;
/// Rows that are looked at one by one.
const LOOKED_AT_MAX: i64 = 40_000;
/// Rows whose times are read at once, to find the place.
const TIMES_AT_ONCE: i64 = 32;

/// See [`crate::ledger::Reads::import_row`].
pub(crate) async fn import_row<S: Session>(
    session: &mut S,
    job: &JobRecord,
) -> Result<Option<Origin>, Failure> {
    for import in candidates(session, job).await? {
        let (low, high) = around(session, import, job.accepted_at).await?;
        if let Some(row) = row_of(session, import, job.id, low, high).await? {
            return Ok(Some(Origin { import: rows::count(import)?, row: rows::count(row)? }));
        }
    }
    Ok(None)
}

/// The newest imports of the job's client that were being read when it was accepted.
async fn candidates<S: Session>(session: &mut S, job: &JobRecord) -> Result<Vec<i64>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql(
        "SELECT i.number FROM (SELECT number, open_key, created_at, updated_at FROM imports WHERE client = ",
    );
    script.value(job.client.as_str()).sql(" ORDER BY number DESC LIMIT 1000) i WHERE i.created_at <= ");
    script.value(job.accepted_at.saturating_add(SKEW_US));
    script.sql(" AND (i.open_key IS NOT NULL OR i.updated_at >= ");
    script.value(job.accepted_at.saturating_sub(SKEW_US)).sql(") ORDER BY i.number DESC LIMIT 3");
    let found = session.run(script).await?.pop().unwrap_or_default();
    found.iter().map(|row| row.int(0)).collect()
}

/// The first and the last row that may have been accepted at this time.
async fn around<S: Session>(session: &mut S, import: i64, time: i64) -> Result<(i64, i64), Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT MAX(number) FROM import_rows WHERE import = ").value(import);
    let last = session.run(script).await?.pop().unwrap_or_default();
    let last = last.first().map_or(Ok(None), |row| row.int_or_null(0))?.unwrap_or(0);
    let (mut low, mut high) = (1, last);
    while high - low > LOOKED_AT_MAX {
        let step = (high - low) / TIMES_AT_ONCE;
        let mut script = Script::new(S::DIALECT);
        for nth in 1..TIMES_AT_ONCE {
            // The first row there that brought its job: some are refused, or were there before.
            let from = low + nth * step;
            script.sql("SELECT r.number, j.accepted_at FROM import_rows r ").sql(ordered_join(S::DIALECT));
            script.sql(" jobs j ON j.id = r.job WHERE r.import = ").value(import);
            script.sql(" AND r.outcome IN ('posted', 'rejected', 'dead') AND r.number >= ").value(from);
            script.sql(" AND r.number < ").value(from + step).sql(" ORDER BY r.number LIMIT 1; ");
        }
        let (before, width) = ((low, high), high - low);
        for row in session.run(script).await?.iter().flatten() {
            let (number, accepted_at) = (row.int(0)?, row.int(1)?);
            if accepted_at < time {
                low = low.max(number - OUT_OF_ORDER_MAX);
            }
            if accepted_at > time {
                high = high.min(number + OUT_OF_ORDER_MAX);
            }
        }
        if (low, high) == before || high - low > width / 2 {
            break;
        }
    }
    Ok((low, high.min(low.saturating_add(LOOKED_AT_MAX))))
}

async fn row_of<S: Session>(
    session: &mut S,
    import: i64,
    job: JobId,
    low: i64,
    high: i64,
) -> Result<Option<i64>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT number FROM import_rows WHERE import = ").value(import);
    script.sql(" AND number BETWEEN ").value(low).sql(" AND ").value(high).sql(" AND job = ").value(&job);
    script.sql(" AND outcome IN ('posted', 'rejected', 'dead') LIMIT 1");
    let found = session.run(script).await?.pop().unwrap_or_default();
    found.first().map(|row| row.int(0)).transpose()
}
