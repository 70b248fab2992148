//! Fleets of the real binary: one process for each replica, as operators run them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use contract::{envelope, message};
use domain::id::JobId;
use domain::lane::{Lane, Lanes};
use domain::text::Client;
use jiff::Timestamp;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::{DeadLetter, Queue as _};
use tokio::sync::OnceCell;

use crate::sandbox::{Process, Sandbox};
use crate::wait::until;

/// A replica listens within a second or two; this is for two cores with a build beside it.
const LISTEN_WITHIN: Duration = Duration::from_secs(30);
/// What every role promises after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// What a replica does: the subcommand that it is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts jobs over HTTP.
    Api,
    /// Posts jobs to the ledger.
    Worker,
    /// Watches the fleet.
    Monitor,
    /// All of them in one process.
    Dev,
}

impl Role {
    /// The subcommand.
    pub fn name(self) -> &'static str {
        match self {
            Role::Api => "api",
            Role::Worker => "worker",
            Role::Monitor => "monitor",
            Role::Dev => "dev",
        }
    }

    /// What it says that it listens as.
    fn listens_as(self) -> &'static [&'static str] {
        match self {
            Role::Api => &["api"],
            Role::Worker => &["worker"],
            Role::Monitor => &["monitor"],
            Role::Dev => &["api", "monitor"],
        }
    }
}

/// The settings that the replicas of one fleet share, and the folder that they run in.
#[derive(Debug)]
pub struct Fleet {
    settings: BTreeMap<String, String>,
    sandbox: Arc<Sandbox>,
    started: AtomicU32,
}

impl Fleet {
    /// A fleet on a database and a broker, with no replica yet.
    pub fn new(database_url: &str, amqp_url: &str) -> anyhow::Result<Fleet> {
        Ok(Self::embedded()?.with("DATABASE_URL", database_url).with("AMQP_URL", amqp_url))
    }

    /// A fleet on the embedded ledger and queue, in a folder of its own.
    pub fn embedded() -> anyhow::Result<Fleet> {
        let listen = ["API_LISTEN", "WORKER_LISTEN", "MONITOR_LISTEN"];
        let settings = listen.map(|name| (name.to_owned(), "127.0.0.1:0".to_owned()));
        Ok(Fleet { settings: settings.into(), sandbox: Sandbox::new("fleet")?, started: AtomicU32::new(0) })
    }

    /// Sets an environment variable for what is started from now on.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Fleet {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Where its embedded parts keep their files.
    pub fn data_dir(&self) -> PathBuf {
        self.sandbox.path().join(".tellers")
    }

    /// Keeps as many dead letters in the embedded queue of a fleet that has not started, each with a deposit to an account
    /// that is not there.
    pub async fn keep_dead_letters(&self, letters: usize) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.data_dir())?;
        let settings = EmbeddedSettings::new(Lanes::DEFAULT);
        let queue = EmbeddedQueue::open(&self.data_dir().join("queue.sqlite"), settings).await?;
        for number in 1..=letters {
            let id = JobId::from_chance(number as u64, [7; 6]);
            let body = r#"{"kind":"deposit","account":"nobody","amount":1,"currency":"EUR"}"#;
            let job = message::write(id, &Client::parse("acme")?, None, &[], None, body)?;
            let letter = DeadLetter {
                id: format!("{number:016x}"),
                lane: Lane(0),
                cause: format!("a job that could not be posted, number {number}"),
                at: Timestamp::now(),
                payload: envelope::write("a stranger", [(Timestamp::now(), job.as_slice())]),
            };
            queue.dead_letter(letter).await?;
        }
        queue.close().await;
        Ok(())
    }

    /// Starts a replica and waits until it listens.
    ///
    /// # Errors
    /// It could not be built or started, or it ended; with the tail of its log.
    pub async fn start(&self, role: Role) -> anyhow::Result<Replica> {
        let count = self.started.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}", role.name());
        let process = self.sandbox.spawn(&name, self.command(&[role.name()]).await?)?;
        let mut replica = Replica { name, process, addresses: BTreeMap::new() };
        replica.listens(role).await?;
        Ok(replica)
    }

    /// Runs a command of the binary to its end.
    ///
    /// # Errors
    /// It could not be built or started; how it ended is in the output.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let command = self.command(arguments).await?;
        tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("could not run tellers {arguments:?}"))
    }

    /// Runs a command of the binary that has to succeed, and returns what it printed on stdout.
    ///
    /// # Errors
    /// It failed; the message has everything that it printed.
    pub async fn run_ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tellers {arguments:?}: {}\n{said}{complaint}", output.status);
        Ok(said)
    }

    async fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary().await?);
        // Settings of the machine that runs the tests are none of the fleet's.
        let kept = ["PATH", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];
        command
            .args(arguments)
            .env_clear()
            .envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(&self.settings)
            .env("HOME", self.sandbox.path())
            .current_dir(self.sandbox.path());
        Ok(command)
    }
}

