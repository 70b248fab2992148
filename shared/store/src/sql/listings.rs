//! Pages of jobs by filter. `jobs` has no index but its own order, which keeps posting fast: a page looks at
//! a bounded range of that order, and at the entries of the account that is asked for.

pub(super) mod accounts;
mod conditions;
pub(super) mod holds;
pub(super) mod schedules;
pub(super) mod standing_orders;

use std::time::{Duration, Instant};

use self::conditions::conditions;
use super::cancellations::{CAME_FIRST, only_jobs};
use super::rows::JOB;
use super::statements::stored;
use super::{reads, rows};
use crate::failure::Failure;
use crate::ledger::Touches;
use crate::ledger::listing::{JobFilter, JobsCursor, JobsPage};
use crate::ledger::record::JobRecord;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script, Value};
use crate::sql::session::Session;

/// Jobs that one statement looks at: few enough that a page, which goes on until its time is over, ends soon after that.
const LOOKED_AT_MAX: i64 = 20_000;
/// For how long a page that is not full goes on looking.
const LOOK_FOR: Duration = Duration::from_millis(500);
/// Jobs whose bodies a statement gives at the least, where only their bodies tell whether they fit.
const BODIES_AT_ONCE: i64 = 200;
/// Entries that are looked at together at the least.
const ENTRIES_AT_ONCE: i64 = 200;
/// By how much the times of neighbours in the order of posting may be out of order: a transaction and what
/// the clocks of two workers differ by, in microseconds.
const SKEW_US: i64 = 60_000_000;

/// See [`crate::ledger::Ledger::jobs`].
pub(super) async fn page<S: Session>(
    session: &mut S,
    filter: &JobFilter,
    cursor: Option<JobsCursor>,
    limit: u32,
) -> Result<JobsPage, Failure> {
    let mut listing = Listing { session, filter, limit: i64::from(limit.max(1)) };
    if let Some(import) = filter.import {
        return listing.of_import(import, cursor).await;
    }
    let cursor = match cursor {
        Some(cursor) => cursor,
        None => listing.start().await?,
    };
    let began = Instant::now();
    let mut page = listing.look(cursor).await?;
    while let Some(next) = page.next
        && (page.jobs.len() as u64) < u64::from(limit.max(1))
        && began.elapsed() < LOOK_FOR
    {
        listing.limit = i64::from(limit.max(1)) - i64::try_from(page.jobs.len()).unwrap_or_default();
        let older = listing.look(next).await?;
        page.jobs.extend(older.jobs);
        page.next = older.next;
    }
    if let Some(next) = page.next {
        page.looked_back_to = listing.time_at(next.before).await?;
    }
    Ok(page)
}

struct Listing<'a, S> {
    session: &'a mut S,
    filter: &'a JobFilter,
    limit: i64,
}

/// A job, and its number in the order of posting.
type Numbered = (i64, JobRecord);

/// What a range of jobs has.
struct Scanned {
    /// Those that are wanted, the newest first.
    found: Vec<Numbered>,
    /// What is older than this was not looked at.
    floor: i64,
}

/// Jobs with entries on the account that is asked for.
struct Entered {
    /// Numbers of jobs and of their entries, the newest first.
    places: Vec<(i64, i64)>,
    /// Those that the filter admits.
    found: Vec<Numbered>,
    /// There are no others with entries below this job.
    floor: i64,
}

