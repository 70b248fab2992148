//! The statements of the naive loop. Each has the same number of parameters for every full batch, so that the server
//! prepares it once a connection.

use std::collections::BTreeMap;

use sqlx::mysql::{MySql, MySqlConnection, MySqlPool};
use sqlx::{QueryBuilder, Row as _};

use super::transfers::{Entry, Standing, Transfer};

/// Locks the rows that are named and no gaps between them, as the ledger does.
pub(super) const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

const DROP: [&str; 3] = [
    "DROP TABLE IF EXISTS bench_floor_entries",
    "DROP TABLE IF EXISTS bench_floor_jobs",
    "DROP TABLE IF EXISTS bench_floor_accounts",
];

const MAKE: [&str; 3] = [
    "CREATE TABLE bench_floor_accounts (id BIGINT UNSIGNED PRIMARY KEY, currency CHAR(3) NOT NULL, \
     balance BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE bench_floor_jobs (id BINARY(16) PRIMARY KEY, kind TINYINT UNSIGNED NOT NULL, \
     outcome TINYINT UNSIGNED NOT NULL, payload VARBINARY(1024) NOT NULL, accepted_at DATETIME(6) NOT NULL, \
     settled_at DATETIME(6) NOT NULL)",
    "CREATE TABLE bench_floor_entries (account_id BIGINT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, \
     job_id BINARY(16) NOT NULL, amount BIGINT NOT NULL, balance_after BIGINT NOT NULL, \
     PRIMARY KEY (account_id, seq))",
];

/// What each account has at first.
const BALANCE: i64 = 1_000_000_000;
/// Accounts that are written by one statement.
const ACCOUNTS_AT_ONCE: usize = 1_000;

pub(super) async fn version(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT VERSION()").fetch_one(connection).await
}

pub(super) async fn is_encrypted(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SHOW STATUS LIKE 'Ssl_cipher'").fetch_optional(connection).await?;
    let cipher = row.map(|row| row.try_get::<String, _>(1)).transpose()?;
    Ok(cipher.is_some_and(|cipher| !cipher.is_empty()))
}

pub(super) async fn drop_tables(pool: &MySqlPool) -> Result<(), sqlx::Error> {
    for statement in DROP {
        sqlx::query(statement).execute(pool).await?;
    }
    Ok(())
}

/// Makes the tables anew, with `accounts` accounts.
pub(super) async fn make_tables(pool: &MySqlPool, accounts: u64) -> Result<(), sqlx::Error> {
    drop_tables(pool).await?;
    for statement in MAKE {
        sqlx::query(statement).execute(pool).await?;
    }
    let ids: Vec<u64> = (1..=accounts).collect();
    for ids in ids.chunks(ACCOUNTS_AT_ONCE) {
        let mut insert =
            QueryBuilder::<MySql>::new("INSERT INTO bench_floor_accounts (id, currency, balance) ");
        insert.push_values(ids, |mut row, id| {
            row.push_bind(*id).push("'XTS'").push_bind(BALANCE);
        });
        insert.build().execute(pool).await?;
    }
    Ok(())
}

pub(super) async fn look_for_duplicates(
    connection: &mut MySqlConnection,
    transfers: &[Transfer],
) -> Result<(), sqlx::Error> {
    let mut select = QueryBuilder::<MySql>::new("SELECT id FROM bench_floor_jobs WHERE id IN (");
    let mut ids = select.separated(", ");
    for transfer in transfers {
        ids.push_bind(transfer.id.to_vec());
    }
    select.push(")");
    select.build().fetch_all(connection).await.map(drop)
}

/// The accounts of the transfers, locked in the order of their ids.
pub(super) async fn lock_accounts(
    connection: &mut MySqlConnection,
    transfers: &[Transfer],
) -> Result<BTreeMap<u64, Standing>, sqlx::Error> {
    let mut select =
        QueryBuilder::<MySql>::new("SELECT id, balance, version FROM bench_floor_accounts WHERE id IN (");
    let mut ids = select.separated(", ");
    for id in transfers.iter().flat_map(|transfer| [transfer.from, transfer.to]) {
        ids.push_bind(id);
    }
    select.push(") ORDER BY id FOR UPDATE");
    let rows = select.build().fetch_all(connection).await?;
    let standing = |row: &_| -> Result<_, sqlx::Error> {
        Ok((id(row)?, Standing { balance: number(row, 1)?, version: number(row, 2)? }))
    };
    rows.iter().map(standing).collect()
}

fn id(row: &sqlx::mysql::MySqlRow) -> Result<u64, sqlx::Error> {
    row.try_get(0)
}

fn number(row: &sqlx::mysql::MySqlRow, column: usize) -> Result<i64, sqlx::Error> {
    row.try_get(column)
}

pub(super) async fn insert_jobs(
    connection: &mut MySqlConnection,
    transfers: &[Transfer],
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<MySql>::new(
        "INSERT INTO bench_floor_jobs (id, kind, outcome, payload, accepted_at, settled_at) ",
    );
    insert.push_values(transfers, |mut row, Transfer { id, from, to, amount }| {
        let payload = format!(r#"{{"from":{from},"to":{to},"amount":{amount}}}"#);
        row.push_bind(id.to_vec()).push_bind(1_u8).push_bind(1_u8).push_bind(payload);
        row.push("NOW(6)").push("NOW(6)");
    });
    insert.build().execute(connection).await.map(drop)
}

pub(super) async fn insert_entries(
    connection: &mut MySqlConnection,
    entries: &[Entry],
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<MySql>::new(
        "INSERT INTO bench_floor_entries (job_id, account_id, amount, balance_after, seq) ",
    );
    insert.push_values(entries, |mut row, Entry { job, account, amount, after }| {
        row.push_bind(job.to_vec()).push_bind(*account).push_bind(*amount);
        row.push_bind(after.balance).push_bind(after.version);
    });
    insert.build().execute(connection).await.map(drop)
}

/// Writes what the accounts have after `transfers` transfers.
pub(super) async fn write_balances(
    connection: &mut MySqlConnection,
    transfers: usize,
    accounts: &BTreeMap<u64, Standing>,
) -> Result<(), sqlx::Error> {
    // The last one again, until there are as many as a batch has at the most: to write it twice changes nothing.
    let last = accounts.last_key_value().into_iter().cycle();
    let rows = accounts.iter().chain(last).take(2 * transfers);
    let mut insert =
        QueryBuilder::<MySql>::new("INSERT INTO bench_floor_accounts (id, currency, balance, version) ");
    insert.push_values(rows, |mut row, (id, Standing { balance, version })| {
        row.push_bind(*id).push("'XTS'").push_bind(*balance).push_bind(*version);
    });
    insert.push(" ON DUPLICATE KEY UPDATE balance = VALUES(balance), version = VALUES(version)");
    insert.build().execute(connection).await.map(drop)
}
