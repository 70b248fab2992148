//! A replica's report, each second, whatever its role; and what it receives of settings meanwhile.

mod instruments;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::report::{Counts, LaneCounts, LaneReport, Report, Role, Trouble, TroubleKind};
use contract::settings::SettingsMessage;
use domain::lane::Lane;
use runtime::clock;
use runtime::telemetry::figures::Taken;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use self::instruments::{Instruments, PoolSource};
use super::{Bus, Topic};
use crate::settings::LiveSettings;

/// How often a replica reports.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The part of a report that the role itself counts.
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// Jobs since its start.
    pub counts: Counts,
    /// Of those, what the reconciliation goes by, lane by lane; lanes without any are left out.
    pub lane_counts: BTreeMap<Lane, LaneCounts>,
    /// The lanes that it serves.
    pub lanes: Vec<LaneReport>,
}

/// A replica, as it reports itself to others.
pub struct Reporter {
    /// Where it reports and listens.
    pub bus: Arc<dyn Bus>,
    /// What it does.
    pub role: Role,
    /// Its id.
    pub replica: String,
    /// Where it listens for HTTP.
    pub address: Option<SocketAddr>,
    /// Whether it speaks TLS there.
    pub tls: bool,
    /// What the rest of a report is read from.
    pub instruments: Instruments,
}

impl Reporter {
    /// Reports what `vitals` counts, each second, until `ended`; then says goodbye with the last of it. `trouble`
    /// tells why the replica cannot do its work just now; `None`: it can. Settings that the monitor tells meanwhile
    /// are in force at once.
    ///
    /// `ended` comes when the work has, not when it is to: nobody receives what is counted after the goodbye.
    pub async fn report_each_second<F>(
        self,
        vitals: impl Fn() -> Vitals + Send,
        trouble: impl Fn() -> F + Send,
        ended: CancellationToken,
    ) where
        F: Future<Output = Option<Trouble>> + Send,
    {
        let messages = self.bus.listen(Topic::Settings).await;
        let settings = self.instruments.settings.clone();
        tokio::join!(self.report(vitals, trouble, &ended), receive_settings(messages, &settings, &ended));
    }

    async fn report<F>(
        self,
        vitals: impl Fn() -> Vitals + Send,
        trouble: impl Fn() -> F + Send,
        ended: &CancellationToken,
    ) where
        F: Future<Output = Option<Trouble>> + Send,
    {
        let started_at = clock::now_us();
        let host = sysinfo::System::host_name().unwrap_or_default();
        let address = self.address.map(|address| reachable(address, &host));
        let mut resources = self.instruments.resources().await;
        let mut interval = tokio::time::interval(REPORT_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let leaving = tokio::select! {
                () = ended.cancelled() => true,
                _ = interval.tick() => false,
            };
            // Before the question whether the ledger answers, which takes a connection itself.
            let (pools, timeouts) = self.instruments.pools();
            // Servers that are away hold up neither the end nor what was counted.
            let trouble = tokio::select! {
                biased;
                () = ended.cancelled() => None,
                trouble = trouble() => trouble,
            };
            let Vitals { counts, lane_counts, lanes } = vitals();
            self.instruments.keep_up();
            // What nobody would receive is kept for the report after.
            let connected = self.bus.connected_since().is_some();
            let figures = if connected { self.instruments.figures(self.role) } else { Taken::default() };
            let settings = self.instruments.settings.now();
            let used = resources.look().await;
            let report = Report {
                role: self.role,
                replica: self.replica.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                host: host.clone(),
                started_at,
                reported_at: clock::now_us(),
                trouble_kind: trouble.as_ref().map_or(TroubleKind::Other, |trouble| trouble.kind),
                trouble: trouble.map(|trouble| trouble.what),
                counts,
                lane_counts: Some(lane_counts),
                lanes,
                leaving,
                process_id: std::process::id(),
                address: address.clone(),
                tls: self.tls,
                settings_version: settings.version,
                errors: figures.errors.into_iter().chain(timeouts).collect(),
                requests: figures.requests,
                requests_failed: figures.requests_failed,
                histograms: figures.histograms,
                resources: used,
                pools,
                settings: self.instruments.settings_report(self.role, &settings),
            };
            match serde_json::to_vec(&report) {
                Ok(json) => self.bus.broadcast(Topic::Report, Bytes::from(json)).await,
                Err(error) => warn!(%error, "a report could not be written"),
            }
            if leaving {
                return;
            }
        }
    }
}

/// Where others reach what listens at `address`: by the host's name if it listens at all of its addresses.
fn reachable(address: SocketAddr, host: &str) -> String {
    if address.ip().is_unspecified() && !host.is_empty() {
        format!("{host}:{}", address.port())
    } else {
        address.to_string()
    }
}

/// The next report of any replica that can be read; `None`: the bus has ended. What a slow listener misses is passed over.
pub async fn next_report(reports: &mut broadcast::Receiver<Bytes>) -> Option<Report> {
    loop {
        match reports.recv().await.map(|message| serde_json::from_slice(&message)) {
            Ok(Ok(report)) => return Some(report),
            Ok(Err(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}

async fn receive_settings(
    mut messages: broadcast::Receiver<Bytes>,
    settings: &LiveSettings,
    ended: &CancellationToken,
) {
    loop {
        let message = tokio::select! {
            () = ended.cancelled() => return,
            message = messages.recv() => message,
        };
        match message.map(|message| serde_json::from_slice::<SettingsMessage>(&message)) {
            Ok(Ok(message)) => settings.apply(&message),
            Ok(Err(error)) => {
                warn!(%error, "a message about settings cannot be read; do all replicas run this version?");
            }
            // The monitor repeats itself.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests;
