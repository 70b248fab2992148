//! The monitor: merges what the replicas report, what the queue holds and what the ledger sums up into
//! one [`snapshot`], and answers from it. It never stands in the path of a job.

pub mod load_test;
mod replicas;
mod routes;
mod sampler;
pub mod snapshot;

use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use shared::contract::report::Role;
use shared::domain::lane::Lanes;
use shared::fleet::Bus;
use shared::fleet::reporter::{Instruments, Reporter, Vitals};
use shared::ledger::Ledger;
use shared::queue::Queue;
use shared::records::Records;
use shared::telemetry::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::load_test::LoadTests;
use crate::snapshot::Snapshot;

/// What the monitor looks at.
#[derive(Clone)]
pub struct Parts {
    /// For the depth of the lanes.
    pub queue: Arc<dyn Queue>,
    /// For the totals.
    pub ledger: Arc<dyn Ledger>,
    /// For the replicas' reports.
    pub bus: Arc<dyn Bus>,
    /// The fleet's lanes.
    pub lanes: Lanes,
    /// This replica's id.
    pub replica: String,
    /// The ingress that load tests go to; `None`: an api replica that reports.
    pub api_url: Option<String>,
    /// A key of the ingress, if it asks for one.
    pub api_key: Option<String>,
    /// What the fleet keeps about itself.
    pub records: Arc<dyn Records>,
    /// What this replica measures and is set to.
    pub instruments: Instruments,
}

/// Watches and answers until `shutdown`.
///
/// # Errors
/// The listener failed. A part that is away is shown as away, not returned.
pub async fn run(
    parts: Parts,
    listener: TcpListener,
    prometheus: PrometheusHandle,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (write, read) = watch::channel(Arc::new(Snapshot::nothing_yet(parts.lanes)));
    let mut beside = JoinSet::new();
    beside.spawn(sampler::sample(parts.clone(), write, shutdown.clone()));
    let vitals = || -> BoxFuture<'static, Vitals> { Box::pin(async { Vitals::default() }) };
    let reporter = Reporter {
        bus: parts.bus.clone(),
        role: Role::Monitor,
        replica: parts.replica.clone(),
        address: listener.local_addr().ok(),
        instruments: parts.instruments.clone(),
    };
    beside.spawn(reporter.report_each_second(vitals, shutdown.clone()));

    let load_tests = LoadTests::new(load_test::Settings {
        api_url: parts.api_url.clone(),
        api_key: parts.api_key.clone(),
        bus: parts.bus.clone(),
        records: parts.records.clone(),
        replica: parts.replica.clone(),
        shutdown: shutdown.clone(),
    });
    info!(replica = parts.replica, "monitor ready");
    axum::serve(listener, routes::router(read, load_tests.clone(), prometheus))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("the monitor could not be served")?;
    load_tests.stop().await;
    while beside.join_next().await.is_some() {}
    Ok(())
}
