//! `tellers doctor`: whether a fleet has what it needs, as seen from this machine.

mod finding;
mod servers;
mod services;

use std::process::ExitCode;

use clap::Args;
use fleet::config::FleetConfig;

use self::finding::Level;
use crate::output;
use crate::remote::args::{IngressArgs, JsonArgs, KeyArgs, MonitorArgs};

/// Where the services are. The database and the broker are looked at where DATABASE_URL and AMQP_URL name them.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    ingress: IngressArgs,
    #[command(flatten)]
    monitor: MonitorArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    json: JsonArgs,
}

const EXAMPLES: &str = "\
Examples:
  export API_URL=https://api.bank.example MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers doctor
  DATABASE_URL=mysql://... AMQP_URL=amqps://... tellers doctor

It changes nothing: no table, no queue, no setting. Without DATABASE_URL or AMQP_URL, the database or the broker is not
looked at from here, and the monitor's word counts.

Exit status 0: nothing failed; 1: something did. A warning fails nothing.";

pub(crate) async fn run(fleet: FleetConfig, args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let (ingress, monitor) = (args.ingress.service(&args.key)?, args.monitor.service(&args.key)?);
    let mut findings = services::ingress(&ingress).await;
    findings.extend(services::monitor(&monitor).await);
    findings.extend(servers::database(&fleet).await);
    findings.extend(servers::broker(&fleet).await);
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    if args.json.json {
        output::done(serde_json::to_string(&findings)?);
    } else {
        finding::print(&findings);
    }
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
