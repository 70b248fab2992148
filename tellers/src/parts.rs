//! The parts of a fleet, by what the configuration names: the real ones where it gives their URLs, else
//! the embedded ones.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use fleet::Bus;
use fleet::config::FleetConfig;
use fleet::embedded::EmbeddedBus;
use fleet::rabbitmq::RabbitMqBus;
use queue::Queue;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::events::Retention;
use queue::publisher::{Publisher, PublisherLimits};
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use runtime::work_pool::WorkPools;
use store::analyses::Analyses;
use store::audit_log::AuditLog;
use store::imports::Imports;
use store::keys::ApiKeys;
use store::ledger::Ledger;
use store::mysql::{MySqlConfig, MySqlLedger};
use store::prefetches::Prefetches;
use store::records::Records;
use store::schedules::Schedules;
use store::sqlite::SqliteLedger;
use store::standing_orders::StandingOrders;
use store::webhooks::Webhooks;

/// The files of the embedded queue and ledger, within the data folder.
const QUEUE_FILE: &str = "queue.sqlite";
const LEDGER_FILE: &str = "ledger.sqlite";

/// What every role is built from. Connections are made when they are first needed, and again whenever
/// they are lost: a replica starts while its servers are away.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) imports: Arc<dyn Imports>,
    pub(crate) analyses: Arc<dyn Analyses>,
    pub(crate) prefetches: Arc<dyn Prefetches>,
    pub(crate) schedules: Arc<dyn Schedules>,
    pub(crate) standing_orders: Arc<dyn StandingOrders>,
    pub(crate) api_keys: Arc<dyn ApiKeys>,
    pub(crate) audit_log: Arc<dyn AuditLog>,
    pub(crate) webhooks: Arc<dyn Webhooks>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) work: WorkPools,
}

impl Parts {
    /// All parts, for a process that may be a whole fleet.
    pub(crate) async fn open(fleet: &FleetConfig) -> anyhow::Result<Parts> {
        let (queue, bus) = match &fleet.amqp_url {
            Some(url) => broker(url, fleet)?,
            None => (embedded_queue(fleet).await?, Arc::new(EmbeddedBus::default()) as Arc<dyn Bus>),
        };
        let books = books(fleet)?;
        let Books {
            ledger,
            records,
            imports,
            analyses,
            prefetches,
            schedules,
            standing_orders,
            api_keys,
            audit_log,
            webhooks,
        } = books;
        let work = fleet.work_pools();
        Ok(Parts {
            queue,
            ledger,
            records,
            imports,
            analyses,
            prefetches,
            schedules,
            standing_orders,
            api_keys,
            audit_log,
            webhooks,
            bus,
            work,
        })
    }

    /// All parts, for one replica of a fleet of processes: nothing in this process alone will do.
    pub(crate) async fn open_shared(fleet: &FleetConfig, role: &str) -> anyhow::Result<Parts> {
        let mut missing = Vec::new();
        if fleet.amqp_url.is_none() {
            missing.push("AMQP_URL");
        }
        if fleet.database_url.is_none() {
            missing.push("DATABASE_URL");
        }
        if !missing.is_empty() {
            bail!(
                "missing: {}. `tellers {role}` is one replica of a fleet and needs the broker and the database that \
                 it shares with the others; for all roles in one process, without servers, run `tellers dev`",
                missing.join(" and ")
            );
        }
        Parts::open(fleet).await
    }

    pub(crate) fn publisher(&self, fleet: &FleetConfig, replica: &str) -> Arc<Publisher> {
        let limits = PublisherLimits::default();
        Arc::new(Publisher::new(self.queue.clone(), fleet.lanes, replica.to_owned(), limits))
    }

    pub(crate) async fn close(&self) {
        self.bus.close().await;
        self.queue.close().await;
        self.ledger.close().await;
    }
}

fn broker(url: &str, fleet: &FleetConfig) -> anyhow::Result<(Arc<dyn Queue>, Arc<dyn Bus>)> {
    let settings = RabbitMqSettings { events: retention(fleet), ..RabbitMqSettings::new(fleet.lanes) };
    let mut queue = RabbitMq::new(url, settings)?;
    if let Some(management) = &fleet.amqp_management_url {
        queue = queue.with_management(url, management)?;
    }
    let bus = RabbitMqBus::new(url)?;
    Ok((Arc::new(queue), Arc::new(bus)))
}

/// How long the event stream keeps events.
fn retention(fleet: &FleetConfig) -> Retention {
    Retention {
        age_max: Duration::from_secs(u64::from(fleet.events_hours_max) * 3_600),
        bytes_max: u64::from(fleet.events_mb_max) * 1_000_000,
    }
}

