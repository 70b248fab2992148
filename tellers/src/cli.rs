//! The command line, which teaches.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use fleet::config::{AccessConfig, FleetConfig, MonitorConfig, WorkerConfig};
use fleet::settings::ApiSettings;
use runtime::server_url::http_url;

use crate::import::args::ImportArgs;
use crate::load_test::args::LoadTestArgs;

/// A fleet that posts banking jobs to a double-entry ledger.
///
/// Jobs come in over HTTP (`tellers api`), wait on RabbitMQ in ordered lanes, and are posted to MySQL or
/// MariaDB in batches of up to 100 by any number of `tellers worker`; `tellers monitor` watches.
/// Nothing that was answered with 202 is lost, and every job takes effect exactly once.
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

A broker with a certificate of a private authority:
  export AMQP_URL=amqps://tellers:secret@broker.example:5671/%2f SSL_CERT_FILE=ca.pem

Every flag has an environment variable, shown beside it; a flag overrides it.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every role in one process; embedded queue and ledger unless the URLs are set
    Dev(DevArgs),
    /// Start a fleet, post 20,000 mixed jobs over HTTP, check the books, and go on serving
    Demo(DemoArgs),
    /// Accept jobs over HTTP and put them on the queue
    Api(ApiArgs),
    /// Take jobs off the queue in batches and post them to the ledger
    Worker(WorkerConfig),
    /// Watch the fleet
    Monitor(MonitorArgs),
    /// Create or update the ledger's schema; safe to run at every start
    Migrate,
    /// Read all the books and check them; exit status 1 if anything is wrong
    Verify(VerifyArgs),
    /// See, replay or discard what could not be posted
    DeadLetters(DeadLettersArgs),
    /// Send a file of jobs to a running fleet and see what becomes of its rows
    Import(ImportArgs),
    /// Measure a fleet on given servers: bare posting, batches, single jobs, latency
    Bench(BenchArgs),
    /// Load a running fleet over HTTP and judge it: response, throughput, nothing lost, nothing doubled
    LoadTest(LoadTestArgs),
    /// Ask a replica whether it is ready; exit status 0 if so (for container health checks)
    Health(HealthArgs),
}

/// Where the ingress listens and whom it lets in.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApiArgs {
    /// Address of the ingress; port 0 takes a free one
    #[arg(long, env = "API_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) api_listen: SocketAddr,

    /// Milliseconds for which a stopping ingress still accepts clients, while /readyz says no: as long as a load balancer
    /// takes to notice
    #[arg(long, env = "STOP_PAUSE_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) stop_pause_ms: u64,

    /// Megabytes (of 1,048,576 bytes) of a file of jobs at the most, as it is sent
    #[arg(long, env = "MAX_UPLOAD_MB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) max_upload_mb: u64,

    /// Files of jobs that one replica reads at the same time; the others wait in order
    #[arg(long, env = "IMPORTS_AT_ONCE", default_value_t = 4, value_parser = parse_imports_at_once)]
    pub(crate) imports_at_once: usize,

    /// Rows of one file that wait in the lanes at the most; beyond it the reading waits for the posting, so
    /// that single jobs find few before them
    #[arg(long, env = "IMPORT_AHEAD_ROWS", default_value_t = 8_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub(crate) import_ahead_rows: u64,

    /// What the IBANs of accounts here start with, separated by commas, for files that pay to anyone; any IBAN is
    /// an account here unless it is given
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

    /// Start of the random numbers that choose the jobs
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// End when the books are checked, instead of serving on
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// Print what was read and found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, oldest first
    List {
        /// At the most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print JSON, a letter a line
        #[arg(long)]
        json: bool,
    },
    /// Print one with its payload
    Show {
        /// Its id, as `list` prints it
        id: String,
    },
    /// Put it on its lane again, behind what waits there, and remove it here
    Replay {
        /// Its id, as `list` prints it
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// All of them, oldest first
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Remove it for good
    Discard {
        /// Its id, as `list` prints it
        id: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,

    /// Accounts that the transfers go between
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) accounts: u32,

    /// Entries to put into the books before anything is measured
    #[arg(long, default_value_t = 0)]
    pub(crate) prefill: u64,

    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HealthArgs {
    /// What to ask
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz", value_parser = http_url)]
    pub(crate) url: String,
}
