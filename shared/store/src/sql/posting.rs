//! One attempt at posting a batch: what is sent and in how many packets.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::account::{AccountNumber, AccountStatus};
use domain::fold::Needs;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::money::Amount;
use domain::outcome::RecordedOutcome;

use super::account_keys::AccountKeys;
use super::rows::SCHEDULED;
use super::schedules::{self, FirstRows, first_row};
use super::{cancellations, reads, rows, statements};
use crate::failure::Failure;
use crate::ledger::post::{DuplicateCheck, Found, Library, Transaction, Writes};
use crate::ledger::record::JobRecord;
use crate::sql::rows::Cells;
use crate::sql::script::Script;
use crate::sql::session::{Database, Session};

/// The longest cause of a dead job that is kept, in characters.
const CAUSE_CHARS_MAX: usize = 2_000;

/// The keys of accounts, by number.
pub(super) type Keys = HashMap<AccountNumber, i64>;

/// What is held on accounts, and their status, by key.
pub(super) type HeldAndStatus = HashMap<i64, (i64, AccountStatus)>;

/// A connection with, once something is locked, a transaction on it.
#[derive(Debug)]
pub(crate) struct SqlTransaction<S: Session> {
    session: S,
    /// The era that entries are written to.
    era: i64,
    account_keys: Option<Arc<AccountKeys>>,
    /// How the accounts stand that are locked.
    standing: HeldAndStatus,
    /// The rows of the jobs that are scheduled.
    first_rows: FirstRows,
    open: bool,
}

impl<S: Session> SqlTransaction<S> {
    /// For something else than posting.
    pub(super) fn new(session: S) -> SqlTransaction<S> {
        SqlTransaction {
            session,
            era: 0,
            account_keys: None,
            standing: HeldAndStatus::new(),
            first_rows: FirstRows::new(),
            open: false,
        }
    }

    /// For posting to the era in force.
    pub(super) fn posting(session: S, database: &impl Database<Session = S>) -> SqlTransaction<S> {
        let (era, account_keys) = (database.era(), database.account_keys());
        let mut transaction = SqlTransaction::new(session);
        (transaction.era, transaction.account_keys) = (era, account_keys);
        transaction
    }

    /// Runs a script; if that fails, rolls everything back. (After a lock wait time-out MySQL itself has
    /// rolled back no more than the statement.)
    pub(super) async fn run(&mut self, script: Script) -> Result<Vec<Vec<S::Row>>, Failure> {
        self.open = true;
        match self.session.run(script).await {
            Ok(results) => Ok(results),
            Err(failure) => {
                self.roll_back().await;
                Err(failure)
            }
        }
    }

    async fn roll_back(&mut self) {
        let mut rollback = Script::new(S::DIALECT);
        rollback.sql("ROLLBACK");
        self.open = self.session.run(rollback).await.is_err();
    }

    /// Runs a script that ends with the commit.
    pub(super) async fn finish(&mut self, script: Script) -> Result<(), Failure> {
        self.run_to_its_end(script).await.map(drop)
    }

    /// The same, with what its statements gave.
    pub(super) async fn run_to_its_end(&mut self, script: Script) -> Result<Vec<Vec<S::Row>>, Failure> {
        let results = self.run(script).await?;
        self.open = false;
        Ok(results)
    }

    /// The time of the database, in microseconds since the Unix epoch.
    pub(super) async fn now(&mut self) -> Result<i64, Failure> {
        reads::now(&mut self.session).await
    }

    /// The same, and no earlier than anything that was posted.
    pub(super) async fn time_of_posting(&mut self) -> Result<i64, Failure> {
        let mut script = Script::new(S::DIALECT);
        statements::select_now_and_latest(&mut script);
        let times = self.session.run(script).await?.into_iter().next().unwrap_or_default();
        Ok(rows::now(&times)?.max(rows::latest(&times)?))
    }

    /// Writes a row that says dead, unless the job has one: then `false`.
    pub(super) async fn record_dead(mut self, job: &Job, cause: &str) -> Result<bool, Failure> {
        let cause: String = cause.chars().take(CAUSE_CHARS_MAX).collect();
        let now = self.now().await?;
        let mut script = Script::new(S::DIALECT);
        statements::begin(&mut script);
        statements::insert_jobs(&mut script, [(job, RecordedOutcome::Dead, Some(cause.as_str()))], now)?;
        statements::add_dead(&mut script, job.lane);
        script.sql("COMMIT");
        let is_new =
            self.finish_unless_there(script).await? || self.complete_as_dead(job, &cause, now).await?;
        let Some(origin) = job.origin else { return Ok(is_new) };
        // On its own: the job may have been dead before this row came.
        let mut script = Script::new(S::DIALECT);
        statements::begin(&mut script);
        statements::record_dead_row(&mut script, origin, job);
        script.sql("COMMIT");
        self.finish_unless_there(script).await?;
        Ok(is_new)
    }

