//! What both databases' schemas are checked for, and how that is said.

use sqlx::migrate::{MigrateError, Migrator};

use super::LedgerError;
use super::failure::Failure;
use crate::domain::lane::Lanes;

/// What to do about a database that is not ready.
pub(super) const MIGRATE_FIRST: &str = "the database has no current schema; run `tellers migrate` first";

/// Whether this binary's migrations are all there. More of them are fine: a newer release is being rolled
/// out, and schemas only ever grow.
pub(super) fn all_applied(migrator: &Migrator, applied: &[i64]) -> Result<(), LedgerError> {
    let current = migrator.iter().all(|migration| applied.contains(&migration.version));
    if current { Ok(()) } else { Err(LedgerError::Permanent(MIGRATE_FIRST.into())) }
}

/// Whether the number of lanes is the recorded one.
pub(super) fn same_lanes(recorded: Option<String>, lanes: Lanes) -> Result<(), LedgerError> {
    match recorded {
        Some(recorded) if recorded == lanes.count().to_string() => Ok(()),
        Some(recorded) => Err(LedgerError::Permanent(format!(
            "the ledger was made for {recorded} lanes and LANES is {}; set LANES={recorded}, since another \
             number would let jobs of an account overtake each other",
            lanes.count()
        ))),
        None => Err(LedgerError::Permanent(MIGRATE_FIRST.into())),
    }
}

/// What a failed migration means.
pub(super) fn refused(error: MigrateError) -> LedgerError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Failure::from(error).into()
        }
        other => LedgerError::Permanent(format!("the schema can not be brought up to date: {other}")),
    }
}
