//! What a database has to bring: connections, a schema, and how it wants its SQL.

use std::future::Future;
use std::sync::Arc;

use contract::report::PoolReport;
use futures::TryStreamExt as _;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Either};

use super::account_keys::AccountKeys;
use super::group_commit::GroupCommit;
use super::rows::Cells;
use super::script::{Dialect, Script};
use crate::error::StoreError;
use crate::failure::Failure;
use crate::ledger::durability::Durability;

/// What a connection is for. A read that people wait for never waits for the posting or for an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Posting, and whatever decides about it: the primary.
    Posting,
    /// Single reads.
    Reading,
    /// Reads of everything.
    Analysis,
    /// Writing what the fleet keeps about itself.
    WritingRecords,
    /// Reading it as it was written last: from the primary.
    ReadingRecords,
}

/// A database that holds a ledger.
pub(crate) trait Database: Send + Sync {
    /// A connection to it.
    type Session: Session;

    /// Takes a connection from the pool of this purpose.
    fn session(&self, purpose: Purpose) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Does what is due from time to time, before a batch is posted.
    fn maintain_partitions(&self) -> impl Future<Output = ()> + Send;

    /// Where batches that wait for the one writer are posted together; `None`: there are several.
    fn group_commit(&self) -> Option<&GroupCommit> {
        None
    }

    /// The era that entries are written to.
    fn era(&self) -> i64;

    /// Where the keys of accounts are kept; `None`: they are found as soon by number.
    fn account_keys(&self) -> Option<Arc<AccountKeys>> {
        None
    }

    /// The migrations of its schema.
    fn migrator(&self) -> &'static Migrator;

    /// Applies those that are missing, also when several processes do so at once.
    fn migrate(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether single reads go to another server than the primary.
    fn reads_replica(&self) -> bool;

    /// See [`Admin::look_at_durability`](crate::ledger::Admin::look_at_durability).
    fn look_at_durability(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// See [`Admin::durability`](crate::ledger::Admin::durability).
    fn durability(&self) -> Option<Arc<Durability>> {
        Some(Arc::default())
    }

    /// See [`Admin::pools`](crate::ledger::Admin::pools).
    fn pools(&self) -> Vec<PoolReport>;

    /// See [`Admin::close`](crate::ledger::Admin::close).
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A connection.
pub(crate) trait Session: Send {
    /// What its rows are.
    type Row: Cells;

    /// How it wants its SQL.
    const DIALECT: Dialect;

    /// Runs a script, one that prepares nothing in one round trip: for each of its statements the rows that it gave.
    fn run(&mut self, script: Script) -> impl Future<Output = Result<Vec<Vec<Self::Row>>, Failure>> + Send;

    /// Whether prepared statements, which take a round trip each, gain more than that costs.
    fn prepares(&self) -> bool {
        false
    }

    /// Gives the connection up instead of handing it back: something is open on it.
    fn abandon(&mut self);
}

/// Books on the database `D`.
#[derive(Debug, Clone)]
pub struct SqlLedger<D> {
    pub(crate) database: D,
    /// What single reads take a connection for.
    pub(crate) reading: Purpose,
}

/// Runs statements as text on a connection of either database.
pub(crate) async fn run<'c, E, Db>(connection: E, text: String) -> Result<Vec<Vec<Db::Row>>, Failure>
where
    Db: sqlx::Database,
    E: sqlx::Executor<'c, Database = Db>,
{
    let mut results = Vec::new();
    let mut rows = Vec::new();
    let mut steps = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(text)));
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            // A statement is done.
            Either::Left(_) => results.push(std::mem::take(&mut rows)),
        }
    }
    Ok(results)
}
