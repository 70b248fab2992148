//! The schema of the file.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Sqlite};

use crate::error::StoreError;
use crate::failure::Failure;
use crate::sql::schema;

pub(super) static MIGRATOR: LazyLock<Migrator> =
    LazyLock::new(|| schema::migrator(schema::migrations!("sqlite")));

/// In one transaction: whoever comes at the same time waits for it, and finds it done.
pub(super) async fn migrate(connection: &mut PoolConnection<Sqlite>) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(Failure::from)?;
    schema::apply(&MIGRATOR, &mut *transaction).await?;
    Ok(transaction.commit().await.map_err(Failure::from)?)
}
