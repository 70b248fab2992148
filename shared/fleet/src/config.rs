//! What every role reads at its start: flags over environment over defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use contract::report::SettingReport;
use domain::lane::Lanes;
use runtime::addresses::AllowedPrivate;
use runtime::server_url::http_base;
use runtime::telemetry::LogFormat;
use runtime::work_pool::WorkPools;
use webhooks::{Retries, Secret};

use crate::settings::{MonitorSettings, WorkerSettings};

/// Where the parts of a fleet are, and what all of its replicas must agree on.
#[derive(Debug, Clone, Args)]
pub struct FleetConfig {
    /// URL of the broker: amqp://user:password@host:5672/vhost (amqps:// for TLS; for a certificate of a
    /// private authority see TLS_CA)
    #[arg(long, global = true, env = "AMQP_URL", hide_env_values = true)]
    pub amqp_url: Option<String>,

    /// URL of the broker's management API, http://user:password@host:15672 (by default with the user of
    /// AMQP_URL), where the fleet reads the broker's policies; by default port 15672 of the host of an amqp://
    /// URL with port 5672
    #[arg(long, global = true, env = "AMQP_MANAGEMENT_URL", hide_env_values = true)]
    pub amqp_management_url: Option<String>,

    /// URL of the ledger's database: mysql://user:password@host:3306/database
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// URL of a replica of the ledger's database for reads; by default DATABASE_URL
    #[arg(long, global = true, env = "DATABASE_READONLY_URL", hide_env_values = true)]
    pub database_readonly_url: Option<String>,

    /// URL of a replica of the ledger's database for audits and totals; by default DATABASE_URL
    #[arg(long, global = true, env = "DATABASE_ANALYTICS_URL", hide_env_values = true)]
    pub database_analytics_url: Option<String>,

    /// PEM file of the authorities that are trusted besides this machine's own (the environment variable
    /// SSL_CERT_FILE replaces these): for the certificates of the broker, the database, webhooks and other
    /// https:// addresses; where it is set, the database is verified as by ssl-mode=VERIFY_IDENTITY, unless its
    /// URL has another ssl-mode
    #[arg(long, global = true, env = "TLS_CA", value_name = "FILE", value_parser = file())]
    pub tls_ca: Option<PathBuf>,

    /// Connections to the ledger's database that posting may use
    #[arg(long, global = true, env = "DB_POOL_SIZE", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub db_pool_size: u32,

    /// Further connections for posting at a peak; idle ones are closed after a minute
    #[arg(long, global = true, env = "DB_MAX_OVERFLOW", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub db_max_overflow: u32,

    /// Connections to the ledger's database for single reads: jobs, accounts, statements
    #[arg(long, global = true, env = "DB_READONLY_POOL_SIZE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub db_readonly_pool_size: u32,

    /// Connections to the ledger's database for audits, totals and analyses
    #[arg(long, global = true, env = "DB_ANALYTICS_POOL_SIZE", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub db_analytics_pool_size: u32,

    /// Seconds to wait for a connection
    #[arg(long, global = true, env = "DB_POOL_TIMEOUT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub db_pool_timeout: u64,

    /// Post even to a database whose settings let it lose committed transactions in a power cut
    /// (innodb_flush_log_at_trx_commit, sync_binlog, innodb_doublewrite); by default workers refuse such a
    /// server
    #[arg(long, global = true, env = "ALLOW_WEAK_DURABILITY", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_weak_durability: bool,

    /// Threads of a process for spooling and reading files
    #[arg(long, global = true, env = "IO_THREAD_POOL_SIZE", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub io_thread_pool_size: u32,

    /// Threads of a process for computing, such as analyses; threads beyond the number of cores only share the
    /// cores
    #[arg(long, global = true, env = "CPU_THREAD_POOL_SIZE", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub cpu_thread_pool_size: u32,

    /// Tasks that may wait for a thread of each of these pools; further tasks are refused at once
    #[arg(long, global = true, env = "ASYNC_QUEUE_SIZE", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub async_queue_size: u32,

    /// Threads of a process for blocking work, of all pools together
    #[arg(long, global = true, env = "MAX_WORKER_THREADS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(4..=10_000))]
    pub max_worker_threads: u32,

    /// Number of lanes of the fleet; recorded in the database, and the same for every replica for ever
    #[arg(long, global = true, env = "LANES", default_value_t = Lanes::DEFAULT, value_parser = parse_lanes)]
    pub lanes: Lanes,

    /// Hours for which the event stream keeps events
    #[arg(long, global = true, env = "EVENTS_HOURS_MAX", default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub events_hours_max: u32,

