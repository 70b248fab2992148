//! `tellers`: the one binary. It wires the parts together and decides nothing.

mod access;
mod accounts;
mod alerts;
mod bench;
mod cli;
mod config;
mod dead_letters;
mod demo;
mod doctor;
mod encryption;
mod health;
mod import;
mod imports;
mod jobs;
mod keys;
mod lanes;
mod listening;
mod load_test;
mod migrate;
mod output;
mod parts;
mod remote;
mod roles;
mod servers;
mod started_with;
mod status;
mod verify;
mod webhooks;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::FromArgMatches as _;
use fleet::config::FleetConfig;
use runtime::shutdown;
use runtime::telemetry;
use runtime::traces::Traces;
use tellers_http::listener;

use crate::cli::{Cli, Command};
use crate::output::{Misused, ReaderGone};

fn main() -> ExitCode {
    let command = Cli::shaped();
    let matches = command.clone().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.fleet.started_with = started_with::read(&command, &matches).into();
    match run(cli) {
        Ok(code) => code,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            output::beside(format!("tellers: {error:#}"));
            if error.is::<Misused>() { ExitCode::from(output::USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let threads = usize::try_from(cli.fleet.max_worker_threads)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(threads).build();
    runtime.context("the runtime cannot be started")?.block_on(start(cli))
}

async fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let fleet = cli.fleet;
    let is_service = matches!(
        cli.command,
        Command::Dev(_) | Command::Api(_) | Command::Worker(_) | Command::Monitor(_) | Command::Migrate(_)
    );
    let filter = if is_service { telemetry::SERVICE_FILTER } else { telemetry::COMMAND_FILTER };
    telemetry::log(fleet.log_format, filter)?;
    if let Some(path) = fleet.tls_ca.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        runtime::tls::trust(path)?;
    }
    if !is_service {
        return run_command(cli.command, fleet).await;
    }
    listener::raise_file_limit();
    let traces = Traces::start(service_name(&cli.command))?;
    let ended = run_command(cli.command, fleet).await;
    traces.stop().await;
    ended
}

/// What traces call a process.
fn service_name(command: &Command) -> &'static str {
    match command {
        Command::Api(_) => "tellers-api",
        Command::Worker(_) => "tellers-worker",
        Command::Monitor(_) => "tellers-monitor",
        _ => "tellers",
    }
}

async fn run_command(command: Command, fleet: FleetConfig) -> anyhow::Result<ExitCode> {
    let at_once = Duration::ZERO;
    match command {
        Command::Dev(args) => {
            let pause = args.api.stop_pause();
            roles::dev(fleet, *args, shutdown::on_signal(pause)?).await
        }
        Command::Demo(args) => demo::run(fleet, args).await,
        Command::Api(args) => {
            let pause = args.stop_pause();
            roles::api(fleet, args, shutdown::on_signal(pause)?).await
        }
        Command::Worker(args) => roles::worker(fleet, args, shutdown::on_signal(at_once)?).await,
        Command::Monitor(args) => roles::monitor(fleet, args, shutdown::on_signal(at_once)?).await,
        Command::Migrate(args) => migrate::run(fleet, args).await,
        Command::Status(args) => status::run(args).await,
        Command::Jobs(args) => jobs::run(args).await,
        Command::Accounts(args) => accounts::run(args).await,
        Command::Imports(args) => imports::run(args).await,
        Command::Webhooks(args) => webhooks::run(args).await,
        Command::Alerts(args) => alerts::run(args).await,
        Command::Lanes(args) => lanes::run(args).await,
        Command::Config(args) => config::run(args).await,
        Command::Doctor(args) => doctor::run(fleet, args).await,
        Command::Keys(args) => keys::run(fleet, args).await,
        Command::Verify(args) => verify::run(fleet, args).await,
        Command::DeadLetters(args) => dead_letters::run(fleet, args).await,
        Command::Import(args) => Ok(import::run(args).await),
        Command::Bench(args) => bench::run(fleet, args).await,
        Command::LoadTest(args) => Ok(load_test::run(args, shutdown::on_signal(at_once)?).await),
        Command::Health(args) => health::run(args).await,
    }
}