/// The embedded queue, in the data folder.
pub(crate) async fn embedded_queue(fleet: &FleetConfig) -> anyhow::Result<Arc<dyn Queue>> {
    make_data_dir(fleet)?;
    let path = fleet.data_dir.join(QUEUE_FILE);
    let settings = EmbeddedSettings { events: retention(fleet), ..EmbeddedSettings::new(fleet.lanes) };
    let queue = EmbeddedQueue::open(&path, settings).await;
    Ok(Arc::new(queue.context("the embedded queue cannot be opened")?))
}

/// The queue that is there already, for operators' commands: an operator who forgot to name it learns so, and
/// is not shown an empty one.
pub(crate) async fn existing_queue(fleet: &FleetConfig) -> anyhow::Result<Arc<dyn Queue>> {
    match &fleet.amqp_url {
        Some(url) => Ok(broker(url, fleet)?.0),
        None => {
            must_exist(fleet, QUEUE_FILE, "AMQP_URL")?;
            embedded_queue(fleet).await
        }
    }
}

/// The ledger that is there already, for operators' commands.
pub(crate) async fn existing_ledger(fleet: &FleetConfig) -> anyhow::Result<Arc<dyn Ledger>> {
    Ok(existing_books(fleet)?.ledger)
}

/// The same, and what else is in its database.
pub(crate) fn existing_books(fleet: &FleetConfig) -> anyhow::Result<Books> {
    if fleet.database_url.is_none() {
        must_exist(fleet, LEDGER_FILE, "DATABASE_URL")?;
    }
    books(fleet)
}

fn must_exist(fleet: &FleetConfig, file: &str, variable: &str) -> anyhow::Result<()> {
    let path = fleet.data_dir.join(file);
    if !path.exists() {
        bail!(
            "{variable} is not set, and there is no embedded fleet at {}; set {variable}, or DATA_DIR to the folder that \
             `tellers dev` uses",
            path.display()
        );
    }
    Ok(())
}

/// The ledger, and what else is in the same database.
pub(crate) struct Books {
    pub(crate) ledger: Arc<dyn Ledger>,
    records: Arc<dyn Records>,
    imports: Arc<dyn Imports>,
    analyses: Arc<dyn Analyses>,
    prefetches: Arc<dyn Prefetches>,
    schedules: Arc<dyn Schedules>,
    standing_orders: Arc<dyn StandingOrders>,
    pub(crate) api_keys: Arc<dyn ApiKeys>,
    pub(crate) audit_log: Arc<dyn AuditLog>,
    webhooks: Arc<dyn Webhooks>,
}

impl<
    L: Ledger
        + Records
        + Imports
        + Analyses
        + Prefetches
        + Schedules
        + StandingOrders
        + ApiKeys
        + AuditLog
        + Webhooks
        + 'static,
> From<Arc<L>> for Books
{
    fn from(ledger: Arc<L>) -> Books {
        Books {
            records: ledger.clone(),
            imports: ledger.clone(),
            analyses: ledger.clone(),
            prefetches: ledger.clone(),
            schedules: ledger.clone(),
            standing_orders: ledger.clone(),
            api_keys: ledger.clone(),
            audit_log: ledger.clone(),
            webhooks: ledger.clone(),
            ledger,
        }
    }
}

/// They are made if they are embedded and not there.
pub(crate) fn books(fleet: &FleetConfig) -> anyhow::Result<Books> {
    let Some(url) = &fleet.database_url else {
        make_data_dir(fleet)?;
        let ledger = SqliteLedger::open(&fleet.data_dir.join(LEDGER_FILE));
        return Ok(Arc::new(ledger.context("the embedded ledger cannot be opened")?).into());
    };
    let config = MySqlConfig {
        readonly_url: fleet.database_readonly_url.clone(),
        analytics_url: fleet.database_analytics_url.clone(),
        pool_size: fleet.db_pool_size,
        max_overflow: fleet.db_max_overflow,
        readonly_pool_size: fleet.db_readonly_pool_size,
        analytics_pool_size: fleet.db_analytics_pool_size,
        pool_timeout: Duration::from_secs(fleet.db_pool_timeout),
        allow_weak_durability: fleet.allow_weak_durability,
        ..MySqlConfig::new(url)
    };
    Ok(Arc::new(MySqlLedger::connect(&config)?).into())
}

fn make_data_dir(fleet: &FleetConfig) -> anyhow::Result<()> {
    let path = &fleet.data_dir;
    std::fs::create_dir_all(path)
        .with_context(|| format!("{} cannot be made; set DATA_DIR to a folder that can", path.display()))
}
