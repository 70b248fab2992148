//! A replica's report, each second, whatever its role.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Bus, Topic};
use crate::clock;
use crate::contract::report::{Counts, LaneReport, Report, Role};

/// How often a replica reports.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The part of a report that changes.
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// Why the replica can not do its work just now; `None`: it can.
    pub trouble: Option<String>,
    /// Jobs since its start.
    pub counts: Counts,
    /// The lanes that it serves.
    pub lanes: Vec<LaneReport>,
}

/// Reports what `vitals` says, each second, until `shutdown`; then says goodbye.
pub async fn report_each_second<F>(
    bus: Arc<dyn Bus>,
    role: Role,
    replica: String,
    vitals: impl Fn() -> F + Send,
    shutdown: CancellationToken,
) where
    F: Future<Output = Vitals> + Send,
{
    let started_at = clock::now_us();
    let host = sysinfo::System::host_name().unwrap_or_default();
    let mut interval = tokio::time::interval(REPORT_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let leaving = tokio::select! {
            () = shutdown.cancelled() => true,
            _ = interval.tick() => false,
        };
        let vitals = vitals();
        let Vitals { trouble, counts, lanes } = tokio::select! {
            vitals = vitals => vitals,
            // Servers that are away do not hold up the end.
            () = shutdown.cancelled() => Vitals::default(),
        };
        let report = Report {
            role,
            replica: replica.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host.clone(),
            started_at,
            reported_at: clock::now_us(),
            trouble,
            counts,
            lanes,
            leaving,
            process_id: std::process::id(),
            address: None,
            settings_version: 0,
            errors: Default::default(),
            requests: 0,
            requests_failed: 0,
            histograms: Default::default(),
            resources: None,
            pools: Vec::new(),
            settings: Default::default(),
        };
        match serde_json::to_vec(&report) {
            Ok(json) => bus.broadcast(Topic::Report, Bytes::from(json)).await,
            Err(error) => warn!(%error, "a report could not be written"),
        }
        if leaving {
            return;
        }
    }
}
