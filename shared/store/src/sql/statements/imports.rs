//! The statements about rows of imports: none where a batch has no such rows, two where it has.

use std::collections::BTreeMap;

use domain::job::{Job, Origin};
use domain::lane::Lane;

use crate::imports::RowOutcome;
use crate::ledger::post::{Imported, NewRow};
use crate::sql::script::{Dialect, Script, Value};

/// By import: not every server finds pairs through an index.
pub(in crate::sql) fn select_import_rows(script: &mut Script, jobs: &[Job]) {
    let mut by_import: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for origin in jobs.iter().filter_map(|job| job.origin) {
        by_import.entry(origin.import).or_default().push(origin.row);
    }
    for (place, (import, rows)) in by_import.iter().enumerate() {
        script.sql(if place == 0 {
            "SELECT import, number, outcome FROM import_rows WHERE import = "
        } else {
            " OR import = "
        });
        script.value(stored(*import)).sql(" AND number IN (");
        script.list(rows.iter().map(|row| stored(*row))).sql(")");
    }
    if !by_import.is_empty() {
        script.sql("; ");
    }
}

/// Writes what a batch came to.
pub(super) fn write(script: &mut Script, imported: &Imported<'_>) {
    if !imported.new_rows.is_empty() {
        insert_rows(script, &imported.new_rows);
    }
    // They are few.
    for row in &imported.revived {
        script.sql("UPDATE import_rows SET outcome = ").value(Value::Name(row.outcome.name()));
        script.sql(", reason = ").value(row.reason.map(Value::Name));
        script.sql(" WHERE import = ").value(stored(row.origin.import));
        script.sql(" AND number = ").value(stored(row.origin.row)).sql("; ");
    }
    if !imported.tallies.is_empty() {
        add_to_totals(script, &imported.tallies);
    }
}

/// Writes that a row's job is dead.
pub(in crate::sql) fn record_dead_row(script: &mut Script, origin: Origin, job: &Job) {
    insert_rows(script, &[NewRow { origin, job: &job.id, outcome: RowOutcome::Dead, reason: None }]);
    let mut tally = [0; RowOutcome::ALL.len()];
    tally[RowOutcome::Dead as usize] = 1;
    add_to_totals(script, &BTreeMap::from([((origin.import, job.lane), tally)]));
}

/// Writes that the job of a row is dead that said scheduled.
pub(in crate::sql) fn scheduled_row_died(script: &mut Script, origin: Origin, lane: Lane) {
    script.sql("UPDATE import_rows SET outcome = ").value(Value::Name(RowOutcome::Dead.name()));
    script.sql(" WHERE import = ").value(stored(origin.import));
    script.sql(" AND number = ").value(stored(origin.row)).sql("; ");
    let mut tally = [0; RowOutcome::ALL.len()];
    (tally[RowOutcome::Dead as usize], tally[RowOutcome::Scheduled as usize]) = (1, -1);
    add_to_totals(script, &BTreeMap::from([((origin.import, lane), tally)]));
}

fn insert_rows(script: &mut Script, rows: &[NewRow<'_>]) {
    script.sql("INSERT INTO import_rows (import, number, job, outcome, reason) VALUES ");
    script.rows(rows.iter().map(|row| {
        [
            stored(row.origin.import).into(),
            stored(row.origin.row).into(),
            row.job.into(),
            Value::Name(row.outcome.name()),
            row.reason.map(Value::Name).into(),
        ]
    }));
    script.sql("; ");
}

/// In the order of imports and lanes, the one order in which their rows are locked. The rows are made with the
/// import; one that is not there is a stranger's.
fn add_to_totals(script: &mut Script, tallies: &BTreeMap<(u64, Lane), [i64; RowOutcome::ALL.len()]>) {
    let rows = tallies.iter().map(|(&(import, lane), tally)| {
        let mut row = [Value::Null; 2 + RowOutcome::ALL.len()];
        let (place, counts) = row.split_at_mut(2);
        place.copy_from_slice(&[stored(import).into(), i64::from(lane.0).into()]);
        counts.copy_from_slice(&tally.map(Value::Int));
        row
    });
    match script.dialect() {
        Dialect::MySql => {
            script.sql(
                "UPDATE (SELECT 0 AS import, 0 AS lane, 0 AS posted, 0 AS rejected, 0 AS duplicate, 0 AS conflict, \
                 0 AS dead, 0 AS cancelled, 0 AS scheduled",
            );
            for row in rows {
                script.sql(" UNION ALL SELECT ").list(row);
            }
            script.sql(
                ") AS n STRAIGHT_JOIN import_totals AS t ON t.import = n.import AND t.lane = n.lane \
                 SET t.posted = t.posted + n.posted, t.rejected = t.rejected + n.rejected, \
                 t.duplicate = t.duplicate + n.duplicate, t.conflict = t.conflict + n.conflict, \
                 t.dead = t.dead + n.dead, t.cancelled = t.cancelled + n.cancelled, \
                 t.scheduled = t.scheduled + n.scheduled; ",
            );
        }
        Dialect::Sqlite => {
            script.sql(
                "UPDATE import_totals SET posted = posted + column3, rejected = rejected + column4, \
                 duplicate = duplicate + column5, conflict = conflict + column6, dead = dead + column7, \
                 cancelled = cancelled + column8, scheduled = scheduled + column9 FROM (VALUES ",
            );
            script.rows(rows).sql(") WHERE import = column1 AND lane = column2; ");
        }
    }
}

/// A number beyond what the database has is one that it does not hold.
pub(in crate::sql) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
