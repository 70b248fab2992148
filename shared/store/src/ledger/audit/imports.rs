//! Rows of imports against their jobs and their counts.
//!
//! A job that is posted, rejected or cancelled stays so, and so does the row by which it came. A row whose job is dead or
//! waits for its day, or that came second, says nothing for good: that there is such a job is all that is asked for.

use std::collections::BTreeMap;

use domain::job::Origin;
use domain::outcome::RecordedOutcome;

use super::pages::{ImportRowOnPage, Pages};
use crate::failure::Failure;
use crate::imports::{RowOutcome, RowTally};
use crate::ledger::findings::Audit;

/// Checks every row against its job, and the counts of every import against its rows: some 100 bytes of memory for each import.
pub(super) async fn check(pages: &mut impl Pages, audit: &mut Audit) -> Result<(), Failure> {
    let mut counted: BTreeMap<u64, RowTally> = BTreeMap::new();
    let mut after = Origin { import: 0, row: 0 };
    loop {
        let page = pages.import_rows(after).await?;
        let Some(last) = page.last() else { break };
        after = last.row;
        for row in &page {
            *counted.entry(row.row.import).or_default().of(row.outcome) += 1;
            if let Some(fault) = fault_of(row) {
                let Origin { import, row: number } = row.row;
                audit.find(|| {
                    let (says, job) = (row.outcome.name(), row.job);
                    format!("import {import}, row {number}: it says {says} of job {job}; {fault}")
                });
            }
        }
    }
    // A row may come from an import of which this ledger knows nothing.
    for (import, mut kept) in pages.import_totals().await? {
        let mut counted = counted.get(&import).copied().unwrap_or_default();
        for outcome in RowOutcome::ALL {
            let (kept, counted) = (*kept.of(*outcome), *counted.of(*outcome));
            if kept != counted {
                let name = outcome.name();
                audit.find(|| {
                    format!(
                        "import {import}: it has {counted} rows that say {name}, and {kept} were recorded"
                    )
                });
            }
        }
    }
    Ok(())
}

fn fault_of(row: &ImportRowOnPage) -> Option<String> {
    let Some(of_job) = row.of_job else { return Some("there is no such job".to_owned()) };
    let agrees = match row.outcome {
        RowOutcome::Posted => of_job == RecordedOutcome::Posted,
        RowOutcome::Rejected => {
            matches!(of_job, RecordedOutcome::Rejected(why) if row.reason.as_deref() == Some(why.name()))
        }
        RowOutcome::Cancelled => of_job == RecordedOutcome::Cancelled,
        RowOutcome::Duplicate | RowOutcome::Conflict | RowOutcome::Dead | RowOutcome::Scheduled => true,
    };
    (!agrees).then(|| format!("that is {of_job:?}, and the row says {:?}", row.reason))
}
