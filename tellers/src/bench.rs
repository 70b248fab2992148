//! `tellers bench`: what a fleet does on given servers, measured end to end, with the ledger checked
//! afterwards. On the servers that `AMQP_URL` and `DATABASE_URL` name it starts one ingress and one
//! worker as processes of their own; without them, one process on the embedded parts.
//!
//! `docs/BENCHMARKS.md` says what each figure means.

mod bare;
mod books;
mod children;
mod distance;
mod fair;
pub(crate) mod figures;
mod floor;
mod keys;
mod load;
mod machine;
mod metrics;
mod processes;
mod progress;
mod scenario;
mod scenarios;
mod servers;
mod stages;
mod tables;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fleet::config::FleetConfig;
use store::floor::server_facts;
use store::keys::ApiKeys;
use store::ledger::Ledger;

use self::books::Accounts;
use self::children::{Children, Workers};
use self::figures::{CpuOfLoad, Figures, Latency};
use self::keys::{Clients, Keys};
use self::load::{BATCH_CONNECTIONS, OFFERED_PER_SECOND, Sent};
use self::machine::Machine;
use self::metrics::Metrics;
use self::processes::Processes;
use self::progress::show_progress;
use self::scenario::Scenario;
use self::scenarios::Bench;
use self::servers::{DATABASE_PORT, ServerUrl};
use crate::cli::BenchArgs;
use crate::output;
use crate::parts::Books;
use crate::{parts, roles, verify};

/// Connections that send single jobs.
const SINGLE_CONNECTIONS: usize = 100;
/// Pages of entries that are read.
const PAGES_READ: usize = 200;
/// How far away the database is where everything is measured.
const DISTANCE_OF_ALL: Duration = Duration::from_millis(10);

pub(crate) async fn run(mut fleet: FleetConfig, args: BenchArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        fleet.amqp_url.is_some() == fleet.database_url.is_some(),
        "set both AMQP_URL and DATABASE_URL to measure a real fleet, or neither for the embedded parts"
    );
    let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
    fleet.data_dir = folder.path().to_owned();
    show_progress(match fleet.database_url {
        Some(_) => "a fleet of one ingress and one worker on DATABASE_URL and AMQP_URL",
        None => {
            "one process on the embedded parts, in a temporary folder (set DATABASE_URL and AMQP_URL for a fleet)"
        }
    });
    let Books { ledger, api_keys, .. } = parts::books(&fleet)?;
    ledger.migrate(fleet.lanes).await?;
    let figures = measure(&fleet, &args, (&ledger, &*api_keys)).await?;

    show_progress("checking the books");
    let audit = ledger.audit().await?;
    ledger.close().await;
    if args.json {
        output::done(figures.as_json(audit.is_clean()));
    } else {
        output::done(format_args!("{figures}\n{}", verify::sentence(&audit)));
    }
    audit.findings.iter().for_each(|finding| output::done(format_args!("  - {finding}")));
    Ok(if audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    fleet: &FleetConfig,
    args: &BenchArgs,
    (ledger, api_keys): (&Arc<dyn Ledger>, &dyn ApiKeys),
) -> anyhow::Result<Figures> {
    let span = Duration::from_secs(args.seconds);
    let run = roles::replica_id("bench")?;
    let broker = fleet.amqp_url.as_deref().map(ServerUrl::broker).transpose()?;
    let mut figures = Figures::default();
    let database = match &fleet.database_url {
        Some(url) => Some(server_facts(url).await?),
        None => None,
    };
    figures.machine = Machine::look(database, broker.as_ref()).await?;

    let accounts = Accounts::open(ledger.as_ref(), fleet.lanes, &run, args.accounts).await?;
    if args.prefill > 0 {
        show_progress(&format!("filling the books with {} entries", args.prefill));
        bare::prefill(ledger, &accounts, args.prefill).await?;
    }
    // Both are what the database can do, and share the time of one measurement.
    let mut bare_span = span;
    if let Some(url) = &fleet.database_url {
        show_progress("the naive loop");
        bare_span = span / 2;
        figures.floor = Some(floor::measure(url, args.accounts, span / 2).await?);
    }
    show_progress("bare posting");
    figures.bare_per_second = bare::measure(ledger, &accounts, bare_span).await?;

    let keys = Keys::make(api_keys, &run, args.keys).await?;
    let bench = Bench { fleet, ledger: ledger.as_ref(), accounts: &accounts, span, keys: &keys };
    let mut children = Children::start(fleet, &Workers::ONE).await?;
    let clients = keys.clients_of(&children)?;
    measure_fleet(&bench, &children, &clients, broker.as_ref(), &mut figures).await?;
    if args.hot || args.all {
        figures.scenarios.push(Scenario::or_why_not("hot account", bench.hot(&clients).await));
    }
    if args.users || args.all {
        figures.scenarios.push(Scenario::or_why_not("users", bench.users(&clients).await));
    }
    children.stop().await?;
    figures.scenarios.extend(of_other_fleets(&bench, args).await);
    if args.fair || args.all {
        // Last: from its keys on the fleet asks everybody for one.
        figures.scenarios.push(Scenario::or_why_not("fair shares", bench.fair(api_keys, &run).await));
    }
    Ok(figures)
}

