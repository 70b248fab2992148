//! The command line, which teaches.

mod help;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use domain::access::{Accounts, Scopes};
use domain::text::Name;
use fleet::config::{AccessConfig, FleetConfig, MonitorConfig, WorkerConfig};
use fleet::settings::ApiSettings;
use runtime::server_url::http_url;

use crate::accounts::args::AccountsArgs;
use crate::alerts::AlertsArgs;
use crate::config::ConfigArgs;
use crate::dead_letters::args::DeadLettersArgs;
use crate::doctor::DoctorArgs;
use crate::import::args::ImportArgs;
use crate::imports::ImportsArgs;
use crate::jobs::args::JobsArgs;
use crate::lanes::LanesArgs;
use crate::load_test::args::LoadTestArgs;
use crate::status::StatusArgs;
use crate::webhooks::WebhooksArgs;

/// A fleet that posts banking jobs to a double-entry ledger.
///
/// `tellers api` takes jobs over HTTP and puts them on RabbitMQ, in ordered lanes. Any number of `tellers
/// worker` post the jobs to MySQL or MariaDB, in batches of up to 100. `tellers monitor` watches the fleet. No
/// job that was answered with 202 is lost, and every job takes effect exactly once.
#[derive(Debug, Parser)]
#[command(name = "tellers", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten, next_help_heading = "Fleet")]
    pub(crate) fleet: FleetConfig,
}

const EXAMPLES: &str = "\
Try it, with nothing installed:
  tellers demo                       a fleet in one process posts 20,000 jobs and checks its books
  tellers dev                        the same fleet, empty, on 127.0.0.1:8080 and 127.0.0.1:5000
  curl -d '{\"kind\":\"open_account\",\"account\":\"alice\",\"currency\":\"EUR\"}' http://127.0.0.1:8080/api/jobs

Run a real fleet; every replica needs both:
  export AMQP_URL=amqp://guest:guest@127.0.0.1:5672/%2f
  export DATABASE_URL=mysql://tellers:secret@127.0.0.1:3306/tellers
  tellers migrate
  tellers api &
  tellers worker --worker-listen 127.0.0.1:0 &
  tellers worker --worker-listen 127.0.0.1:0 &
  tellers monitor &

A broker and a database with certificates of a private authority:
  export AMQP_URL=amqps://tellers:secret@broker.example:5671/%2f TLS_CA=ca.pem

HTTPS at the api and the monitor:
  export TLS_CERT=chain.pem TLS_KEY=key.pem

Look after a running fleet, from anywhere:
  export API_URL=https://api.bank.example MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers status
  tellers jobs find --amount '125.50 EUR' --counterparty müll --from 2026-11-24
  tellers doctor

`tellers COMMAND --help` shows what a command does and the settings that it uses. A flag that has
an environment variable shows it. The flag overrides the variable.

