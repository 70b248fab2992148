//! `tellers demo`: a fleet on the embedded default posts mixed jobs over HTTP and checks its ledger.

mod jobs;
mod summary;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use client::Client;
use fleet::config::{AccessConfig, FleetConfig, MonitorConfig, WorkerConfig};
use fleet::settings::{ApiSettings, MonitorSettings, WorkerSettings};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::shutdown;
use tokio::net::TcpListener;
use webhooks::Retries;

use self::jobs::{Mix, Sent};
use self::summary::Summary;
use crate::cli::{ApiArgs, DemoArgs, DevArgs};
use crate::output;
use crate::parts::Parts;
use crate::roles::Dev;
use crate::verify;

/// Jobs in one request.
const REQUEST_JOBS: usize = 100;
/// Requests in flight at the same time.
const REQUESTS_IN_FLIGHT: usize = 8;
/// How long one request waits for an outcome.
const OUTCOME_WAIT: Duration = Duration::from_secs(30);

pub(crate) async fn run(mut fleet: FleetConfig, args: DemoArgs) -> anyhow::Result<ExitCode> {
    // A demo starts with an empty ledger and leaves nothing behind.
    let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
    fleet.data_dir = folder.path().to_owned();
    (fleet.amqp_url, fleet.database_url) = (None, None);
    let shutdown = shutdown::on_signal(Duration::ZERO)?;
    let parts = Parts::open(&fleet).await?;
    parts.ledger.migrate(fleet.lanes).await?;
    let dev = Dev::start(&fleet, dev_args().await, &parts, shutdown.clone()).await?;
    let (api, monitor) = (dev.api, dev.monitor);
    let serving = tokio::spawn(dev.until_the_end());

    let client = Client::new(&format!("http://{api}"))?;
    let worked = tokio::select! {
        worked = post_and_check(&client, &parts, &args) => worked.map(Some),
        () = shutdown.cancelled() => Ok(None),
    };
    let clean = match &worked {
        Ok(Some(clean)) => *clean,
        Ok(None) | Err(_) => false,
    };
    if clean && !args.exit {
        output::done("\nThe fleet goes on serving; Ctrl-C ends it and removes its books.");
        output::done(format_args!("  API      http://{api}/docs"));
        output::done(format_args!("  monitor  http://{monitor}/api/scalability/status"));
        shutdown.cancelled().await;
    }
    shutdown.cancel();
    serving.await.context("the fleet broke off")??;
    worked?;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Posts the jobs, waits for every outcome, prints what came of it; true if the ledger is in order.
async fn post_and_check(client: &Client, parts: &Parts, args: &DemoArgs) -> anyhow::Result<bool> {
    output::done("A fleet in one process: ingress, worker, monitor, embedded queue and ledger.\n");
    let mut mix = Mix::new(args.seed, args.accounts);
    let mut summary = Summary::default();

    let opened = send(client, "opening accounts", mix.open_accounts(), &mut summary).await?;
    collect(client, "awaiting the accounts", opened, &mut summary).await?;
    let funded = send(client, "funding them", mix.fund_accounts(), &mut summary).await?;
    collect(client, "awaiting the funds", funded, &mut summary).await?;
    let already = 2 * usize::try_from(args.accounts)?;
    let rest = usize::try_from(args.jobs)?.saturating_sub(already);
    let started = Instant::now();
    let mixed = send(client, "posting mixed jobs", mix.mixed(rest), &mut summary).await?;
    collect(client, "awaiting every outcome", mixed, &mut summary).await?;
    tracing::debug!(took = ?started.elapsed(), "every outcome is known");

    output::done(format_args!("\n{summary}\n"));
    let audit = parts.ledger.audit().await?;
    output::done(format_args!("tellers verify\n{}", verify::table(&audit)));
    audit.findings.iter().for_each(|finding| output::done(format_args!("  - {finding}")));
    output::done(verify::sentence(&audit));
    let in_order = audit.is_clean() && summary.is_as_expected();
    if !summary.is_as_expected() {
        output::done("Some jobs did not come out as they should have: see the column `expected`.");
    }
    Ok(in_order)
}

/// A job that was accepted under this id.
type Accepted = (Sent, String);

async fn send(
    client: &Client,
    what: &'static str,
    jobs: Vec<Sent>,
    summary: &mut Summary,
) -> anyhow::Result<Vec<Accepted>> {
    let bar = progress(what, jobs.len());
    let started = Instant::now();
    let requests: Vec<Vec<Sent>> = jobs.chunks(REQUEST_JOBS).map(<[Sent]>::to_vec).collect();
    let accepted: Vec<Vec<Accepted>> = stream::iter(requests)
        .map(async |request| {
            let bodies: Vec<String> = request.iter().map(|sent| sent.body.clone()).collect();
            let ids = client.post_batch(&bodies).await?;
            bar.inc(u64::try_from(ids.len())?);
            anyhow::Ok(request.into_iter().zip(ids).collect())
        })
        .buffered(REQUESTS_IN_FLIGHT)
        .try_collect()
        .await?;
    bar.finish_and_clear();
    let accepted: Vec<Accepted> = accepted.into_iter().flatten().collect();
    summary.accepted(u64::try_from(accepted.len())?, started.elapsed());
    Ok(accepted)
}

async fn collect(
    client: &Client,
    what: &'static str,
    accepted: Vec<Accepted>,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let bar = progress(what, accepted.len());
    let mut outcomes = stream::iter(accepted)
        .map(async |(sent, id)| {
            let job = client.job(&id, OUTCOME_WAIT).await?;
            anyhow::Ok((job.with_context(|| format!("the ingress does not know job {id}"))?, sent, id))
        })
        .buffer_unordered(2 * REQUESTS_IN_FLIGHT);
    while let Some((job, sent, id)) = outcomes.try_next().await? {
        summary.note(&sent, id, &job);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn progress(what: &'static str, jobs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} jobs  {per_sec}  {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(u64::try_from(jobs).unwrap_or_default()).with_style(style).with_message(what)
}

/// The usual ports where they are free, else any.
async fn dev_args() -> DevArgs {
    let usual_or_free = async |port: u16| {
        let usual = SocketAddr::from(([127, 0, 0, 1], port));
        let is_free = TcpListener::bind(usual).await.is_ok();
        if is_free { usual } else { SocketAddr::from(([127, 0, 0, 1], 0)) }
    };
    DevArgs {
        api: ApiArgs {
            stop_pause_ms: 0,
            api_listen: usual_or_free(8080).await,
            max_upload_mb: 100,
            imports_at_once: 4,
            import_ahead_rows: 8_000,
            iban_prefixes: Vec::new(),
            settings: ApiSettings::default(),
            access: AccessConfig::default(),
        },
        worker: WorkerConfig {
            worker_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            webhook_retries: Retries::default(),
            settings: WorkerSettings::default(),
        },
        monitor: MonitorConfig {
            monitor_listen: usual_or_free(5000).await,
            api_url: None,
            api_key: None,
            alert_webhook_secret: None,
            settings: MonitorSettings::default(),
        },
    }
}
