//! What a process tells of itself: logs to standard error, and figures for `/metrics` and for its reports.

mod exposition;
pub mod figures;
pub mod names;
pub mod resources;

use std::io::IsTerminal;
use std::sync::Arc;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

pub use self::exposition::Exposition;
use self::figures::{Figures, Recorder};
use crate::request_id::Named;

/// What a service logs unless `RUST_LOG` says otherwise: ours, and what warns.
pub const SERVICE_FILTER: &str = "warn,tellers=info,api=info,worker=info,monitor=info,amqp=info,fleet=info,queue=info,runtime=info,store=info,tellers_http=info";
/// What a command that answers on the terminal logs unless `RUST_LOG` says otherwise.
pub const COMMAND_FILTER: &str = "warn";

/// Upper bounds of the buckets of every histogram in seconds: 0.1 ms to 10 s, about 1.5 apart where most batches are.
#[rustfmt::skip] // A line for each power of ten.
const SECONDS_BUCKETS: [f64; 25] = [
    0.000_1, 0.000_25, 0.000_5,
    0.001, 0.001_5, 0.002_5, 0.003_5, 0.005, 0.007,
    0.01, 0.015, 0.025, 0.035, 0.05, 0.07,
    0.1, 0.15, 0.25, 0.35, 0.5, 0.7,
    1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of the buckets of a batch's size in jobs.
const JOBS_BUCKETS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0];

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts logging to standard error; `RUST_LOG` filters it where it can be read, or else `default_filter`.
///
/// # Errors
/// Logging has been started before.
pub fn log(format: LogFormat, default_filter: &str) -> Result<(), TryInitError> {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wanted| !wanted.is_empty());
    let readable = wanted.and_then(|wanted| filter(&wanted).ok());
    let filter = readable.or_else(|| filter(default_filter).ok()).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            let layer = layer.with_ansi(std::io::stderr().is_terminal());
            registry.with(layer.map_event_format(|format| Named { format, is_json: false })).try_init()
        }
        LogFormat::Json => {
            let layer = layer.json().flatten_event(true);
            registry.with(layer.map_event_format(|format| Named { format, is_json: true })).try_init()
        }
    }
}

/// What `wanted` says, and nothing of the AMQP client's own unless it names that: the client says three times over,
/// at every try, what the errors of this fleet say once.
fn filter(wanted: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(format!("lapin=off,{wanted}"))
}

/// The figures of this process.
#[derive(Clone)]
pub struct Telemetry {
    /// Renders them for Prometheus.
    pub prometheus: Exposition,
    /// Keeps them for reports.
    pub figures: Arc<Figures>,
}

impl Telemetry {
    /// Of a process that records nothing.
    #[must_use]
    pub fn silent() -> Telemetry {
        let prometheus = Exposition::of(PrometheusBuilder::new().build_recorder().handle());
        Telemetry { prometheus, figures: Arc::default() }
    }
}

/// Why figures are not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The buckets are none.
    #[error("the recorder cannot be made: {0}")]
    Build(#[from] BuildError),
    /// There is one already.
    #[error("this process has a recorder already")]
    Installed,
}

/// Starts recording figures. Somebody has to see to the upkeep: the reports of a replica do.
///
/// # Errors
/// A recorder is installed already.
pub fn record() -> Result<Telemetry, RecordError> {
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(names::BATCH_JOBS.to_owned()), &JOBS_BUCKETS)?
        .build_recorder();
    let telemetry = Telemetry { prometheus: Exposition::of(prometheus.handle()), figures: Arc::default() };
    let recorder = Recorder { prometheus, figures: telemetry.figures.clone() };
    metrics::set_global_recorder(recorder).map_err(|_| RecordError::Installed)?;
    telemetry.prometheus.describe();
    Ok(telemetry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amqp_client_is_heard_where_it_is_asked_for() {
        for (wanted, is_silent) in [(SERVICE_FILTER, true), ("info", true), ("info,lapin=warn", false)] {
            let filter = filter(wanted).expect("a filter").to_string();
            assert_eq!(filter.contains("lapin=off"), is_silent, "{wanted}: {filter}");
        }
    }
}