Exit status 0: done; 1: refused, failed, or something is wrong; 2: the command cannot be understood.
Where a command means more by it, its help says so.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every role in one process, with an embedded queue and ledger unless the URLs are set
    Dev(Box<DevArgs>),
    /// Start a fleet, post 20,000 mixed jobs over HTTP, check the books, and keep serving
    Demo(DemoArgs),
    /// Accept jobs over HTTP and put them on the queue
    Api(ApiArgs),
    /// Take jobs off the queue in batches and post them to the ledger
    Worker(WorkerConfig),
    /// Watch the fleet: its page, health, alerts, settings and load tests
    Monitor(MonitorArgs),
    /// Create or update the ledger's schema; safe to run at every start. Prints the first key of a fleet that listens beyond
    /// this machine and has none
    Migrate(MigrateArgs),
    /// Show the fleet on one screen: health, problems, replicas, what waits, how fast it goes
    Status(StatusArgs),
    /// Find jobs, show what became of them, and post jobs
    Jobs(JobsArgs),
    /// List accounts, and show their entries, holds and statements
    Accounts(AccountsArgs),
    /// List the files of jobs that were sent, show their progress and refused rows, stop one
    Imports(ImportsArgs),
    /// Send a file of jobs to a running fleet and follow the outcomes of its rows
    Import(ImportArgs),
    /// List the endpoints that events are posted to, make one, test it, send events again
    Webhooks(WebhooksArgs),
    /// List alerts: those that fire, every rule, and the history
    Alerts(AlertsArgs),
    /// List the lanes and what waits on them; pause one, and resume it
    Lanes(LanesArgs),
    /// Show the settings in force, and change them while the fleet runs
    Config(ConfigArgs),
    /// List, try, replay or discard dead letters: jobs that could not be posted
    DeadLetters(DeadLettersArgs),
    /// Make, list, replace or revoke the API keys of clients
    Keys(KeysArgs),
    /// Check from this machine what a fleet needs: services, key, certificates, database, broker, clocks
    Doctor(DoctorArgs),
    /// Read all the books and check them; exit status 1 if anything is wrong
    Verify(VerifyArgs),
    /// Check whether a replica is ready, for health checks of containers; exit status 0 if it is
    Health(HealthArgs),
    /// Measure a fleet on the given servers: naive loop, bare posting, batches, single jobs, latency, stages, CPU
    Bench(BenchArgs),
    /// Load a running fleet over HTTP and judge it: response times, throughput, lost jobs, doubled jobs
    LoadTest(LoadTestArgs),
}

impl Cli {
    /// The command line with the help of each command as short as what it uses.
    pub(crate) fn shaped() -> clap::Command {
        help::shaped(<Cli as clap::CommandFactory>::command())
    }
}

/// Where the ingress listens and whom it lets in.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApiArgs {
    /// Address of the ingress; port 0 takes a free one
    #[arg(long, env = "API_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) api_listen: SocketAddr,

    /// Milliseconds for which a stopping ingress still accepts clients while /readyz answers 503; a load
    /// balancer must notice within them
    #[arg(long, env = "STOP_PAUSE_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) stop_pause_ms: u64,

    /// Largest file of jobs, as sent, in megabytes (of 1,048,576 bytes)
    #[arg(long, env = "MAX_UPLOAD_MB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) max_upload_mb: u64,

    /// Files of jobs that one replica reads at the same time; further files wait in order
    #[arg(long, env = "IMPORTS_AT_ONCE", default_value_t = 4, value_parser = parse_imports_at_once)]
    pub(crate) imports_at_once: usize,

    /// Rows of one file that may wait in the lanes; reading the file then waits for posting, so that single
    /// jobs have few rows ahead of them
    #[arg(long, env = "IMPORT_AHEAD_ROWS", default_value_t = 8_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub(crate) import_ahead_rows: u64,

    /// Prefixes of the IBANs of accounts in this ledger, separated by commas, for files that pay to other
    /// banks; without prefixes, any IBAN is an account of this ledger
    #[arg(long, env = "IBAN_PREFIXES", value_delimiter = ',')]
    pub(crate) iban_prefixes: Vec<String>,

    #[command(flatten)]
    pub(crate) settings: ApiSettings,

    #[command(flatten)]
    pub(crate) access: AccessConfig,
}

impl ApiArgs {
    /// How long clients are still accepted while it stops.
    pub(crate) fn stop_pause(&self) -> Duration {
        Duration::from_millis(self.stop_pause_ms)
    }
}

fn parse_imports_at_once(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=32).contains(number));
    number.ok_or_else(|| "must be a number from 1 to 32".to_owned())
}

/// The monitor, and whom it lets change the fleet.
#[derive(Debug, Clone, Args)]
pub(crate) struct MonitorArgs {
    #[command(flatten)]
    pub(crate) monitor: MonitorConfig,
    #[command(flatten)]
    pub(crate) access: AccessConfig,
}

