//! The statements that post a batch. Each ends with `; `, so that any of them make a script.

mod imports;
mod standing_orders;

use domain::account::{Account, AccountNumber};
use domain::id::JobId;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::RecordedOutcome;

pub(super) use self::imports::{record_dead_row, scheduled_row_died, select_import_rows, stored};
pub(super) use self::standing_orders::{ORDER, date, order, select_orders, select_sweeps, sweep};
use super::posting::{HeldAndStatus, Keys};
use super::rows::{HOLD, RECORDED, account_status_name, hold_status_columns, outcome_columns};
use super::schedules::FirstRows;
use super::{cancellations, rows, schedules};
use crate::failure::Failure;
use crate::ledger::post::Writes;
use crate::sql::script::{Dialect, Script, Value};

/// Accounts that one statement updates: a batch of 100 transfers in one, a batch of 100 journals of 100
/// legs in 50, each small enough for a server's parser.
const UPDATES_MAX: usize = 200;

/// Accounts to a group of a CASE: about as many groups as accounts in each.
const CASE_GROUP: usize = 14;

pub(super) fn begin(script: &mut Script) {
    script.sql(match script.dialect() {
        Dialect::MySql => "START TRANSACTION; ",
        // The one lock that SQLite has, taken before anything is read.
        Dialect::Sqlite => "BEGIN IMMEDIATE; ",
    });
}

/// The time, in microseconds since the Unix epoch and whatever time zone the session is in. `NULL` stands for this process's
/// clock: SQLite has no other, and counts milliseconds only.
fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6))",
        Dialect::Sqlite => "NULL",
    }
}

pub(super) fn select_now(script: &mut Script) {
    let now = now(script.dialect());
    script.sql("SELECT ").sql(now).sql("; ");
}

/// Beside it the latest time that anything was posted at. Whoever posted before had its lanes' rows until its commit, and
/// the locks on its accounts too: who waited for one of those reads what it wrote.
pub(super) fn select_now_and_latest(script: &mut Script) {
    let now = now(script.dialect());
    script.sql("SELECT ").sql(now).sql(", (SELECT MAX(posted_at) FROM lane_totals); ");
}

/// The keys of those of the accounts that there are.
pub(super) fn select_keys<'a>(script: &mut Script, numbers: impl IntoIterator<Item = &'a AccountNumber>) {
    script.sql("SELECT a.number, a.id FROM accounts a WHERE a.number IN (").list(numbers).sql("); ");
}

/// Through the index in its order, whatever the optimiser thinks of a small table: a scan would lock rows of other lanes,
/// and another order would deadlock with them. `keys` are ascending.
pub(super) fn lock_by_key(script: &mut Script, keys: &[i64]) {
    script.sql("SELECT ").sql(rows::ACCOUNT).sql(" FROM accounts a FORCE INDEX (PRIMARY) WHERE a.id IN (");
    match keys {
        [] => script.value(Value::Null),
        keys => script.list(keys.iter().copied()),
    };
    script.sql(") ORDER BY a.id FOR UPDATE; ");
}

/// Where one lock is all there is, and taken already.
pub(super) fn select_accounts<'a>(script: &mut Script, numbers: impl IntoIterator<Item = &'a AccountNumber>) {
    script.sql("SELECT ").sql(rows::ACCOUNT).sql(" FROM accounts a WHERE a.number IN (");
    script.list(numbers).sql("); ");
}

/// Locked, since a dead job may be revived: where two workers replay it and no account exists that they could
/// wait for each other at, the second one sees what the first one made of it.
pub(super) fn select_recorded(script: &mut Script, jobs: &[Job]) {
    let (index, lock) = match script.dialect() {
        Dialect::MySql => (" FORCE INDEX (jobs_id)", ") FOR UPDATE; "),
        Dialect::Sqlite => ("", "); "),
    };
    script.sql("SELECT ").sql(RECORDED).sql(" FROM jobs j").sql(index).sql(" WHERE j.id IN (");
    script.keys(jobs.iter().map(|job| &job.id)).sql(lock);
}

pub(super) fn select_holds<'a>(script: &mut Script, ids: impl IntoIterator<Item = &'a JobId>) {
    script
        .sql("SELECT ")
        .sql(HOLD)
        .sql(" FROM holds h JOIN accounts a ON a.id = h.account_id WHERE h.id IN (");
    script.keys(ids).sql("); ");
}