impl<S: Session> Listing<'_, S> {
    async fn ask(&mut self, script: Script) -> Result<Vec<S::Row>, Failure> {
        Ok(self.session.run(script).await?.pop().unwrap_or_default())
    }

    /// Behind the newest job that may fit.
    async fn start(&mut self) -> Result<JobsCursor, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT MAX(j.seq) FROM jobs j");
        let newest = self.ask(script).await?.first().map_or(Ok(None), |row| row.int_or_null(0))?.unwrap_or(0);
        let before = match self.filter.to {
            Some(to) => self.first_since(to.saturating_add(SKEW_US), newest + 1).await?,
            None => newest + 1,
        };
        // The last entry by number: whatever is too new is skipped by the number of its job.
        Ok(JobsCursor { before, before_entry: i64::MAX })
    }

    /// The first place at which jobs got their outcome at `time` or later, by a binary search. Jobs that were dead
    /// are passed over: their time is that of their replay.
    async fn first_since(&mut self, time: i64, end: i64) -> Result<i64, Failure> {
        let (mut low, mut high) = (1, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.time_at(middle).await? {
                Some(found) if found < time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    async fn time_at(&mut self, seq: i64) -> Result<Option<i64>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT j.posted_at FROM jobs j WHERE j.seq >= ").value(seq);
        script.sql(" AND j.cause IS NULL AND NOT ").sql(CAME_FIRST).sql(" ORDER BY j.seq LIMIT 1");
        self.ask(script).await?.first().map(|row| row.int(0)).transpose()
    }

    /// Looks at the jobs before a place, as far as one look goes.
    async fn look(&mut self, cursor: JobsCursor) -> Result<JobsPage, Failure> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let entered = self.entered(cursor).await?;
        let low = (cursor.before - LOOKED_AT_MAX).max(1).max(entered.floor);
        let Scanned { mut found, mut floor } = self.scan(low, cursor.before).await?;
        found.extend(entered.found.into_iter().filter(|(seq, _)| *seq >= floor));
        found.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        found.dedup_by_key(|(seq, _)| *seq);
        if found.len() > limit {
            found.truncate(limit);
            floor = found.last().map_or(floor, |(seq, _)| *seq);
        }
        let is_end = floor <= 1 || self.is_too_old(floor).await?;
        let read = entered.places.iter().filter(|(seq, _)| *seq >= floor).map(|(_, entry)| *entry).min();
        let next = JobsCursor { before: floor, before_entry: read.unwrap_or(cursor.before_entry) };
        let jobs = found.into_iter().map(|(_, job)| job).collect();
        Ok(JobsPage { jobs, next: (!is_end).then_some(next), looked_back_to: None })
    }

    /// Whether a job that the database found is wanted: it has looked at no more than whether the body may say what it is
    /// to say, and name one of the accounts.
    async fn is_wanted(&mut self, job: &JobRecord) -> Result<bool, Failure> {
        if !self.filter.body.admits(&job.body) {
            return Ok(false);
        }
        let (Some(client), Some(accounts)) = (&self.filter.client, &self.filter.or_touching) else {
            return Ok(true);
        };
        if job.client == *client {
            return Ok(true);
        }
        Ok(match job.touches(accounts) {
            Touches::As(original) => {
                let original = reads::job(self.session, original).await?;
                original.is_some_and(|job| job.touches(accounts) == Touches::Yes)
            }
            touches => touches == Touches::Yes,
        })
    }

    /// The jobs of a file, its last row first: here the cursor counts rows. A row that came under the name of
    /// another job is none of it.
    async fn of_import(&mut self, import: u64, cursor: Option<JobsCursor>) -> Result<JobsPage, Failure> {
        let import = stored(import);
        let before = match cursor {
            Some(cursor) => cursor.before,
            None => {
                let mut script = Script::new(S::DIALECT);
                script.sql("SELECT MAX(number) FROM import_rows WHERE import = ").value(import);
                let last = self.ask(script).await?.first().map_or(Ok(None), |row| row.int_or_null(0))?;
                last.unwrap_or(0) + 1
            }
        };
        let low = (before - LOOKED_AT_MAX).max(1);
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", r.number FROM import_rows r ").sql(ordered_join(S::DIALECT));
        script.sql(" jobs j ON j.id = r.job WHERE r.outcome <> ").value(Value::Name("conflict"));
        script.sql(" AND r.import = ").value(import);
        script.sql(" AND r.number >= ").value(low).sql(" AND r.number < ").value(before);
        if let Some(account) = &self.filter.account {
            script.sql(" AND (j.account = ").value(account);
            script.sql(" OR j.id IN (SELECT e.job FROM entries e JOIN accounts a ON a.id = e.account_id");
            script.sql(" WHERE a.number = ").value(account).sql("))");
        }
        conditions(&mut script, self.filter);
        script.sql(" ORDER BY r.number DESC LIMIT ").value(self.limit);
        let rows = self.ask(script).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= self.limit);
        let floor = match rows.last() {
            Some(row) if is_full => row.int(11)?,
            _ => low,
        };
        let mut jobs = Vec::with_capacity(rows.len());
        for row in &rows {
            let job = rows::job(row)?;
            if self.is_wanted(&job).await? {
                jobs.push(job);
            }
        }
        let next = JobsCursor { before: floor, before_entry: i64::MAX };
        Ok(JobsPage { jobs, next: (floor > 1).then_some(next), looked_back_to: None })
    }

    /// Whether all jobs below this place got their outcome before what is asked for.
    async fn is_too_old(&mut self, seq: i64) -> Result<bool, Failure> {
        let Some(from) = self.filter.from else { return Ok(false) };
        Ok(self.time_at(seq).await?.is_some_and(|time| time < from.saturating_sub(SKEW_US)))
    }

    /// The jobs from `low` until before `before`, as far as they make a page.
    async fn scan(&mut self, low: i64, before: i64) -> Result<Scanned, Failure> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let says_little = self.filter.body.is_empty() && self.filter.or_touching.is_none();
        let at_once = if says_little { self.limit } else { self.limit.max(BODIES_AT_ONCE) };
        let (mut found, mut before) = (Vec::new(), before);
        loop {
            let rows = self.select(low, before, at_once).await?;
            for row in &rows {
                let (seq, job) = (row.int(11)?, rows::job(row)?);
                before = seq;
                if self.is_wanted(&job).await? {
                    found.push((seq, job));
                }
                if found.len() >= limit {
                    return Ok(Scanned { found, floor: seq });
                }
            }
            if i64::try_from(rows.len()).is_ok_and(|count| count < at_once) {
                return Ok(Scanned { found, floor: low });
            }
        }
    }

    async fn select(&mut self, low: i64, before: i64, limit: i64) -> Result<Vec<S::Row>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", j.seq FROM jobs j WHERE j.seq >= ").value(low);
        script.sql(" AND j.seq < ").value(before);
        only_jobs(&mut script);
        if let Some(account) = &self.filter.account {
            script.sql(" AND j.account = ").value(account);
        }
        conditions(&mut script, self.filter);
        script.sql(" ORDER BY j.seq DESC LIMIT ").value(limit);
        self.ask(script).await
    }

    /// At least as many entries as the page may have jobs: those of one account, in the order of posting.
    async fn entered(&mut self, cursor: JobsCursor) -> Result<Entered, Failure> {
        let none = Entered { places: Vec::new(), found: Vec::new(), floor: 1 };
        let Some(number) = &self.filter.account else { return Ok(none) };
        let Some(account) = reads::account(self.session, number).await? else { return Ok(none) };
        let last = self.last_entry(account.key.unwrap_or_default(), account.seq, cursor).await?;
        let first = (last - self.limit.max(ENTRIES_AT_ONCE) + 1).max(1);
        let mut script = Script::new(S::DIALECT);
        let join = ordered_join(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", j.seq, e.seq, (1 = 1");
        conditions(&mut script, self.filter);
        script.sql(") FROM entries e ").sql(join).sql(" jobs j ON j.id = e.job WHERE e.account_id = ");
        script.value(account.key.unwrap_or_default()).sql(" AND e.seq BETWEEN ").value(first);
        script.sql(" AND ").value(last).sql(" ORDER BY e.seq DESC");
        let mut entered = none;
        for row in self.ask(script).await? {
            let (seq, entry) = (row.int(11)?, row.int(12)?);
            entered.places.push((seq, entry));
            if seq < cursor.before && row.int_or_null(13)? == Some(1) {
                let job = rows::job(&row)?;
                if self.is_wanted(&job).await? {
                    entered.found.push((seq, job));
                }
            }
        }
        if first > 1 {
            entered.floor = entered.places.last().map_or(1, |(seq, _)| (*seq).min(cursor.before));
        }
        Ok(entered)
    }

    /// The last entry whose job comes before the cursor.
    async fn last_entry(&mut self, key: i64, head: i64, cursor: JobsCursor) -> Result<i64, Failure> {
        if cursor.before_entry <= head {
            return Ok(cursor.before_entry - 1);
        }
        let (mut low, mut high) = (0, head);
        while low < high {
            let middle = low + (high - low + 1) / 2;
            let mut script = Script::new(S::DIALECT);
            script.sql(
                "SELECT j.seq FROM jobs j WHERE j.id = (SELECT e.job FROM entries e WHERE e.account_id = ",
            );
            script.value(key).sql(" AND e.seq = ").value(middle).sql(")");
            let seq = self.ask(script).await?.first().map(|row| row.int(0)).transpose()?;
            if seq.is_some_and(|seq| seq < cursor.before) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low)
    }
}

/// Reads the table on the left first.
pub(super) fn ordered_join(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "STRAIGHT_JOIN",
        Dialect::Sqlite => "CROSS JOIN",
    }
}