    /// Completes the row of a job that is scheduled, or whose id was cancelled before it came, by somebody whose cancellation
    /// does not stop it; `false`: it is no such row. One that is stopped stays as it is: it is recorded as cancelled when it
    /// comes again.
    async fn complete_as_dead(&mut self, job: &Job, cause: &str, now: i64) -> Result<bool, Failure> {
        let mut script = Script::new(S::DIALECT);
        statements::begin(&mut script);
        statements::select_recorded(&mut script, std::slice::from_ref(job));
        cancellations::select(&mut script, [&job.id]);
        statements::select_import_rows(&mut script, std::slice::from_ref(job));
        // The beginning of the transaction gives no rows.
        let mut results = self.run(script).await?.into_iter().skip(1);
        let row = results.next().unwrap_or_default();
        let is_awaited = row.first().map(cancellations::awaited).transpose()?.flatten().is_some();
        let is_scheduled = row.first().map_or(Ok(false), |row| is_scheduled(row, job))?;
        let found = results.next().unwrap_or_default();
        let found = found.iter().map(cancellations::read).collect::<Result<Vec<_>, Failure>>()?;
        let is_stopped = found.iter().any(|(_, cancellation)| cancellation.whose.stops(&job.client));
        let imported = results.next().unwrap_or_default();
        let is_row_scheduled =
            imported.first().map_or(Ok(false), |row| Ok::<_, Failure>(row.text(2)? == SCHEDULED))?;
        let dies = (is_awaited || is_scheduled) && !is_stopped;
        let mut script = Script::new(S::DIALECT);
        if dies && is_scheduled {
            schedules::die(&mut script, job, cause, now, is_row_scheduled);
        } else if dies {
            let dead = (job, RecordedOutcome::Dead, Some(cause));
            cancellations::complete(&mut script, [dead].into_iter(), now);
            statements::add_dead(&mut script, job.lane);
        }
        script.sql("COMMIT");
        self.finish(script).await?;
        Ok(dies)
    }

    /// `false`: it was there.
    async fn finish_unless_there(&mut self, script: Script) -> Result<bool, Failure> {
        match self.finish(script).await {
            Err(Failure::DuplicateKey(_)) => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// Writes the accounts that have no row yet, and reads back the keys that they got: which values a
    /// database gives to many rows is nothing to rely on.
    async fn open_accounts(&mut self, writes: &Writes<'_>) -> Result<Keys, Failure> {
        let mut script = Script::new(S::DIALECT);
        statements::insert_accounts(&mut script, writes);
        statements::select_keys(&mut script, writes.new_accounts().map(|account| &account.number));
        read_keys(self.run(script).await?)
    }

    /// The keys of those of the accounts that there are, and the numbers that no account has.
    async fn keys_of<'n>(
        &mut self,
        account_keys: &AccountKeys,
        numbers: &'n BTreeSet<AccountNumber>,
    ) -> Result<(Keys, Vec<&'n AccountNumber>), Failure> {
        let (mut keys, mut unknown) = account_keys.of(numbers);
        if !unknown.is_empty() {
            let mut script = Script::new(S::DIALECT);
            statements::select_keys(&mut script, unknown.iter().copied());
            let found = read_keys(self.session.run(script).await?)?;
            account_keys.learn(&found);
            unknown.retain(|number| !found.contains_key(*number));
            keys.extend(found);
        }
        Ok((keys, unknown))
    }
}

/// Whether a row of [`rows::RECORDED`] says that this very job is scheduled.
fn is_scheduled(row: &impl Cells, job: &Job) -> Result<bool, Failure> {
    Ok(row.text(2)? == SCHEDULED && row.bytes(1)? == job.fingerprint.0.as_slice())
}

/// What the last statement of a script gave, `select_keys`.
fn read_keys<Row: Cells>(mut results: Vec<Vec<Row>>) -> Result<Keys, Failure> {
    let keys = results.pop().unwrap_or_default();
    keys.iter().map(|row| Ok((rows::number(row.text(0)?)?, row.int(1)?))).collect()
}

impl<S: Session> Drop for SqlTransaction<S> {
    /// Given up half-way: the database rolls back when the connection goes, and nobody must be handed one
    /// that still holds locks.
    fn drop(&mut self) {
        if self.open {
            self.session.abandon();
        }
    }
}

impl<S: Session> Library for SqlTransaction<S> {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        reads::find(&mut self.session, holds, jobs).await
    }

    async fn sweeps(&mut self, jobs: &[JobId]) -> Result<HashMap<JobId, Amount>, Failure> {
        reads::sweeps(&mut self.session, jobs).await
    }
}

