//! The roles, each from its configuration to its end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use api::imports::ImportsConfig;
use fleet::config::{FleetConfig, WorkerConfig};
use fleet::reporter::Instruments;
use fleet::settings::{LiveSettings, Settings};
use queue::publisher::Publisher;
use runtime::telemetry;
use runtime::telemetry::names::Part;
use tellers_http::keys::check_listen;
use tellers_http::tls::ServerTls;
use tokio_util::sync::CancellationToken;
use webhooks::Retries;
use worker::WebhookParts;

use crate::access::{Access, Following};
use crate::cli::{ApiArgs, DevArgs, MonitorArgs};
use crate::encryption::tell_exposed;
use crate::listening::{announce, listen, server_tls, url_here};
use crate::parts::Parts;
use crate::servers::{check_broker, check_ledger, knock};

/// Where files lie until they are read, within the data folder.
const IMPORTS_FOLDER: &str = "imports";

/// All roles in one process.
pub(crate) async fn dev(
    fleet: FleetConfig,
    args: DevArgs,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(&fleet).await?;
    knock(&parts, fleet.lanes, &shutdown).await?;
    parts.ledger.migrate(fleet.lanes).await?;
    let fleet = Dev::start(&fleet, args, &parts, shutdown).await?;
    fleet.until_the_end().await?;
    Ok(ExitCode::SUCCESS)
}

/// A fleet in one process.
pub(crate) struct Dev {
    pub(crate) api: SocketAddr,
    pub(crate) monitor: SocketAddr,
    parts: Parts,
    publishers: [Arc<Publisher>; 2],
    roles: tokio::task::JoinSet<anyhow::Result<()>>,
    following: Following,
    shutdown: CancellationToken,
}