/// One running process of the fleet. Dropping it kills it, and prints the end of its log where the test
/// runner shows it if the test fails.
#[derive(Debug)]
pub struct Replica {
    name: String,
    process: Process,
    addresses: BTreeMap<String, Address>,
}

impl Replica {
    /// Where it listens, such as `http://address`, and `path`.
    pub fn url(&self, path: &str) -> String {
        let address = self.addresses.values().next();
        address.map_or_else(String::new, |address| address.url(path))
    }

    /// Where it listens as `role`, for `dev`, which listens as several.
    pub fn url_as(&self, role: Role, path: &str) -> Option<String> {
        Some(self.addresses.get(role.name())?.url(path))
    }

    /// Its id in the system.
    pub fn pid(&self) -> i32 {
        self.process.pid().as_raw_nonzero().get()
    }

    /// Ends it with `SIGKILL`.
    ///
    /// # Errors
    /// It could not be awaited.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.process.kill()
    }

    /// Ends it with `SIGTERM`, which it has to obey within 10 s and with exit status 0.
    ///
    /// # Errors
    /// It did not; with the tail of its log.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        let status = self.process.terminate(DRAIN_WITHIN).await?;
        ensure!(status.success(), "{} ended with {status} on SIGTERM\n{}", self.name, self.log_tail());
        Ok(())
    }

    /// What it has logged.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    async fn listens(&mut self, role: Role) -> anyhow::Result<()> {
        let what = format!("{} prints where it listens", self.name);
        let found = until(&what, LISTEN_WITHIN, async || {
            if let Some(status) = self.process.exited()? {
                return Ok(Err(anyhow::anyhow!("{} ended with {status} before it listened", self.name)));
            }
            let addresses = addresses(&self.process.output());
            for name in role.listens_as() {
                ensure!(addresses.contains_key(*name), "no line `listening role={name} address=... tls=...`");
            }
            Ok(Ok(addresses))
        })
        .await;
        self.addresses = found.and_then(|result| result).with_context(|| self.log_tail())?;
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        eprintln!("{}", self.log_tail());
    }
}

/// Where a role listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    address: SocketAddr,
    tls: bool,
}

impl Address {
    fn url(self, path: &str) -> String {
        format!("{}://{}{path}", if self.tls { "https" } else { "http" }, self.address)
    }
}

/// The lines `listening role=api address=127.0.0.1:12345` of what a replica printed.
fn addresses(output: &str) -> BTreeMap<String, Address> {
    output
        .lines()
        .filter_map(|line| {
            let (role, rest) = line.strip_prefix("listening role=")?.split_once(" address=")?;
            let (address, tls) = rest.trim().split_once(" tls=").unwrap_or((rest.trim(), "false"));
            let address = Address { address: address.parse().ok()?, tls: tls.parse().ok()? };
            Some((role.to_owned(), address))
        })
        .collect()
}

/// The binary: `TELLERS_BIN`, or the one that belongs to this test, built if it is not up to date.
pub async fn binary() -> anyhow::Result<PathBuf> {
    static BINARY: OnceCell<PathBuf> = OnceCell::const_new();
    if let Some(path) = std::env::var_os("TELLERS_BIN") {
        return PathBuf::from(&path)
            .canonicalize()
            .with_context(|| format!("there is no file TELLERS_BIN={}", path.display()));
    }
    BINARY.get_or_try_init(build).await.cloned()
}

async fn build() -> anyhow::Result<PathBuf> {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe()?;
    let Some((profile, target)) = test.ancestors().nth(2).and_then(|p| Some((p, p.parent()?))) else {
        bail!("{} is not in a target folder of cargo; set TELLERS_BIN", test.display());
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(cargo);
    // The whole workspace decides which features the dependencies have: with the package alone, cargo
    // would build them a second time.
    command.args(["build", "--workspace", "--bin", "tellers", "--locked", "--quiet", "--target-dir"]);
    command.arg(target).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    // What cargo tells this test about its own package would be a changed environment to build scripts, and
    // much would be built again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            command.env_remove(&*name);
        }
    }
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let output = command.output().await.context("could not run cargo")?;
    ensure!(output.status.success(), "cargo build failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(profile.join("tellers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_among_other_lines() {
        let output = "starting\nlistening role=api address=127.0.0.1:4000 tls=true\nlistening role=monitor address=[::1]:1\n\
                      2026 INFO listening role=worker address=127.0.0.1:1";
        let found = addresses(output);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["api", "monitor"]);
        assert_eq!(found["api"].url("/x"), "https://127.0.0.1:4000/x");
        assert_eq!(found["monitor"].url(""), "http://[::1]:1");
    }
}
