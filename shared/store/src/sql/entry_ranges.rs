//! Ranges of an account's entries: found by time, read by number.

use std::ops::RangeInclusive;

use domain::account::AccountNumber;

use super::rows::ENTRY;
use super::{reads, rows};
use crate::failure::Failure;
use crate::ledger::entry_range::EntryRange;
use crate::ledger::record::EntryRecord;
use crate::sql::rows::Cells;
use crate::sql::script::{Dialect, Script};
use crate::sql::session::Session;

/// See [`crate::ledger::Ledger::entry_range`].
pub(super) async fn entry_range<S: Session>(
    session: &mut S,
    number: &AccountNumber,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Option<EntryRange>, Failure> {
    let Some(account) = reads::account(session, number).await? else { return Ok(None) };
    let (key, head) = (account.key.unwrap_or_default(), account.seq);
    let mut entries = Entries { session, key };
    let before = match from {
        Some(from) => entries.posted_before(from, head).await?,
        None => 0,
    };
    let last = match to {
        Some(to) => entries.posted_before(to, head).await?.max(before),
        None => head,
    };
    let (_, opening) = entries.at(before).await?;
    let (_, closing) = entries.at(last).await?;
    let begins_at = if last > before { Some(entries.at(before + 1).await?.0) } else { None };
    Ok(Some(EntryRange { account, first: before + 1, last, opening, closing, begins_at }))
}

/// The entries of one account, which have no gaps and grow in time with their numbers.
struct Entries<'a, S> {
    session: &'a mut S,
    key: i64,
}

impl<S: Session> Entries<'_, S> {
    /// How many of the first `head` were posted before `time`: a binary search that adds powers of two. It tries
    /// the same entries however many follow, so that two statements that meet share no entry and leave none
    /// out, even where the clocks of two workers differ.
    async fn posted_before(&mut self, time: i64, head: i64) -> Result<i64, Failure> {
        let mut before = 0;
        let mut step = head.checked_ilog2().map_or(0, |power| 1_i64 << power);
        while step > 0 {
            let tried = before + step;
            if tried <= head && self.at(tried).await?.0 < time {
                before = tried;
            }
            step /= 2;
        }
        Ok(before)
    }

    /// When an entry was posted, and the balance after it; before the first one there is nothing.
    async fn at(&mut self, seq: i64) -> Result<(i64, i64), Failure> {
        if seq < 1 {
            return Ok((i64::MIN, 0));
        }
        let mut script = Script::new(S::DIALECT);
        script
            .sql("SELECT e.posted_at, e.balance_after FROM entries e WHERE e.account_id = ")
            .value(self.key);
        script.sql(" AND e.seq = ").value(seq);
        let found = self.session.run(script).await?.pop().unwrap_or_default();
        let row = found.first().ok_or_else(|| missing(seq))?;
        Ok((row.int(0)?, row.int(1)?))
    }
}

fn missing(seq: i64) -> Failure {
    Failure::Obstructed(format!("the account's entry {seq} is not in the books; run `tellers verify`"))
}

/// See [`crate::ledger::Ledger::range_entries`].
pub(super) async fn entries<S: Session>(
    session: &mut S,
    range: &EntryRange,
    seqs: RangeInclusive<i64>,
) -> Result<Vec<EntryRecord>, Failure> {
    let (first, last) = (*seqs.start().max(&range.first), *seqs.end().min(&range.last));
    let mut script = Script::new(S::DIALECT);
    select(&mut script, range.account.key.unwrap_or_default(), first, last);
    script.sql(" ORDER BY e.seq");
    let rows = session.run(script).await?.pop().unwrap_or_default();
    let number = &range.account.number;
    let entries =
        rows.iter().map(|row| rows::entry_record(row, number)).collect::<Result<Vec<_>, Failure>>()?;
    match (first..=last)
        .zip(entries.iter().map(|found| Some(found.entry.seq)).chain([None]))
        .find(|(wanted, found)| *found != Some(*wanted))
    {
        Some((seq, _)) => Err(missing(seq)),
        None => Ok(entries),
    }
}

/// Entries of an account with their jobs: from the entries to the jobs, never the other way round.
pub(super) fn select(script: &mut Script, key: i64, first: i64, last: i64) {
    let join = match script.dialect() {
        Dialect::MySql => "STRAIGHT_JOIN",
        Dialect::Sqlite => "CROSS JOIN",
    };
    script.sql("SELECT ").sql(ENTRY).sql(", j.kind, j.body, j.accepted_at FROM entries e ").sql(join);
    script.sql(" jobs j ON j.id = e.job WHERE e.account_id = ").value(key);
    script.sql(" AND e.seq BETWEEN ").value(first).sql(" AND ").value(last);
}
