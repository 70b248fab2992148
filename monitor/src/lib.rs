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
mod context;
mod control;
mod dead_letters;
mod facts;
mod figures;
mod gauges;
mod health;
mod history;
mod ingress;
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
mod webhook_endpoints;
mod words;

use std::sync::{Arc, Mutex};

use contract::report::Role;
use fleet::reporter::{Reporter, Vitals};
use store::ledger::durability;
use tellers_http::listener::{self, Listener};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::alerts::log::{self, Log};
use crate::alerts::webhook;
use crate::books::Books;
pub use crate::context::Parts;
use crate::context::Shared;
use crate::control::Control;
use crate::history::{History, SECONDS_KEPT};
use crate::load_tests::LoadTests;
use crate::sampler::Outlets;
use crate::snapshot::Snapshot;

/// Changes of alerts that wait to be recorded or sent while the database or the webhook is away.
const ALERT_CHANGES_WAITING_MAX: usize = 1_000;

/// Watches and answers until `shutdown`.
///
/// # Errors
/// The listener failed. A part that is away is shown as away, not returned.
pub async fn run(parts: Parts, listener: Listener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut beside = JoinSet::new();
    let shared = watch_fleet(&parts, &mut beside, &shutdown);
    let reporter = Reporter {
        bus: parts.bus.clone(),
        role: Role::Monitor,
        replica: parts.replica.clone(),
        address: listener.local_addr().ok(),
        tls: listener.is_tls(),
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
    info!(replica = parts.replica, tls = listener.is_tls(), "monitor ready");
    let prometheus = parts.instruments.telemetry.prometheus.clone();
    let router = routes::router(shared, load_tests.clone(), prometheus, listener.is_tls())?;
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
    let (standing_write, standing) = watch::channel(None);
    let (kept, points) = mpsc::channel(SECONDS_KEPT);
    let (to_log, logged) = mpsc::channel(ALERT_CHANGES_WAITING_MAX);
    let (to_webhook, to_send) = mpsc::channel(ALERT_CHANGES_WAITING_MAX);
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
    beside.spawn(webhook_endpoints::watch(parts.webhooks.clone(), standing_write, shutdown.clone()));
    beside.spawn(sampler::sample(
        parts.clone(),
        (books, policies, standing, open_alerts),
        outlets,
        shutdown.clone(),
    ));
    beside.spawn(history::store::keep(records.clone(), history.clone(), points, shutdown.clone()));
    beside.spawn(log::keep(records, log.clone(), resume, logged, shutdown.clone()));
    let (settings, allowed) = (parts.instruments.settings.clone(), parts.webhook_allow_private.clone());
    let way = webhook::Way { allowed, secret: parts.alert_webhook_secret.clone() };
    beside.spawn(webhook::tell(settings, way, to_send, shutdown.clone()));
    beside.spawn(control.clone().repeat(shutdown.clone()));
    Arc::new(Shared { snapshot, history, log, control, parts: parts.clone() })
}