/// What is measured always, of a fleet that runs.
async fn measure_fleet(
    bench: &Bench<'_>,
    children: &Children,
    clients: &Clients,
    broker: Option<&ServerUrl>,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let Bench { fleet, ledger, accounts, span, .. } = *bench;
    let database = fleet.database_url.as_deref().and_then(|url| ServerUrl::read(url, DATABASE_PORT).ok());
    let servers: Vec<_> = [broker.map(|url| ("broker", url)), database.as_ref().map(|url| ("database", url))]
        .into_iter()
        .flatten()
        .collect();
    let processes = Processes::find(children.pids(), &servers);
    let mut cpu_before = processes.cpu_times();
    let mut cpu_of = |load, jobs| {
        let now = processes.cpu_times();
        let before = std::mem::replace(&mut cpu_before, now.clone());
        figures.cpu.push(CpuOfLoad { load, parts: now.of_jobs_since(&before, jobs) });
    };

    show_progress("batches of 100");
    figures.batches = load::batches(clients, ledger, accounts, BATCH_CONNECTIONS, span).await?;
    cpu_of("batches of 100", figures.batches.jobs);
    show_progress("single jobs");
    figures.singles = load::singles(clients, ledger, accounts, SINGLE_CONNECTIONS, span).await?;
    cpu_of("single jobs", figures.singles.jobs);

    show_progress("an even load");
    let replicas = children.processes()?;
    let before = Metrics::of(&replicas).await?;
    let Sent { ids, refused } = load::even(clients, accounts, OFFERED_PER_SECOND, span).await?;
    // Reading the outcomes costs the database more than the few jobs that are not posted yet.
    cpu_of("single jobs at an even rate", u64::try_from(ids.len())?);
    figures.latency = Latency { refused, ..load::latency(ledger, &ids, span).await? };
    figures.stages = stages::between(&before, &Metrics::of(&replicas).await?);
    figures.page_ms = load::pages(clients, accounts, PAGES_READ).await?;
    figures.resident_mb = children.resident_mb()?;
    Ok(())
}

/// What needs fleets of its own.
async fn of_other_fleets(bench: &Bench<'_>, args: &BenchArgs) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    if let Some(delay) = args.distance.or(args.all.then_some(DISTANCE_OF_ALL)) {
        scenarios.push(Scenario::or_why_not("distance", bench.distance(delay).await));
    }
    if args.tls || args.all {
        scenarios.push(Scenario::or_why_not("TLS", bench.tls().await));
    }
    scenarios
}
