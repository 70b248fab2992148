//! What the tables of imports say.

use crate::failure::Failure;
use crate::imports::{Import, ImportedRow, Progress, Refusal, RowTally, RowsByOutcome};
use crate::sql::rows::{self, Cells, count};
use crate::sql::script::{Dialect, Script};

pub(super) fn import(row: &impl Cells) -> Result<Import, Failure> {
    let state = row.text(5)?;
    let progress = Progress {
        state: state.parse().map_err(|_| Failure::unreadable("state of an import", state))?,
        read_to: count(row.int(6)?)?,
        accepted: count(row.int(7)?)?,
        refused: count(row.int(8)?)?,
        bytes_read: count(row.int(9)?)?,
        remark: row.text_or_null(10)?.map(str::to_owned),
    };
    Ok(Import {
        number: count(row.int(0)?)?,
        client: row.text(1)?.to_owned(),
        digest: rows::fixed(row.bytes(2)?, "digest of an import")?,
        owner: row.text(3)?.to_owned(),
        description: row.text(4)?.to_owned(),
        progress,
        cancel_requested: row.int(11)? != 0,
        created_at: row.int(12)?,
        started_at: row.int_or_null(13)?,
        updated_at: row.int(14)?,
    })
}

pub(super) fn refusal(row: &impl Cells) -> Result<Refusal, Failure> {
    Ok(Refusal {
        row: count(row.int(0)?)?,
        line: count(row.int(1)?)?,
        column: row.int_or_null(2)?.map(count).transpose()?,
        field: row.text_or_null(3)?.map(str::to_owned),
        reason: row.text(4)?.to_owned(),
        raw: row.bytes(5)?.to_owned(),
    })
}

pub(super) fn imported_row(row: &impl Cells) -> Result<ImportedRow, Failure> {
    Ok(ImportedRow {
        row: count(row.int(0)?)?,
        job: rows::id(row.bytes(1)?)?,
        outcome: rows::row_outcome(row.text(2)?)?,
        reason: row.text_or_null(3)?.map(str::to_owned),
        body: row.text_or_null(4)?.map(str::to_owned),
    })
}

pub(super) fn rows_by_outcome(row: &impl Cells) -> Result<RowsByOutcome, Failure> {
    Ok(RowsByOutcome {
        outcome: rows::row_outcome(row.text(0)?)?,
        reason: row.text_or_null(1)?.map(str::to_owned),
        rows: count(row.int(2)?)?,
    })
}

/// What [`tally`] reads, by import.
pub(in crate::sql) fn select_tallies(script: &mut Script) {
    script.sql(match script.dialect() {
        Dialect::MySql => {
            "SELECT import, CAST(SUM(posted) AS SIGNED), CAST(SUM(rejected) AS SIGNED), CAST(SUM(duplicate) AS SIGNED), \
             CAST(SUM(conflict) AS SIGNED), CAST(SUM(dead) AS SIGNED), CAST(SUM(cancelled) AS SIGNED), CAST(SUM(scheduled) AS SIGNED)"
        }
        Dialect::Sqlite => {
            "SELECT import, SUM(posted), SUM(rejected), SUM(duplicate), SUM(conflict), SUM(dead), SUM(cancelled), SUM(scheduled)"
        }
    });
    script.sql(" FROM import_totals");
}

pub(in crate::sql) fn tally(row: &impl Cells) -> Result<(u64, RowTally), Failure> {
    let tally = RowTally {
        posted: count(row.int(1)?)?,
        rejected: count(row.int(2)?)?,
        duplicate: count(row.int(3)?)?,
        conflict: count(row.int(4)?)?,
        dead: count(row.int(5)?)?,
        cancelled: count(row.int(6)?)?,
        scheduled: count(row.int(7)?)?,
    };
    Ok((count(row.int(0)?)?, tally))
}
