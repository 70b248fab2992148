//! `tellers load-test`: a load test with a verdict, from a terminal.

pub(crate) mod args;
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use load_test::{self, Plan, Progress, Report, page};
use tokio_util::sync::CancellationToken;

use self::args::LoadTestArgs;

use crate::output;

/// A criterion is not met.
const FAILED: u8 = 1;
/// There is no result.
const COULD_NOT_RUN: u8 = 2;
/// How often the bar is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Exit status 0: passed; 1: failed; 2: it could not run.
pub(crate) async fn run(args: LoadTestArgs, cancel: CancellationToken) -> ExitCode {
    match measure(&args, &cancel).await {
        Ok(report) if report.verdict.passed => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(FAILED),
        Err(error) => {
            output::beside(format_args!("tellers: {error:#}"));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

async fn measure(args: &LoadTestArgs, cancel: &CancellationToken) -> anyhow::Result<Report> {
    let plan = Plan::of(&args.request())?;
    let progress = Arc::new(Progress::default());
    let (target, usage) = (args.target()?, args.usage());
    let measured = tokio::select! {
        measured = Box::pin(load_test::run(&plan, &target, &usage, &progress, cancel)) => measured,
        // It ends with the test.
        never = draw(&progress) => never,
    };
    let report = measured?;
    if let Some(path) = &args.html {
        let written = tokio::fs::write(path, page::of(&report)).await;
        written.with_context(|| format!("{} cannot be written; name another file", path.display()))?;
    }
    if args.json {
        output::done(serde_json::to_string_pretty(&report)?);
    } else {
        output::done(table::of(&report));
    }
    Ok(report)
}

/// Draws a bar on standard error for as long as it is polled, if that is a terminal.
async fn draw<T>(progress: &Progress) -> T {
    let style = ProgressStyle::with_template("{msg:28} {bar:40} {percent:>3} %  {prefix}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = Cleared(ProgressBar::new(100).with_style(style));
    let mut interval = tokio::time::interval(DRAW_INTERVAL);
    loop {
        interval.tick().await;
        let view = progress.view();
        bar.0.set_message(view.stage);
        bar.0.set_prefix(format!("{} requests, {} failed", view.requests, view.failed));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 0 to 100.
        bar.0.set_position(view.stage_percent.unwrap_or(0.0) as u64);
    }
}

/// A bar that leaves nothing behind.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
