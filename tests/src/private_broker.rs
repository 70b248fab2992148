//! A RabbitMQ node of one's own, in a temporary folder; it goes when it is dropped.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use lapin::{Connection, ConnectionProperties};
use tempfile::TempDir;

/// Where Debian puts the scripts; `/usr/sbin` has a wrapper that insists on a user of its own.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";
const START_WITHIN: Duration = Duration::from_secs(120);

/// One node with a port mapper of its own.
pub struct RabbitMq {
    node: Option<Child>,
    port_mapper: Child,
    folder: TempDir,
    port: u16,
    distribution_port: u16,
    port_mapper_port: u16,
    vhosts: AtomicU32,
    /// Shells that end a node which outlives this process: a static is never dropped.
    guards: Vec<Child>,
}

impl RabbitMq {
    /// Starts a node and waits until it takes connections.
    pub async fn start() -> anyhow::Result<RabbitMq> {
        let folder = tempfile::tempdir()?;
        let port_mapper_port = free_port()?;
        let port_mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &port_mapper_port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("no epmd: apt-get install rabbitmq-server")?;
        let mut broker = RabbitMq {
            node: None,
            port_mapper,
            folder,
            port: free_port()?,
            distribution_port: free_port()?,
            port_mapper_port,
            vhosts: AtomicU32::new(0),
            guards: Vec::new(),
        };
        broker.guards.push(guard(&broker.port_mapper, broker.folder.path())?);
        let configuration =
            format!("listeners.tcp.1 = 127.0.0.1:{}\ndisk_free_limit.absolute = 50MB\n", broker.port);
        std::fs::write(broker.folder.path().join("rabbitmq.conf"), configuration)?;
        std::fs::write(broker.folder.path().join("enabled_plugins"), "[].")?;
        broker.restart().await?;
        Ok(broker)
    }

    /// Its default virtual host.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut node) = self.node.take() {
            kill_group("-KILL", &node)?;
            node.wait()?;
        }
        Ok(())
    }

    /// Stops it in good order.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut node) = self.node.take() {
            let deadline = Instant::now() + START_WITHIN;
            kill_group("-TERM", &node)?;
            while node.try_wait()?.is_none() {
                ensure!(Instant::now() < deadline, "RabbitMQ did not stop");
                crate::wait::next_look().await;
            }
        }
        Ok(())
    }

    /// Starts it again with the same data on the same port; stops it first where it runs.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let mut command = self.command("rabbitmq-server");
        let node = command.stdout(log.try_clone()?).stderr(log).process_group(0).spawn()?;
        self.guards.push(guard(&node, self.folder.path())?);
        self.node = Some(node);
        let deadline = Instant::now() + START_WITHIN;
        while Connection::connect(&self.url(), ConnectionProperties::default()).await.is_err() {
            ensure!(Instant::now() < deadline, "RabbitMQ did not start: {}", self.log());
            crate::wait::next_look().await;
        }
        Ok(())
    }

    /// The URL of a new, empty virtual host.
    pub async fn fresh_vhost(&self) -> anyhow::Result<String> {
        let name = format!("t{}", self.vhosts.fetch_add(1, Ordering::Relaxed));
        self.control(&[
            "eval",
            &format!(
                "ok = rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>), \
                 ok = rabbit_auth_backend_internal:set_permissions(\
                   <<\"guest\">>, <<\"{name}\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"tests\">>)."
            ),
        ])
        .await?;
        Ok(format!("amqp://guest:guest@127.0.0.1:{}/{name}", self.port))
    }

    /// Runs `rabbitmqctl` on this node.
    pub async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command("rabbitmqctl");
        command.args(arguments);
        let output = tokio::process::Command::from(command).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "rabbitmqctl {arguments:?} failed: {said}{complaint}");
        Ok(said)
    }

    /// What the node has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self, script: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(format!("{SCRIPTS}/{script}"));
        command
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", self.port_mapper_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("tellers-{}@localhost", self.port))
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("logs"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = self.port_mapper.kill();
        let _ = self.port_mapper.wait();
        for guard in &mut self.guards {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

fn kill_group(signal: &str, leader: &Child) -> anyhow::Result<()> {
    let status = Command::new("kill").args([signal, "--", &format!("-{}", leader.id())]).status()?;
    ensure!(status.success(), "kill {signal} of {} failed", leader.id());
    Ok(())
}

/// Waits for the end of this process, then ends the group and removes the folder.
fn guard(leader: &Child, folder: &std::path::Path) -> anyhow::Result<Child> {
    Ok(Command::new("/bin/sh")
        .args(["-c", "read -r _; kill -KILL -$1; rm -rf -- \"$2\"", "guard", &leader.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
