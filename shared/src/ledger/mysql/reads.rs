//! Reads. None decides about money, so each may come from a replica.

use sqlx::Row;
use sqlx::mysql::MySqlRow;
use sqlx::{MySql, Pool};

use super::pools::{Pools, run};
use super::posting::{JOB_COLUMNS, read};
use crate::domain::account::{Account, AccountNumber};
use crate::domain::id::JobId;
use crate::ledger::failure::Failure;
use crate::ledger::rows::{AccountRow, EntryRow, JobRow, currency, job_id, number};
use crate::ledger::script::{Dialect, Script};
use crate::ledger::{EntryRecord, JobRecord, Totals};
use sqlx::FromRow;

type Results = std::vec::IntoIter<Vec<MySqlRow>>;

async fn ask(pools: &Pools, pool: &Pool<MySql>, script: Script) -> Result<Results, Failure> {
    let mut connection = pools.acquire(pool).await?;
    Ok(run(&mut connection, script).await?.into_iter())
}

pub(super) async fn ping(pools: &Pools) -> Result<(), Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql("SELECT 1");
    ask(pools, &pools.primary, script).await.map(drop)
}

pub(super) async fn job(pools: &Pools, id: JobId) -> Result<Option<JobRecord>, Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql("SELECT ").sql(JOB_COLUMNS).sql(" FROM jobs j WHERE j.id = ").value(&id);
    let found = ask(pools, &pools.reads, script).await?.next();
    Ok(read::<JobRow, JobRecord>(found)?.pop())
}

pub(super) async fn account(pools: &Pools, number: &AccountNumber) -> Result<Option<Account>, Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql(
        "SELECT id, number, currency, balance, held, overdraft_limit, status, seq, digest, holder FROM accounts \
         WHERE number = ",
    );
    script.value(number);
    let found = ask(pools, &pools.reads, script).await?.next();
    Ok(read::<AccountRow, Account>(found)?.pop())
}

/// An account's entries have no gaps, so the page's bounds are known before it is read: an index range of
/// at most `limit` rows, whatever the number of eras.
pub(super) async fn entries(
    pools: &Pools,
    number: &AccountNumber,
    before: Option<i64>,
    limit: u32,
) -> Result<Option<Vec<EntryRecord>>, Failure> {
    let Some(Account { key: Some(key), seq, .. }) = account(pools, number).await? else { return Ok(None) };
    let last = before.map_or(seq, |before| seq.min(before.saturating_sub(1)));
    let first = last.saturating_sub(i64::from(limit)) + 1;
    let mut script = Script::new(Dialect::MySql);
    script.sql(
        "SELECT e.seq, e.job, e.amount, e.balance_after, e.posted_at, j.kind, j.body \
         FROM entries e STRAIGHT_JOIN jobs j ON j.id = e.job WHERE e.account_id = ",
    );
    script.value(key).sql(" AND e.seq BETWEEN ").value(first).sql(" AND ").value(last);
    script.sql(" ORDER BY e.seq DESC");
    let rows = ask(pools, &pools.reads, script).await?.next().unwrap_or_default();
    let record = |row: &MySqlRow| EntryRow::from_row(row)?.into_record(number);
    rows.iter().map(record).collect::<Result<_, _>>().map(Some)
}

pub(super) async fn expired_holds(
    pools: &Pools,
    now: i64,
    limit: u32,
) -> Result<Vec<(JobId, AccountNumber)>, Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql(
        "SELECT h.id, a.number FROM holds h JOIN accounts a ON a.id = h.account_id \
         WHERE h.status = 'active' AND h.expires_at < ",
    );
    script.value(now).sql(" ORDER BY h.expires_at LIMIT ").value(i64::from(limit));
    let rows = ask(pools, &pools.reads, script).await?.next().unwrap_or_default();
    let hold = |row: &MySqlRow| Ok((job_id(row.try_get(0)?)?, number(row.try_get::<&str, _>(1)?)?));
    rows.iter().map(hold).collect()
}

pub(super) async fn totals(pools: &Pools) -> Result<Totals, Failure> {
    let mut script = Script::new(Dialect::MySql);
    script.sql(
        "SELECT CAST(COALESCE(SUM(posted), 0) AS SIGNED), CAST(COALESCE(SUM(rejected), 0) AS SIGNED), \
         CAST(COALESCE(SUM(dead), 0) AS SIGNED) FROM lane_totals; \
         SELECT currency, CAST(SUM(balance) AS CHAR), COUNT(*), \
         CAST(SUM(number LIKE 'external:%') AS SIGNED) FROM accounts GROUP BY currency ORDER BY currency",
    );
    let mut results = ask(pools, &pools.analytics, script).await?;
    let mut totals = Totals::default();
    for row in results.next().unwrap_or_default() {
        totals.posted = count(&row, 0)?;
        totals.rejected = count(&row, 1)?;
        totals.dead = count(&row, 2)?;
    }
    for row in results.next().unwrap_or_default() {
        let sum: &str = row.try_get(1)?;
        let sum = sum.parse().map_err(|_| Failure::unreadable("sum of balances", sum))?;
        totals.balances.push((currency(row.try_get(0)?)?, sum));
        totals.accounts += count(&row, 2)?.saturating_sub(count(&row, 3)?);
    }
    Ok(totals)
}

fn count(row: &MySqlRow, column: usize) -> Result<u64, Failure> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|_| Failure::unreadable("count", count))
}
