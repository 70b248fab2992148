//! `tellers health`: whether a replica is ready, for container health checks.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::HealthArgs;

/// A replica that is well answers at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Exit status 0: it is ready; 1: it is not, and says why.
pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<ExitCode> {
    let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?;
    let response = client.get(&args.url).send().await;
    let response = response.with_context(|| format!("{} does not answer", args.url))?;
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    #[allow(clippy::print_stdout)] // The command's answer.
    {
        println!("{status}: {}", body.trim());
    }
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
