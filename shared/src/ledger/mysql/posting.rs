//! One attempt at posting a batch, as MySQL and MariaDB do it.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::mysql::MySqlRow;
use sqlx::pool::PoolConnection;
use sqlx::{FromRow, MySql, Row};

use super::pools::run;
use crate::domain::account::{Account, AccountNumber};
use crate::domain::fold::{Books, Needs};
use crate::domain::hold::Hold;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::lane::Lane;
use crate::domain::outcome::Verdict;
use crate::ledger::JobRecord;
use crate::ledger::failure::Failure;
use crate::ledger::post::{Transaction, Writes};
use crate::ledger::rows::{
    AccountRow, HoldRow, JobRow, RecordedRow, account_status_name, hold_status_columns, job_id,
    verdict_columns,
};
use crate::ledger::script::{Dialect, Script, Value};

/// Accounts that one statement updates: a batch of 100 transfers in one, and a batch of 100 journals of 100
/// legs in 50, each small enough for the server's parser.
const UPDATES_MAX: usize = 200;

/// The columns of [`JobRow`].
pub(super) const JOB_COLUMNS: &str = "j.id, j.client, j.reference, j.kind, j.lane, j.body, \
     j.fingerprint, j.outcome, j.reason, j.accepted_at, j.posted_at";

/// A connection with a transaction on it.
#[derive(Debug)]
pub(in crate::ledger) struct MySqlTransaction {
    pub(super) connection: PoolConnection<MySql>,
    /// The era that entries are written to.
    pub(super) era: i64,
    open: bool,
}

impl MySqlTransaction {
    pub(super) fn new(connection: PoolConnection<MySql>, era: i64) -> MySqlTransaction {
        MySqlTransaction { connection, era, open: false }
    }

    /// Runs a script; if that fails, rolls everything back. (After a lock wait time-out the server itself
    /// has rolled back no more than the statement.)
    pub(super) async fn run(&mut self, script: Script) -> Result<Vec<Vec<MySqlRow>>, Failure> {
        self.open = true;
        match run(&mut self.connection, script).await {
            Ok(results) => Ok(results),
            Err(error) => {
                let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *self.connection).await;
                self.open = rollback.is_err();
                Err(error.into())
            }
        }
    }

    async fn commit(mut self, script: Script) -> Result<(), Failure> {
        self.run(script).await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for MySqlTransaction {
    /// Given up half-way: the server rolls back when the connection goes, and the pool must not hand on
    /// one that still holds locks.
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}

impl Transaction for MySqlTransaction {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        let mut script = Script::new(Dialect::MySql);
        select_holds(&mut script, holds);
        script.sql("; SELECT ").sql(JOB_COLUMNS).sql(" FROM jobs j WHERE j.id IN (").keys(jobs).sql(")");
        let mut results = run(&mut self.connection, script).await?.into_iter();
        Ok((read::<HoldRow, Hold>(results.next())?, read::<JobRow, JobRecord>(results.next())?))
    }

    async fn lock_and_read(
        &mut self,
        needs: &Needs,
        jobs: &[Job],
    ) -> Result<(Books, HashSet<JobId>), Failure> {
        let mut script = Script::new(Dialect::MySql);
        // Through the index in its order, whatever the optimiser thinks of a small table: a scan would lock
        // rows of other lanes, and another order would deadlock with them.
        script.sql(
            "START TRANSACTION; SELECT id, number, currency, balance, held, overdraft_limit, status, seq, digest \
             FROM accounts FORCE INDEX (accounts_number) WHERE number IN (",
        );
        script.list(&needs.accounts).sql(") ORDER BY number FOR UPDATE");
        // READ COMMITTED: this statement sees what was committed before it, that is, before the locks
        // were granted.
        script.sql("; SELECT id, fingerprint, outcome, reason FROM jobs WHERE id IN (");
        script.list(jobs.iter().map(|job| &job.id)).sql(")");
        let refers = !(needs.holds.is_empty() && needs.originals.is_empty());
        if refers {
            script.sql("; ");
            select_holds(&mut script, &needs.holds);
            script
                .sql("; SELECT original FROM reversals WHERE original IN (")
                .keys(&needs.originals)
                .sql(")");
        }
        // `START TRANSACTION` gives no rows.
        let mut results = self.run(script).await?.into_iter().skip(1);

        let accounts = read::<AccountRow, Account>(results.next())?;
        let recorded = read::<RecordedRow, _>(results.next())?;
        let holds = read::<HoldRow, Hold>(results.next())?;
        let reversed = results.next().unwrap_or_default();
        let reversed = reversed.iter().map(|row| job_id(row.try_get(0)?)).collect::<Result<_, Failure>>()?;
        let books = Books {
            accounts: accounts.into_iter().map(|account| (account.number.clone(), account)).collect(),
            recorded: recorded.into_iter().collect(),
            holds: holds.into_iter().map(|hold| (hold.id, hold)).collect(),
            originals: HashMap::new(),
        };
        Ok((books, reversed))
    }

    async fn write_and_commit(mut self, writes: &Writes<'_>) -> Result<(), Failure> {
        let mut keys: HashMap<_, _> =
            writes.changed_accounts().map(|(key, account)| (account.number.clone(), key)).collect();
        if writes.new_accounts().next().is_some() {
            keys.extend(self.open_accounts(writes).await?);
        }
        let mut script = Script::new(Dialect::MySql);
        insert_jobs(&mut script, writes);
        insert_entries(&mut script, writes, &keys, self.era)?;
        update_accounts(&mut script, writes);
        upsert_holds(&mut script, writes, &keys)?;
        insert_reversals(&mut script, writes);
        add_to_totals(&mut script, writes);
        script.sql("COMMIT");
        self.commit(script).await
    }
}

