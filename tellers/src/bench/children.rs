//! The fleet under measurement: processes of this same program.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use fleet::config::FleetConfig;
use sysinfo::{Pid, ProcessesToUpdate, System};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A replica listens within a second; this is for a machine that is busy.
const LISTEN_WITHIN: Duration = Duration::from_secs(30);
/// What every role promises after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Processes that are ended with this one.
pub(crate) struct Children {
    /// Where the ingress listens.
    pub(crate) api: SocketAddr,
    roles: Vec<(&'static str, Child)>,
}

impl Children {
    /// One ingress and one worker, or one process with all roles where there are no servers.
    pub(crate) async fn start(fleet: &FleetConfig) -> anyhow::Result<Children> {
        if fleet.amqp_url.is_none() {
            let (dev, api) = spawn(fleet, "dev", "api").await?;
            return Ok(Children { api, roles: vec![("dev", dev)] });
        }
        let (api, address) = spawn(fleet, "api", "api").await?;
        let (worker, _) = spawn(fleet, "worker", "worker").await?;
        Ok(Children { api: address, roles: vec![("api", api), ("worker", worker)] })
    }

    /// Resident memory of each role, in 10^6 bytes.
    ///
    /// # Errors
    /// This system does not tell.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<Vec<(&'static str, u64)>> {
        let mut system = System::new()?;
        system.refresh_processes(ProcessesToUpdate::All, true);
        let resident = |child: &Child| {
            let process = system.process(Pid::from_u32(child.id()?))?;
            Some(process.memory() / 1_000_000)
        };
        Ok(self.roles.iter().filter_map(|(role, child)| Some((*role, resident(child)?))).collect())
    }

    /// Ends them in order and checks that they ended well.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        for (role, child) in &mut self.roles {
            let Some(pid) = child.id() else { bail!("the {role} had ended before") };
            let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
            let ended = tokio::time::timeout(DRAIN_WITHIN, child.wait()).await;
            let ended =
                ended.with_context(|| format!("the {role} did not end within {DRAIN_WITHIN:?}"))??;
            if !(told.success() && ended.success()) {
                bail!("the {role} ended with {ended}");
            }
        }
        Ok(())
    }
}

/// Starts a subcommand and returns when it says that `role` listens, and where.
async fn spawn(fleet: &FleetConfig, subcommand: &str, role: &str) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(subcommand).stdout(Stdio::piped()).kill_on_drop(true);
    for listen in ["API_LISTEN", "WORKER_LISTEN", "MONITOR_LISTEN"] {
        command.env(listen, "127.0.0.1:0");
    }
    command.env("DATA_DIR", &fleet.data_dir).env("LANES", fleet.lanes.to_string());
    for (name, url) in [("AMQP_URL", &fleet.amqp_url), ("DATABASE_URL", &fleet.database_url)] {
        if let Some(url) = url {
            command.env(name, url);
        }
    }
    let mut child =
        command.spawn().with_context(|| format!("`tellers {subcommand}` could not be started"))?;
    let stdout = child.stdout.take().context("its standard output is not there")?;
    let mut lines = BufReader::new(stdout).lines();
    let start = format!("listening role={role} address=");
    let address = tokio::time::timeout(LISTEN_WITHIN, async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix(&start) {
                return Ok(address.parse()?);
            }
        }
        bail!("`tellers {subcommand}` ended before it listened");
    });
    let address = address.await.with_context(|| format!("`tellers {subcommand}` does not listen"))??;
    // What it says later is of no interest, but must not meet a closed pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}
