//! Splitting a run into batches.

use std::collections::BTreeSet;

use bytes::Bytes;
use contract::analysis::{AnalysisWork, RunOrder};
use domain::account::AccountNumber;
use store::StoreError;
use store::analyses::BATCH_ACCOUNTS_MAX;
use tracing::info;

use super::{Bench, new_run};

/// Publishes a run's batches, and then how many they are. Done again after a crash it publishes the same
/// batches under the same numbers, and each of them is counted once.
pub(super) async fn split(
    bench: &Bench,
    order: &RunOrder,
    accounts: Option<&[AccountNumber]>,
) -> Result<(), StoreError> {
    let asked = new_run(order, accounts);
    let run = bench.analyses.begin(&asked).await?;
    if run.is_cancelled() {
        return Ok(());
    }
    if run.new.request != asked.request {
        return Err(StoreError::Permanent(format!(
            "the analysis {} was requested before, as {}; request this one, {}, under another key",
            order.run, run.new.request, asked.request
        )));
    }
    if run.batches.is_some() {
        return Ok(());
    }
    let (batches, count) = match accounts {
        Some(accounts) => listed(bench, order, accounts).await?,
        None => all(bench, order).await?,
    };
    bench.analyses.planned(order.run, batches, count).await?;
    info!(run = %order.run, batches, accounts = count, "an analysis is under way");
    Ok(())
}

/// Batches and accounts of a list, in which some may stand twice.
async fn listed(
    bench: &Bench,
    order: &RunOrder,
    accounts: &[AccountNumber],
) -> Result<(u64, u64), StoreError> {
    let accounts: Vec<AccountNumber> =
        accounts.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let (mut batches, mut count) = (0, 0);
    for some in accounts.chunks(BATCH_ACCOUNTS_MAX) {
        count += some.len() as u64;
        publish(bench, order, batches, some.to_vec()).await?;
        batches += 1;
    }
    Ok((batches, count))
}

/// Batches and accounts of the whole ledger. By key, so that accounts which are opened meanwhile come last.
async fn all(bench: &Bench, order: &RunOrder) -> Result<(u64, u64), StoreError> {
    let limit = u32::try_from(BATCH_ACCOUNTS_MAX).unwrap_or(u32::MAX);
    let (mut batches, mut count, mut after) = (0, 0, 0);
    loop {
        let page = bench.analyses.accounts(after, limit).await?;
        let Some(last) = page.last() else { return Ok((batches, count)) };
        after = last.key;
        count += page.len() as u64;
        publish(bench, order, batches, page.into_iter().map(|account| account.number).collect()).await?;
        batches += 1;
        if bench.analyses.run(order.run).await?.is_some_and(|run| run.is_cancelled()) {
            return Ok((batches, count));
        }
    }
}

async fn publish(
    bench: &Bench,
    order: &RunOrder,
    batch: u64,
    accounts: Vec<AccountNumber>,
) -> Result<(), StoreError> {
    let work = AnalysisWork::Batch { run: order.clone(), batch, accounts };
    let message = serde_json::to_vec(&work).map_err(|error| StoreError::Permanent(error.to_string()))?;
    let published = bench.queue.publish_work(Bytes::from(message)).await;
    published.map_err(|error| StoreError::Transient(error.to_string()))
}