    /// Megabytes that the event stream keeps at the most; an event takes some 600 bytes
    #[arg(long, global = true, env = "EVENTS_MB_MAX", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub events_mb_max: u32,

    /// Folder of the embedded queue's and ledger's files
    #[arg(long, global = true, env = "DATA_DIR", default_value = ".tellers")]
    pub data_dir: PathBuf,

    /// Private addresses that webhooks may go to: true (loopback, private and unique local ones; never link-local
    /// ones, where clouds hand out credentials), false, or networks such as 10.20.0.0/16,127.0.0.0/8
    #[arg(long, global = true, env = "WEBHOOK_ALLOW_PRIVATE", value_name = "NETWORKS", default_value = "false", num_args = 0..=1, default_missing_value = "true")]
    pub webhook_allow_private: AllowedPrivate,

    /// Form of log lines
    #[arg(long, global = true, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What the process was started with, besides the settings that change while it runs: for its reports.
    #[arg(skip)]
    pub started_with: Arc<BTreeMap<String, SettingReport>>,
}

impl FleetConfig {
    /// The pools for blocking work of a process.
    pub fn work_pools(&self) -> WorkPools {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let [io, cpu, queue] =
            [self.io_thread_pool_size, self.cpu_thread_pool_size, self.async_queue_size].map(size);
        WorkPools::new(io, cpu, queue)
    }
}

/// Where a worker listens and how it batches.
#[derive(Debug, Clone, Args)]
pub struct WorkerConfig {
    /// Address of the worker's /livez, /readyz and /metrics; port 0 takes a free one
    #[arg(long, env = "WORKER_LISTEN", default_value = "127.0.0.1:9100")]
    pub worker_listen: SocketAddr,

    /// Pauses between the attempts to deliver an event to a webhook endpoint, in seconds: behind the last one it is
    /// given up
    #[arg(long, env = "WEBHOOK_RETRIES", value_name = "SECONDS", default_value_t = Retries::default())]
    pub webhook_retries: Retries,

    /// Settings that change while it runs.
    #[command(flatten)]
    pub settings: WorkerSettings,
}

/// Who may do what over HTTP.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessConfig {
    /// API keys as name:scopes:hash, separated by commas (scopes: submit+read+operate; hash: BLAKE3 of the
    /// key in hexadecimal)
    #[arg(long, env = "API_KEYS", hide_env_values = true)]
    pub api_keys: Option<String>,

    /// Listen beyond this machine without keys: anyone who reaches the ports may post jobs and change the fleet
    #[arg(long, env = "ALLOW_ANONYMOUS", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_anonymous: bool,

    /// PEM file of the certificate with which the api and the monitor speak TLS, and nothing else, at their
    /// addresses: the server's own, then those between it and its authority; with TLS_KEY; both files are read
    /// again when they change
    #[arg(long, env = "TLS_CERT", value_name = "FILE", value_parser = file())]
    pub tls_cert: Option<PathBuf>,

    /// PEM file of the certificate's private key (PKCS#8, PKCS#1 or SEC1, without a passphrase)
    #[arg(long, env = "TLS_KEY", value_name = "FILE", value_parser = file())]
    pub tls_key: Option<PathBuf>,
}

/// Where the monitor listens, and where its load tests and reads go.
#[derive(Debug, Clone, Args)]
pub struct MonitorConfig {
    /// Address of the monitor; port 0 takes a free one
    #[arg(long, env = "MONITOR_LISTEN", default_value = "127.0.0.1:5000")]
    pub monitor_listen: SocketAddr,

    /// URL of the ingress that load tests and the page's reads go to; by default an api replica that reports
    #[arg(long, env = "API_URL", value_parser = http_base)]
    pub api_url: Option<String>,

    /// API key of the ingress for load tests (scopes submit and read)
    #[arg(long, env = "API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// Secret that messages to ALERT_WEBHOOK_URL are signed with, as Standard Webhooks has it (whsec_ and base64 of
    /// 24 to 64 random bytes); by default they are not signed
    #[arg(long, env = "ALERT_WEBHOOK_SECRET", hide_env_values = true)]
    pub alert_webhook_secret: Option<Secret>,

    /// Settings that change while it runs.
    #[command(flatten)]
    pub settings: MonitorSettings,
}

/// A path, empty where it is set to nothing, which is as good as not set.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn parse_lanes(text: &str) -> Result<Lanes, String> {
    let lanes = text.parse().ok().and_then(Lanes::new);
    lanes.ok_or_else(|| format!("must be a number of lanes from 1 to {}", Lanes::MAX))
}
