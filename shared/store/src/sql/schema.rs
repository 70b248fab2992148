//! The schema: brought up to date, and checked for what this binary expects of it.

use domain::lane::Lanes;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::Session;

/// What to do about a database that is not ready.
const MIGRATE_FIRST: &str = "the database has no current schema; run `tellers migrate` first";

/// Applies what is missing. The caller sees to it that nobody else does so at the same time.
pub(crate) async fn apply(migrator: &Migrator, connection: &mut impl Migrate) -> Result<(), StoreError> {
    let migrator = Migrator {
        migrations: migrator.migrations.clone(),
        // More of them are fine: a newer release is being rolled out, and schemas only ever grow.
        ignore_missing: true,
        locking: false,
        ..Migrator::DEFAULT
    };
    migrator.run_direct(None, connection, false).await.map_err(failure)
}

/// Why the schema could not be brought up to date.
pub(crate) fn failure(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Failure::from(error).into()
        }
        other => StoreError::Permanent(format!("the schema cannot be brought up to date: {other}")),
    }
}

/// What the setting `former_ids` says of a ledger that no release before this one wrote to.
pub(super) const NO_FORMER_IDS: &str = "none";

/// Records on first use whether an earlier release has written jobs, whose ids were derived in another way.
async fn record_former_ids<S: Session>(session: &mut S) -> Result<(), StoreError> {
    let mut script = Script::new(S::DIALECT);
    script.insert_ignore();
    script.sql(
        "settings (name, value) SELECT 'former_ids', CASE WHEN EXISTS (SELECT 1 FROM jobs) THEN 'kept' ELSE ",
    );
    script.value(Value::Name(NO_FORMER_IDS)).sql(" END");
    session.run(script).await?;
    Ok(())
}

/// Records the number of lanes on first use, with a row for each lane's totals.
pub(super) async fn record_lanes<S: Session>(session: &mut S, lanes: Lanes) -> Result<(), StoreError> {
    let mut script = Script::new(S::DIALECT);
    script.insert_ignore().sql("settings (name, value) VALUES ('lanes', ");
    script.value(lanes.count().to_string().as_str()).sql(")");
    session.run(script).await?;
    check_lanes(session, lanes).await?;

    let mut script = Script::new(S::DIALECT);
    script.insert_ignore().sql("lane_totals (lane, posted, rejected, dead, entries) VALUES ");
    let nothing = Value::Int(0);
    script.rows(lanes.iter().map(|lane| [lane.into(), nothing, nothing, nothing, nothing]));
    session.run(script).await?;
    record_former_ids(session).await
}

/// Whether this binary's migrations are all there, and the number of lanes is the recorded one.
pub(super) async fn check<S: Session>(
    session: &mut S,
    migrator: &Migrator,
    lanes: Lanes,
) -> Result<(), StoreError> {
    let mut script = Script::new(S::DIALECT);
    script.sql(match S::DIALECT {
        Dialect::MySql => {
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name IN ('_sqlx_migrations', 'settings')"
        }
        Dialect::Sqlite => {
            "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('_sqlx_migrations', 'settings')"
        }
    });
    let tables = session.run(script).await?.pop().unwrap_or_default();
    if tables.first().map_or(Ok(0), |row| row.int(0))? < 2 {
        return Err(StoreError::Permanent(MIGRATE_FIRST.into()));
    }

    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT version FROM _sqlx_migrations WHERE success");
    let applied = session.run(script).await?.pop().unwrap_or_default();
    let applied = applied.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    if !migrator.iter().all(|migration| applied.contains(&migration.version)) {
        return Err(StoreError::Permanent(MIGRATE_FIRST.into()));
    }
    check_lanes(session, lanes).await
}

async fn check_lanes<S: Session>(session: &mut S, lanes: Lanes) -> Result<(), StoreError> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT value FROM settings WHERE name = 'lanes'");
    let recorded = session.run(script).await?.pop().unwrap_or_default();
    let Some(recorded) = recorded.first() else {
        return Err(StoreError::Permanent(MIGRATE_FIRST.into()));
    };
    let (recorded, asked) = (recorded.text(0)?, lanes.count());
    if recorded == asked.to_string() {
        return Ok(());
    }
    Err(StoreError::Permanent(format!(
        "the ledger was made for {recorded} lanes and LANES is {asked}; set LANES={recorded}, since with another \
         number jobs of one account would overtake each other"
    )))
}
