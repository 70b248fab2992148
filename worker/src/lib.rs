//! Workers: take jobs off the lanes in batches and post them to the ledger.
//!
//! A replica serves the lanes that are its share (`membership` finds out which, `lane_tasks` keeps one
//! `lane` worker for each). A lane worker gathers a `batch`, has the `poster` post it, and only then
//! acknowledges.

mod analysis;
mod batch;
mod context;
mod events;
mod expiry;
mod figures;
mod finish;
mod freshness;
mod held_up;
mod kept_settings;
mod lane;
mod lane_tasks;
mod membership;
mod poster;
mod schedules;
mod standing_orders;
mod trials;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use contract::report::{Role, Trouble, TroubleKind};
use fleet::reporter::{Reporter, Vitals};
use futures::future::BoxFuture;
use runtime::shutdown::DRAIN_TIMEOUT;
use store::ledger::durability;
use tellers_http::listener::{self, Listener};
use tellers_http::probes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use crate::context::Parts;
use crate::context::Shared;
pub use crate::webhooks::WebhookParts;

/// How long what runs beside the lanes may take to end once they are handed over.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves lanes until `shutdown`, then finishes the batches in hand, acknowledges them and returns.
///
/// # Errors
/// The listener failed. Trouble with the queue or the ledger is waited out, not returned.
pub async fn run(
    parts: Parts,
    listener: impl Into<Listener>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = listener.into();
    let shared = Arc::new(Shared::new(parts));
    let probes = probes::routes(readiness(&shared), shared.parts.instruments.telemetry.prometheus.clone());
    let mut beside = JoinSet::new();
    let reporter = Reporter {
        bus: shared.parts.bus.clone(),
        role: Role::Worker,
        replica: shared.parts.replica.clone(),
        address: listener.local_addr().ok(),
        tls: listener.is_tls(),
        instruments: shared.parts.instruments.clone(),
    };
    // Its own end: what the drain posts is reported too.
    let drained = CancellationToken::new();
    beside.spawn(reporter.report_each_second(vitals(&shared), trouble(&shared), drained.clone()));
    beside.spawn(analysis::serve(shared.clone(), shutdown.clone()));
    beside.spawn(durability::watch(shared.parts.ledger.clone(), shutdown.clone()));
    beside.spawn(trials::serve(shared.clone(), shutdown.clone()));
    beside.spawn(freshness::heartbeat(shared.parts.ledger.clone(), shutdown.clone()));
    webhooks::spawn(&shared, &mut beside, &shutdown);
    let stopped = CancellationToken::new();
    let served = tokio::spawn(listener::serve(listener, probes, stopped.clone().into()));

    kept_settings::take_over(&shared, &shutdown).await;
    info!(replica = shared.parts.replica, "worker ready to take lanes");
    serve_lanes(&shared, &mut beside, &shutdown).await;
    drained.cancel();
    say_goodbye(beside).await;
    stopped.cancel();
    served.await.context("the worker's probes ended badly")
}

/// The same with neither probes, reports nor analysis: what moves money and no more.
pub async fn run_posting(parts: Parts, shutdown: CancellationToken) {
    let mut beside = JoinSet::new();
    serve_lanes(&Arc::new(Shared::new(parts)), &mut beside, &shutdown).await;
    say_goodbye(beside).await;
}

/// Serves this replica's share of the lanes until `shutdown`, and hands them over; adds to `beside` what goes with it.
async fn serve_lanes(shared: &Arc<Shared>, beside: &mut JoinSet<()>, shutdown: &CancellationToken) {
    let (share, shares) = watch::channel(Default::default());
    beside.spawn(membership::keep(shared.clone(), share, shutdown.clone()));
    beside.spawn(expiry::release_expired(shared.clone(), shutdown.clone()));
    beside.spawn(schedules::release_due(shared.clone(), shutdown.clone()));
    beside.spawn(standing_orders::submit_due(shared.clone(), shutdown.clone()));
    let lane_tasks = lane_tasks::serve(shared.clone(), shares, shutdown.clone());
    tokio::pin!(lane_tasks);
    tokio::select! {
        biased;
        () = &mut lane_tasks => {}
        () = async { shutdown.cancelled().await; tokio::time::sleep(DRAIN_TIMEOUT).await } => {
            warn!(after = ?DRAIN_TIMEOUT, "lanes did not drain in time; unfinished jobs come again elsewhere");
        }
    }
}

/// Time for the last report; whatever else waits for a server is let go.
async fn say_goodbye(mut beside: JoinSet<()>) {
    let goodbye = async { while beside.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE_TIMEOUT, goodbye).await.is_err() {
        beside.shutdown().await;
    }
}

/// What this worker reports of itself.
fn vitals(shared: &Arc<Shared>) -> impl Fn() -> Vitals + Send + 'static {
    let shared = shared.clone();
    move || Vitals {
        counts: shared.figures.counts(),
        lane_counts: shared.figures.lane_counts(),
        lanes: shared.figures.lanes(),
    }
}

/// Why it cannot post, or cannot post all of it.
fn trouble(shared: &Arc<Shared>) -> impl Fn() -> BoxFuture<'static, Option<Trouble>> + Send + 'static {
    let shared = shared.clone();
    move || {
        let shared = shared.clone();
        Box::pin(async move { ready(&shared).await.err().or_else(|| shared.figures.held_up.trouble()) })
    }
}

fn readiness(shared: &Arc<Shared>) -> probes::Readiness {
    let shared = shared.clone();
    Arc::new(move || {
        let shared = shared.clone();
        Box::pin(async move { ready(&shared).await.map_err(|trouble| trouble.what) })
    })
}

/// Whether it could post any job.
async fn ready(shared: &Shared) -> Result<(), Trouble> {
    let Parts { queue, ledger, .. } = &shared.parts;
    queue.ready().await?;
    let of_ledger = |kind, what| Err(Trouble { kind, what });
    match (ledger.ready().await, ledger.refusal()) {
        (Err(error), _) => of_ledger(TroubleKind::LedgerAway, error.to_string()),
        (Ok(()), Some(refused)) => {
            of_ledger(TroubleKind::LedgerNotDurable, format!("nothing is posted: {refused}"))
        }
        // A database may answer and take nothing: its disk is full, a table is locked.
        (Ok(()), None) => shared.figures.held_up.standstill().map_or(Ok(()), Err),
    }
}