/// What tells whether a fleet needs a first key.
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    /// Address of the ingress
    #[arg(long, env = "API_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) api_listen: SocketAddr,

    /// Address of the monitor
    #[arg(long, env = "MONITOR_LISTEN", default_value = "127.0.0.1:5000")]
    pub(crate) monitor_listen: SocketAddr,

    #[command(flatten)]
    pub(crate) access: AccessConfig,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, this once; every replica takes it within 2 seconds
    Create {
        #[command(flatten)]
        new: NewKeyArgs,
        /// Print the key and what it allows as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys, the oldest first, without the keys themselves
    List {
        /// Print JSON, one key a line
        #[arg(long)]
        json: bool,
    },
    /// Print a key, without the key itself
    Show {
        /// The key's id, as `list` prints it
        id: String,
    },
    /// Make a key in place of another one, which goes on for a while
    Rotate {
        /// The key's id, as `list` prints it
        id: String,
        /// For how long the old key goes on: up to 90d
        #[arg(long, default_value = "24h")]
        overlap: jiff::Span,
        /// Print the key and what it allows as JSON
        #[arg(long)]
        json: bool,
    },
    /// End a key; every replica refuses it within 2 seconds
    Revoke {
        /// The key's id, as `list` prints it
        id: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct NewKeyArgs {
    /// Id of the client whose key it is, under which its jobs are known for ever
    #[arg(long)]
    pub(crate) client: String,

    /// What people call the key; by default, the client's id
    #[arg(long)]
    pub(crate) name: Option<Name>,

    /// What the key allows: submit, read, operate, audit, admin, joined by commas
    #[arg(long, default_value = "submit,read")]
    pub(crate) scopes: Scopes,

    /// Accounts that the key may draw on, open and read: numbers, or how numbers begin with * behind it, joined by
    /// commas; '*' is every account
    #[arg(long)]
    pub(crate) accounts: Accounts,

    /// Jobs a second; by default, as many as the settings grant a client
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,

    /// When the key ends: a time such as 2027-12-31T00:00:00Z, or a duration such as 90d; by default, it does not
    #[arg(long)]
    pub(crate) expires: Option<String>,
}

/// Every role's settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(flatten)]
    pub(crate) worker: WorkerConfig,
    #[command(flatten)]
    pub(crate) monitor: MonitorConfig,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Accounts to open
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) accounts: u32,

    /// Jobs to post, the opening of the accounts among them
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub(crate) jobs: u32,

    /// Seed of the random numbers that choose the jobs
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Exit when the books are checked, instead of serving on
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// Print the totals and the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,

    /// Accounts that the transfers go between
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) accounts: u32,

    /// Entries to put into the ledger before the measurements
    #[arg(long, default_value_t = 0)]
    pub(crate) prefill: u64,

    /// Also measure with half of all transfers crediting one account
    #[arg(long)]
    pub(crate) hot: bool,

    /// Also measure 1, 2 and 4 workers so far away from the database, each way, such as 10ms
    #[arg(long, value_name = "DELAY", value_parser = parse_delay)]
    pub(crate) distance: Option<Duration>,

    /// Also measure the latency of 10, 100 and 1,000 users who together send 1,000 single jobs a second
    #[arg(long)]
    pub(crate) users: bool,

    /// Also measure with TLS to the database and without, where the server takes both
    #[arg(long)]
    pub(crate) tls: bool,

    /// Keys of clients in the ledger's database; every request presents another of them
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) keys: u32,

    /// Also measure single jobs of one client beside another that sends 50 times what it may, and beside one without a limit
    #[arg(long)]
    pub(crate) fair: bool,

    /// Measure all of this, with a distance of 10ms unless another is given
    #[arg(long)]
    pub(crate) all: bool,

    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Longest delay that is simulated: twice around the world.
const DELAY_MS_MAX: u64 = 500;

fn parse_delay(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix("ms").and_then(|number| number.trim_end().parse().ok());
    let delay = number.filter(|number| (1..=DELAY_MS_MAX).contains(number)).map(Duration::from_millis);
    delay.ok_or_else(|| format!("must be milliseconds from 1ms to {DELAY_MS_MAX}ms, such as 10ms"))
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HealthArgs {
    /// URL of the replica's /readyz
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz", value_parser = http_url)]
    pub(crate) url: String,
}
