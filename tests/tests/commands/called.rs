//! Commands as they are called, and what they say.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role, binary};
use tests::wait::until;

pub const WITHIN: Duration = Duration::from_secs(30);

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<std::process::Output> for Said {
    fn from(output: std::process::Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            status: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// Runs a command to its end.
pub async fn said(fleet: &Fleet, arguments: &[&str]) -> anyhow::Result<Said> {
    fleet.run(arguments).await.map(Said::from)
}

/// A fleet in one process.
pub struct Running {
    pub fleet: Fleet,
    // Dropped after what it serves.
    _replica: Replica,
    api: String,
    monitor: String,
}

impl Running {
    pub async fn start(fleet: Fleet) -> anyhow::Result<Running> {
        // What else this machine is busy with is no trouble of the fleet's.
        let busy =
            ["ALERT_CPU_PERCENT", "ALERT_MEMORY_PERCENT", "ALERT_DISK_PERCENT", "ALERT_RESPONSE_SECONDS"];
        let fleet = busy.iter().fold(fleet, |fleet, name| fleet.with(name, "100"));
        let replica = fleet.start(Role::Dev).await?;
        let api = replica.url_as(Role::Api, "").context("no ingress")?;
        let monitor = replica.url_as(Role::Monitor, "").context("no monitor")?;
        let fleet = fleet.with("API_URL", &api).with("MONITOR_URL", &monitor);
        Ok(Running { fleet, _replica: replica, api, monitor })
    }

    /// Sets a variable for the commands that are called from now on.
    pub fn with(self, name: &str, value: &str) -> Running {
        Running { fleet: self.fleet.with(name, value), ..self }
    }

    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.api)
    }

    /// Runs a command, however it ends.
    pub async fn call(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        said(&self.fleet, arguments).await
    }

    /// Runs a command that has to succeed.
    pub async fn ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.fleet.run_ok(arguments).await
    }

    /// Runs a command whose standard output nobody reads.
    pub async fn call_without_a_reader(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let mut command = tokio::process::Command::new(binary().await?);
        command.args(arguments).env("DATA_DIR", self.fleet.data_dir());
        command.env("API_URL", &self.api).env("MONITOR_URL", &self.monitor);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        drop(child.stdout.take());
        Ok(child.wait_with_output().await?.into())
    }

    /// A file for a command.
    pub fn file(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.fleet.data_dir().join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Waits until every replica has reported.
    pub async fn is_well(&self) -> anyhow::Result<()> {
        until("the fleet is well", WITHIN, async || {
            let said = self.call(&["status"]).await?;
            ensure!(said.status == 0 && said.out.starts_with("well"), "{said:?}");
            Ok(())
        })
        .await
    }
}
