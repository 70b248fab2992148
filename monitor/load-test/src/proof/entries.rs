//! The run's accounts are read entry by entry: each posted job has exactly its two, nobody else has any, and every
//! account stands where the outcomes say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use client::{Client, EntryView};
use domain::id::JobId;
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep};

use super::{Jobs, Proof, ledger};
use crate::accounts::{Accounts, FUNDS};
use crate::progress::Progress;

/// Accounts that are read at once.
const READS_IN_FLIGHT: usize = 8;
/// An ingress that is busy is asked again for so long at the most.
const PATIENCE_MAX: Duration = Duration::from_secs(10);
/// Between two attempts.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// The most entries of a page.
const PAGE_ENTRIES: u32 = 1_000;

/// An account as it was read.
struct ReadAccount {
    order: u32,
    balance: i64,
    entries_sum: i64,
    entries: Vec<EntryView>,
}

/// Reads all accounts and judges them and the jobs. An ingress that does not answer is asked again for at most
/// `patience`.
pub(crate) async fn prove(
    client: &Client,
    accounts: &Accounts,
    mut jobs: Jobs,
    patience: Duration,
    progress: &Progress,
) -> Proof {
    let patience = patience.min(PATIENCE_MAX);
    jobs.sort();
    let mut proof = Proof {
        accounts: accounts.count(),
        money_given: FUNDS * i64::from(accounts.count()),
        ..Proof::default()
    };
    let mut found_balances = vec![None; usize::try_from(accounts.count()).unwrap_or_default()];
    let mut strangers = Vec::new();
    let mut off = BTreeSet::new();
    let mut accounts_found = stream::iter(0..accounts.count())
        .map(|order| read_within(patience, move || read_account(client, accounts, order)))
        .buffer_unordered(READS_IN_FLIGHT);
    while let Some(found) = accounts_found.next().await {
        progress.step();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                // It was asked for long enough: the ingress is away, and the others would not be read either.
                proof.find(|| format!("an account could not be read: {error:#}"));
                break;
            }
        };
        proof.accounts_read += 1;
        for EntryView { job, amount, .. } in found.entries {
            if !jobs.see(accounts, found.order, job, amount) {
                strangers.push((found.order, job, amount));
            }
        }
        if found.balance != found.entries_sum {
            off.insert(found.order);
            proof.find(|| {
                let account = accounts.number(found.order);
                format!("{account} holds {}, and its entries sum to {}", found.balance, found.entries_sum)
            });
        }
        if let Some(slot) = usize::try_from(found.order).ok().and_then(|order| found_balances.get_mut(order))
        {
            *slot = Some(found.balance);
        }
    }
    drop(accounts_found);

    let unconfirmed = resolve(client, accounts, &strangers, patience, &mut proof).await;
    proof.unconfirmed_posted = u64::try_from(unconfirmed.len()).unwrap_or_default();
    let is_all_read = proof.accounts_read == proof.accounts;
    jobs.judge(&mut proof, is_all_read);
    let expected = jobs.balances(accounts, &unconfirmed);
    for (order, (found, expected)) in (0..).zip(found_balances.iter().zip(expected)) {
        if let Some(found) = found.filter(|found| *found != expected) {
            off.insert(order);
            proof.find(|| {
                format!("{} holds {found}; by the outcomes it should hold {expected}", accounts.number(order))
            });
        }
    }
    proof.accounts_off = u32::try_from(off.len()).unwrap_or(u32::MAX);
    proof.money_found = found_balances.into_iter().sum();
    proof
}

/// Entries of jobs that were not known to be accepted: deposits at the start, and requests that were never answered
/// and posted all the same. Returns the requests; whatever else there is, is foreign.
async fn resolve(
    client: &Client,
    accounts: &Accounts,
    strangers: &[(u32, JobId, i64)],
    patience: Duration,
    proof: &mut Proof,
) -> Vec<u32> {
    let mut by_job = BTreeMap::<JobId, Vec<(u32, i64)>>::new();
    for (order, id, amount) in strangers {
        by_job.entry(*id).or_default().push((*order, *amount));
    }
    let mut unconfirmed = Vec::new();
    let mut references = stream::iter(by_job)
        .map(|(id, entries)| async move {
            let reference = read_within(patience, || reference_of(client, id)).await;
            (id, entries, reference.unwrap_or_default())
        })
        .buffer_unordered(READS_IN_FLIGHT);
    while let Some((id, entries, reference)) = references.next().await {
        let is_funding =
            matches!(entries.as_slice(), [(order, FUNDS)] if accounts.is_funding(&reference, *order));
        if is_funding {
            continue;
        }
        let request = accounts.request_of(&reference).filter(|n| {
            entries.len() == 2
                && entries[0] != entries[1]
                && entries.iter().all(|(order, amount)| ledger::is_leg(accounts, *n, *order, *amount))
        });
        if let Some(n) = request {
            unconfirmed.push(n);
            continue;
        }
        proof.foreign_entries += u64::try_from(entries.len()).unwrap_or_default();
        proof.find(|| {
            let account = accounts.number(entries[0].0);
            format!(
                "{account} has an entry of {} by job {id}, which no request of the run explains",
                entries[0].1
            )
        });
    }
    unconfirmed
}

/// An account with all its entries, at one moment: if there are more entries than the account counts, or fewer,
/// someone posted meanwhile, and it is an error to be tried again.
async fn read_account(client: &Client, accounts: &Accounts, order: u32) -> anyhow::Result<ReadAccount> {
    let number = accounts.number(order);
    let entries = client.entries(&number, PAGE_ENTRIES).await?;
    let account = client.account(&number).await?;
    anyhow::ensure!(
        u64::try_from(entries.len()).ok() == Some(account.entries),
        "{number} counts {} entries and {} were read",
        account.entries,
        entries.len()
    );
    let entries_sum = entries.iter().map(|entry| entry.amount).sum();
    Ok(ReadAccount { order, balance: account.balance, entries_sum, entries })
}

/// The reference of a job; empty: it has none.
async fn reference_of(client: &Client, id: JobId) -> anyhow::Result<String> {
    let job = client.job(&id.to_string(), Duration::ZERO).await?;
    let job = job.with_context(|| format!("the ingress does not know job {id}"))?;
    Ok(job.reference.unwrap_or_default())
}

/// Reads until it works, for at most so long.
async fn read_within<T, F>(patience: Duration, read: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let deadline = Instant::now() + patience;
    loop {
        match read().await {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => sleep(READ_INTERVAL).await,
        }
    }
}
