//! The schema: brought up to date by one process at a time, checked by all.

use sqlx::Row;
use sqlx::migrate::Migrator;

use super::pools::{Pools, run};
use crate::domain::lane::{Lane, Lanes};
use crate::ledger::LedgerError;
use crate::ledger::failure::Failure;
use crate::ledger::schema::{self, MIGRATE_FIRST};
use crate::ledger::script::{Dialect, Script, Value};

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/mysql");

pub(super) async fn migrate(pools: &Pools, lanes: Lanes) -> Result<(), LedgerError> {
    let mut connection = pools.acquire(&pools.primary).await?;
    // The lock goes with the connection, whatever happens.
    connection.close_on_drop();
    // A lock of our own with a limit: what an endless one means differs between the servers.
    let locked: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK(CONCAT('tellers migrate ', DATABASE()), 60)")
            .fetch_one(&mut *connection)
            .await
            .map_err(Failure::from)?;
    if locked != Some(1) {
        return Err(LedgerError::Transient(
            "another process has been migrating for a minute; try again".into(),
        ));
    }
    let mut migrator =
        Migrator { locking: false, migrations: MIGRATOR.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_ignore_missing(true);
    migrator.run_direct(None, &mut *connection, false).await.map_err(schema::refused)?;

    let mut script = Script::new(Dialect::MySql);
    script.sql("INSERT IGNORE INTO settings (name, value) VALUES ('lanes', ");
    script.value(lanes.count().to_string().as_str()).sql(")");
    run(&mut connection, script).await.map_err(Failure::from)?;
    schema::same_lanes(recorded_lanes(&mut connection).await?, lanes)?;

    let mut script = Script::new(Dialect::MySql);
    script.sql("INSERT IGNORE INTO lane_totals (lane, posted, rejected, dead, entries) VALUES ");
    let nothing = Value::Int(0);
    script.rows(lanes.iter().map(|lane: Lane| [lane.into(), nothing, nothing, nothing, nothing]));
    run(&mut connection, script).await.map_err(Failure::from)?;
    Ok(())
}

pub(super) async fn check(pools: &Pools, lanes: Lanes) -> Result<(), LedgerError> {
    let mut connection = pools.acquire(&pools.primary).await?;
    let mut script = Script::new(Dialect::MySql);
    script.sql(
        "SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN ('_sqlx_migrations', 'settings')",
    );
    let tables = run(&mut connection, script).await.map_err(Failure::from)?.pop().unwrap_or_default();
    let tables: i64 = tables.first().map_or(Ok(0), |row| row.try_get(0)).map_err(Failure::from)?;
    if tables < 2 {
        return Err(LedgerError::Permanent(MIGRATE_FIRST.into()));
    }
    let applied: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(&mut *connection)
        .await
        .map_err(Failure::from)?;
    schema::all_applied(&MIGRATOR, &applied)?;
    schema::same_lanes(recorded_lanes(&mut connection).await?, lanes)
}

async fn recorded_lanes(connection: &mut sqlx::MySqlConnection) -> Result<Option<String>, Failure> {
    let lanes = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'lanes'");
    Ok(lanes.fetch_optional(connection).await?)
}