pub(super) fn select_reversed<'a>(script: &mut Script, originals: impl IntoIterator<Item = &'a JobId>) {
    script.sql("SELECT original FROM reversals WHERE original IN (").keys(originals).sql("); ");
}

/// All that a batch writes, new accounts excepted: the others refer to their keys. `standing` is what was held on the accounts, and their status,
/// until now; `first_rows` are the rows of the jobs that were scheduled until now.
pub(super) fn write(
    script: &mut Script,
    writes: &Writes<'_>,
    (keys, standing): (&Keys, &HeldAndStatus),
    first_rows: &FirstRows,
    era: i64,
) -> Result<(), Failure> {
    insert_jobs(script, writes.new_jobs().map(|(job, outcome)| (job, outcome, None)), writes.now)?;
    revive_jobs(script, writes);
    cancellations::complete(
        script,
        writes.awaited_jobs().map(|(job, outcome)| (job, outcome, None)),
        writes.now,
    );
    schedules::write(script, writes, first_rows)?;
    insert_entries(script, writes, keys, era)?;
    let mut changed: Vec<_> = writes.changed_accounts().collect();
    changed.sort_unstable_by_key(|(key, _)| *key);
    for changed in changed.chunks(UPDATES_MAX) {
        let standing_changes =
            changed.iter().any(|(key, account)| standing.get(key) != Some(&(account.held, account.status)));
        update_accounts(script, changed, standing_changes);
    }
    update_terms(script, writes);
    insert_holds(script, writes, keys)?;
    update_holds(script, writes);
    standing_orders::write(script, writes, keys)?;
    insert_reversals(script, writes);
    add_to_totals(script, writes);
    imports::write(script, &writes.imported);
    insert_conflicts(script, writes);
    Ok(())
}

/// One row for each other body, however often it comes.
fn insert_conflicts(script: &mut Script, writes: &Writes<'_>) {
    if writes.conflicts.is_empty() {
        return;
    }
    script.insert_ignore().sql("job_conflicts (job, fingerprint, accepted_at, body) VALUES ");
    let rows = writes.conflicts.iter().copied().map(|job| -> [Value<'_>; 4] {
        [(&job.id).into(), (&job.fingerprint).into(), job.accepted_at.into(), job.body.as_str().into()]
    });
    script.rows(rows).sql("; ");
}

pub(super) fn insert_accounts(script: &mut Script, writes: &Writes<'_>) {
    script.sql(
        "INSERT INTO accounts (number, currency, balance, held, overdraft_limit, status, seq, digest, holder, \
         opened_at) VALUES ",
    );
    let row = |account| -> [Value<'_>; 10] {
        let account: &Account = account;
        [
            (&account.number).into(),
            account.currency.into(),
            account.balance.into(),
            account.held.into(),
            account.overdraft_limit.minor_units().into(),
            Value::Name(account_status_name(account.status)),
            account.seq.into(),
            (&account.digest).into(),
            account.holder.as_deref().into(),
            writes.now.into(),
        ]
    };
    script.rows(writes.new_accounts().map(row)).sql("; ");
}

/// The columns of every new job.
macro_rules! job_columns {
    () => {
        "INSERT INTO jobs (id, client, reference, kind, lane, account, body, fingerprint, outcome, ingress, \
         accepted_at, posted_at"
    };
}