impl Dev {
    pub(crate) async fn start(
        fleet: &FleetConfig,
        args: DevArgs,
        parts: &Parts,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Dev> {
        let settings = args.api.settings.0.clone().and(args.worker.settings.0).and(args.monitor.settings.0);
        let instruments = instruments(fleet, parts, settings)?;
        let tls = server_tls(&args.api.access)?;
        let addresses = [args.api.api_listen, args.monitor.monitor_listen];
        let access = Access::open(&args.api.access, parts, &addresses).await?;
        let api_config = api_config(fleet, args.api, tls.clone(), &access)?;
        check_listen(args.monitor.monitor_listen, &access.keys)?;
        let (api, worker, monitor) = (
            api::bind(&api_config)?,
            listen(args.worker.worker_listen, "WORKER_LISTEN", None)?,
            listen(args.monitor.monitor_listen, "MONITOR_LISTEN", tls.clone())?,
        );
        let addresses = (api.local_addr()?, monitor.local_addr()?);
        let listeners = [("api", &api), ("worker", &worker), ("monitor", &monitor)];
        for (role, listener) in listeners {
            announce(role, listener)?;
        }
        tell_exposed(fleet, &listeners);

        // One each: what the worker submits by itself is not what the ingress accepted.
        let (ingress, poster) = (replica_id("api")?, replica_id("worker")?);
        let publishers = [parts.publisher(fleet, &ingress), parts.publisher(fleet, &poster)];
        // Whoever scrapes all three listeners gets each figure once.
        let of_api = instruments.without_pools().showing(&[Part::Ingress, Part::Process]);
        let of_monitor = instruments.without_pools().showing(&[Part::Monitor]);
        let api_parts = api_parts(fleet, parts, &publishers[0], ingress, of_api);
        let of_worker = instruments.showing(&[Part::Worker]);
        let worker_parts =
            worker_parts(fleet, parts, args.worker.webhook_retries, &publishers[1], poster, of_worker);
        let monitor_parts = monitor::Parts {
            api_url: Some(args.monitor.api_url.unwrap_or_else(|| url_here(addresses.0, tls.is_some()))),
            api_key: args.monitor.api_key,
            alert_webhook_secret: args.monitor.alert_webhook_secret,
            ..monitor_parts(fleet, parts, replica_id("monitor")?, &access, of_monitor)
        };
        let following = access.follow(parts, &shutdown);
        let mut roles = tokio::task::JoinSet::new();
        roles.spawn(api::serve(api, api_config, api_parts, shutdown.clone()));
        roles.spawn(worker::run(worker_parts, worker, shutdown.clone()));
        roles.spawn(monitor::run(monitor_parts, monitor, shutdown.clone()));
        let (api, monitor) = addresses;
        Ok(Dev { api, monitor, parts: parts.clone(), publishers, roles, following, shutdown })
    }

    /// Waits until every role has ended; where one fails, the others are stopped.
    pub(crate) async fn until_the_end(mut self) -> anyhow::Result<()> {
        let mut failure = None;
        while let Some(ended) = self.roles.join_next().await {
            if let Err(error) = ended.context("a role broke off").flatten() {
                self.shutdown.cancel();
                failure.get_or_insert(error);
            }
        }
        for publisher in &self.publishers {
            publisher.stop().await;
        }
        self.following.end().await?;
        self.parts.close().await;
        failure.map_or(Ok(()), Err)
    }
}

/// One ingress.
pub(crate) async fn api(
    fleet: FleetConfig,
    args: ApiArgs,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let settings = args.settings.0.clone();
    let tls = server_tls(&args.access)?;
    let parts = Parts::open_shared(&fleet, "api").await?;
    knock(&parts, fleet.lanes, &shutdown).await?;
    let access = Access::open(&args.access, &parts, &[args.api_listen]).await?;
    let config = api_config(&fleet, args, tls, &access)?;
    let replica = replica_id("api")?;
    let publisher = parts.publisher(&fleet, &replica);
    let instruments = instruments(&fleet, &parts, settings)?;
    let listener = api::bind(&config)?;
    announce("api", &listener)?;
    tell_exposed(&fleet, &[("api", &listener)]);

    // It accepts jobs while the ledger is away; another number of lanes ends it as soon as it is known.
    let check = tokio::spawn(check_ledger(parts.ledger.clone(), fleet.lanes, shutdown.clone()));
    let broker = tokio::spawn(check_broker(parts.queue.clone(), shutdown.clone()));
    let api_parts = api_parts(&fleet, &parts, &publisher, replica, instruments);
    let following = access.follow(&parts, &shutdown);
    let served = api::serve(listener, config, api_parts, shutdown.clone()).await;
    shutdown.cancel();
    publisher.stop().await;
    following.end().await?;
    parts.close().await;
    check.await.context("the check of the ledger broke off")??;
    broker.await.context("the check of the broker broke off")??;
    served.map(|()| ExitCode::SUCCESS)
}

/// One worker.
pub(crate) async fn worker(
    fleet: FleetConfig,
    config: WorkerConfig,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let parts = Parts::open_shared(&fleet, "worker").await?;
    knock(&parts, fleet.lanes, &shutdown).await?;
    let replica = replica_id("worker")?;
    let publisher = parts.publisher(&fleet, &replica);
    let instruments = instruments(&fleet, &parts, config.settings.0)?;
    let listener = listen(config.worker_listen, "WORKER_LISTEN", None)?;
    announce("worker", &listener)?;
    tell_exposed(&fleet, &[("worker", &listener)]);

    // Without a schema every batch would fail: no lane is taken before.
    let broker = tokio::spawn(check_broker(parts.queue.clone(), shutdown.clone()));
    check_ledger(parts.ledger.clone(), fleet.lanes, shutdown.clone()).await?;
    let worker_parts = worker_parts(&fleet, &parts, config.webhook_retries, &publisher, replica, instruments);
    let served = worker::run(worker_parts, listener, shutdown.clone()).await;
    shutdown.cancel();
    publisher.stop().await;
    parts.close().await;
    broker.await.context("the check of the broker broke off")??;
    served.map(|()| ExitCode::SUCCESS)
}

/// One monitor.
pub(crate) async fn monitor(
    fleet: FleetConfig,
    args: MonitorArgs,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let parts = Parts::open_shared(&fleet, "monitor").await?;
    knock(&parts, fleet.lanes, &shutdown).await?;
    let MonitorArgs { monitor: config, access } = args;
    let tls = server_tls(&access)?;
    let access = Access::open(&access, &parts, &[config.monitor_listen]).await?;
    check_listen(config.monitor_listen, &access.keys)?;
    let instruments = instruments(&fleet, &parts, config.settings.0)?;
    let listener = listen(config.monitor_listen, "MONITOR_LISTEN", tls)?;
    announce("monitor", &listener)?;
    tell_exposed(&fleet, &[("monitor", &listener)]);
    // It watches while the ledger is away; another number of lanes ends it as soon as it is known.
    let check = tokio::spawn(check_ledger(parts.ledger.clone(), fleet.lanes, shutdown.clone()));
    let broker = tokio::spawn(check_broker(parts.queue.clone(), shutdown.clone()));
    let monitor_parts = monitor::Parts {
        api_url: config.api_url,
        api_key: config.api_key,
        alert_webhook_secret: config.alert_webhook_secret,
        ..monitor_parts(&fleet, &parts, replica_id("monitor")?, &access, instruments)
    };
    let following = access.follow(&parts, &shutdown);
    let served = monitor::run(monitor_parts, listener, shutdown.clone()).await;
    shutdown.cancel();
    following.end().await?;
    check.await.context("the check of the ledger broke off")??;
    broker.await.context("the check of the broker broke off")??;
    parts.close().await;
    served.map(|()| ExitCode::SUCCESS)
}

/// Starts recording, and puts together what every role of this process reports from.
fn instruments(fleet: &FleetConfig, parts: &Parts, settings: Settings) -> anyhow::Result<Instruments> {
    let (ledger, work) = (parts.ledger.clone(), parts.work.clone());
    Ok(Instruments {
        telemetry: telemetry::record().context("the figures cannot be recorded")?,
        settings: Arc::new(LiveSettings::new(settings)),
        started_with: fleet.started_with.clone(),
        pools: Some(Arc::new(move || [ledger.pools(), work.report()].concat())),
        data_dir: fleet.data_dir.clone(),
    })
}

fn api_config(
    fleet: &FleetConfig,
    args: ApiArgs,
    tls: Option<Arc<ServerTls>>,
    access: &Access,
) -> anyhow::Result<api::Config> {
    check_threads(fleet.io_thread_pool_size, args.imports_at_once)?;
    Ok(api::Config {
        listen: args.api_listen,
        tls,
        stop_pause: args.stop_pause(),
        keys: access.keys.clone(),
        trail: access.trail.clone(),
        imports: ImportsConfig {
            folder: fleet.data_dir.join(IMPORTS_FOLDER),
            upload_bytes_max: args.max_upload_mb << 20,
            at_once: args.imports_at_once,
            ahead_rows_max: args.import_ahead_rows,
            options: formats::Options {
                iban_prefixes: given(args.iban_prefixes),
                ..formats::Options::default()
            },
        },
        webhook_allow_private: fleet.webhook_allow_private.clone(),
        ..api::Config::default()
    })
}

/// A file that is read holds a thread to its end, and others come in meanwhile.
fn check_threads(threads: u32, files: usize) -> anyhow::Result<()> {
    ensure!(
        usize::try_from(threads).is_ok_and(|threads| threads > files),
        "IO_THREAD_POOL_SIZE is {threads} and leaves no thread beside those of IMPORTS_AT_ONCE, which is {files}: each \
         reads a file to its end. Raise IO_THREAD_POOL_SIZE above {files}, or lower IMPORTS_AT_ONCE"
    );
    Ok(())
}

fn api_parts(
    fleet: &FleetConfig,
    parts: &Parts,
    publisher: &Arc<Publisher>,
    replica: String,
    instruments: Instruments,
) -> api::Parts {
    api::Parts {
        publisher: publisher.clone(),
        queue: parts.queue.clone(),
        ledger: parts.ledger.clone(),
        imports: parts.imports.clone(),
        analyses: parts.analyses.clone(),
        api_keys: parts.api_keys.clone(),
        audit_log: parts.audit_log.clone(),
        webhooks: parts.webhooks.clone(),
        bus: parts.bus.clone(),
        io: parts.work.io.clone(),
        lanes: fleet.lanes,
        replica,
        instruments,
    }
}

fn worker_parts(
    fleet: &FleetConfig,
    parts: &Parts,
    retries: Retries,
    publisher: &Arc<Publisher>,
    replica: String,
    instruments: Instruments,
) -> worker::Parts {
    worker::Parts {
        webhooks: Some(WebhookParts {
            store: parts.webhooks.clone(),
            keys: parts.api_keys.clone(),
            audit_log: parts.audit_log.clone(),
            allowed: fleet.webhook_allow_private.clone(),
            retries,
        }),
        queue: parts.queue.clone(),
        ledger: parts.ledger.clone(),
        analyses: parts.analyses.clone(),
        prefetches: parts.prefetches.clone(),
        records: Some(parts.records.clone()),
        schedules: Some(parts.schedules.clone()),
        standing_orders: Some(parts.standing_orders.clone()),
        cpu: parts.work.cpu.clone(),
        bus: parts.bus.clone(),
        publisher: publisher.clone(),
        lanes: fleet.lanes,
        replica,
        instruments,
    }
}

fn monitor_parts(
    fleet: &FleetConfig,
    parts: &Parts,
    replica: String,
    access: &Access,
    instruments: Instruments,
) -> monitor::Parts {
    monitor::Parts {
        queue: parts.queue.clone(),
        ledger: parts.ledger.clone(),
        records: parts.records.clone(),
        webhooks: parts.webhooks.clone(),
        bus: parts.bus.clone(),
        lanes: fleet.lanes,
        replica,
        keys: access.keys.clone(),
        trail: access.trail.clone(),
        api_url: None,
        api_key: None,
        webhook_allow_private: fleet.webhook_allow_private.clone(),
        alert_webhook_secret: None,
        instruments,
    }
}

/// Unique for every start of every replica: the order of acceptance is counted under it.
pub(crate) fn replica_id(role: &str) -> anyhow::Result<String> {
    let chance = getrandom::u32().context("the system provides no random numbers")?;
    Ok(format!("{role}-{chance:08x}"))
}

/// Without what is empty: a variable that is set to nothing gives one empty prefix, which every IBAN has.
fn given(prefixes: Vec<String>) -> Vec<String> {
    let trimmed = prefixes.iter().map(|prefix| prefix.trim().to_owned());
    trimmed.filter(|prefix| !prefix.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_read_leave_a_thread_for_those_that_come_in() {
        assert!(check_threads(5, 4).is_ok());
        let told = check_threads(4, 4).unwrap_err().to_string();
        assert!(told.contains("IO_THREAD_POOL_SIZE is 4") && told.contains("IMPORTS_AT_ONCE"), "{told}");
    }
}
