//! A connection of a process to the server.

use std::collections::HashMap;
use std::time::Duration;

use domain::fold::Needs;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::Job;
use domain::money::Amount;
use store::ledger::JobRecord;
use store::ledger::port::{DuplicateCheck, Failure, Found, Library, Transaction, Writes};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::session::{Ask, Command, Reply, Session};
use super::writes::Written;
use super::{Database, SessionOf};
use crate::world::{Process, State};

/// How long a process waits for a connection.
const POOL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it tries while the server is away.
const CONNECT_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct Connection {
    process: Process,
    commands: Option<mpsc::UnboundedSender<Command>>,
    severed: CancellationToken,
}

impl Connection {
    /// Connects, as soon as the server is there.
    pub(super) async fn open(database: &Database, process: &Process) -> Result<Connection, Failure> {
        let world = process.world();
        process.gate().await;
        let asked = Instant::now();
        while !database.state().faults.up {
            if asked.elapsed() >= POOL_TIMEOUT {
                return Err(Failure::Transient("no connection could be made in time".to_owned()));
            }
            world.pass(CONNECT_INTERVAL).await;
            process.gate().await;
        }
        world.pass(world.millis(0, 2)).await;
        process.gate().await;
        let (commands, received) = mpsc::unbounded_channel();
        let (severed, killed) = (CancellationToken::new(), CancellationToken::new());
        let mut state = database.state();
        state.sessions_ever += 1;
        let id = state.sessions_ever;
        let name = process.name().to_owned();
        let session = SessionOf { process: name.clone(), severed: severed.clone(), killed: killed.clone() };
        state.sessions.insert(id, session);
        let session = Session::new(database.clone(), id, name, severed.clone(), received);
        tokio::spawn(session.serve(killed));
        Ok(Connection { process: process.clone(), commands: Some(commands), severed })
    }

    /// Asks, and waits for the answer for as long as the connection lasts.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Failure> {
        let world = self.process.world();
        let lost = || Failure::Transient("the connection was lost".to_owned());
        self.process.gate().await;
        world.pass(world.millis(0, 3)).await;
        let (reply, answer) = oneshot::channel();
        if self.severed.is_cancelled() {
            return Err(lost());
        }
        let sent = self.commands.as_ref().map(|commands| commands.send(command(reply)));
        if !matches!(sent, Some(Ok(()))) {
            return Err(lost());
        }
        let answer = tokio::select! {
            biased;
            () = self.severed.cancelled() => Err(lost()),
            answer = answer => answer.unwrap_or_else(|_| Err(lost())),
        };
        world.pass(world.millis(0, 3)).await;
        self.process.gate().await;
        if self.severed.is_cancelled() { Err(lost()) } else { answer }
    }
}

impl Drop for Connection {
    /// The server hears of it when it has done what it is at. A process that does not run closes nothing.
    fn drop(&mut self) {
        if self.process.state() != State::Running
            && let (Some(commands), Ok(runtime)) =
                (self.commands.take(), tokio::runtime::Handle::try_current())
        {
            let process = self.process.clone();
            runtime.spawn(async move {
                process.gate().await;
                drop(commands);
            });
        }
    }
}

impl Library for Connection {
    async fn find(
        &mut self,
        holds: &[JobId],
        jobs: &[JobId],
    ) -> Result<(Vec<Hold>, Vec<JobRecord>), Failure> {
        let (holds, jobs) = (holds.to_vec(), jobs.to_vec());
        self.ask(|reply| Command::Find { holds, jobs, reply }).await
    }

    /// Nobody opens a standing order here.
    async fn sweeps(&mut self, _: &[JobId]) -> Result<HashMap<JobId, Amount>, Failure> {
        Ok(HashMap::new())
    }
}

impl Transaction for Connection {
    async fn lock_and_read(
        &mut self,
        needs: &Needs,
        jobs: &[Job],
        duplicate_check: DuplicateCheck,
    ) -> Result<Found, Failure> {
        let looked_for = if duplicate_check == DuplicateCheck::ByKey { &[] } else { jobs };
        let ask = Ask {
            accounts: needs.accounts.clone(),
            jobs: looked_for.iter().map(|job| job.id).collect(),
            holds: needs.holds.clone(),
            originals: needs.originals.clone(),
        };
        self.ask(|reply| Command::LockAndRead { ask, reply }).await
    }

    async fn write_and_commit(self, writes: &Writes<'_>) -> Result<(), Failure> {
        let written = Box::new(Written::from(writes));
        self.ask(|reply| Command::WriteAndCommit { written, reply }).await
    }

    /// The database of the simulation refuses no row, and rolls back what it has of a connection that is dropped.
    async fn write_and_roll_back(self, _: &Writes<'_>) -> Result<(), Failure> {
        Ok(())
    }
}
