//! Posting alone: full batches straight into the ledger, without ingress and queue, over connections that wait for each
//! other's accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fleet::settings::Settings;
use futures::future::try_join_all;
use load_test::figures::per_second;
use store::ledger::Ledger;

use super::books::Accounts;

/// Jobs a second over `span`.
pub(crate) async fn measure(
    ledger: &Arc<dyn Ledger>,
    accounts: &Accounts,
    span: Duration,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let posted = post_until(ledger, accounts, |_| started.elapsed() < span).await?;
    Ok(per_second(posted, started.elapsed()))
}

/// Writes at least so many entries.
pub(crate) async fn prefill(
    ledger: &Arc<dyn Ledger>,
    accounts: &Accounts,
    entries: u64,
) -> anyhow::Result<()> {
    // A transfer has two.
    post_until(ledger, accounts, |posted| posted * 2 < entries).await.map(drop)
}

async fn post_until(
    ledger: &Arc<dyn Ledger>,
    accounts: &Accounts,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> anyhow::Result<u64> {
    let posted = AtomicU64::new(0);
    // As many in flight as one worker has.
    let posters_max = Settings::default().posting_concurrency();
    let posters = (0..posters_max).map(async |poster| {
        let mut random = fastrand::Rng::with_seed(u64::try_from(poster)?);
        while goes_on(posted.load(Relaxed)) {
            let jobs = accounts.batch(poster, posters_max, &mut random)?;
            ledger.post(&jobs).await?;
            posted.fetch_add(u64::try_from(jobs.len())?, Relaxed);
        }
        anyhow::Ok(())
    });
    try_join_all(posters).await?;
    Ok(posted.into_inner())
}
