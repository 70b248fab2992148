//! The loads: batches, single jobs, and single jobs at an even rate.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::bail;
use client::{Accepted, Error};
use domain::id::JobId;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use load_test::figures::per_second;
use load_test::{paced, steady};
use serde_json::Value;
use store::ledger::Ledger;

use super::books::{Accounts, Credits};
use super::figures::{Latency, Rates, histogram};
use super::keys::Clients;

/// Jobs a second that the latency is measured at.
pub(crate) const OFFERED_PER_SECOND: u32 = 1_000;
/// Connections that send batches.
pub(crate) const BATCH_CONNECTIONS: usize = 8;
/// Transfers in one request.
const REQUEST_JOBS: usize = 100;
/// How often the ledger is asked whether everything is posted. Its totals read every account: asked more
/// often, the question would be part of what is measured.
const TOTALS_INTERVAL: Duration = Duration::from_millis(250);
/// A fleet that posts nothing for so long has nothing left to post.
const QUIET_FOR: Duration = Duration::from_secs(1);
/// How often a job is asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// What is accepted is posted within this time, or the measurement has failed.
const DRAIN_WITHIN: Duration = Duration::from_secs(600);
/// Entries of a page that is read: what the ingress gives to whoever does not say how many.
const PAGE_ENTRIES: u32 = 50;
/// Jobs that are accepted and not posted, at the most, while it is measured how fast jobs are posted: enough that no worker
/// ever waits for one, and posted within seconds by the slowest fleet.
const BACKLOG_MAX: u64 = 20_000;
/// Outcomes that are read at the same time.
const READS_IN_FLIGHT: usize = 16;

