//! Pages of jobs by filter. `jobs` has no index but its own order, which keeps posting fast: a page looks at
//! a bounded range of that order, and at the entries of the account that is asked for.

use domain::job::Kind;

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

/// Jobs that one page looks at: some 100 ms where none of them fits.
const LOOKED_AT_MAX: i64 = 50_000;
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
    listing.page(cursor).await
}

struct Listing<'a, S> {
    session: &'a mut S,
    filter: &'a JobFilter,
    limit: i64,
}

/// A job, and its number in the order of posting.
type Numbered = (i64, JobRecord);

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
        script.sql(" AND j.cause IS NULL ORDER BY j.seq LIMIT 1");
        self.ask(script).await?.first().map(|row| row.int(0)).transpose()
    }

    async fn page(&mut self, cursor: JobsCursor) -> Result<JobsPage, Failure> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let entered = self.entered(cursor).await?;
        let low = (cursor.before - LOOKED_AT_MAX).max(1).max(entered.floor);
        let scanned = self.scan(low, cursor.before).await?;
        // What is older than this was not looked at.
        let mut floor = match scanned.last() {
            Some((seq, _)) if scanned.len() >= limit => *seq,
            _ => low,
        };
        let mut found = scanned;
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
        let jobs = self.wanted(found.into_iter().map(|(_, job)| job).collect()).await?;
        Ok(JobsPage { jobs, next: (!is_end).then_some(next) })
    }

    /// Those of the client that is asked for, or that touch the accounts that are: the database looks at no more than how
    /// their numbers read in the body.
    async fn wanted(&mut self, jobs: Vec<JobRecord>) -> Result<Vec<JobRecord>, Failure> {
        let (Some(client), Some(accounts)) = (&self.filter.client, &self.filter.or_touching) else {
            return Ok(jobs);
        };
        let mut wanted = Vec::with_capacity(jobs.len());
        for job in jobs {
            let is_wanted = job.client == *client
                || match job.touches(accounts) {
                    Touches::As(original) => {
                        let original = reads::job(self.session, original).await?;
                        original.is_some_and(|job| job.touches(accounts) == Touches::Yes)
                    }
                    touches => touches == Touches::Yes,
                };
            if is_wanted {
                wanted.push(job);
            }
        }
        Ok(wanted)
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
        self.conditions(&mut script);
        script.sql(" ORDER BY r.number DESC LIMIT ").value(self.limit);
        let rows = self.ask(script).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= self.limit);
        let floor = match rows.last() {
            Some(row) if is_full => row.int(11)?,
            _ => low,
        };
        let jobs = rows.iter().map(rows::job).collect::<Result<_, _>>()?;
        let next = JobsCursor { before: floor, before_entry: i64::MAX };
        Ok(JobsPage { jobs, next: (floor > 1).then_some(next) })
    }

    /// Whether all jobs below this place got their outcome before what is asked for.
    async fn is_too_old(&mut self, seq: i64) -> Result<bool, Failure> {
        let Some(from) = self.filter.from else { return Ok(false) };
        Ok(self.time_at(seq).await?.is_some_and(|time| time < from.saturating_sub(SKEW_US)))
    }

    async fn scan(&mut self, low: i64, before: i64) -> Result<Vec<Numbered>, Failure> {
        let mut script = Script::new(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", j.seq FROM jobs j WHERE j.seq >= ").value(low);
        script.sql(" AND j.seq < ").value(before);
        if let Some(account) = &self.filter.account {
            script.sql(" AND j.account = ").value(account);
        }
        self.conditions(&mut script);
        script.sql(" ORDER BY j.seq DESC LIMIT ").value(self.limit);
        self.ask(script).await?.iter().map(|row| Ok((row.int(11)?, rows::job(row)?))).collect()
    }

    /// As many entries as the page may have jobs: those of one account, in the order of posting.
    async fn entered(&mut self, cursor: JobsCursor) -> Result<Entered, Failure> {
        let none = Entered { places: Vec::new(), found: Vec::new(), floor: 1 };
        let Some(number) = &self.filter.account else { return Ok(none) };
        let Some(account) = reads::account(self.session, number).await? else { return Ok(none) };
        let last = self.last_entry(account.key.unwrap_or_default(), account.seq, cursor).await?;
        let first = (last - self.limit + 1).max(1);
        let mut script = Script::new(S::DIALECT);
        let join = ordered_join(S::DIALECT);
        script.sql("SELECT ").sql(JOB).sql(", j.seq, e.seq, (1 = 1");
        self.conditions(&mut script);
        script.sql(") FROM entries e ").sql(join).sql(" jobs j ON j.id = e.job WHERE e.account_id = ");
        script.value(account.key.unwrap_or_default()).sql(" AND e.seq BETWEEN ").value(first);
        script.sql(" AND ").value(last).sql(" ORDER BY e.seq DESC");
        let mut entered = none;
        for row in self.ask(script).await? {
            let (seq, entry) = (row.int(11)?, row.int(12)?);
            entered.places.push((seq, entry));
            if seq < cursor.before && row.int_or_null(13)? == Some(1) {
                entered.found.push((seq, rows::job(&row)?));
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

    /// ` AND …` for each field of the filter, the account and the import excepted.
    fn conditions(&self, script: &mut Script) {
        let JobFilter { client, or_touching, kind, outcome, reason, account: _, import: _, from, to } =
            self.filter;
        if let Some(client) = client {
            script.sql(" AND (j.client = ").value(client.as_str());
            if let Some(accounts) = or_touching {
                script.sql(" OR j.kind = ").value(Value::Name(Kind::Reversal.name()));
                for pattern in accounts.patterns() {
                    // As JSON has it. A _ of a number stands for any character here: the rest is looked at later.
                    let begun = pattern.prefix().map(|prefix| format!("%\"{prefix}%"));
                    let written = begun.unwrap_or_else(|| format!("%\"{pattern}\"%"));
                    script.sql(" OR j.body LIKE ").value(written.as_str());
                }
            }
            script.sql(")");
        }
        if let Some(kind) = kind {
            script.sql(" AND j.kind = ").value(Value::Name(kind.name()));
        }
        if let Some(outcome) = outcome {
            script.sql(" AND j.outcome = ").value(Value::Name(outcome.name()));
        }
        if let Some(reason) = reason {
            script.sql(" AND j.reason = ").value(Value::Name(reason.name()));
        }
        if let Some(from) = from {
            script.sql(" AND j.posted_at >= ").value(*from);
        }
        if let Some(to) = to {
            script.sql(" AND j.posted_at < ").value(*to);
        }
    }
}

/// Reads the table on the left first.
fn ordered_join(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "STRAIGHT_JOIN",
        Dialect::Sqlite => "CROSS JOIN",
    }
}