/// Rows for jobs with their outcomes and, of dead ones, causes.
pub(super) fn insert_jobs<'a>(
    script: &mut Script,
    jobs: impl IntoIterator<Item = (&'a Job, RecordedOutcome, Option<&'a str>)>,
    now: i64,
) -> Result<(), Failure> {
    let jobs: Vec<_> =
        jobs.into_iter().map(|(job, outcome, cause)| (job, outcome_columns(outcome), cause)).collect();
    let columns = |job: &'a Job, outcome| -> [Value<'a>; 12] {
        [
            (&job.id).into(),
            job.client.as_str().into(),
            job.spec.reference.as_ref().map(|reference| reference.as_str()).into(),
            Value::Name(job.spec.action.kind().name()),
            job.lane.into(),
            job.spec.action.account().into(),
            job.body.as_str().into(),
            (&job.fingerprint).into(),
            Value::Name(outcome),
            job.ingress.as_str().into(),
            job.accepted_at.into(),
            now.into(),
        ]
    };
    // Nearly always all are null, and each value costs a server time to read.
    if jobs.iter().all(|(_, (_, reason), cause)| reason.is_none() && cause.is_none()) {
        let rows: Vec<_> = jobs.into_iter().map(|(job, (outcome, _), _)| columns(job, outcome)).collect();
        return script.insert(concat!(job_columns!(), ") VALUES "), &rows);
    }
    let explained =
        |(job, (outcome, reason), cause): (&'a Job, (_, Option<&'static str>), Option<&'a str>)| {
            let mut row = [Value::Null; 14];
            let (first, last) = row.split_at_mut(12);
            first.copy_from_slice(&columns(job, outcome));
            last.copy_from_slice(&[reason.map(Value::Name).into(), cause.into()]);
            row
        };
    let rows: Vec<_> = jobs.into_iter().map(explained).collect();
    script.insert(concat!(job_columns!(), ", reason, cause) VALUES "), &rows)
}

/// Their cause stays, and tells that they came out of order. They are few.
fn revive_jobs(script: &mut Script, writes: &Writes<'_>) {
    for (job, outcome) in writes.revived_jobs() {
        let (outcome, reason) = outcome_columns(outcome);
        script.sql("UPDATE jobs SET outcome = ").value(Value::Name(outcome));
        script.sql(", reason = ").value(reason.map(Value::Name)).sql(", posted_at = ").value(writes.now);
        script.sql(" WHERE id = ").value(&job.id).sql("; ");
    }
}

