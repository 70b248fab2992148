//! Reads. None decides about money, so each may come from a replica.

use std::collections::{BTreeMap, HashMap};

use domain::account::{Account, AccountNumber};
use domain::hold::Hold;
use domain::id::JobId;
use domain::lane::Lane;
use domain::money::Amount;
use domain::outcome::Recorded;

use super::cancellations::only_jobs;
use super::rows::{ACCOUNT, JOB, RECORDED, count, currency};
use super::{entry_ranges, rows, statements};
use crate::failure::Failure;
use crate::ledger::record::{Conflicts, EntryRecord, JobRecord};
use crate::ledger::totals::{OutcomeCounts, Totals};
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::Session;

/// Entries to an era: 50 to 100 MB of the tree that is written to, since each account grows a place of its own in
/// it. The index of the jobs' ids needs memory too. With eras of 2 million and a buffer pool of 256 MB
/// posting fell to half by the eighth million entries.
pub(crate) const ERA_ENTRIES: i64 = 500_000;

/// How many of the newest eras are looked at for a page, before all are: an account that is in use has its last
/// entries there.
const NEWEST_ERAS: [i64; 2] = [3, 24];

/// Runs a script of one statement.
async fn ask<S: Session>(session: &mut S, script: Script) -> Result<Vec<S::Row>, Failure> {
    Ok(session.run(script).await?.pop().unwrap_or_default())
}

pub(super) async fn ping<S: Session>(session: &mut S) -> Result<(), Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT 1");
    ask(session, script).await.map(drop)
}

pub(super) async fn job<S: Session>(session: &mut S, id: JobId) -> Result<Option<JobRecord>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(JOB).sql(" FROM jobs j WHERE j.id = ").value(&id);
    only_jobs(&mut script);
    script.sql("; SELECT COUNT(*) FROM job_conflicts WHERE job = ").value(&id);
    script.sql("; SELECT accepted_at, body FROM job_conflicts WHERE job = ").value(&id);
    script.sql(" ORDER BY accepted_at DESC LIMIT 1");
    let mut results = session.run(script).await?.into_iter();
    let Some(row) = results.next().and_then(|rows| rows.into_iter().next()) else { return Ok(None) };
    let counted = results.next().unwrap_or_default();
    let latest = results.next().unwrap_or_default();
    let conflicts = match (counted.first(), latest.first()) {
        (Some(counted), Some(latest)) => Some(Conflicts {
            count: count(counted.int(0)?)?,
            last_at: latest.int(0)?,
            last_body: latest.text(1)?.to_owned(),
        }),
        _ => None,
    };
    Ok(Some(JobRecord { conflicts, ..rows::job(&row)? }))
}

/// See [`crate::ledger::Reads::jobs_of`].
pub(super) async fn jobs_of<S: Session>(session: &mut S, ids: &[JobId]) -> Result<Vec<JobRecord>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(JOB).sql(" FROM jobs j WHERE j.id IN (").keys(ids).sql(")");
    only_jobs(&mut script).sql(" ORDER BY j.seq DESC");
    ask(session, script).await?.iter().map(rows::job).collect()
}

/// A step in the index of ids for each.
pub(super) async fn recorded<S: Session>(
    session: &mut S,
    ids: &[JobId],
) -> Result<HashMap<JobId, Recorded>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(RECORDED).sql(" FROM jobs j WHERE j.id IN (").keys(ids).sql(")");
    only_jobs(&mut script);
    ask(session, script).await?.iter().map(rows::recorded).collect()
}

pub(super) async fn account<S: Session>(
    session: &mut S,
    number: &AccountNumber,
) -> Result<Option<Account>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT ").sql(ACCOUNT).sql(" FROM accounts a WHERE a.number = ").value(number);
    ask(session, script).await?.first().map(rows::account).transpose()
}

/// See [`crate::ledger::Ledger::holders`].
pub(super) async fn holders<S: Session>(
    session: &mut S,
    numbers: &[AccountNumber],
) -> Result<HashMap<AccountNumber, String>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT number, holder FROM accounts WHERE holder IS NOT NULL AND number IN (");
    script.list(numbers).sql(")");
    let found = ask(session, script).await?;
    found.iter().map(|row| Ok((rows::number(row.text(0)?)?, row.text(1)?.to_owned()))).collect()
}

/// Holds and jobs, as they stand.
pub(super) async fn find<S: Session>(
    session: &mut S,
    holds: &[JobId],
    jobs: &[JobId],
) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
    let mut script = Script::new(S::DIALECT);
    statements::select_holds(&mut script, holds);
    script.sql("SELECT ").sql(JOB).sql(" FROM jobs j WHERE j.id IN (").keys(jobs).sql(")");
    only_jobs(&mut script);
    let mut results = session.run(script).await?.into_iter();
    let holds = results.next().unwrap_or_default().iter().map(rows::hold).collect::<Result<_, _>>()?;
    let jobs = results.next().unwrap_or_default().iter().map(rows::job).collect::<Result<_, _>>()?;
    Ok((holds, jobs))
}

/// What the payments among these jobs have moved that pay all above some amount.
pub(super) async fn sweeps<S: Session>(
    session: &mut S,
    jobs: &[JobId],
) -> Result<HashMap<JobId, Amount>, Failure> {
    let mut script = Script::new(S::DIALECT);
    statements::select_sweeps(&mut script, jobs);
    ask(session, script).await?.iter().map(statements::sweep).collect()
}