impl MySqlTransaction {
    /// Writes the accounts that have no row yet, and reads back the keys that they got: which values
    /// AUTO_INCREMENT gives to many rows is nothing to rely on.
    async fn open_accounts(&mut self, writes: &Writes<'_>) -> Result<Vec<(AccountNumber, i64)>, Failure> {
        let mut script = Script::new(Dialect::MySql);
        script.sql(
            "INSERT INTO accounts (number, currency, balance, held, overdraft_limit, status, seq, digest, holder, \
             opened_at) VALUES ",
        );
        script.rows(writes.new_accounts().map(|account| {
            [
                Value::from(&account.number),
                account.currency.into(),
                account.balance.into(),
                account.held.into(),
                account.overdraft_limit.minor_units().into(),
                Value::Name(account_status_name(account.status)),
                account.seq.into(),
                Value::from(&account.digest),
                account.holder.as_deref().into(),
                writes.now.into(),
            ]
        }));
        script.sql("; SELECT number, id FROM accounts WHERE number IN (");
        script.list(writes.new_accounts().map(|account| &account.number)).sql(")");
        let rows = self.run(script).await?.pop().unwrap_or_default();
        let key = |row: &MySqlRow| Ok((crate::ledger::rows::number(row.try_get(0)?)?, row.try_get(1)?));
        rows.iter().map(key).collect()
    }
}

/// The longest cause that is kept, in characters.
const CAUSE_CHARS_MAX: usize = 2_000;

impl MySqlTransaction {
    /// Writes a row that says dead, unless the job has one.
    pub(super) async fn record_dead(mut self, lane: Lane, job: &Job, cause: &str) -> Result<(), Failure> {
        let cause: String = cause.chars().take(CAUSE_CHARS_MAX).collect();
        let mut script = Script::new(Dialect::MySql);
        script.sql("START TRANSACTION; ").sql(INSERT_JOBS);
        script.rows([job_row(job, Verdict::Dead, Some(&cause), lane, Timestamp::now().as_microsecond())]);
        script.sql("; UPDATE lane_totals SET dead = dead + 1 WHERE lane = ").value(lane).sql("; COMMIT");
        match self.run(script).await {
            // It has a row.
            Err(Failure::Collided(_)) => Ok(()),
            written => {
                self.open &= written.is_err();
                written.map(drop)
            }
        }
    }
}

fn insert_jobs(script: &mut Script, writes: &Writes<'_>) {
    let (new, revived) = writes.new_and_revived();
    if !new.is_empty() {
        script.sql(INSERT_JOBS);
        script
            .rows(new.iter().map(|(job, verdict)| job_row(job, *verdict, None, writes.lane, writes.now)))
            .sql("; ");
    }
    // In place, so that the job keeps its place in the order of acceptance.
    for (job, verdict) in revived {
        let (outcome, reason) = verdict_columns(*verdict);
        script.sql("UPDATE jobs SET cause = NULL, outcome = ").value(Value::Name(outcome));
        script.sql(", reason = ").value(reason.map(Value::Name)).sql(", posted_at = ").value(writes.now);
        script.sql(" WHERE id = ").value(&job.id).sql("; ");
    }
}

pub(super) const INSERT_JOBS: &str = "INSERT INTO jobs (id, client, reference, kind, lane, account, body, \
     fingerprint, outcome, reason, cause, ingress, accepted_at, posted_at) VALUES ";

/// A row for [`INSERT_JOBS`].
pub(super) fn job_row<'a>(
    job: &'a Job,
    verdict: Verdict,
    cause: Option<&'a str>,
    lane: Lane,
    now: i64,
) -> [Value<'a>; 14] {
    let (outcome, reason) = verdict_columns(verdict);
    [
        Value::from(&job.id),
        job.client.as_str().into(),
        job.spec.reference.as_ref().map(|reference| reference.as_str()).into(),
        Value::Name(job.spec.action.kind().name()),
        lane.into(),
        job.spec.action.account().into(),
        job.body.as_str().into(),
        Value::from(&job.fingerprint),
        Value::Name(outcome),
        reason.map(Value::Name).into(),
        cause.into(),
        job.ingress.as_str().into(),
        job.accepted_at.into(),
        now.into(),
    ]
}

