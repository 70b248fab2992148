//! The schema of the file.

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Sqlite};

use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::schema;

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// In one transaction: whoever comes at the same time waits for it, and finds it done.
pub(super) async fn migrate(connection: &mut PoolConnection<Sqlite>) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(Failure::from)?;
    schema::apply(&MIGRATOR, &mut *transaction).await?;
    Ok(transaction.commit().await.map_err(Failure::from)?)
}
