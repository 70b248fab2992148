//! A private MariaDB or MySQL server with its own data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Signal, kill_process_group};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::time::timeout;

use super::free_port;
use crate::authority::Pair;
use crate::sandbox::{Process, Sandbox, find_program, tail};
use crate::wait::until;

/// Where servers are besides `PATH`, which lacks `sbin` for users other than root on Debian.
const FOLDERS: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin"];

/// It takes a second on an idle machine; after a kill it replays its log first.
const START_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Of one try; a server that is still starting may take the connection and never answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Runs before the server listens, at each start. Each statement is one line, as the server wants it.
const ACCOUNTS: &str = "\
CREATE DATABASE IF NOT EXISTS tellers;
CREATE USER IF NOT EXISTS 'tellers'@'%' IDENTIFIED BY 'tellers';
GRANT ALL ON *.* TO 'tellers'@'%' WITH GRANT OPTION;
";

/// What may differ from one private server to another.
#[derive(Debug, Clone)]
pub struct MariaDbOptions {
    /// InnoDB's page cache, in MiB. The default is the servers' own, 128.
    pub buffer_pool_mib: u32,
    /// What it speaks TLS with.
    pub tls: Option<Pair>,
}

impl Default for MariaDbOptions {
    fn default() -> Self {
        MariaDbOptions { buffer_pool_mib: 128, tls: None }
    }
}

/// A MariaDB or MySQL server of one's own. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct MariaDb {
    // Dropped in this order: the process before the folder.
    process: Option<Process>,
    sandbox: Arc<Sandbox>,
    program: PathBuf,
    options: MariaDbOptions,
    port: u16,
}

impl MariaDb {
    /// Starts a server as it comes and waits until it answers a query.
    ///
    /// # Errors
    /// There is no server program, and what to install; or it did not start, with the tail of its log.
    pub async fn start() -> anyhow::Result<MariaDb> {
        Self::start_with(MariaDbOptions::default()).await
    }

    /// Starts a server with `options` and waits until it answers a query.
    ///
    /// # Errors
    /// As [`MariaDb::start`].
    pub async fn start_with(options: MariaDbOptions) -> anyhow::Result<MariaDb> {
        let program = ["mariadbd", "mysqld"]
            .iter()
            .find_map(|name| find_program(name, FOLDERS))
            .context("no mariadbd or mysqld: apt-get install mariadb-server, or run ./test, which does")?;
        let sandbox = Sandbox::new("mariadb")?;
        fs::write(sandbox.path().join("accounts.sql"), ACCOUNTS)?;
        initialise(&program, sandbox.path()).await?;
        let mut server = MariaDb { process: None, sandbox, program, options, port: free_port()? };
        server.restart().await?;
        Ok(server)
    }

    /// Its database `tellers`, by an account that may do anything.
    pub fn url(&self) -> String {
        format!("mysql://tellers:tellers@127.0.0.1:{}/tellers", self.port)
    }

    /// The URL of a new, empty database on this server.
    pub async fn fresh_database(&self) -> anyhow::Result<String> {
        create_database(&self.url()).await
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Stops it in its tracks: connections stay, new ones are made, and nothing answers, until it is thawed.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("the server does not run")?;
        kill_process_group(process.pid(), signal).context("the server could not be signalled")
    }

    /// Stops the server in good order.
    ///
    /// # Errors
    /// It did not stop within a minute, with the tail of its log.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(STOP_WITHIN).await?;
        }
        Ok(())
    }

    /// Starts the server again, on the same port and with the same data; stops it first if it runs.
    ///
    /// # Errors
    /// It did not start, with the tail of its log.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        let mut process = self.sandbox.spawn("mariadb", self.command())?;
        let url = self.url();
        let answered = until("the database answers", START_WITHIN, async || match process.exited()? {
            Some(status) => Ok(Err(anyhow::anyhow!("{} ended with {status}", self.program.display()))),
            None => Ok(Ok(timeout(CONNECT_WITHIN, MySqlConnection::connect(&url)).await??)),
        })
        .await;
        match answered.and_then(|result| result) {
            Ok(connection) => connection.close().await?,
            Err(reason) => return Err(reason.context(process.log_tail())),
        }
        self.process = Some(process);
        Ok(())
    }

    fn command(&self) -> Command {
        let folder = self.sandbox.path();
        let mut command = server_command(&self.program, folder);
        command
            .arg(format!("--port={}", self.port))
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--socket={}", folder.join("socket").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--init-file={}", folder.join("accounts.sql").display()))
            .arg("--skip-name-resolve")
            .arg("--max-connections=1000")
            .arg(format!("--innodb-buffer-pool-size={}M", self.options.buffer_pool_mib))
            // MySQL's second port; `loose`: MariaDB has none.
            .arg("--loose-mysqlx=OFF");
        if let Some(Pair { certificate, key }) = &self.options.tls {
            command
                .arg(format!("--ssl-cert={}", certificate.display()))
                .arg(format!("--ssl-key={}", key.display()));
        }
        command
    }
}

/// `mysqld` without the machine's own settings, on the data in `folder`.
fn server_command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    // It has to be the first argument.
    command.arg("--no-defaults").arg(format!("--datadir={}", folder.join("data").display()));
    // A server that starts clears the temporary tables of any other out of a folder that they share.
    command.env("TMPDIR", folder);
    if rustix::process::geteuid().is_root() {
        command.arg("--user=root");
    }
    command
}

/// Makes the system tables, which the two servers do in two ways.
async fn initialise(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let command = match find_program("mariadb-install-db", &[]) {
        Some(installer) if is_mariadb(program) => {
            let mut command = server_command(&installer, folder);
            command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        }
        _ => {
            let mut command = server_command(program, folder);
            command.arg("--initialize-insecure");
            command
        }
    };
    let log = folder.join("install.log");
    let mut command = tokio::process::Command::from(command);
    let output = fs::File::create(&log)?;
    let status = command.stdout(output.try_clone()?).stderr(output).status().await?;
    ensure!(status.success(), "the database could not be initialised\n{}", tail("install", &log));
    Ok(())
}

/// Debian's `mysqld` is a link to `mariadbd`.
fn is_mariadb(program: &Path) -> bool {
    let real = program.canonicalize().unwrap_or_else(|_| program.into());
    real.file_name().is_some_and(|name| name.to_string_lossy().contains("mariadbd"))
}

/// Makes a database on the server of `url` and returns its URL.
pub(super) async fn create_database(url: &str) -> anyhow::Result<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("tellers_test_{}_{count}", std::process::id());
    let mut connection = MySqlConnection::connect(url).await?;
    // An earlier process with this id may have left one on a server that outlives the tests.
    connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await?;
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    connection.close().await?;
    let (server, _) = url.rsplit_once('/').with_context(|| format!("no database in the URL {url}"))?;
    Ok(format!("{server}/{name}"))
}
