//! A session: a task of the server that does what its client asks, one thing after the other.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::account::AccountNumber;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::{Recorded, RecordedOutcome};
use store::ledger::JobRecord;
use store::ledger::port::{Failure, Found};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Database;
use super::locks::{Asked, Row};
use super::tables::{JobRow, Read, Tables};
use super::writes::Written;

/// How long a lock is waited for.
const LOCK_WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may be silent in the midst of a transaction.
const IDLE_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);
/// What is in the body of a job that the database refuses, as a trigger may.
pub const REFUSED: &str = "refused by a trigger";

pub(super) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// What holds and jobs there are, of those that were asked for.
pub(super) type Referred = (Vec<Hold>, Vec<JobRecord>);

/// Does something with the tables, at the time of the database, and answers.
pub(super) type Done = Box<dyn FnOnce(&mut Tables, i64) + Send>;

/// What a client asks.
pub(super) enum Command {
    Find {
        holds: Vec<JobId>,
        jobs: Vec<JobId>,
        reply: Reply<Referred>,
    },
    LockAndRead {
        ask: Ask,
        reply: Reply<Found>,
    },
    WriteAndCommit {
        written: Box<Written>,
        reply: Reply<()>,
    },
    RecordDead {
        job: Box<Job>,
        cause: String,
        reply: Reply<bool>,
    },
    ExpiredHolds {
        limit: usize,
        reply: Reply<Vec<(JobId, AccountNumber)>>,
    },
    /// About what is scheduled.
    OfSchedules(Done),
}

/// What is to be locked and read.
pub(super) struct Ask {
    pub(super) accounts: BTreeSet<AccountNumber>,
    /// Empty: all jobs are duplicate_check new.
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) holds: BTreeSet<JobId>,
    pub(super) originals: BTreeSet<JobId>,
}

pub(super) struct Session {
    database: Database,
    id: u64,
    process: String,
    severed: CancellationToken,
    commands: mpsc::UnboundedReceiver<Command>,
    /// A transaction is open, which had its locks at `read`.
    open: bool,
    read: Read,
}

