//! The fleet: ingresses and workers, each a process with the product's own code in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::report::SettingSource;
use contract::settings::SettingsMessage;
use domain::lane::Lanes;
use fleet::reporter::Instruments;
use fleet::settings::{LiveSettings, Settings, Value, table};
use queue::publisher::{Publisher, PublisherLimits};
use runtime::work_pool::WorkPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::analyses::NoAnalyses;
use crate::broker::{Broker, Cut};
use crate::bus::Air;
use crate::database::Database;
use crate::prefetches::KeptPrefetches;
use crate::world::{Process, State, World, lock};

/// A drain takes no longer, whatever waits and whatever ails: the limit of the lanes and that of the goodbye.
const DRAIN_MAX: Duration = Duration::from_millis(9_100);

/// All parts of a simulation.
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    world: World,
    broker: Broker,
    database: Database,
    air: Air,
    sizes: Sizes,
    instruments: Instruments,
    prefetches: KeptPrefetches,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    ingresses: BTreeMap<String, Ingress>,
    workers: BTreeMap<String, Worker>,
    ever: u32,
}

/// What differs from one simulation to the next.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub lanes: u16,
    /// Workers at the start.
    pub workers: u32,
    /// Ingresses at the start.
    pub ingresses: u32,
    pub clients: u32,
    /// Batches that each client sends.
    pub batches: u32,
    /// As the setting.
    pub batch_jobs_max: u64,
    /// As the setting.
    pub prefetch: u64,
    /// As the setting.
    pub concurrency: u64,
    /// As the limit of the publisher.
    pub envelope_jobs_max: usize,
    /// Milliseconds that the database takes for each job, always.
    pub job_ms: u32,
    /// The database gives up a write whose client has gone; if not, it goes on to its end.
    pub gives_up: bool,
    /// The row of an account, which nobody else has to do with, cannot be read until all others have been served.
    pub obstructed: bool,
    /// Clients send jobs of a day to come as well.
    pub schedules: bool,
}

impl Sizes {
    /// By chance.
    pub fn of(world: &World) -> Sizes {
        let one_of = |values: &[u64]| world.pick(values).copied().unwrap_or(1);
        let job_ms = if world.percent(5) { 250 + world.below(200) } else { 0 };
        Sizes {
            lanes: u16::try_from(one_of(&[1, 2, 3, 5])).unwrap_or(1),
            workers: 1 + world.below(3),
            ingresses: 1 + world.below(2),
            clients: 2 + world.below(3),
            batches: if job_ms > 0 { 2 } else { 3 + world.below(6) },
            batch_jobs_max: one_of(&[1, 4, 20, 100]),
            prefetch: one_of(&[1, 3, 10, 100]),
            concurrency: one_of(&[1, 2, 4]),
            envelope_jobs_max: usize::try_from(one_of(&[1, 3, 100])).unwrap_or(1),
            job_ms,
            gives_up: job_ms > 0 || world.percent(50),
            obstructed: world.percent(20),
            schedules: false,
        }
    }

    pub fn lanes(&self) -> Lanes {
        Lanes::new(self.lanes).unwrap_or(Lanes::DEFAULT)
    }
}

/// An ingress: the publisher, and a process around it.
#[derive(Clone)]
pub struct Ingress {
    pub process: Process,
    /// What it publishes with.
    pub publisher: Arc<Publisher>,
}

/// A worker that posts.
#[derive(Clone)]
pub struct Worker {
    pub process: Process,
    shutdown: CancellationToken,
}

impl Fleet {
    /// Without members.
    pub fn new(world: &World, broker: &Broker, database: &Database, air: &Air, sizes: Sizes) -> Fleet {
        let values = [
            (&table::BATCH_PROCESSING_SIZE, Value::Integer(sizes.batch_jobs_max)),
            (&table::PREFETCH, Value::Integer(sizes.prefetch)),
            (&table::POSTING_CONCURRENCY, Value::Integer(sizes.concurrency)),
        ];
        let settings = Settings::default().with(values, SettingSource::Flag);
        let settings = Arc::new(LiveSettings::new(settings));
        Fleet(Arc::new(Shared {
            world: world.clone(),
            broker: broker.clone(),
            database: database.clone(),
            air: air.clone(),
            sizes,
            instruments: Instruments { settings, ..Instruments::none() },
            prefetches: KeptPrefetches::new(
                world,
                database,
                u16::try_from(sizes.prefetch).unwrap_or(u16::MAX),
            ),
            members: Mutex::default(),
        }))
    }

