//! `tellers dead-letters`: what could not be posted, and what to do with it.

pub(crate) mod args;
mod at_the_monitor;
mod at_the_queue;

use std::process::ExitCode;

use anyhow::bail;
use fleet::config::FleetConfig;

use self::args::DeadLettersArgs;

/// By the monitor, where one is named: it asks who does this, and notes it.
pub(crate) async fn run(fleet: FleetConfig, args: DeadLettersArgs) -> anyhow::Result<ExitCode> {
    if let Some(refusal) = args.command.refusal() {
        bail!("{refusal}");
    }
    match &args.monitor.url {
        Some(url) => at_the_monitor::run(url, &args).await?,
        None => at_the_queue::run(fleet, args.command).await?,
    }
    Ok(ExitCode::SUCCESS)
}
