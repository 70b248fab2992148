//! `tellers health`: whether a replica is ready, for container health checks.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use client::{Answer, Client};

use crate::cli::HealthArgs;
use crate::output;

/// A replica that is well answers at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Exit status 0: it is ready; 1: it is not, and says why.
pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<ExitCode> {
    let http = reqwest::Client::builder().timeout(ANSWER_TIMEOUT);
    let answer = Client::through(http, &args.url, None)?.get("").await;
    let Answer { status, body, .. } = answer.with_context(|| format!("{} does not answer", args.url))?;
    output::done(format_args!("{status}: {}", body.trim()));
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
