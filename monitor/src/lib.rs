//! The monitor: merges what the replicas report, what the queue holds and what the ledger sums up into
//! one snapshot a second, judges it, and answers from it. It never stands in the path of a job.
//!
//! ```text
//! reports ─▶ replicas ─▶ figures ─┐
//! depth ──▶ lanes ────────────────┼─▶ facts ─▶ health, alerts, scaling ─▶ snapshot ─▶ routes, gauges, history
//! totals ─▶ books ─▶ reconciliation ┘
//! ```

mod alerts;
mod books;
mod control;
mod facts;
mod figures;
mod gauges;
mod health;
mod history;
mod lanes;
mod load_tests;
mod missing;
mod page;
mod policies;
mod problem;
mod problems;
mod reconciliation;
mod replicas;
mod routes;
mod sampler;
mod scaling;
mod snapshot;
pub mod views;
mod words;

use std::sync::{Arc, Mutex};

use contract::report::Role;
use domain::lane::Lanes;
use fleet::Bus;
use fleet::reporter::{Instruments, Reporter, Vitals};
use queue::Queue;
use runtime::telemetry::PrometheusHandle;
use store::ledger::{Ledger, durability};
use store::records::Records;
use tellers_http::keys::Keys;
use tellers_http::listener;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::alerts::log::{self, Log};
use crate::alerts::webhook;
use crate::books::Books;
use crate::control::Control;
use crate::history::{History, SECONDS_KEPT};
use crate::load_tests::LoadTests;
use crate::routes::Shared;
use crate::sampler::Outlets;
use crate::snapshot::Snapshot;

/// Changes of alerts that wait to be kept or told while the database or the webhook is away.
const ALERT_CHANGES_WAITING_MAX: usize = 1_000;

/// What the monitor looks at.
#[derive(Clone)]
pub struct Parts {
    /// For the depth of the lanes.
    pub queue: Arc<dyn Queue>,
    /// For the totals.
    pub ledger: Arc<dyn Ledger>,
    /// For the history, the alerts that fired and the changes of settings.
    pub records: Arc<dyn Records>,
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
    /// Who may change how the fleet runs; where there are none, anybody may.
    pub keys: Arc<Keys>,
    /// What this replica measures and is set to: the thresholds of the alerts among it.
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
    let mut beside = JoinSet::new();
    let shared = watch_fleet(&parts, &mut beside, &shutdown);
    let reporter = Reporter {
        bus: parts.bus.clone(),
        role: Role::Monitor,
        replica: parts.replica.clone(),
        address: listener.local_addr().ok(),
        instruments: parts.instruments.clone(),
    };
    beside.spawn(reporter.report_each_second(Vitals::default, || async { None }, shutdown.clone()));

    let load_tests = LoadTests::new(load_tests::Settings {
        api_url: parts.api_url.clone(),
        api_key: parts.api_key.clone(),
        bus: parts.bus.clone(),
        records: parts.records.clone(),
        replica: parts.replica.clone(),
        shutdown: shutdown.clone(),
    });
    info!(replica = parts.replica, "monitor ready");
    let router = routes::router(shared, load_tests.clone(), prometheus);
    listener::serve(listener, router, shutdown.into()).await;
    load_tests.stop().await;
    while beside.join_next().await.is_some() {}
    Ok(())
}

/// Starts everything that runs beside the answers.
fn watch_fleet(parts: &Parts, beside: &mut JoinSet<()>, shutdown: &CancellationToken) -> Arc<Shared> {
    let (snapshots, snapshot) = watch::channel(Arc::new(Snapshot::nothing_yet(parts.lanes)));
    let (books_write, books) = watch::channel(Books::default());
    let (policies_write, policies) = watch::channel(None);
    let (kept, points) = mpsc::channel(SECONDS_KEPT);
    let (to_log, logged) = mpsc::channel(ALERT_CHANGES_WAITING_MAX);
    let (to_webhook, told) = mpsc::channel(ALERT_CHANGES_WAITING_MAX);
    let history = Arc::new(Mutex::new(History::default()));
    let log = Arc::new(Mutex::new(Log::default()));
    let control = Control::new(parts.records.clone(), parts.bus.clone(), parts.instruments.settings.clone());
    let control = Arc::new(control);
    let (resume, open_alerts) = oneshot::channel();
    let outlets = Outlets { snapshots, history: history.clone(), kept, log: log.clone(), to_log, to_webhook };
    let records = parts.records.clone();
    beside.spawn(durability::watch(parts.ledger.clone(), shutdown.clone()));
    beside.spawn(books::watch(parts.ledger.clone(), books_write, shutdown.clone()));
    beside.spawn(policies::watch(parts.queue.clone(), policies_write, shutdown.clone()));
    beside.spawn(sampler::sample(parts.clone(), (books, policies, open_alerts), outlets, shutdown.clone()));
    beside.spawn(history::store::keep(records.clone(), history.clone(), points, shutdown.clone()));
    beside.spawn(log::keep(records, log.clone(), resume, logged, shutdown.clone()));
    beside.spawn(webhook::tell(parts.instruments.settings.clone(), told, shutdown.clone()));
    beside.spawn(control.clone().repeat(shutdown.clone()));
    Arc::new(Shared { snapshot, history, log, control, parts: parts.clone() })
}