fn insert_entries(
    script: &mut Script,
    writes: &Writes<'_>,
    keys: &HashMap<AccountNumber, i64>,
    era: i64,
) -> Result<(), Failure> {
    if writes.folded.entries.is_empty() {
        return Ok(());
    }
    let rows = writes.folded.entries.iter().map(|entry| {
        Ok([
            key(keys, &entry.account)?.into(),
            entry.seq.into(),
            Value::from(&entry.job),
            entry.amount.into(),
            entry.balance_after.into(),
            entry.posted_at.into(),
            era.into(),
        ])
    });
    let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    script.sql("INSERT INTO entries (account_id, seq, job, amount, balance_after, posted_at, era) VALUES ");
    script.rows(rows).sql("; ");
    Ok(())
}

/// Many rows by one statement that all servers know: an update that joins a table of values. STRAIGHT_JOIN
/// keeps the values on the outside; the other way round, every account would be read.
fn update_accounts(script: &mut Script, writes: &Writes<'_>) {
    let changed: Vec<_> = writes.changed_accounts().collect();
    for changed in changed.chunks(UPDATES_MAX) {
        script.sql("UPDATE (");
        for (place, (key, account)) in changed.iter().enumerate() {
            if place == 0 {
                script.sql("SELECT ").value(*key).sql(" AS id, ").value(account.balance);
                script.sql(" AS balance, ").value(account.held).sql(" AS held, ").value(account.seq);
                script.sql(" AS seq, ").value(&account.digest).sql(" AS digest, ");
                script.value(Value::Name(account_status_name(account.status))).sql(" AS status");
            } else {
                script.sql(" UNION ALL SELECT ");
                script.list([
                    Value::from(*key),
                    account.balance.into(),
                    account.held.into(),
                    account.seq.into(),
                    Value::from(&account.digest),
                    Value::Name(account_status_name(account.status)),
                ]);
            }
        }
        script.sql(
            ") AS n STRAIGHT_JOIN accounts AS a ON a.id = n.id SET a.balance = n.balance, a.held = n.held, \
             a.seq = n.seq, a.digest = n.digest, a.status = n.status; ",
        );
    }
}

fn upsert_holds(
    script: &mut Script,
    writes: &Writes<'_>,
    keys: &HashMap<AccountNumber, i64>,
) -> Result<(), Failure> {
    let (new, changed): (Vec<_>, Vec<_>) =
        writes.folded.holds.values().partition(|hold| writes.folded.new_holds.contains(&hold.id));
    if !new.is_empty() {
        let rows = new.into_iter().map(|hold| {
            let (status, captured) = hold_status_columns(hold.status);
            Ok([
                Value::from(&hold.id),
                key(keys, &hold.account)?.into(),
                hold.currency.into(),
                hold.amount.minor_units().into(),
                captured.into(),
                Value::Name(status),
                hold.expires_at.into(),
            ])
        });
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        script.sql(
            "INSERT INTO holds (id, account_id, currency, amount, captured, status, expires_at) VALUES ",
        );
        script.rows(rows).sql("; ");
    }
    for hold in changed {
        let (status, captured) = hold_status_columns(hold.status);
        script.sql("UPDATE holds SET status = ").value(Value::Name(status));
        script.sql(", captured = ").value(captured).sql(" WHERE id = ").value(&hold.id).sql("; ");
    }
    Ok(())
}

fn insert_reversals(script: &mut Script, writes: &Writes<'_>) {
    let reversals = &writes.folded.reversals;
    if !reversals.is_empty() {
        script.sql("INSERT INTO reversals (original, by_job) VALUES ");
        script.rows(reversals.iter().map(|(original, by)| [original.into(), by.into()])).sql("; ");
    }
}

fn add_to_totals(script: &mut Script, writes: &Writes<'_>) {
    let tally = writes.tally();
    script.sql("UPDATE lane_totals SET posted = posted + ").value(tally.posted);
    script.sql(", rejected = rejected + ").value(tally.rejected);
    script.sql(", dead = dead + (").value(tally.dead).sql("), entries = entries + ").value(tally.entries);
    script.sql(" WHERE lane = ").value(writes.lane).sql("; ");
}

fn select_holds<'a>(script: &mut Script, ids: impl IntoIterator<Item = &'a JobId>) {
    script.sql(
        "SELECT h.id, a.number AS account, h.currency, h.amount, h.captured, h.status, h.expires_at \
         FROM holds h JOIN accounts a ON a.id = h.account_id WHERE h.id IN (",
    );
    script.keys(ids).sql(")");
}

fn key(keys: &HashMap<AccountNumber, i64>, number: &AccountNumber) -> Result<i64, Failure> {
    keys.get(number).copied().ok_or_else(|| Failure::Permanent(format!("account {number} has no key")))
}

/// The rows of one result, as what they stand for.
pub(super) fn read<R, T>(rows: Option<Vec<MySqlRow>>) -> Result<Vec<T>, Failure>
where
    R: for<'r> FromRow<'r, MySqlRow>,
    T: TryFrom<R, Error = Failure>,
{
    rows.unwrap_or_default().iter().map(|row| T::try_from(R::from_row(row)?)).collect()
}
