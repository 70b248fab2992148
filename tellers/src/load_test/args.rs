//! The arguments of `tellers load-test`, and the plan that they make.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use load_test::plan::Mode;
use load_test::{Request, Target, UsageSource};
use runtime::server_url::http_base;

use crate::remote::args::KeyArgs;

/// How, where and how long.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LoadTestArgs {
    #[command(subcommand)]
    mode: Option<ModeArgs>,

    /// URL of the ingress
    #[arg(long = "api-url", visible_alias = "url", global = true, env = "API_URL", value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = http_base)]
    url: String,

    #[command(flatten)]
    key: KeyArgs,

    /// The API key itself. Whoever lists the processes of this machine can read it: API_KEY and --api-key-file are safer
    #[arg(long, global = true, value_name = "KEY", hide = true)]
    api_key: Option<String>,

    /// URL of the monitor, which has the CPU and memory of the replicas, such as http://127.0.0.1:5000
    #[arg(long = "monitor-url", visible_alias = "monitor", global = true, env = "MONITOR_URL", value_name = "URL", value_parser = http_base)]
    monitor: Option<String>,

    /// Accounts that the transfers go between: 2 to 1,000
    #[arg(long, global = true)]
    accounts: Option<u32>,

    /// Seconds after the load within which every accepted job must have its outcome: 1 to 600 [default: 60]
    #[arg(long, global = true)]
    outcome_seconds: Option<u32>,

    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Write the result as a page with charts
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  tellers load-test                                          20 users, 5 requests each
  tellers load-test closed --concurrent-users 200 --requests-per-user 50
  tellers load-test open --rate 500 --duration-seconds 60 --html report.html
  tellers load-test sustained --concurrent-users 50 --minutes 10 --pace-seconds 0.1
  tellers load-test validate --monitor http://127.0.0.1:5000

Every mode moves money between accounts of its own in XTS, the currency for testing, then reads every accepted
job and every account again.

Exit status 0: every criterion that was judged is met; 1: some criterion is not; 2: the load test could not run.";

#[derive(Debug, Clone, Subcommand)]
enum ModeArgs {
    /// Users who each send a number of requests, one after the other (the default)
    Closed {
        /// Users at once: 1 to 2,000 [default: 20]
        #[arg(long, visible_alias = "users")]
        concurrent_users: Option<u32>,
        /// Requests of each [default: 5]
        #[arg(long, visible_alias = "requests")]
        requests_per_user: Option<u32>,
        /// A user sends at most one request in so many seconds: 0 to 60 [default: 0]
        #[arg(long)]
        pace_seconds: Option<f64>,
    },
    /// Requests at a steady rate; the latency of a request counts from the time at which it was due
    Open {
        /// Requests a second: 1 to 50,000 [default: 100]
        #[arg(long)]
        rate: Option<u32>,
        /// Seconds of load: 1 to 1,800 [default: 10]
        #[arg(long, visible_alias = "seconds")]
        duration_seconds: Option<u32>,
    },
    /// Users who send requests for a time
    Sustained {
        /// Users at once: 1 to 2,000 [default: 20]
        #[arg(long, visible_alias = "users")]
        concurrent_users: Option<u32>,
        /// Minutes of load, fractions allowed: up to 30 [default: 1]
        #[arg(long)]
        minutes: Option<f64>,
        /// A user sends at most one request in so many seconds: 0 to 60 [default: 0]
        #[arg(long)]
        pace_seconds: Option<f64>,
    },
    /// 10 users with 20 requests each, then 100 users; judges how far the throughput falls short of ten times as much
    Validate,
}

impl LoadTestArgs {
    /// Where the load goes, with the key that it needs, if any (scopes submit and read).
    ///
    /// # Errors
    /// The file with the key cannot be read.
    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        let api_key = self.api_key.clone().map_or_else(|| self.key.read(), |key| Ok(Some(key)))?;
        Ok(Target { url: self.url.clone(), api_key })
    }

    pub(crate) fn usage(&self) -> UsageSource {
        self.monitor.clone().map_or(UsageSource::Unknown, UsageSource::Monitor)
    }

    /// The same request as over HTTP.
    pub(crate) fn request(&self) -> Request {
        let common =
            Request { accounts: self.accounts, outcome_seconds: self.outcome_seconds, ..Request::default() };
        match self.mode.clone() {
            None => common,
            Some(ModeArgs::Closed { concurrent_users, requests_per_user, pace_seconds }) => Request {
                mode: Some(Mode::Closed),
                concurrent_users,
                requests_per_user,
                pace_seconds,
                ..common
            },
            Some(ModeArgs::Open { rate, duration_seconds }) => {
                Request { mode: Some(Mode::Open), rate, duration_seconds, ..common }
            }
            Some(ModeArgs::Sustained { concurrent_users, minutes, pace_seconds }) => {
                Request { mode: Some(Mode::Sustained), concurrent_users, minutes, pace_seconds, ..common }
            }
            Some(ModeArgs::Validate) => Request { mode: Some(Mode::Validate), ..common },
        }
    }
}
