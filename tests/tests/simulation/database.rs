//! A database as MySQL is: sessions, row locks that are waited for, transactions that commit as a whole or not at all.
//!
//! What a session was asked may go on when whoever asked has gone: a commit may succeed of which nobody hears.

mod connection;
mod ledger;
mod locks;
mod pages;
mod schedules;
mod session;
mod tables;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use domain::account::AccountNumber;
use domain::id::JobId;
use store::ledger::Ledger;
use store::schedules::Schedules;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::ledger::LedgerOf;
use self::locks::Locks;
pub use self::pages::Snapshot;
use self::schedules::SchedulesOf;
pub use self::session::REFUSED;
pub use self::tables::{JobRow, Tables};
use crate::fleet::Sizes;
use crate::world::{Process, World, lock};

/// Shared by all processes.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    world: World,
    /// How it is.
    sizes: Sizes,
    state: Mutex<State>,
}

struct State {
    faults: Faults,
    tables: Tables,
    locks: Locks,
    sessions: BTreeMap<u64, SessionOf>,
    sessions_ever: u64,
}

/// What ails it.
#[derive(Debug, Clone)]
pub struct Faults {
    /// It runs.
    pub up: bool,
    /// It takes no writes.
    pub read_only: bool,
    /// Its disk is full.
    pub full: bool,
    /// Of a hundred commits so many do not succeed.
    pub commits_failed: u32,
    /// Of the answers to a hundred commits that did succeed so many do not arrive.
    pub answers_lost: u32,
    /// Of a hundred locking reads so many are the victim of a deadlock.
    pub deadlocks: u32,
    /// No statement is done before.
    pub hung_until: Instant,
    /// Milliseconds more that each job of a write takes.
    pub job_ms: u32,
    /// How far its clock is off, in microseconds.
    pub skew_us: i64,
    /// Accounts whose rows nobody can read.
    pub obstructed: BTreeSet<AccountNumber>,
}

struct SessionOf {
    process: String,
    /// Its client is not reached any more.
    severed: CancellationToken,
    /// The server ends it.
    killed: CancellationToken,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            up: true,
            read_only: false,
            full: false,
            commits_failed: 0,
            answers_lost: 0,
            deadlocks: 0,
            hung_until: Instant::now(),
            job_ms: 0,
            skew_us: 0,
            obstructed: BTreeSet::new(),
        }
    }
}

impl Faults {
    /// Nobody can read the row of an account, or everybody can again.
    pub fn obstruct(&mut self, account: &AccountNumber, obstructed: bool) {
        if obstructed {
            self.obstructed.insert(account.clone());
        } else {
            self.obstructed.remove(account);
        }
    }
}

impl Database {
    /// One that works and is empty.
    pub fn new(world: &World, sizes: Sizes) -> Database {
        let state = State {
            faults: Faults::default(),
            tables: Tables::default(),
            locks: Locks::default(),
            sessions: BTreeMap::new(),
            sessions_ever: 0,
        };
        Database(Arc::new(Shared { world: world.clone(), sizes, state: Mutex::new(state) }))
    }

    /// As one process has it.
    pub fn of(&self, process: &Process) -> Arc<dyn Ledger> {
        Arc::new(LedgerOf::new(self.clone(), process.clone()))
    }

    /// What waits in it for its day, as one process has it.
    pub fn schedules_of(&self, process: &Process) -> Arc<dyn Schedules> {
        Arc::new(SchedulesOf { database: self.clone(), process: process.clone() })
    }

    /// How many jobs wait for their day.
    pub fn scheduled(&self) -> usize {
        self.state().tables.scheduled.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// Something ails it from now on, or does not any more.
    pub fn ail(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    /// Goes down, with every session, or comes back.
    pub fn set_up(&self, up: bool) {
        let mut state = self.state();
        state.faults.up = up;
        if !up {
            state.sessions.values().for_each(|session| session.killed.cancel());
        }
    }

    /// Cuts the connections of a process. What its sessions are at goes on to its end.
    pub fn cut(&self, process: &Process) {
        let state = self.state();
        let own = state.sessions.values().filter(|session| session.process == process.name());
        own.for_each(|session| session.severed.cancel());
    }

    /// Its time, in microseconds since the Unix epoch.
    fn now_us(&self) -> i64 {
        self.0.world.now_us() + self.state().faults.skew_us
    }

    /// Whether a write is done, once the database no longer hangs.
    pub async fn takes_writes(&self) -> bool {
        self.until_not_hung().await;
        let Faults { up, read_only, full, .. } = self.state().faults;
        up && !read_only && !full
    }

    /// Whether it has the outcome of a job.
    pub fn holds(&self, job: JobId) -> bool {
        self.state().tables.job(job).is_some()
    }

    /// All that is committed.
    pub fn tables(&self) -> Tables {
        self.state().tables.clone()
    }

    /// Who holds and waits for what, for a report.
    pub fn locks(&self) -> Vec<String> {
        self.state().locks.shown()
    }

    async fn until_not_hung(&self) {
        loop {
            let until = self.state().faults.hung_until;
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            self.0.world.pass(left).await;
        }
    }
}