/// Sends batches over `connections` for `span`, then waits until all of it is posted.
pub(crate) async fn batches(
    clients: &Clients,
    ledger: &dyn Ledger,
    accounts: &Accounts,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Rates> {
    send(ledger, connections, span, async |random| {
        let jobs: Vec<String> = (0..REQUEST_JOBS).map(|_| accounts.transfer(Credits::Any, random)).collect();
        clients.any(random)?.post_batch(&jobs).await.map(|ids| ids.len())
    })
    .await
}

/// Sends single jobs over `connections` for `span`, then waits until all of them are posted.
pub(crate) async fn singles(
    clients: &Clients,
    ledger: &dyn Ledger,
    accounts: &Accounts,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Rates> {
    send(ledger, connections, span, async |random| {
        let job = accounts.transfer(Credits::Any, random);
        Ok(clients.any(random)?.submit(job).await.map(|_| 1)?)
    })
    .await
}

async fn send(
    ledger: &dyn Ledger,
    connections: usize,
    span: Duration,
    request: impl AsyncFn(&mut fastrand::Rng) -> anyhow::Result<usize>,
) -> anyhow::Result<Rates> {
    let posted_before = posted(ledger).await?;
    let started = Instant::now();
    let senders = (0..connections).map(async |seed| {
        let mut random = fastrand::Rng::with_seed(u64::try_from(seed)?);
        let mut accepted = 0_u64;
        while started.elapsed() < span {
            accepted += u64::try_from(request(&mut random).await?)?;
        }
        anyhow::Ok(accepted)
    });
    let accepted: u64 = try_join_all(senders).await?.into_iter().sum();
    let accepted_per_second = per_second(accepted, started.elapsed());
    all_posted(ledger, posted_before, accepted).await?;
    let posted_per_second = per_second(accepted, started.elapsed());
    Ok(Rates { accepted_per_second, posted_per_second, jobs: accepted })
}

/// Sends batches over `connections` for `span`, no more than are soon posted, then waits until all of it is posted. Returns
/// the jobs that were posted a second within `span`.
pub(crate) async fn sustained(
    clients: &Clients,
    ledger: &dyn Ledger,
    (accounts, credits): (&Accounts, Credits),
    connections: usize,
    span: Duration,
) -> anyhow::Result<f64> {
    let posted_before = posted(ledger).await?;
    let (accepted, finished) = (AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    let senders = (0..connections).map(async |seed| {
        let mut random = fastrand::Rng::with_seed(u64::try_from(seed)?);
        while started.elapsed() < span {
            if accepted.load(Relaxed).saturating_sub(finished.load(Relaxed)) > BACKLOG_MAX {
                tokio::time::sleep(POLL_INTERVAL).await;
                continue;
            }
            let jobs: Vec<String> =
                (0..REQUEST_JOBS).map(|_| accounts.transfer(credits, &mut random)).collect();
            let ids = clients.any(&mut random)?.post_batch(&jobs).await?;
            accepted.fetch_add(u64::try_from(ids.len())?, Relaxed);
        }
        anyhow::Ok(())
    });
    let watching = async {
        loop {
            let posted = posted(ledger).await? - posted_before;
            finished.store(posted, Relaxed);
            let elapsed = started.elapsed();
            if elapsed >= span {
                return anyhow::Ok(per_second(posted, elapsed));
            }
            tokio::time::sleep(TOTALS_INTERVAL.min(span.saturating_sub(elapsed))).await;
        }
    };
    let (rate, _) = tokio::try_join!(watching, try_join_all(senders))?;
    all_posted(ledger, posted_before, accepted.into_inner()).await?;
    Ok(rate)
}

/// Waits until as many jobs as were accepted are posted.
async fn all_posted(ledger: &dyn Ledger, posted_before: u64, accepted: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + DRAIN_WITHIN;
    while posted(ledger).await? - posted_before < accepted {
        if Instant::now() > deadline {
            bail!("not all of {accepted} accepted jobs were posted within {DRAIN_WITHIN:?}");
        }
        tokio::time::sleep(TOTALS_INTERVAL).await;
    }
    Ok(())
}

/// Waits until nothing more is posted: of jobs that nobody counted.
pub(crate) async fn quiet(ledger: &dyn Ledger) -> anyhow::Result<()> {
    let deadline = Instant::now() + DRAIN_WITHIN;
    let mut before = posted(ledger).await?;
    loop {
        tokio::time::sleep(QUIET_FOR).await;
        let now = posted(ledger).await?;
        if now == before {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("jobs are still posted after {DRAIN_WITHIN:?}");
        }
        before = now;
    }
}

async fn posted(ledger: &dyn Ledger) -> anyhow::Result<u64> {
    Ok(ledger.totals().await?.posted)
}

/// What became of single jobs that were sent at their time, whatever became of those before.
pub(crate) struct Sent {
    /// Of those that were accepted.
    pub(crate) ids: Vec<JobId>,
    /// The fleet was busy with as many as it takes.
    pub(crate) refused: u64,
}

impl Sent {
    fn of(answers: Vec<anyhow::Result<Result<Accepted, Error>>>) -> anyhow::Result<Sent> {
        let mut sent = Sent { ids: Vec::with_capacity(answers.len()), refused: 0 };
        for answer in answers {
            match answer? {
                Ok(accepted) => sent.ids.push(accepted.id),
                Err(Error::Busy(_)) => sent.refused += 1,
                Err(error) => return Err(error.into()),
            }
        }
        if sent.ids.is_empty() {
            bail!("the ingress refused all of {} jobs: it is busy", sent.refused);
        }
        Ok(sent)
    }
}

/// Sends `rate` jobs a second for `span`, each at its time whatever became of those before it.
pub(crate) async fn even(
    clients: &Clients,
    accounts: &Accounts,
    rate: u32,
    span: Duration,
) -> anyhow::Result<Sent> {
    let mut random = fastrand::Rng::with_seed(1);
    let sent = steady(rate, span, |_| {
        let job = accounts.transfer(Credits::Any, &mut random);
        let client = clients.any(&mut random).cloned();
        async move { anyhow::Ok(client?.submit(job).await) }
    });
    Sent::of(sent.await)
}

/// So many users together send `rate` jobs a second for `span`.
pub(crate) async fn users(
    clients: &Clients,
    accounts: &Accounts,
    (users, rate): (u32, u32),
    span: Duration,
) -> anyhow::Result<Sent> {
    let sent = paced(users, rate, span, async || {
        let mut random = fastrand::Rng::new();
        let job = accounts.transfer(Credits::Any, &mut random);
        anyhow::Ok(clients.any(&mut random)?.submit(job).await)
    });
    Sent::of(sent.await)
}

/// From acceptance to posting, as the ledger recorded it; waits for jobs that are not posted yet.
pub(crate) async fn latency(ledger: &dyn Ledger, ids: &[JobId], span: Duration) -> anyhow::Result<Latency> {
    let mut latency_us = histogram();
    let mut times = stream::iter(ids)
        .map(async |id| {
            let deadline = Instant::now() + DRAIN_WITHIN;
            loop {
                if let Some(job) = ledger.job(*id).await? {
                    return anyhow::Ok((job.posted_at - job.accepted_at).max(0).unsigned_abs());
                }
                if Instant::now() > deadline {
                    bail!("job {id} was accepted and has no outcome after {DRAIN_WITHIN:?}");
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
        .buffer_unordered(READS_IN_FLIGHT);
    while let Some(took_us) = times.try_next().await? {
        latency_us.saturating_record(took_us);
    }
    Ok(Latency::of(per_second(u64::try_from(ids.len())?, span), &latency_us))
}

/// Times of an account's last page of entries, in milliseconds: median and 99th percentile.
pub(crate) async fn pages(
    clients: &Clients,
    accounts: &Accounts,
    pages: usize,
) -> anyhow::Result<(f64, f64)> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut took_us = histogram();
    for _ in 0..pages {
        let started = Instant::now();
        let account = accounts.any(&mut random);
        clients
            .any(&mut random)?
            .read::<Value>(&format!("/api/accounts/{account}/entries?limit={PAGE_ENTRIES}"))
            .await?;
        took_us.saturating_record(u64::try_from(started.elapsed().as_micros())?);
    }
    let latency = Latency::of(0.0, &took_us);
    Ok((latency.p50_ms, latency.p99_ms))
}