impl<S: Session> Transaction for SqlTransaction<S> {
    async fn lock_and_read(
        &mut self,
        needs: &Needs,
        jobs: &[Job],
        duplicate_check: DuplicateCheck,
    ) -> Result<Found, Failure> {
        let account_keys = self.account_keys.clone();
        let keys = match &account_keys {
            Some(account_keys) => Some(self.keys_of(account_keys, &needs.accounts).await?),
            None => None,
        };
        let mut script = Script::new(S::DIALECT);
        statements::begin(&mut script);
        match &keys {
            Some((keys, _)) => {
                let mut ascending: Vec<_> = keys.values().copied().collect();
                ascending.sort_unstable();
                statements::lock_by_key(&mut script, &ascending);
            }
            None => statements::select_accounts(&mut script, &needs.accounts),
        }
        // Each statement sees what was committed before it, so these see all that was committed before
        // the locks were granted.
        if duplicate_check == DuplicateCheck::BySearch {
            statements::select_recorded(&mut script, jobs);
            cancellations::select(&mut script, jobs.iter().map(|job| &job.id));
        }
        let refers = !(needs.holds.is_empty() && needs.originals.is_empty());
        if refers {
            statements::select_holds(&mut script, &needs.holds);
            statements::select_reversed(&mut script, &needs.originals);
        }
        if !needs.orders.is_empty() {
            statements::select_orders(&mut script, &needs.orders);
        }
        // After the locks, so that whoever waited for one reads a later time than whoever had it.
        statements::select_now_and_latest(&mut script);
        let unknown =
            keys.as_ref().map(|(_, unknown)| unknown.as_slice()).filter(|unknown| !unknown.is_empty());
        if let Some(unknown) = unknown {
            statements::select_keys(&mut script, unknown.iter().copied());
        }
        statements::select_import_rows(&mut script, jobs);
        // The beginning of the transaction gives no rows.
        let mut results = self.run(script).await?.into_iter().skip(1);

        let mut found = Found::default();
        let books = &mut found.books;
        for row in results.next().unwrap_or_default() {
            let account = rows::account(&row)?;
            self.standing.extend(account.key.map(|key| (key, (account.held, account.status))));
            books.accounts.insert(account.number.clone(), account);
        }
        if let (Some(account_keys), Some((keys, _))) = (account_keys, &keys)
            && let Some((number, key)) = keys.iter().find(|(number, key)| {
                books.accounts.get(*number).and_then(|account| account.key) != Some(**key)
            })
        {
            account_keys.forget();
            self.roll_back().await;
            return Err(Failure::KeyMoved(format!("account {number} does not have the key {key} any more")));
        }
        if duplicate_check == DuplicateCheck::BySearch {
            for row in results.next().unwrap_or_default() {
                if let Some(id) = cancellations::awaited(&row)? {
                    books.cancelled.entry(id).or_default();
                } else {
                    let (id, recorded) = rows::recorded(&row)?;
                    books.recorded.insert(id, recorded);
                    if recorded.outcome == RecordedOutcome::Scheduled {
                        self.first_rows.insert(id, first_row(&row)?);
                        books.cancelled.entry(id).or_default();
                    }
                }
            }
            for row in results.next().unwrap_or_default() {
                let (id, cancellation) = cancellations::read(&row)?;
                books.cancelled.entry(id).and_modify(|whose| whose.push(cancellation.whose));
            }
        }
        if refers {
            for row in results.next().unwrap_or_default() {
                let hold = rows::hold(&row)?;
                books.holds.insert(hold.id, hold);
            }
            for row in results.next().unwrap_or_default() {
                found.reversed.insert(rows::id(row.bytes(0)?)?);
            }
        }
        if !needs.orders.is_empty() {
            for row in results.next().unwrap_or_default() {
                let order = statements::order(&row)?;
                books.orders.insert(order.id, order);
            }
        }
        let times = results.next().unwrap_or_default();
        (found.now, found.latest) = (rows::now(&times)?, rows::latest(&times)?);
        if unknown.is_some()
            && let Some(opened) = results.next().unwrap_or_default().first()
        {
            // By a transaction that this one waited for: an older one with the same jobs, whose worker lost the lane.
            let number = opened.text(0)?.to_owned();
            self.roll_back().await;
            return Err(Failure::KeyMoved(format!("account {number} was opened meanwhile")));
        }
        for row in results.next().unwrap_or_default() {
            let origin = Origin { import: rows::count(row.int(0)?)?, row: rows::count(row.int(1)?)? };
            found.rows.insert(origin, rows::row_outcome(row.text(2)?)?);
        }
        Ok(found)
    }

    async fn write_and_commit(self, writes: &Writes<'_>) -> Result<(), Failure> {
        self.write_until("COMMIT", writes).await
    }

    async fn write_and_roll_back(self, writes: &Writes<'_>) -> Result<(), Failure> {
        self.write_until("ROLLBACK", writes).await
    }
}

impl<S: Session> SqlTransaction<S> {
    /// Writes all of it, and ends the transaction by this statement.
    async fn write_until(mut self, end: &'static str, writes: &Writes<'_>) -> Result<(), Failure> {
        let known = writes.changed_accounts().map(|(key, account)| (account.number.clone(), key));
        let mut keys: Keys = known.collect();
        if writes.new_accounts().next().is_some() {
            keys.extend(self.open_accounts(writes).await?);
        }
        let mut script = Script::new(S::DIALECT).preparing(self.session.prepares());
        statements::write(&mut script, writes, (&keys, &self.standing), &self.first_rows, self.era)?;
        script.sql(end);
        self.finish(script).await
    }
}
