//! The schema on the server.

use std::sync::LazyLock;

use sqlx::migrate::{Migrate as _, MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, MySqlConnection};
use tracing::warn;

use super::eras;
use super::server::Lease;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::failure::mysql as errors;
use crate::sql::rows::Cells;
use crate::sql::schema;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::Session;

pub(super) static MIGRATOR: LazyLock<Migrator> =
    LazyLock::new(|| schema::migrator(schema::migrations!("mysql")));

/// Where it is written down which migrations were applied.
const APPLIED: &str = "_sqlx_migrations";

/// By one process at a time, under a lock of our own with a limit: what an endless one means differs
/// between the servers. (A lock's name has at most 64 characters.) It goes with the connection, whatever happens.
pub(super) async fn migrate(mut connection: Lease) -> Result<(), StoreError> {
    connection.abandon();
    let mut lock = Script::new(Dialect::MySql);
    lock.sql("SELECT GET_LOCK(CONCAT('tellers ', LEFT(DATABASE(), 56)), 60)");
    let locked = connection.run(lock).await?.pop().unwrap_or_default();
    let locked = locked.first().map_or(Ok(None), |row| row.int_or_null(0))?;
    if locked != Some(1) {
        return Err(StoreError::Transient(
            "another process has been migrating the database for a minute; try again".into(),
        ));
    }
    if let Some(migration) = broken_off(&mut connection).await? {
        complete(&mut connection, migration).await?;
    }
    schema::apply(&MIGRATOR, &mut *connection).await?;
    make_era_procedure(&mut connection).await
}

/// The procedure that adds an era, in the name of whoever migrates: so workers need no right to alter `entries`, which
/// would let them drop what it holds. A server without procedures, such as TiDB, goes without; there the workers' user
/// needs ALTER on `entries`.
async fn make_era_procedure(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    match sqlx::raw_sql(eras::PROCEDURE).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if errors::is_about_a_procedure(&error) => {
            warn!(
                "the database keeps no procedures ({error}); grant ALTER ON entries to the user of the workers, who add \
                   the partitions of entries"
            );
            Ok(())
        }
        Err(error) => Err(Failure::from(error).into()),
    }
}

/// The migration whose process was killed half-way, if there is one: here each statement that makes a table commits
/// by itself, and with it the mark that the migration has begun.
async fn broken_off(connection: &mut MySqlConnection) -> Result<Option<&'static Migration>, StoreError> {
    connection.ensure_migrations_table(APPLIED).await.map_err(schema::failure)?;
    let Some(version) = connection.dirty_version(APPLIED).await.map_err(schema::failure)? else {
        return Ok(None);
    };
    let Some(migration) = MIGRATOR.iter().find(|migration| migration.version == version) else {
        return Err(StoreError::Permanent(format!(
            "migration {version} was broken off half-way, and this release does not have it; run `tellers migrate` of \
             the release that does"
        )));
    };
    let applied = connection.list_applied_migrations(APPLIED).await.map_err(schema::failure)?;
    if applied.iter().any(|applied| applied.version == version && applied.checksum != migration.checksum) {
        return Err(schema::failure(MigrateError::VersionMismatch(version)));
    }
    Ok(Some(migration))
}

/// Does what is left of it.
async fn complete(connection: &mut Lease, migration: &'static Migration) -> Result<(), StoreError> {
    let version = migration.version;
    warn!(version, "migration {version} ({}) was broken off half-way; it goes on", migration.description);
    for statement in statements(migration.sql.as_str()) {
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut **connection).await {
            Err(error) if !errors::made_before(&error) => return Err(Failure::from(error).into()),
            _ => {}
        }
    }
    let mut completed = Script::new(Dialect::MySql);
    completed.sql("UPDATE ").sql(APPLIED).sql(" SET success = TRUE WHERE version = ").value(version);
    connection.run(completed).await?;
    Ok(())
}

/// The statements of a migration. Each ends with a line; a line of comment ends none.
fn statements(migration: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    for line in migration.lines().filter(|line| !line.trim_start().starts_with("--")) {
        statement.push_str(line);
        statement.push('\n');
        if line.trim_end().ends_with(';') {
            statements.push(std::mem::take(&mut statement));
        }
    }
    if !statement.trim().is_empty() {
        statements.push(statement);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told by its error that it was done before. Anything else needs a way of its own to be done again.
    #[test]
    fn every_migration_is_of_statements_that_can_be_run_again() {
        for migration in MIGRATOR.iter() {
            let statements = statements(migration.sql.as_str());
            assert!(!statements.is_empty(), "{}", migration.description);
            for statement in statements {
                let statement = statement.trim();
                let makes = ["CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX "];
                let adds = statement.starts_with("ALTER TABLE ") && statement.contains(" ADD COLUMN ");
                // A column that has room already stays as it is.
                let widens = statement.starts_with("ALTER TABLE ") && statement.contains(" MODIFY COLUMN ");
                assert!(
                    adds || widens || makes.iter().any(|makes| statement.starts_with(makes)),
                    "{statement}"
                );
                assert!(statement.ends_with(';') && statement.matches(';').count() == 1, "{statement}");
            }
        }
    }
}
