//! The naive loop: what a program does that only moves money, 100 transfers a transaction, straight to the database. It
//! has no queue, no order, no outcomes and no proof, and a fleet that has them is compared with it.
//!
//! It writes tables of its own, which are made before and dropped after. `tellers bench` alone uses it.

mod statements;
mod transfers;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::{Connection as _, Executor as _};

use self::transfers::Transfer;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::mysql::address;
use crate::mysql::nodelay::send_at_once;

/// Where the URL of the server comes from.
const SETTING: &str = "DATABASE_URL";
/// Transfers in one transaction.
const BATCH_TRANSFERS: usize = 100;
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server of the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// As it says it, such as `9.7.0`.
    pub version: String,
    /// Whether connections by this URL are encrypted.
    pub tls: bool,
}

/// What is behind a URL of MySQL or MariaDB.
///
/// # Errors
/// It is no such URL, or the server does not answer.
pub async fn server_facts(url: &str) -> Result<ServerFacts, StoreError> {
    let (options, _) = address::read(SETTING, url)?;
    facts(&options).await.map_err(|error| Failure::from(error).into())
}

async fn facts(options: &MySqlConnectOptions) -> Result<ServerFacts, sqlx::Error> {
    let mut connection = MySqlConnection::connect_with(options).await?;
    let version = statements::version(&mut connection).await?;
    let tls = statements::is_encrypted(&mut connection).await?;
    connection.close().await?;
    Ok(ServerFacts { version, tls })
}

/// Posts transfers between `accounts` accounts over so many connections for `span`; jobs a second.
///
/// # Errors
/// The server cannot be reached, or refused.
pub async fn measure(url: &str, connections: u32, accounts: u64, span: Duration) -> Result<f64, StoreError> {
    let (options, _) = address::read(SETTING, url)?;
    run(options, connections, accounts.max(2), span).await.map_err(|error| Failure::from(error).into())
}

async fn run(
    options: MySqlConnectOptions,
    connections: u32,
    accounts: u64,
    span: Duration,
) -> Result<f64, sqlx::Error> {
    let port = options.get_port();
    let pool = MySqlPoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                send_at_once(port);
                connection.execute(statements::SESSION).await.map(drop)
            })
        })
        .connect_with(options)
        .await?;
    let measured = with_tables(&pool, connections, accounts, span).await;
    // Also where it failed.
    let dropped = statements::drop_tables(&pool).await;
    pool.close().await;
    let per_second = measured?;
    dropped.map(|()| per_second)
}

async fn with_tables(
    pool: &MySqlPool,
    connections: u32,
    accounts: u64,
    span: Duration,
) -> Result<f64, sqlx::Error> {
    statements::make_tables(pool, accounts).await?;
    let posted = AtomicU64::new(0);
    let started = Instant::now();
    let loops = (0..connections).map(async |seed| {
        let mut random = fastrand::Rng::with_seed(u64::from(seed));
        let mut connection = pool.acquire().await?;
        while started.elapsed() < span {
            let transfers: Vec<_> =
                (0..BATCH_TRANSFERS).map(|_| Transfer::any(accounts, &mut random)).collect();
            post(&mut connection, &transfers).await?;
            posted.fetch_add(u64::try_from(transfers.len()).unwrap_or_default(), Relaxed);
        }
        Ok::<(), sqlx::Error>(())
    });
    try_join_all(loops).await?;
    #[allow(clippy::cast_precision_loss)] // Some millions at the most.
    Ok(posted.into_inner() as f64 / started.elapsed().as_secs_f64())
}

/// In one transaction, again where another connection was in the way.
async fn post(connection: &mut MySqlConnection, transfers: &[Transfer]) -> Result<(), sqlx::Error> {
    loop {
        match attempt(connection, transfers).await {
            Err(error @ sqlx::Error::Database(_)) => {
                let text = error.to_string();
                if !Failure::from(error).is_retryable() {
                    return Err(sqlx::Error::Protocol(text));
                }
            }
            ended => return ended,
        }
    }
}

async fn attempt(connection: &mut MySqlConnection, transfers: &[Transfer]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    statements::look_for_duplicates(&mut transaction, transfers).await?;
    let mut accounts = statements::lock_accounts(&mut transaction, transfers).await?;
    let entries = transfers::apply(transfers, &mut accounts);
    statements::insert_jobs(&mut transaction, transfers).await?;
    statements::insert_entries(&mut transaction, &entries).await?;
    statements::write_balances(&mut transaction, transfers.len(), &accounts).await?;
    transaction.commit().await
}
