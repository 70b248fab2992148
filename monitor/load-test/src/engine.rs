//! A load test from its plan to its verdict.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use client::Client;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::figures::Figures;
use crate::load::{self, Sender};
use crate::plan::Plan;
use crate::progress::{Of, Progress};
use crate::proof::{Jobs, entries, outcomes};
use crate::recorder::Course;
use crate::report::Report;
use crate::usage::{Peaks, UsageSource};
use crate::verdict;

/// Where the ingress is, and who asks.
#[derive(Clone)]
pub struct Target {
    /// Such as `http://127.0.0.1:8080`.
    pub url: String,
    /// One of its API keys, with the scopes submit and read, where it asks for one.
    pub api_key: Option<String>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Somebody stopped it.
    #[error("the load test was cancelled")]
    Cancelled,
    /// There was nothing to measure; says why, and what to do.
    #[error("{0:#}")]
    CouldNotRun(anyhow::Error),
}

/// Runs a load test. It ends in bounded time whatever the ingress does: what cannot be had by the plan's
/// deadlines counts against the verdict.
///
/// # Errors
/// It was cancelled, or could not begin: the ingress does not answer, or its accounts could not be opened.
pub async fn run(
    plan: &Plan,
    target: &Target,
    usage: &UsageSource,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> Result<Report, Failure> {
    let peaks = Peaks::default();
    tokio::select! {
        report = Box::pin(measure(plan, target, (usage, &peaks), progress)) => report.map_err(Failure::CouldNotRun),
        // It ends with the test.
        () = usage.watch(&peaks) => Err(Failure::Cancelled),
        () = cancel.cancelled() => Err(Failure::Cancelled),
    }
}

async fn measure(
    plan: &Plan,
    target: &Target,
    (usage, peaks): (&UsageSource, &Peaks),
    progress: &Arc<Progress>,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let patience = Duration::from_secs(u64::from(plan.outcome_seconds));
    let client = Client::with_key(&target.url, target.api_key.as_deref())?;
    let accounts = Accounts::of_a_new_run(plan.accounts);
    progress.enter("opening accounts", Of::Unknown);
    accounts.open(&client, began + patience).await?;

    let started_at = Timestamp::now();
    let sender = Arc::new(Sender {
        client,
        accounts,
        progress: progress.clone(),
        course: Course::start(),
        next: AtomicU32::new(0),
    });
    let mut jobs = Jobs::default();
    let mut figures = Vec::new();
    for phase in plan.phases() {
        peaks.count(true);
        let recorder = load::run(&sender, &phase).await;
        let deadline = Instant::now() + patience;
        sleep(usage.delay()).await;
        peaks.count(false);
        progress.enter(format!("{}: awaiting outcomes", phase.name), Of::Steps(recorder.figures().accepted));
        outcomes::read(&sender.client, &recorder, deadline, progress, &mut jobs).await;
        figures.push(recorder.figures());
    }
    progress.enter("reading the accounts again", Of::Steps(u64::from(plan.accounts)));
    let proof = entries::prove(&sender.client, &sender.accounts, jobs, patience, progress).await;

    let resources = peaks.resources();
    let (load, baseline) = judged(figures);
    let verdict = verdict::judge(&load, baseline.as_ref(), resources.as_ref(), &proof);
    let points = sender.course.series().points();
    Ok(Report {
        run: sender.accounts.run().to_owned(),
        target: target.url.clone(),
        plan: plan.clone(),
        started_at,
        seconds: began.elapsed().as_secs_f64(),
        verdict,
        load,
        baseline,
        resources,
        proof,
        points,
    })
}

/// The last phase is judged; one before it is the baseline.
fn judged(mut figures: Vec<Figures>) -> (Figures, Option<Figures>) {
    let load = figures.pop().unwrap_or_default();
    (load, figures.pop())
}