/// An account's entries have no gaps, so the page's bounds are known before it is read: an index range of at most
/// `limit` rows, and whether they were all in the eras that were looked at. A look costs a page of the database's
/// for each era.
pub(super) async fn entries<S: Session>(
    session: &mut S,
    number: &AccountNumber,
    before: Option<i64>,
    limit: u32,
) -> Result<Option<Vec<EntryRecord>>, Failure> {
    let Some(Account { key: Some(key), seq, .. }) = account(session, number).await? else { return Ok(None) };
    let last = before.map_or(seq, |before| seq.min(before.saturating_sub(1)));
    let first = last.saturating_sub(i64::from(limit)).max(0) + 1;
    let newest = newest_era(session).await?;
    let mut looks = NEWEST_ERAS.iter().map(|eras| newest + 1 - eras).filter(|since| *since > 0);
    loop {
        let since = looks.next();
        let mut script = Script::new(S::DIALECT);
        entry_ranges::select(&mut script, key, first, last);
        if let Some(since) = since {
            script.sql(" AND e.era >= ").value(since);
        }
        script.sql(" ORDER BY e.seq DESC");
        let entries = ask(session, script).await?;
        if since.is_none() || (first..=last).count() == entries.len() {
            return entries
                .iter()
                .map(|row| rows::entry_record(row, number))
                .collect::<Result<_, _>>()
                .map(Some);
        }
    }
}

/// The era that is to be written to by the lanes' totals; with one table for all there is no other.
pub(crate) async fn newest_era<S: Session>(session: &mut S) -> Result<i64, Failure> {
    match S::DIALECT {
        Dialect::Sqlite => Ok(0),
        Dialect::MySql => {
            let mut script = Script::new(S::DIALECT);
            script.sql("SELECT CAST(SUM(entries) AS SIGNED) FROM lane_totals");
            let sums = ask(session, script).await?;
            let entries = sums.first().map_or(Ok(None), |row| row.int_or_null(0))?.unwrap_or_default();
            Ok(entries / ERA_ENTRIES)
        }
    }
}

/// The database's clock, in microseconds since the Unix epoch.
pub(super) async fn now<S: Session>(session: &mut S) -> Result<i64, Failure> {
    let mut script = Script::new(S::DIALECT);
    statements::select_now(&mut script);
    rows::now(&ask(session, script).await?)
}

pub(super) async fn expired_holds<S: Session>(
    session: &mut S,
    now: i64,
    limit: u32,
) -> Result<Vec<(JobId, AccountNumber)>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT h.id, a.number FROM holds h JOIN accounts a ON a.id = h.account_id ");
    script.sql("WHERE h.status = 'active' AND h.expires_at < ").value(now);
    script.sql(" ORDER BY h.expires_at LIMIT ").value(i64::from(limit));
    let holds = ask(session, script).await?;
    holds.iter().map(|row| Ok((rows::id(row.bytes(0)?)?, rows::number(row.text(1)?)?))).collect()
}

/// The lanes' totals: a row a lane.
pub(super) async fn outcome_counts<S: Session>(
    session: &mut S,
) -> Result<BTreeMap<Lane, OutcomeCounts>, Failure> {
    let mut script = Script::new(S::DIALECT);
    script.sql("SELECT lane, posted, rejected, dead, cancelled, scheduled FROM lane_totals");
    let lanes = ask(session, script).await?;
    let outcomes = |row: &S::Row| -> Result<_, Failure> {
        let counted = |place| row.int(place).and_then(count);
        let counts = OutcomeCounts {
            posted: counted(1)?,
            rejected: counted(2)?,
            dead: counted(3)?,
            cancelled: counted(4)?,
            scheduled: counted(5)?,
        };
        Ok((rows::lane(row.int(0)?)?, counts))
    };
    lanes.iter().map(outcomes).collect()
}

/// Counts from the lanes' totals, balances from the accounts: nothing here grows with the jobs.
pub(super) async fn totals<S: Session>(session: &mut S) -> Result<Totals, Failure> {
    // A sum of 64-bit numbers may not fit 64 bits, so it is taken in halves.
    let OutcomeCounts { posted, rejected, dead, cancelled, scheduled } =
        outcome_counts(session).await?.values().sum();
    let mut script = Script::new(S::DIALECT);
    script.sql(match S::DIALECT {
        Dialect::MySql => {
            "SELECT currency, COUNT(*), CAST(SUM(number LIKE 'external:%') AS SIGNED), \
             CAST(SUM(balance DIV 4294967296) AS SIGNED), CAST(SUM(balance MOD 4294967296) AS SIGNED) \
             FROM accounts GROUP BY currency ORDER BY currency"
        }
        Dialect::Sqlite => {
            "SELECT currency, COUNT(*), SUM(number LIKE 'external:%'), SUM(balance / 4294967296), \
             SUM(balance % 4294967296) FROM accounts GROUP BY currency ORDER BY currency"
        }
    });
    let mut totals = Totals { posted, rejected, dead, cancelled, scheduled, ..Totals::default() };
    for row in ask(session, script).await? {
        totals.accounts += count(row.int(1)? - row.int(2)?)?;
        let balance = i128::from(row.int(3)?) * 4_294_967_296 + i128::from(row.int(4)?);
        totals.balances.push((currency(row.text(0)?)?, balance));
    }
    Ok(totals)
}
