//! The schema on the server.

use sqlx::MySql;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;

use crate::ledger::LedgerError;
use crate::ledger::sql::{Cells, Dialect, Script, Session, schema};

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../migrations/mysql");

/// By one process at a time, under a lock of our own with a limit: what an endless one means differs
/// between the servers. (A lock's name has at most 64 characters.) It goes with the connection, whatever happens.
pub(super) async fn migrate(mut connection: PoolConnection<MySql>) -> Result<(), LedgerError> {
    connection.close_on_drop();
    let mut lock = Script::new(Dialect::MySql);
    lock.sql("SELECT GET_LOCK(CONCAT('tellers ', LEFT(DATABASE(), 56)), 60)");
    let locked = connection.run(lock).await?.pop().unwrap_or_default();
    let locked = locked.first().map_or(Ok(None), |row| row.int_or_null(0))?;
    if locked != Some(1) {
        return Err(LedgerError::Transient(
            "another process has been migrating the database for a minute; try again".into(),
        ));
    }
    schema::apply(&MIGRATOR, &mut *connection).await
}