impl Session {
    pub(super) fn new(
        database: Database,
        id: u64,
        process: String,
        severed: CancellationToken,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Session {
        Session { database, id, process, severed, commands, open: false, read: Read::default() }
    }

    /// Serves its client until that has gone, and rolls back what is open then.
    pub(super) async fn serve(mut self, killed: CancellationToken) {
        loop {
            let silent = Instant::now() + IDLE_TRANSACTION_TIMEOUT;
            let severed = self.severed.clone();
            let command = tokio::select! {
                biased;
                () = killed.cancelled() => break,
                () = severed.cancelled() => break,
                command = self.commands.recv() => command,
                () = tokio::time::sleep_until(silent), if self.open => {
                    self.note("ends after a long silence");
                    None
                }
            };
            let Some(command) = command else { break };
            tokio::select! {
                biased;
                () = killed.cancelled() => break,
                () = self.execute(command) => {}
            }
        }
        // Whoever waits for an answer waits no longer.
        self.severed.cancel();
        self.roll_back();
        self.database.state().sessions.remove(&self.id);
    }

    fn note(&self, what: &str) {
        self.database.0.world.note(format_args!("session {} of {} {what}", self.id, self.process));
    }

    fn roll_back(&mut self) {
        self.open = false;
        self.database.state().locks.release_all(self.id);
    }

    async fn execute(&mut self, command: Command) {
        self.database.until_not_hung().await;
        match command {
            Command::Find { holds, jobs, reply } => {
                let _ = reply.send(Ok(self.find(&holds, &jobs)));
            }
            Command::LockAndRead { ask, reply } => {
                self.open = true;
                let found = self.lock_and_read(&ask).await;
                self.after(&found, "reads");
                let _ = reply.send(found);
            }
            Command::WriteAndCommit { written, reply } => {
                let committed = self.write_and_commit(*written).await;
                self.after(&committed, "writes");
                self.answer_commit(committed, reply);
            }
            Command::RecordDead { job, cause, reply } => {
                self.open = true;
                let recorded = self.record_dead(&job, cause).await;
                self.after(&recorded, "records a dead job");
                self.roll_back();
                self.answer_commit(recorded, reply);
            }
            Command::ExpiredHolds { limit, reply } => {
                let now = self.database.now_us();
                let tables = &mut self.database.state().tables;
                tables.latest_read = tables.latest_read.max(now);
                let _ = reply.send(Ok(tables.expired(now, limit)));
            }
            Command::OfSchedules(done) => {
                let now = self.database.now_us();
                done(&mut self.database.state().tables, now);
            }
        }
    }

    fn after<T>(&mut self, done: &Result<T, Failure>, what: &str) {
        if let Err(failure) = done {
            self.note(&format!("{what}: {} ({failure})", failure.reason()));
            self.roll_back();
        }
    }

    /// The answer may be lost, with the connection.
    fn answer_commit<T>(&self, committed: Result<T, Failure>, reply: Reply<T>) {
        let lost = self.database.state().faults.answers_lost;
        if committed.is_ok() && lost > 0 && self.database.0.world.percent(lost) {
            self.note("has committed, and its answer is lost");
            self.severed.cancel();
        }
        let _ = reply.send(committed);
    }

    fn find(&self, holds: &[JobId], jobs: &[JobId]) -> Referred {
        let state = self.database.state();
        let holds = holds.iter().filter_map(|id| state.tables.holds.get(id).cloned()).collect();
        let jobs = jobs.iter().filter_map(|id| state.tables.job(*id).map(|row| row.record.clone()));
        (holds, jobs.collect())
    }

    async fn lock_and_read(&mut self, ask: &Ask) -> Result<Found, Failure> {
        let world = self.database.0.world.clone();
        let deadlocks = self.database.state().faults.deadlocks;
        if deadlocks > 0 && world.percent(deadlocks) {
            return Err(Failure::Deadlock("this one is the victim".to_owned()));
        }
        for number in &ask.accounts {
            self.lock_if_there(Row::Account(number.clone())).await?;
        }
        for id in &ask.jobs {
            self.lock_if_there(Row::Job(*id)).await?;
        }
        self.read = Read { now: self.database.now_us(), after: world.elapsed() };
        let state = self.database.state();
        if let Some(number) = ask.accounts.intersection(&state.faults.obstructed).next() {
            return Err(Failure::Obstructed(format!("the row of {number} cannot be read")));
        }
        let mut found = Found { now: self.read.now, latest: state.tables.latest, ..Found::default() };
        let tables = &state.tables;
        let accounts = ask.accounts.iter().filter_map(|number| tables.accounts.get(number));
        found.books.accounts.extend(accounts.map(|account| (account.number.clone(), account.clone())));
        for record in ask.jobs.iter().filter_map(|id| tables.job(*id)).map(|row| &row.record) {
            let recorded = Recorded { fingerprint: record.fingerprint, outcome: record.outcome };
            found.books.recorded.insert(record.id, recorded);
        }
        let holds = ask.holds.iter().filter_map(|id| tables.holds.get(id));
        found.books.holds.extend(holds.map(|hold| (hold.id, hold.clone())));
        found.reversed.extend(ask.originals.iter().filter(|id| tables.reversals.contains_key(id)));
        Ok(found)
    }

    async fn write_and_commit(&mut self, mut written: Written) -> Result<(), Failure> {
        let world = self.database.0.world.clone();
        let slow = self.database.0.sizes.job_ms + self.database.state().faults.job_ms;
        let jobs = u32::try_from(written.judged.len()).unwrap_or(u32::MAX);
        world.pass(Duration::from_millis(slow.into()) * jobs).await;
        self.wanted()?;
        self.writable()?;
        if let Some((job, _)) = written.judged.iter().find(|(job, _)| job.body.contains(REFUSED)) {
            return Err(Failure::Permanent(format!("a trigger refuses job {}", job.id)));
        }
        for (number, account) in written.accounts.iter_mut().filter(|(_, account)| account.key.is_none()) {
            self.lock_for_insert(Row::Account(number.clone())).await?;
            account.key = Some(self.database.state().tables.next_key());
        }
        let mut rows = BTreeSet::new();
        for (job, _) in &written.judged {
            if written.revived.contains(&job.id) || written.executed.contains(&job.id) {
                self.lock(&Row::Job(job.id)).await?;
            } else if rows.insert(job.id) {
                self.lock_for_insert(Row::Job(job.id)).await?;
            } else {
                return Err(Failure::DuplicateKey(format!("job {} is there", job.id)));
            }
        }
        for number in written.accounts.keys() {
            self.lock(&Row::Account(number.clone())).await?;
        }
        for lane in written.tallies.keys() {
            self.lock(&Row::Totals(*lane)).await?;
        }
        self.database.until_not_hung().await;
        self.writable()?;
        let failed = self.database.state().faults.commits_failed;
        if failed > 0 && world.percent(failed) {
            return Err(Failure::Transient("the commit failed".to_owned()));
        }
        let posted: Vec<String> = written.judged.iter().map(|(job, _)| short(job.id)).collect();
        self.note(&format!("commits {}", posted.join(" ")));
        self.database.state().tables.apply(&world, written, self.read);
        self.roll_back();
        Ok(())
    }

    async fn record_dead(&mut self, job: &Job, cause: String) -> Result<bool, Failure> {
        self.writable()?;
        let is_there = match self.lock_for_insert(Row::Job(job.id)).await {
            Err(Failure::DuplicateKey(_)) => true,
            locked => locked.map(|()| false)?,
        };
        self.lock(&Row::Totals(job.lane)).await?;
        if is_there {
            return Ok(self.database.state().tables.die(job, cause));
        }
        self.note(&format!("records {} as dead: {cause}", short(job.id)));
        let now = self.database.now_us();
        let (after, mut state) = (self.database.0.world.elapsed(), self.database.state());
        state.tables.add_job(JobRow::new(
            job,
            RecordedOutcome::Dead,
            now,
            (Read { now, after }, after),
            Some(cause),
        ));
        state.tables.totals.entry(job.lane).or_default().dead += 1;
        Ok(true)
    }

    /// A server may notice that its client has gone.
    fn wanted(&self) -> Result<(), Failure> {
        if self.database.0.sizes.gives_up && self.commands.is_closed() {
            return Err(Failure::Transient("its client has gone".to_owned()));
        }
        Ok(())
    }

    fn writable(&self) -> Result<(), Failure> {
        let faults = self.database.state().faults.clone();
        if faults.read_only || faults.full {
            return Err(Failure::Transient("the database takes no writes".to_owned()));
        }
        Ok(())
    }

    /// A row that another transaction has inserted and not committed is waited for.
    async fn lock_if_there(&self, row: Row) -> Result<(), Failure> {
        let may_be_there = {
            let state = self.database.state();
            state.has(&row) || state.locks.is_held(&row)
        };
        if may_be_there {
            self.lock(&row).await?;
            let mut state = self.database.state();
            if !state.has(&row) {
                state.locks.release(self.id, &row);
            }
        }
        Ok(())
    }

    async fn lock_for_insert(&self, row: Row) -> Result<(), Failure> {
        self.lock(&row).await?;
        if self.database.state().has(&row) {
            return Err(Failure::DuplicateKey(format!("{row:?} is there")));
        }
        Ok(())
    }

    async fn lock(&self, row: &Row) -> Result<(), Failure> {
        let asked = self.database.state().locks.ask(self.id, row);
        match asked {
            Asked::Granted => Ok(()),
            Asked::Deadlock => Err(Failure::Deadlock(format!("a deadlock at {row:?}"))),
            Asked::Waits(granted) => match tokio::time::timeout(LOCK_WAIT_TIMEOUT, granted).await {
                Ok(Ok(())) => self.wanted(),
                Ok(Err(_)) => Err(Failure::Transient("the server is going".to_owned())),
                Err(_) => {
                    self.database.state().locks.give_up(self.id);
                    Err(Failure::LockWait(format!("{row:?} was not to be had")))
                }
            },
        }
    }
}

impl super::State {
    fn has(&self, row: &Row) -> bool {
        match row {
            Row::Account(number) => self.tables.accounts.contains_key(number),
            Row::Job(id) => self.tables.job(*id).is_some(),
            Row::Totals(_) => true,
        }
    }
}

/// The end of an id, which is its check.
fn short(id: JobId) -> String {
    let text = id.to_string();
    text.get(28..).unwrap_or_default().to_owned()
}
