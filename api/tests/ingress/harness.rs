//! An ingress in this process, and how to ask it.

use std::sync::{Arc, OnceLock};

use api::{Config, Ingress, Parts};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use contract::result::{JobResult, JobResults};
use contract::submission;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::lane::{Lane, Lanes};
use domain::outcome::RecordedOutcome;
use fleet::Bus;
use fleet::reporter::Instruments;
use fleet::settings::{LiveSettings, Settings};
use queue::publisher::{Publisher, PublisherLimits};
use runtime::telemetry::{self, Telemetry};
use runtime::work_pool::WorkPool;
use serde_json::Value;
use store::imports::Imports;
use store::ledger::JobRecord;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fakes::{FakeBus, FakeLedger, FakeQueue, no_imports};
use crate::patience::until;

/// A body that is a job.
pub const DEPOSIT: &str = r#"{"kind":"deposit","account":"alice","amount":5,"currency":"EUR"}"#;

/// An ingress on ports in memory.
pub struct World {
    pub queue: Arc<FakeQueue>,
    pub ledger: Arc<FakeLedger>,
    pub bus: Arc<FakeBus>,
    pub settings: Arc<LiveSettings>,
    /// One thread, and nobody waits for it.
    pub io: WorkPool,
    pub shutdown: CancellationToken,
    pub router: Router,
    pub ingress: Arc<Ingress>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl World {
    pub async fn new() -> World {
        World::with(Config::default()).await
    }

    pub async fn with(config: Config) -> World {
        World::set_to(Settings::default(), config).await
    }

    pub async fn set_to(settings: Settings, config: Config) -> World {
        World::of(settings, config, no_imports()).await
    }

    /// With imports that are written down.
    pub async fn with_imports(config: Config, imports: Arc<dyn Imports>) -> World {
        World::of(Settings::default(), config, imports).await
    }

    async fn of(settings: Settings, config: Config, imports: Arc<dyn Imports>) -> World {
        let (queue, ledger, bus) = fakes();
        let shutdown = CancellationToken::new();
        let parts = Parts { imports, ..parts_set_to(settings, queue.clone(), ledger.clone(), bus.clone()) };
        let (settings, io) = (parts.instruments.settings.clone(), parts.io.clone());
        let ingress = Ingress::new(config, parts, shutdown.clone()).unwrap();
        let router = api::router(ingress.clone());
        let receiver = ingress.clone();
        tokio::spawn(async move { receiver.receive().await });
        until("the ingress listens to the bus", || (bus.reports.receiver_count() > 0).then_some(())).await;
        World { queue, ledger, bus, settings, io, shutdown, router, ingress }
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Submits one job.
    pub async fn post(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.ask(post("/api/jobs", headers, body)).await
    }

    /// Submits a batch.
    pub async fn post_batch(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.ask(post("/api/jobs/batch", headers, body)).await
    }

    /// Whether something is offered to the queue and not yet taken.
    pub fn publishing(&self) -> bool {
        self.queue.takes.receiver_count() > 0
    }

    /// Does what a worker does: records an outcome on a body in the ledger.
    pub fn record(&self, id: JobId, body: &str, outcome: RecordedOutcome) -> JobRecord {
        let spec = submission::parse(body.as_bytes()).unwrap();
        let record = JobRecord {
            conflicts: None,
            id,
            client: "anonymous".to_owned(),
            reference: spec.reference.as_ref().map(ToString::to_string),
            kind: spec.action.kind(),
            lane: spec.lane(Lanes::DEFAULT),
            body: body.to_owned(),
            fingerprint: Fingerprint::of(&submission::canonical(&spec)),
            outcome,
            accepted_at: 1_795_453_200_000_000,
            posted_at: 1_795_453_200_000_250,
        };
        self.ledger.jobs.lock().unwrap().insert(id, record.clone());
        record
    }

    /// Does what a worker does next: tells the replica.
    pub async fn tell(&self, result: JobResult) {
        let message = serde_json::to_vec(&JobResults { results: vec![result] }).unwrap();
        self.bus.tell("api-1", Bytes::from(message)).await;
    }
}

pub fn fakes() -> (Arc<FakeQueue>, Arc<FakeLedger>, Arc<FakeBus>) {
    (Arc::new(FakeQueue::new()), Arc::new(FakeLedger::default()), Arc::new(FakeBus::new()))
}

pub fn parts(queue: Arc<FakeQueue>, ledger: Arc<FakeLedger>, bus: Arc<FakeBus>) -> Parts {
    parts_set_to(Settings::default(), queue, ledger, bus)
}

pub fn parts_set_to(
    settings: Settings,
    queue: Arc<FakeQueue>,
    ledger: Arc<FakeLedger>,
    bus: Arc<FakeBus>,
) -> Parts {
    let replica = "api-1".to_owned();
    let limits = PublisherLimits { waiting_jobs_max: 20_000, ..PublisherLimits::default() };
    Parts {
        publisher: Arc::new(Publisher::new(queue.clone(), Lanes::DEFAULT, replica.clone(), limits)),
        queue,
        analyses: ledger.clone(),
        api_keys: ledger.clone(),
        audit_log: ledger.clone(),
        webhooks: ledger.clone(),
        ledger,
        imports: no_imports(),
        bus,
        io: WorkPool::new("io", 1, 0),
        lanes: Lanes::DEFAULT,
        replica,
        instruments: Instruments {
            telemetry: telemetry().clone(),
            settings: Arc::new(LiveSettings::new(settings)),
            ..Instruments::none()
        },
    }
}

/// The figures of all tests of this process.
pub fn telemetry() -> &'static Telemetry {
    static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
    TELEMETRY.get_or_init(|| telemetry::record().unwrap())
}

pub fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let request =
        headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    request.body(body.into()).unwrap()
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn id(&self) -> JobId {
        self.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// Checks that it is a problem document of this status and kind.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["type"], format!("/problems/{kind}"), "{self:?}");
        assert_eq!(self.body["status"], status);
        assert!(!self.body["title"].as_str().unwrap().is_empty());
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
    }
}

/// A body that is a deposit.
pub fn deposit(account: &str, amount: u64) -> String {
    format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"EUR"}}"#)
}

/// The lane of an account.
pub fn lane_of(account: &str) -> Lane {
    Lanes::DEFAULT.of(account)
}
