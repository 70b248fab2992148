//! The process that has the queue's file: it ends, and another one takes the file up.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::lane::{Lane, Lanes};
use queue::Queue as _;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use tokio_util::sync::CancellationToken;

use super::clients::consume;
use super::disk::{Disk, DiskOf};
use super::known::Known;
use crate::world::{Process, State, World, lock};

/// A close takes no longer once nothing ails the disk.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// One process.
pub struct Life {
    /// It.
    pub process: Process,
    pub queue: EmbeddedQueue<DiskOf>,
    /// Its consumers end.
    pub over: CancellationToken,
}

/// All processes that a file ever has, one after the other.
#[derive(Clone)]
pub struct Lives {
    world: World,
    disk: Disk,
    known: Known,
    lanes: Lanes,
    current: Arc<Mutex<Option<Arc<Life>>>>,
    ever: Arc<Mutex<u32>>,
}

impl Lives {
    /// None yet.
    pub fn new(disk: &Disk, known: &Known, lanes: Lanes) -> Lives {
        let (world, disk, known) = (disk.world().clone(), disk.clone(), known.clone());
        Lives { world, disk, known, lanes, current: Arc::default(), ever: Arc::default() }
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    /// The process that runs, if one does.
    pub fn current(&self) -> Option<Arc<Life>> {
        lock(&self.current).clone()
    }

    /// Starts a process, as often as it takes until the file can be opened.
    pub async fn begin(&self) {
        let number = {
            let mut ever = lock(&self.ever);
            *ever += 1;
            *ever
        };
        self.known.check_disk(&self.disk);
        let process = Process::new(&self.world, format!("queue-{number}"));
        let queue = loop {
            let settings = EmbeddedSettings::new(self.lanes);
            match EmbeddedQueue::over(self.disk.of(&process), settings).await {
                Ok(queue) => break queue,
                Err(failure) => self.world.note(format_args!("{} does not start: {failure}", process.name())),
            }
            self.world.pass(Duration::from_millis(100)).await;
        };
        self.world.note(format_args!("{} starts", process.name()));
        let life = Arc::new(Life { process, queue, over: CancellationToken::new() });
        for lane in self.lanes.iter().chain([Lane::NONE]) {
            let acknowledged = Arc::new(AtomicU64::new(0));
            for _ in 0..1 + self.world.below(2) {
                tokio::spawn(consume(life.clone(), self.known.clone(), lane, acknowledged.clone()));
            }
        }
        *lock(&self.current) = Some(life);
    }

    /// Kills the process: of what it was at, nobody knows how far it came.
    pub fn kill(&self) {
        if let Some(life) = lock(&self.current).take() {
            life.process.set(State::Ended);
        }
    }

    /// Closes the queue, and with it the process.
    pub async fn close(&self) {
        let Some(life) = lock(&self.current).take() else { return };
        life.over.cancel();
        if tokio::time::timeout(CLOSE_MAX, life.queue.close()).await.is_err() {
            self.world.wrong(format_args!("{} is not closed after {CLOSE_MAX:?}", life.process.name()));
        }
        life.process.set(State::Ended);
    }
}
