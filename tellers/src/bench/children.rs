//! The fleet under measurement: processes of this same program.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::Client;
use fleet::config::FleetConfig;
use runtime::telemetry::names;
use sysinfo::{Pid, ProcessesToUpdate, System};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::metrics::Metrics;

/// A replica listens within a second; this is for a machine that is busy.
const LISTEN_WITHIN: Duration = Duration::from_secs(30);
/// Workers share the lanes anew within some seconds.
const SERVE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// What every role promises after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Processes that are ended with this one.
pub(crate) struct Children {
    /// Where the ingress listens.
    pub(crate) api: SocketAddr,
    roles: Vec<Role>,
}

/// One process, and where its roles listen.
struct Role {
    name: &'static str,
    process: Child,
    /// Of each role in it.
    addresses: Vec<SocketAddr>,
}

/// The workers of a fleet that is started.
pub(crate) struct Workers {
    pub(crate) count: usize,
    /// Their way to the database, where it is another than that of the rest.
    pub(crate) database_url: Option<String>,
}

impl Workers {
    pub(crate) const ONE: Workers = Workers { count: 1, database_url: None };
}

impl Children {
    /// One ingress and its workers, or one process with all roles where there are no servers. Returns once the workers
    /// serve all lanes, each its share.
    pub(crate) async fn start(fleet: &FleetConfig, workers: &Workers) -> anyhow::Result<Children> {
        let mut roles = Vec::new();
        if fleet.amqp_url.is_none() {
            roles.push(spawn(fleet, "dev", &["api", "worker", "monitor"]).await?);
        } else {
            roles.push(spawn(fleet, "api", &["api"]).await?);
            let database_url = workers.database_url.clone().or_else(|| fleet.database_url.clone());
            let fleet_of_workers = FleetConfig { database_url, ..fleet.clone() };
            for _ in 0..workers.count {
                roles.push(spawn(&fleet_of_workers, "worker", &["worker"]).await?);
            }
        }
        let api = roles.first().and_then(|role| role.addresses.first());
        let api = *api.context("nothing was started")?;
        let children = Children { api, roles };
        children.serve_all_lanes(fleet, workers).await?;
        Ok(children)
    }

    async fn serve_all_lanes(&self, fleet: &FleetConfig, workers: &Workers) -> anyhow::Result<()> {
        let processes = self.processes()?;
        let lanes = fleet.lanes.iter().count();
        #[allow(clippy::cast_precision_loss)] // At most `Lanes::MAX`.
        let (all, share) = (lanes as f64, (lanes / workers.count.max(1)) as f64);
        let served = async {
            loop {
                let held = Metrics::of(&processes).await?.values(names::LANES_HELD);
                let all_have_some = held.len() == workers.count && held.iter().all(|held| *held >= share);
                if all_have_some && held.iter().sum::<f64>() >= all {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        tokio::time::timeout(SERVE_WITHIN, served)
            .await
            .with_context(|| format!("the workers do not serve all lanes after {SERVE_WITHIN:?}"))?
    }

    /// A client of each listener, in the order in which they were started.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<Client>> {
        let addresses = self.roles.iter().flat_map(|role| &role.addresses);
        addresses.map(|address| Client::new(&format!("http://{address}"))).collect()
    }

    /// The processes by the part that each is.
    pub(crate) fn pids(&self) -> Vec<(&'static str, u32)> {
        self.roles.iter().filter_map(|role| Some((role.part(), role.process.id()?))).collect()
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
        Ok(self.roles.iter().filter_map(|role| Some((role.name, resident(&role.process)?))).collect())
    }

    /// Ends them in order and checks that they ended well.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        for Role { name: role, process, .. } in &mut self.roles {
            let Some(pid) = process.id() else { bail!("the {role} had ended before") };
            let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
            let ended = tokio::time::timeout(DRAIN_WITHIN, process.wait()).await;
            let ended =
                ended.with_context(|| format!("the {role} did not end within {DRAIN_WITHIN:?}"))??;
            if !(told.success() && ended.success()) {
                bail!("the {role} ended with {ended}");
            }
        }
        Ok(())
    }
}

impl Role {
    fn part(&self) -> &'static str {
        match self.name {
            "api" => "ingress",
            "dev" => "fleet in one process",
            name => name,
        }
    }
}

/// Starts a subcommand and returns when it says that each of `roles` listens.
async fn spawn(fleet: &FleetConfig, subcommand: &'static str, roles: &[&str]) -> anyhow::Result<Role> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(subcommand).stdout(Stdio::piped()).kill_on_drop(true);
    for listen in ["API_LISTEN", "WORKER_LISTEN", "MONITOR_LISTEN"] {
        command.env(listen, "127.0.0.1:0");
    }
    // What is measured is not its encryption.
    command
        .env_remove("TLS_CERT")
        .env_remove("TLS_KEY")
        .env("DATA_DIR", &fleet.data_dir)
        .env("LANES", fleet.lanes.to_string());
    for (name, url) in [("AMQP_URL", &fleet.amqp_url), ("DATABASE_URL", &fleet.database_url)] {
        if let Some(url) = url {
            command.env(name, url);
        }
    }
    if let Some(path) = &fleet.tls_ca {
        command.env("TLS_CA", path);
    }
    let mut child =
        command.spawn().with_context(|| format!("`tellers {subcommand}` could not be started"))?;
    let stdout = child.stdout.take().context("its standard output is not there")?;
    let mut lines = BufReader::new(stdout).lines();
    let listening = async {
        let mut addresses = Vec::new();
        for role in roles {
            let start = format!("listening role={role} address=");
            let address = loop {
                let line = lines.next_line().await?;
                let line =
                    line.with_context(|| format!("`tellers {subcommand}` ended before it listened"))?;
                if let Some(line) = line.strip_prefix(&start) {
                    break line.split(' ').next().unwrap_or_default().parse()?;
                }
            };
            addresses.push(address);
        }
        anyhow::Ok(addresses)
    };
    let addresses = tokio::time::timeout(LISTEN_WITHIN, listening)
        .await
        .with_context(|| format!("`tellers {subcommand}` does not listen"))??;
    // What it says later is of no interest, but must not meet a closed pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Role { name: subcommand, process: child, addresses })
}
