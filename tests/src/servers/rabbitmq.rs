//! A private RabbitMQ node with its own data, cookie and port mapper.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};

use super::free_port;
use crate::authority::Pair;
use crate::sandbox::{Process, Sandbox, find_program};
use crate::wait::until;

/// Where the packages put the scripts that need no particular user. `/usr/sbin/rabbitmq-server` of
/// Debian is a wrapper that insists on root or the user `rabbitmq`.
const FOLDERS: &[&str] = &["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/opt/homebrew/sbin"];

/// A node starts in 3 s on an idle machine; this is for two cores with a build beside it.
const START_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A RabbitMQ node of one's own. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct RabbitMq {
    // Dropped in this order: the processes before the folder.
    node: Option<Process>,
    _port_mapper: Option<Process>,
    sandbox: Arc<Sandbox>,
    scripts: PathBuf,
    port: u16,
    distribution_port: u16,
    port_mapper_port: u16,
    /// Where the management API listens, if it does.
    management_port: Option<u16>,
    /// Where it speaks TLS besides, and with what.
    tls: Option<(u16, Pair)>,
    vhosts: AtomicU32,
}

impl RabbitMq {
    /// Starts a node and waits until it opens AMQP connections.
    ///
    /// # Errors
    /// There is no RabbitMQ, and what to install; or it did not start, with the tail of its log.
    pub async fn start() -> anyhow::Result<RabbitMq> {
        Self::start_with(None, None).await
    }