fn insert_entries(script: &mut Script, writes: &Writes<'_>, keys: &Keys, era: i64) -> Result<(), Failure> {
    let entries = &writes.folded.entries;
    let mut rows: Vec<[Value<'_>; 7]> = Vec::with_capacity(entries.len());
    for entry in entries {
        rows.push([
            key(keys, &entry.account)?.into(),
            entry.seq.into(),
            (&entry.job).into(),
            entry.amount.into(),
            entry.balance_after.into(),
            entry.posted_at.into(),
            era.into(),
        ]);
    }
    script.insert(
        "INSERT INTO entries (account_id, seq, job, amount, balance_after, posted_at, era) VALUES ",
        &rows,
    )
}

/// Many rows by one statement; `changed` is in the order of keys.
///
/// MySQL and MariaDB: by a CASE for each column, which took 4.2 and 2.3 ms for 198 accounts where a join with a table of
/// values took 4.6 and 2.8 ms (9.7 with TLS and 10.11). A server goes through a CASE from its start for every row, so
/// there is one of groups above: that took another 0.2 and 0.5 ms off. What is held and the status change seldom:
/// `standing_changes` says that one of them does. The index is named, since a scan would wait for rows of other lanes.
fn update_accounts(script: &mut Script, changed: &[(i64, &Account)], standing_changes: bool) {
    match script.dialect() {
        Dialect::MySql => {
            script.sql("UPDATE accounts FORCE INDEX (PRIMARY) SET ");
            let rarely = if standing_changes { &["held", "status"][..] } else { &[] };
            for (place, column) in ["balance", "seq", "digest"].iter().chain(rarely).enumerate() {
                script.sql(if place > 0 { ", " } else { "" }).sql(column).sql(" = CASE");
                for group in changed.chunks(CASE_GROUP) {
                    let last = group.last().map(|(key, _)| *key);
                    script.sql(" WHEN id <= ").value(last).sql(" THEN CASE id");
                    for changed in group {
                        let (key, columns) = changed_row(changed);
                        script.sql(" WHEN ").value(key).sql(" THEN ").value(columns[place]);
                    }
                    script.sql(" END");
                }
                script.sql(" END");
            }
            script.sql(" WHERE id IN (").list(changed.iter().map(|(key, _)| *key)).sql("); ");
        }
        Dialect::Sqlite => {
            script.sql(
                "UPDATE accounts SET balance = column2, seq = column3, digest = column4, held = column5, ",
            );
            script.sql("status = column6 FROM (VALUES ").rows(changed.iter().map(|changed| {
                let (key, [balance, seq, digest, held, status]) = changed_row(changed);
                [key.into(), balance, seq, digest, held, status]
            }));
            script.sql(") WHERE id = column1; ");
        }
    }
}

/// Few jobs set them, so each account has a statement of its own.
fn update_terms(script: &mut Script, writes: &Writes<'_>) {
    for (key, account) in writes.new_terms() {
        script.sql("UPDATE accounts SET overdraft_limit = ").value(account.overdraft_limit.minor_units());
        script.sql(", holder = ").value(account.holder.as_deref()).sql(" WHERE id = ").value(key).sql("; ");
    }
}

/// The key of an account, and its balance, seq, digest, what is held and its status.
fn changed_row<'a>(&(key, account): &(i64, &'a Account)) -> (i64, [Value<'a>; 5]) {
    let columns = [
        account.balance.into(),
        account.seq.into(),
        (&account.digest).into(),
        account.held.into(),
        Value::Name(account_status_name(account.status)),
    ];
    (key, columns)
}

fn insert_holds(script: &mut Script, writes: &Writes<'_>, keys: &Keys) -> Result<(), Failure> {
    let mut rows: Vec<[Value<'_>; 7]> = Vec::new();
    for hold in writes.folded.new_holds.iter().filter_map(|id| writes.folded.holds.get(id)) {
        let (status, captured) = hold_status_columns(hold.status);
        rows.push([
            (&hold.id).into(),
            key(keys, &hold.account)?.into(),
            hold.currency.into(),
            hold.amount.minor_units().into(),
            captured.into(),
            Value::Name(status),
            hold.expires_at.into(),
        ]);
    }
    if !rows.is_empty() {
        script.sql(
            "INSERT INTO holds (id, account_id, currency, amount, captured, status, expires_at) VALUES ",
        );
        script.rows(rows).sql("; ");
    }
    Ok(())
}

/// One statement for each way in which holds ended; captures, whose amounts differ, one each.
fn update_holds(script: &mut Script, writes: &Writes<'_>) {
    let folded = writes.folded;
    for hold in folded.holds.values().filter(|hold| !folded.new_holds.contains(&hold.id)) {
        let (status, captured) = hold_status_columns(hold.status);
        script.sql("UPDATE holds SET status = ").value(Value::Name(status));
        script.sql(", captured = ").value(captured).sql(" WHERE id = ").value(&hold.id).sql("; ");
    }
}

fn insert_reversals(script: &mut Script, writes: &Writes<'_>) {
    let reversals = &writes.folded.reversals;
    if !reversals.is_empty() {
        script.sql("INSERT INTO reversals (original, by_job) VALUES ");
        script.rows(reversals.iter().map(|(original, by)| [original.into(), by.into()])).sql("; ");
    }
}

/// One statement a lane, in the order of the lanes: the one order in which their rows are locked.
fn add_to_totals(script: &mut Script, writes: &Writes<'_>) {
    for (lane, tally) in writes.tallies() {
        script.sql("UPDATE lane_totals SET posted = posted + ").value(tally.posted);
        script.sql(", rejected = rejected + ").value(tally.rejected);
        script.sql(", dead = dead - ").value(tally.revived);
        if tally.cancelled != 0 {
            script.sql(", cancelled = cancelled + ").value(tally.cancelled);
        }
        if tally.scheduled != 0 {
            script.sql(", scheduled = scheduled + ").value(tally.scheduled);
        }
        script.sql(", entries = entries + ").value(tally.entries);
        // Whoever had the row before may have read its time later.
        script.sql(", posted_at = CASE WHEN posted_at < ").value(writes.now).sql(" THEN ").value(writes.now);
        script.sql(" ELSE posted_at END");
        script.sql(" WHERE lane = ").value(lane).sql("; ");
    }
}

pub(super) fn add_dead(script: &mut Script, lane: Lane) {
    script.sql("UPDATE lane_totals SET dead = dead + 1 WHERE lane = ").value(lane).sql("; ");
}

fn key(keys: &Keys, number: &AccountNumber) -> Result<i64, Failure> {
    keys.get(number).copied().ok_or_else(|| Failure::Obstructed(format!("account {number} has no key")))
}
