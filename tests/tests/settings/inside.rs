//! An ingress and a worker in the test's own process, on the embedded queue and ledger, so that the test can play
//! the monitor on their bus.

use std::sync::Arc;

use api::imports::ImportsConfig;
use domain::lane::Lanes;
use fleet::Bus;
use fleet::embedded::EmbeddedBus;
use fleet::reporter::Instruments;
use fleet::settings::{LiveSettings, Settings};
use queue::Queue;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::publisher::{Publisher, PublisherLimits};
use runtime::telemetry;
use runtime::work_pool::WorkPool;
use store::ledger::Ledger;
use store::sqlite::SqliteLedger;
use tests::fleet::Fleet;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The fleet and what it stands on.
pub struct Inside {
    /// Where the ingress is.
    pub api: String,
    pub bus: Arc<dyn Bus>,
    /// For the commands of the binary, on the same files.
    pub fleet: Fleet,
    queue: Arc<dyn Queue>,
    ledger: Arc<dyn Ledger>,
    publisher: Arc<Publisher>,
    roles: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Inside {
    pub async fn start() -> anyhow::Result<Inside> {
        let folder = tempfile::tempdir()?;
        let lanes = Lanes::DEFAULT;
        let queue: Arc<dyn Queue> = Arc::new(
            EmbeddedQueue::open(&folder.path().join("queue.sqlite"), EmbeddedSettings::new(lanes)).await?,
        );
        let books = Arc::new(SqliteLedger::open(&folder.path().join("ledger.sqlite"))?);
        let ledger: Arc<dyn Ledger> = books.clone();
        ledger.migrate(lanes).await?;
        let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
        let limits = PublisherLimits::default();
        let publisher = Arc::new(Publisher::new(queue.clone(), lanes, "api-1".to_owned(), limits));
        let telemetry = telemetry::record()?;
        // As in processes of their own, each has its settings.
        let instruments = || Instruments {
            telemetry: telemetry.clone(),
            settings: Arc::new(LiveSettings::new(Settings::default())),
            ..Instruments::none()
        };
        let shutdown = CancellationToken::new();

        let config = api::Config {
            listen: ([127, 0, 0, 1], 0).into(),
            imports: ImportsConfig { folder: folder.path().join("imports"), ..ImportsConfig::default() },
            ..api::Config::default()
        };
        let listener = api::bind(&config)?;
        let api = format!("http://{}", listener.local_addr()?);
        let api_parts = api::Parts {
            publisher: publisher.clone(),
            queue: queue.clone(),
            ledger: ledger.clone(),
            imports: books.clone(),
            analyses: books.clone(),
            api_keys: books.clone(),
            audit_log: books.clone(),
            webhooks: books.clone(),
            bus: bus.clone(),
            io: WorkPool::new("io", 2, 10),
            lanes,
            replica: "api-1".to_owned(),
            instruments: instruments(),
        };
        let worker_parts = worker::Parts {
            queue: queue.clone(),
            ledger: ledger.clone(),
            analyses: books.clone(),
            prefetches: books.clone(),
            records: None,
            schedules: Some(books.clone()),
            standing_orders: Some(books),
            webhooks: None,
            cpu: WorkPool::new("cpu", 2, 10),
            bus: bus.clone(),
            publisher: publisher.clone(),
            lanes,
            replica: "worker-1".to_owned(),
            instruments: instruments(),
        };
        let mut roles = JoinSet::new();
        roles.spawn(api::serve(listener, config, api_parts, shutdown.clone()));
        let probes = TcpListener::bind("127.0.0.1:0").await?;
        roles.spawn(worker::run(worker_parts, probes, shutdown.clone()));
        let fleet = Fleet::embedded()?.with("DATA_DIR", &folder.path().to_string_lossy());
        Ok(Inside { api, bus, fleet, queue, ledger, publisher, roles, shutdown, _folder: folder })
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        while let Some(ended) = self.roles.join_next().await {
            ended??;
        }
        self.publisher.stop().await;
        self.queue.close().await;
        self.ledger.close().await;
        Ok(())
    }
}