    /// As [`RabbitMq::start`], with a port for TLS besides.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub async fn start_tls(pair: Pair) -> anyhow::Result<RabbitMq> {
        Self::start_with(None, Some((free_port()?, pair))).await
    }

    /// As [`RabbitMq::start`], with the management API.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub async fn start_managed() -> anyhow::Result<RabbitMq> {
        Self::start_with(Some(free_port()?), None).await
    }

    async fn start_with(management_port: Option<u16>, tls: Option<(u16, Pair)>) -> anyhow::Result<RabbitMq> {
        let script = find_program("rabbitmq-server", FOLDERS)
            .context("no rabbitmq-server: apt-get install rabbitmq-server, or run ./test, which does")?;
        let mapper = find_program("epmd", &[]).context("no epmd (Erlang): apt-get install erlang-base")?;
        let sandbox = Sandbox::new("rabbitmq")?;
        let port_mapper_port = free_port()?;
        let mut command = Command::new(mapper);
        command.args(["-address", "127.0.0.1", "-port"]).arg(port_mapper_port.to_string());
        // Started here and not by the node, which would leave it behind as a daemon.
        let port_mapper = sandbox.spawn("epmd", command)?;
        let scripts = script.parent().map(PathBuf::from).unwrap_or_default();
        let mut server = RabbitMq {
            node: None,
            _port_mapper: Some(port_mapper),
            sandbox,
            scripts,
            port: free_port()?,
            distribution_port: free_port()?,
            port_mapper_port,
            management_port,
            tls,
            vhosts: AtomicU32::new(0),
        };
        server.configure()?;
        server.restart().await?;
        Ok(server)
    }

    /// Starts a node that is of one cluster with this one, whose port mapper it uses.
    ///
    /// # Errors
    /// It did not start or could not join.
    pub async fn join(&self) -> anyhow::Result<RabbitMq> {
        const COOKIE: &str = ".erlang.cookie";
        let sandbox = Sandbox::new("rabbitmq")?;
        // A copy keeps its permissions, and a cookie that others may read is refused.
        fs::copy(self.sandbox.path().join(COOKIE), sandbox.path().join(COOKIE))?;
        let mut server = RabbitMq {
            node: None,
            _port_mapper: None,
            sandbox,
            scripts: self.scripts.clone(),
            port: free_port()?,
            distribution_port: free_port()?,
            port_mapper_port: self.port_mapper_port,
            management_port: None,
            tls: None,
            vhosts: AtomicU32::new(0),
        };
        server.configure()?;
        server.restart().await?;
        let first = self.name();
        for arguments in [&["stop_app"][..], &["join_cluster", &first], &["start_app"]] {
            server.control(arguments).await?;
        }
        Ok(server)
    }

    fn name(&self) -> String {
        format!("tellers-{}@localhost", self.port)
    }

    /// Its default virtual host.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// The same over TLS; `None`: it speaks none.
    pub fn tls_url(&self) -> Option<String> {
        self.tls.as_ref().map(|(port, _)| format!("amqps://guest:guest@127.0.0.1:{port}/%2f"))
    }

    /// Its management API; `None`: it has none.
    pub fn management_url(&self) -> Option<String> {
        self.management_port.map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// Has the node write down which queues there are. Mnesia, which keeps them up to RabbitMQ 3.13, holds what was declared
    /// last back for a moment: a node that is killed within it comes back without the queue and the messages in it.
    ///
    /// # Errors
    /// `rabbitmqctl` failed; the message has what it said.
    pub async fn write_down_queues(&self) -> anyhow::Result<()> {
        let write = "case mnesia:system_info(is_running) of yes -> mnesia:dump_log(); no -> ok end.";
        self.control(&["eval", write]).await.map(drop)
    }

    /// Ends the node as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.node.take().map_or(Ok(()), |mut node| node.kill())
    }

    /// Stops the node in good order.
    ///
    /// # Errors
    /// It did not stop within a minute, with the tail of its log.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut node) = self.node.take() {
            node.terminate(STOP_WITHIN).await?;
        }
        Ok(())
    }

    /// Starts the node again, on the same port and with the same data; stops it first if it runs.
    ///
    /// # Errors
    /// It did not start, with the tail of its log.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let mut node = self.sandbox.spawn("rabbitmq", self.command("rabbitmq-server"))?;
        let url = self.url();
        let opened = until("RabbitMQ opens a connection", START_WITHIN, async || match node.exited()? {
            Some(status) => Ok(Err(anyhow::anyhow!("rabbitmq-server ended with {status}"))),
            None => Ok(Ok(connect(&url).await?)),
        })
        .await;
        match opened.and_then(|result| result) {
            Ok(connection) => connection.close(200, "ready".into()).await?,
            Err(reason) => return Err(reason.context(node.log_tail())),
        }
        self.node = Some(node);
        Ok(())
    }

    /// The URL of a new, empty virtual host on this node.
    ///
    /// # Errors
    /// `rabbitmqctl` failed; the message has what it said.
    pub async fn fresh_vhost(&self) -> anyhow::Result<String> {
        let name = format!("t{}", self.vhosts.fetch_add(1, Ordering::Relaxed));
        // One evaluation in the node instead of two commands: each costs half a second to start.
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

    /// Runs `rabbitmqctl` on this node and returns what it printed.
    ///
    /// # Errors
    /// It failed; the message has what it said.
    pub async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command("rabbitmqctl");
        command.args(arguments);
        let output = tokio::process::Command::from(command).output().await.context("no rabbitmqctl")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "rabbitmqctl {arguments:?} failed: {said}{complaint}");
        Ok(said)
    }

    fn configure(&self) -> anyhow::Result<()> {
        let folder = self.sandbox.path();
        let mut configuration = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             # A small disk must not raise the alarm that blocks publishers.\n\
             disk_free_limit.absolute = 50MB\n",
            self.port
        );
        let mut plugins = "[].";
        if let Some(port) = self.management_port {
            configuration += &format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n");
            plugins = "[rabbitmq_management].";
        }
        if let Some((port, Pair { certificate, key })) = &self.tls {
            configuration += &format!(
                "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.verify = verify_none\n\
                 ssl_options.certfile = {}\nssl_options.keyfile = {}\n",
                certificate.display(),
                key.display(),
            );
        }
        fs::write(folder.join("rabbitmq.conf"), configuration)?;
        fs::write(folder.join("enabled_plugins"), plugins)?;
        Ok(())
    }

    fn command(&self, script: &str) -> Command {
        let folder = self.sandbox.path();
        let mut command = Command::new(self.scripts.join(script));
        command
            // A node that dies leaves its dumps where it was started.
            .current_dir(folder)
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", self.port_mapper_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", self.name())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            // The machine's own settings are none of ours.
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            // The script then becomes the node instead of waiting for it: the process that is killed is
            // the one that holds the data.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }
}

/// Removes what a fleet declares, so that a virtual host that is used again starts empty.
pub(super) async fn empty(url: &str) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let lanes = (0..256).map(|lane| format!("tellers.lane.{lane:02}"));
    let others = ["tellers.lanes", "tellers.dead-letters", "tellers.analysis"].map(String::from);
    for queue in lanes.chain(others) {
        // To RabbitMQ it is no error to delete what is not there.
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    }
    let bus = ["tellers.inbox", "tellers.presence", "tellers.report", "tellers.settings"];
    for exchange in ["tellers.jobs", "tellers.dead"].into_iter().chain(bus) {
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "emptied".into()).await?;
    Ok(())
}

/// One try to connect; a node that is still starting may take the connection and never answer.
async fn connect(url: &str) -> anyhow::Result<Connection> {
    let connection = Connection::connect(url, ConnectionProperties::default());
    Ok(tokio::time::timeout(CONNECT_WITHIN, connection).await.context("no answer to the handshake")??)
}
