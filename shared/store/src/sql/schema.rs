//! The schema: brought up to date, and checked for what this binary expects of it.

use domain::lane::Lanes;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::Session;

/// What to do about a database that is not ready.
const MIGRATE_FIRST: &str = "the database has no current schema; run `tellers migrate` first";
/// The same where no table shows: servers hide those on which their user has no right.
const MIGRATE_OR_GRANT: &str = "the database has no current schema, or its user has no right on it; run `tellers migrate` \
     first, and then apply deploy/mysql/grants.sql where each role has a user of its own";

/// Every migration of a database, from its folder in `migrations`: the name of its file, and its statements. (Listed here:
/// the macro of sqlx would build both drivers, and SQLite with them, a second time.)
macro_rules! migrations {
    ($database:literal) => {{
        macro_rules! file {
            ($name:literal) => {
                ($name, include_str!(concat!("../../../../migrations/", $database, "/", $name, ".sql")))
            };
        }
        [
            file!("0001_ledger"),
            file!("0002_records"),
            file!("0003_imports"),
            file!("0005_patterns"),
            file!("0006_conflicts"),
            file!("0007_import_contents"),
            file!("0008_key_clients"),
            file!("0010_latest_posting"),
            file!("0011_keys"),
            file!("0012_cancellations"),
            file!("0013_schedules"),
            file!("0014_webhooks"),
            file!("0015_standing_orders"),
        ]
    }};
}
pub(crate) use migrations;

/// A migrator of these files. Their names begin with their versions.
pub(crate) fn migrator<const N: usize>(files: [(&'static str, &'static str); N]) -> Migrator {
    let migration = |(name, sql): (&'static str, &'static str)| {
        let (version, description) = name.split_once('_').unwrap_or((name, ""));
        let version = version.parse().unwrap_or_default();
        Migration::new(
            version,
            description.replace('_', " ").into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator { migrations: files.into_iter().map(migration).collect(), ..Migrator::DEFAULT }
}

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
        return Err(StoreError::Permanent(MIGRATE_OR_GRANT.into()));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// A file that nobody listed would never be applied.
    #[test]
    fn every_file_of_a_database_is_listed_and_numbered() {
        for (database, listed) in [("mysql", migrations!("mysql")), ("sqlite", migrations!("sqlite"))] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
            let files = std::fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap());
            let listed_files: BTreeSet<_> = listed.iter().map(|(name, _)| format!("{name}.sql")).collect();
            assert_eq!(files.collect::<BTreeSet<_>>(), listed_files);
            let migrator = super::migrator(listed);
            assert!(migrator.iter().all(|migration| migration.version > 0));
            assert!(migrator.iter().is_sorted_by(|one, next| one.version < next.version));
        }
    }
}
