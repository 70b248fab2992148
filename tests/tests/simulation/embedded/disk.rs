//! A disk with the queue's file on it, as SQLite and sqlx keep it: what was committed is there after a kill, what was not
//! is not, and what a commit that failed has written may be there or not.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use domain::lane::Lane;
use jiff::Timestamp;
use queue::embedded::port::{Kept, KeptEvents, KeptLane, Message, Seq, Storage, StoredEvents};
use queue::{DeadLetter, QueueError};

use super::connection::Writing;
use crate::world::{Process, World, lock};

/// Survives every process.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

struct Shared {
    world: World,
    state: Mutex<State>,
}

pub(super) struct State {
    /// Copied where somebody writes.
    pub(super) file: Arc<File>,
    pub(super) faults: Faults,
}

/// What the file holds.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// The newest number that any message had.
    pub newest: Seq,
    pub messages: BTreeMap<Seq, (Lane, Bytes, u64)>,
    /// The dead letters.
    pub letters: Vec<DeadLetter>,
    /// The newest number that any message of the event stream had.
    pub newest_events: Seq,
    /// The event stream.
    pub events: BTreeMap<Seq, (Timestamp, Bytes)>,
}

/// What ails the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// It has no room.
    pub full: bool,
    /// Of a hundred statements that write so many fail.
    pub writes_failed: u32,
    /// Of a hundred commits so many fail.
    pub commits_failed: u32,
    /// Of a hundred readings so many fail.
    pub reads_failed: u32,
    /// Milliseconds that everything takes more.
    pub slow_ms: u32,
}

impl Disk {
    /// One that works and is empty.
    pub fn new(world: &World) -> Disk {
        let state = State { file: Arc::default(), faults: Faults::default() };
        Disk(Arc::new(Shared { world: world.clone(), state: Mutex::new(state) }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }

    /// Something ails it from now on, or does not any more.
    pub fn ail(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    /// What is on it for good.
    pub fn file(&self) -> Arc<File> {
        self.state().file.clone()
    }

    /// As one process has it.
    pub fn of(&self, process: &Process) -> DiskOf {
        DiskOf { disk: self.clone(), process: process.clone() }
    }
}

/// The disk, as one process has it.
#[derive(Clone)]
pub struct DiskOf {
    pub(super) disk: Disk,
    pub(super) process: Process,
}

impl DiskOf {
    /// Takes the time that something takes.
    pub(super) async fn work(&self, most_ms: u32) {
        let (world, slow) = (self.disk.world(), self.disk.state().faults.slow_ms);
        self.process.gate().await;
        world.pass(world.millis(0, most_ms + slow)).await;
        self.process.gate().await;
    }

    pub(super) async fn read(&self) -> Result<Arc<File>, QueueError> {
        self.work(2).await;
        let percent = self.disk.state().faults.reads_failed;
        if percent > 0 && self.disk.world().percent(percent) {
            return Err(QueueError::Failed("disk I/O error".to_owned()));
        }
        Ok(self.disk.file())
    }
}

impl File {
    pub(super) fn since(&self, newest: Seq) -> Vec<Kept> {
        let behind = self.messages.range(newest + 1..);
        behind.map(|(seq, (lane, _, jobs))| Kept { seq: *seq, lane: *lane, jobs: *jobs }).collect()
    }

    fn lanes(&self) -> Vec<KeptLane> {
        let mut lanes: BTreeMap<Lane, KeptLane> = BTreeMap::new();
        for Kept { seq, lane, jobs } in self.since(0).into_iter().filter(|kept| kept.lane != Lane::NONE) {
            let kept = lanes.entry(lane).or_insert(KeptLane { lane, messages: 0, jobs: 0, newest: seq });
            (kept.messages, kept.jobs, kept.newest) = (kept.messages + 1, kept.jobs + jobs, seq);
        }
        lanes.into_values().collect()
    }
}

impl Storage for DiskOf {
    type Connection = Writing;

    fn name(&self) -> String {
        "a file".to_owned()
    }

    async fn connect(&self) -> Result<Writing, QueueError> {
        self.read().await?;
        Ok(Writing::new(self.clone()))
    }

    async fn lanes(&self) -> Result<Vec<KeptLane>, QueueError> {
        Ok(self.read().await?.lanes())
    }

    async fn numbers(&self, lane: Lane) -> Result<Vec<Seq>, QueueError> {
        let kept = self.read().await?.since(0).into_iter();
        Ok(kept.filter(|kept| kept.lane == lane).map(|kept| kept.seq).collect())
    }

    async fn messages(
        &self,
        lane: Lane,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> Result<Vec<Message>, QueueError> {
        let file = self.read().await?;
        let found = file.messages.range(numbers).filter(|(_, (of, ..))| *of == lane);
        let message = |(seq, (_, envelope, jobs)): (&Seq, &(Lane, Bytes, u64))| Message {
            seq: *seq,
            jobs: *jobs,
            envelope: envelope.clone(),
        };
        Ok(found.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(message).collect())
    }

    async fn kept_events(&self) -> Result<Vec<KeptEvents>, QueueError> {
        let file = self.read().await?;
        let part = |(seq, (at, batch)): (&Seq, &(Timestamp, Bytes))| KeptEvents {
            last: *seq,
            bytes: batch.len() as u64,
            newest_at: *at,
        };
        Ok(file.events.iter().map(part).collect())
    }

    async fn events(
        &self,
        numbers: RangeInclusive<Seq>,
        limit: u32,
    ) -> Result<Vec<StoredEvents>, QueueError> {
        let file = self.read().await?;
        let found = file.events.range(numbers).take(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found.map(|(seq, (_, batch))| StoredEvents { seq: *seq, batch: batch.clone() }).collect())
    }

    async fn events_since(&self, time: Timestamp) -> Result<Option<Seq>, QueueError> {
        Ok(self.read().await?.events.iter().find(|(_, (at, _))| *at >= time).map(|(seq, _)| *seq))
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        Ok(self.read().await?.letters.len() as u64)
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.read().await?.letters.iter().take(limit).cloned().collect())
    }

    async fn dead_letters_of(&self, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.read().await?.letters.iter().filter(|letter| letter.id == id).cloned().collect())
    }

    async fn close(&self) {}
}