    /// Tells every worker another prefetch.
    pub fn change_prefetch(&self, messages: u64) {
        let settings = &self.0.instruments.settings;
        let changes = [(table::PREFETCH.name.to_owned(), messages.into())].into();
        settings.apply(&SettingsMessage {
            version: settings.now().version + 1,
            changes,
            ..SettingsMessage::default()
        });
    }

    pub fn broker(&self) -> &Broker {
        &self.0.broker
    }

    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The bus.
    pub fn air(&self) -> &Air {
        &self.0.air
    }

    pub fn world(&self) -> &World {
        &self.0.world
    }

    pub fn sizes(&self) -> Sizes {
        self.0.sizes
    }

    fn process(&self, kind: &str) -> Process {
        let mut members = lock(&self.0.members);
        members.ever += 1;
        Process::new(&self.0.world, format!("{kind}-{}", members.ever))
    }

    fn publisher(&self, process: &Process) -> Arc<Publisher> {
        let limits = PublisherLimits {
            envelope_jobs_max: self.0.sizes.envelope_jobs_max,
            ..PublisherLimits::default()
        };
        let (queue, name) = (self.0.broker.of(process), process.name().to_owned());
        Arc::new(Publisher::by_clock(queue, self.0.sizes.lanes(), name, limits, process.clock()))
    }

    pub fn start_ingress(&self) {
        let process = self.process("api");
        self.0.world.note(format_args!("{} starts", process.name()));
        let ingress = Ingress { publisher: self.publisher(&process), process: process.clone() };
        lock(&self.0.members).ingresses.insert(process.name().to_owned(), ingress);
    }

    pub fn start_worker(&self) {
        let process = self.process("worker");
        self.0.world.note(format_args!("{} starts", process.name()));
        let shutdown = CancellationToken::new();
        let parts = worker::Parts {
            queue: self.0.broker.of(&process),
            ledger: self.0.database.of(&process),
            analyses: Arc::new(NoAnalyses),
            prefetches: self.0.prefetches.of(&process),
            records: None,
            // A look at them takes from what chance gives, which the seeds of old have no part of.
            schedules: self.0.sizes.schedules.then(|| self.0.database.schedules_of(&process)),
            standing_orders: None,
            webhooks: None,
            cpu: WorkPool::new("cpu", 1, 1),
            bus: self.0.air.of(&process),
            publisher: self.publisher(&process),
            lanes: self.0.sizes.lanes(),
            replica: process.name().to_owned(),
            instruments: self.0.instruments.clone(),
        };
        let running = tokio::spawn(worker::run_posting(parts, shutdown.clone()));
        let (fleet, ended) = (self.clone(), process.clone());
        tokio::spawn(async move {
            if running.await.is_err() {
                fleet.0.world.wrong(format_args!("{} broke off", ended.name()));
            }
            fleet.end(&ended, Duration::ZERO);
        });
        let worker = Worker { process: process.clone(), shutdown };
        lock(&self.0.members).workers.insert(process.name().to_owned(), worker);
    }

    /// The ingresses that have not ended.
    pub fn ingresses(&self) -> Vec<Ingress> {
        let members = lock(&self.0.members);
        members.ingresses.values().filter(|one| one.process.state() != State::Ended).cloned().collect()
    }

    /// The workers that have not ended and were not asked to.
    pub fn workers(&self) -> Vec<Worker> {
        let members = lock(&self.0.members);
        let serves = |one: &&Worker| one.process.state() != State::Ended && !one.shutdown.is_cancelled();
        members.workers.values().filter(serves).cloned().collect()
    }

    /// A process ends; broker and database learn of it after `late`.
    pub fn end(&self, process: &Process, late: Duration) {
        process.set(State::Ended);
        let (fleet, process) = (self.clone(), process.clone());
        tokio::spawn(async move {
            fleet.0.world.pass(late).await;
            fleet.0.broker.cut(&process, Cut::Both);
            fleet.0.database.cut(&process);
        });
    }

    /// Asks a worker to end (SIGTERM), and watches that it does in time.
    pub async fn drain(&self, worker: &Worker, within: Duration) {
        let Worker { process, shutdown } = worker;
        self.0.world.note(format_args!("{} is asked to end", process.name()));
        let asked = Instant::now();
        self.0.broker.expect_the_end_of(process);
        shutdown.cancel();
        let ended = tokio::time::timeout(within.min(DRAIN_MAX), process.ended()).await;
        if ended.is_err() && process.state() == State::Running {
            let after = asked.elapsed();
            self.0.world.wrong(format_args!("{} has not drained after {after:?}", process.name()));
        }
        if process.state() != State::Ended {
            self.end(process, Duration::ZERO);
        }
    }
}
