//! The ledger, read from the tables themselves.

use anyhow::Context as _;
use sqlx::Connection as _;
use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::SqliteConnection;

/// The whole ledger of a test.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Every account, the system's own among them.
    pub accounts: Vec<AccountRow>,
    /// Every job with an outcome.
    pub jobs: Vec<JobRow>,
    /// Every entry, by account and then by `seq`.
    pub entries: Vec<EntryRow>,
}

/// An account. Amounts are minor units.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // The columns, by their names; `key` is `id`.
pub struct AccountRow {
    pub key: i64,
    pub number: String,
    pub balance: i64,
    pub held: i64,
    pub overdraft_limit: i64,
    pub seq: i64,
}

/// A job.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // The columns, by their names; `id` as the API writes it.
pub struct JobRow {
    pub id: String,
    pub kind: String,
    pub outcome: String,
}

/// An entry. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The columns, by their names; `job` as the API writes ids.
pub struct EntryRow {
    pub account: i64,
    pub seq: i64,
    pub job: String,
    pub amount: i64,
    pub balance_after: i64,
}

/// The same columns in both; each database has its own word for a signed 64-bit integer and for text.
macro_rules! read {
    ($connection:expr, $integer:literal, $text:literal) => {
        Books {
            accounts: sqlx::query_as::<_, (i64, String, i64, i64, i64, i64)>(concat!(
                "SELECT CAST(id AS ",
                $integer,
                ") AS `key`, number, balance, held, overdraft_limit, ",
                "CAST(seq AS ",
                $integer,
                ") AS seq FROM accounts"
            ))
            .fetch_all($connection)
            .await
            .context("could not read accounts")?
            .into_iter()
            .map(|(key, number, balance, held, overdraft_limit, seq)| AccountRow {
                key,
                number,
                balance,
                held,
                overdraft_limit,
                seq,
            })
            .collect(),
            jobs: sqlx::query_as::<_, (String, String, String)>(concat!(
                "SELECT LOWER(HEX(id)) AS id, CAST(kind AS ",
                $text,
                ") AS kind, ",
                "CAST(outcome AS ",
                $text,
                ") AS outcome FROM jobs"
            ))
            .fetch_all($connection)
            .await
            .context("could not read jobs")?
            .into_iter()
            .map(|(id, kind, outcome)| JobRow { id, kind, outcome })
            .collect(),
            entries: sqlx::query_as::<_, (i64, i64, String, i64, i64)>(concat!(
                "SELECT CAST(account_id AS ",
                $integer,
                ") AS account, CAST(seq AS ",
                $integer,
                ") AS seq, ",
                "LOWER(HEX(job)) AS job, amount, balance_after FROM entries ORDER BY account_id, seq"
            ))
            .fetch_all($connection)
            .await
            .context("could not read entries")?
            .into_iter()
            .map(|(account, seq, job, amount, balance_after)| EntryRow {
                account,
                seq,
                job,
                amount,
                balance_after,
            })
            .collect(),
        }
    };
}

impl Books {
    /// Reads a database by its URL, `mysql://` or `sqlite://`.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn read(url: &str) -> anyhow::Result<Books> {
        let mut books = if url.starts_with("mysql:") {
            let mut connection = MySqlConnection::connect(url).await?;
            read!(&mut connection, "SIGNED", "CHAR")
        } else {
            let mut connection = SqliteConnection::connect(url).await?;
            read!(&mut connection, "INTEGER", "TEXT")
        };
        let ids = books.jobs.iter_mut().map(|job| &mut job.id);
        for id in ids.chain(books.entries.iter_mut().map(|entry| &mut entry.job)) {
            *id = hyphenated(id);
        }
        Ok(books)
    }
}

/// RFC 9562: 8-4-4-4-12.
fn hyphenated(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
