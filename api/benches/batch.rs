//! How many jobs a second one core takes in through `POST /api/jobs/batch`: parsed, identified, written
//! into envelopes and answered, on a queue that takes everything at once. `cargo bench -p api`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/ingress/fakes.rs"]
#[allow(dead_code)]
mod fakes;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Config, Ingress, Parts};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::lane::Lanes;
use fleet::reporter::Instruments;
use queue::publisher::{Publisher, PublisherLimits};
use runtime::telemetry;
use runtime::work_pool::WorkPool;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fakes::{FakeBus, FakeLedger, FakeQueue};

const ACCOUNTS: u32 = 10_000;
const MEASURED: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

// One thread: what is measured is what one core does.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let telemetry = telemetry::record().unwrap();
    let queue = Arc::new(FakeQueue::new());
    let limits = PublisherLimits::default();
    let parts = Parts {
        publisher: Arc::new(Publisher::new(queue.clone(), Lanes::DEFAULT, "api-1".to_owned(), limits)),
        queue: queue.clone(),
        ledger: Arc::new(FakeLedger::default()),
        imports: fakes::no_imports(),
        analyses: Arc::new(FakeLedger::default()),
        api_keys: Arc::new(FakeLedger::default()),
        audit_log: Arc::new(FakeLedger::default()),
        webhooks: Arc::new(FakeLedger::default()),
        bus: Arc::new(FakeBus::new()),
        io: WorkPool::new("io", 2, 10),
        lanes: Lanes::DEFAULT,
        replica: "api-1".to_owned(),
        instruments: Instruments { telemetry, ..Instruments::none() },
    };
    let router = api::router(Ingress::new(Config::default(), parts, CancellationToken::new()).unwrap());
    for jobs in [1, 100, 1_000] {
        let body = transfers(jobs);
        for round in 1..=ROUNDS {
            let (started, mut requests) = (Instant::now(), 0_u32);
            while started.elapsed() < MEASURED {
                let request = Request::post("/api/jobs/batch").header("content-type", "application/x-ndjson");
                let response =
                    router.clone().oneshot(request.body(Body::from(body.clone())).unwrap()).await.unwrap();
                assert_eq!(response.status(), 202);
                to_bytes(response.into_body(), usize::MAX).await.unwrap();
                queue.published.lock().unwrap().clear();
                requests += 1;
            }
            let rate = f64::from(requests * jobs) / started.elapsed().as_secs_f64();
            println!(
                "{jobs} transfers a request, round {round}: {rate:.0} jobs/s, {:.1} µs a job",
                1e6 / rate
            );
        }
    }
}

fn transfers(jobs: u32) -> String {
    (0..jobs).fold(String::new(), |mut body, n| {
        let (from, to) = (n * 7_919 % ACCOUNTS, (n * 104_729 + 1) % ACCOUNTS);
        writeln!(
            body,
            r#"{{"kind":"transfer","from":"account-{from:05}","to":"account-{to:05}-x","amount":{},"currency":"EUR","reference":"r-{n}"}}"#,
            n + 1
        )
        .unwrap();
        body
    })
}
