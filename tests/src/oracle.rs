//! The oracle: whether the ledger holds what was promised, read behind the ports and judged by rules that
//! are obviously right.
//!
//! | | |
//! |---|---|
//! | O1 | every accepted job has reached an outcome |
//! | O2 | one row for each job, entries once: those of a posted job, none of a rejected one |
//! | O3 | entries of a job sum to zero, balances are the sums of entries, no overdraft beyond its limit |
//! | O4 | the entries of the jobs that draw on an account follow the order of acceptance |
//! | O5 | the digest chain holds: `tellers verify`, which checks O1 to O3 in its own way too |
//! | O6 | the backlog drains: waited for before anything is judged |
//! | O7 | every outcome is on the event stream, and those of an account are in order |

mod books;
pub mod events;
mod seen;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::ensure;
use futures::{TryStreamExt as _, stream};

pub use books::{AccountRow, Books, EntryRow, JobRow};

use crate::client::Client;
use crate::fleet::Fleet;
use crate::load::{ASKED_AT_ONCE, Record};
use crate::wait::until;

/// Waits until everything that was promised has happened, and then checks the ledger of the database at
/// `url` in every way there is.
///
/// # Errors
/// The backlog did not drain `within` that time, or what is wrong with the ledger.
pub async fn hold(
    fleet: &Fleet,
    client: &Client,
    url: &str,
    record: &Record,
    within: Duration,
) -> anyhow::Result<()> {
    drained(client, record, within).await?;
    let books = Books::read(url).await?;
    clean(&judge(&books, record))?;
    seen::as_kept(client, &books, record).await?;
    clean(&events::judge(&events::all(client).await?, record))?;
    verify(fleet, record).await
}

/// The same by what clients can see and nothing else, for a small ledger in one `currency`.
///
/// # Errors
/// As [`hold`].
pub async fn hold_seen(
    fleet: &Fleet,
    client: &Client,
    currency: &str,
    record: &Record,
    within: Duration,
) -> anyhow::Result<()> {
    drained(client, record, within).await?;
    clean(&judge(&Books::ask(client, record, currency).await?, record))?;
    clean(&events::judge(&events::all(client).await?, record))?;
    verify(fleet, record).await
}

fn clean(findings: &[String]) -> anyhow::Result<()> {
    const SHOWN: usize = 20;
    let first = findings[..findings.len().min(SHOWN)].join("\n");
    ensure!(findings.is_empty(), "{} findings, the first of them:\n{first}", findings.len());
    Ok(())
}

/// O5.
async fn verify(fleet: &Fleet, record: &Record) -> anyhow::Result<()> {
    let said = fleet.run_ok(&["verify"]).await?;
    eprintln!("{} jobs accepted; verify: {said}", record.len());
    Ok(())
}

/// O6, seen by a client: the last job of each account has its outcome.
async fn drained(client: &Client, record: &Record, within: Duration) -> anyhow::Result<()> {
    ensure!(!record.is_empty(), "nothing was accepted: this test shows nothing");
    let last = record.accounts.values().filter_map(|jobs| jobs.last()).map(|(_, id)| Ok(id.as_str()));
    let settled = stream::iter(last).try_for_each_concurrent(ASKED_AT_ONCE, async |id| {
        until("the backlog drains", within, async || {
            let job = client.job(id, Duration::ZERO).await?;
            ensure!(job.is_final(), "job {id} is {}", job.status);
            Ok(())
        })
        .await
    });
    settled.await
}

/// What is wrong with the ledger, a sentence for each.
#[must_use]
pub fn judge(books: &Books, record: &Record) -> Vec<String> {
    [outcomes(books, record), rows(books), sums(books), order(books, record)].concat()
}

/// O1.
fn outcomes(books: &Books, record: &Record) -> Vec<String> {
    let known: HashMap<&str, &JobRow> = books.jobs.iter().map(|job| (job.id.as_str(), job)).collect();
    let promised =
        record.accounts.iter().flat_map(|(account, jobs)| jobs.iter().map(move |job| (account, job)));
    let mut findings = Vec::new();
    for (account, (_, id)) in promised {
        match known.get(id.as_str()).map(|job| job.outcome.as_str()) {
            Some("posted" | "rejected") => {}
            Some(other) => findings.push(format!("O1: job {id} of {account} ended as `{other}`")),
            None => findings.push(format!("O1: job {id} of {account} was accepted and is lost")),
        }
    }
    findings
}

/// O2.
fn rows(books: &Books) -> Vec<String> {
    let mut findings = Vec::new();
    let mut jobs: HashMap<&str, &JobRow> = HashMap::new();
    for job in &books.jobs {
        if jobs.insert(&job.id, job).is_some() {
            findings.push(format!("O2: job {} has two rows", job.id));
        }
    }
    // By job: the accounts of its entries.
    let mut legs: HashMap<&str, Vec<i64>> = HashMap::new();
    for entry in &books.entries {
        legs.entry(&entry.job).or_default().push(entry.account);
    }
    for (id, accounts) in &mut legs {
        match jobs.get(id).map(|job| (job.outcome.as_str(), job.kind.as_str())) {
            None => findings.push(format!("O2: entries of job {id}, which has no row")),
            Some(("posted", _)) => {}
            Some((outcome, _)) => findings.push(format!("O2: entries of job {id}, which is {outcome}")),
        }
        accounts.sort_unstable();
        // A journal may name an account twice, and so may what reverses it.
        let twice = accounts.windows(2).any(|pair| pair[0] == pair[1]);
        if twice && jobs.get(id).is_some_and(|job| !matches!(job.kind.as_str(), "journal" | "reversal")) {
            findings.push(format!("O2: job {id} has two entries on one account"));
        }
    }
    for job in jobs.values().filter(|job| job.outcome == "posted") {
        let moves = matches!(job.kind.as_str(), "deposit" | "withdrawal" | "transfer" | "journal");
        if moves && !legs.contains_key(job.id.as_str()) {
            findings.push(format!("O2: {} {} is posted and has no entries", job.kind, job.id));
        }
    }
    findings
}

/// O3.
fn sums(books: &Books) -> Vec<String> {
    let mut findings = Vec::new();
    let mut jobs: HashMap<&str, i128> = HashMap::new();
    let mut accounts: BTreeMap<i64, Vec<&EntryRow>> = BTreeMap::new();
    for entry in &books.entries {
        *jobs.entry(&entry.job).or_default() += i128::from(entry.amount);
        accounts.entry(entry.account).or_default().push(entry);
    }
    for (id, sum) in jobs.iter().filter(|(_, sum)| **sum != 0) {
        findings.push(format!("O3: the entries of job {id} sum to {sum}"));
    }
    for account in &books.accounts {
        let mut balance = 0_i128;
        let mut seq = 0;
        for entry in accounts.remove(&account.key).unwrap_or_default() {
            balance += i128::from(entry.amount);
            seq += 1;
            if entry.seq != seq || i128::from(entry.balance_after) != balance {
                findings.push(format!(
                    "O3: entry {} of {} is {entry:?}, not {seq} with {balance}",
                    entry.seq, account.number
                ));
            }
        }
        if i128::from(account.balance) != balance || account.seq != seq {
            findings.push(format!("O3: {account:?}, but {seq} entries that sum to {balance}"));
        }
        let available =
            i128::from(account.balance) - i128::from(account.held) + i128::from(account.overdraft_limit);
        if available < 0 && !account.number.starts_with("external:") {
            findings.push(format!("O3: {account:?} is overdrawn beyond its limit"));
        }
    }
    for key in accounts.keys() {
        findings.push(format!("O3: entries of account {key}, which has no row"));
    }
    findings
}

/// O4.
fn order(books: &Books, record: &Record) -> Vec<String> {
    let mut findings = Vec::new();
    let keys: HashMap<&str, i64> = books.accounts.iter().map(|row| (row.number.as_str(), row.key)).collect();
    let mut entries: HashMap<i64, Vec<&EntryRow>> = HashMap::new();
    for entry in &books.entries {
        entries.entry(entry.account).or_default().push(entry);
    }
    for (number, jobs) in &record.accounts {
        let ranks: HashMap<&str, u64> = jobs.iter().map(|(rank, id)| (id.as_str(), *rank)).collect();
        let account = keys.get(number.as_str()).and_then(|key| entries.get(key));
        let drawn =
            account.into_iter().flatten().filter_map(|entry| Some((ranks.get(entry.job.as_str())?, entry)));
        let drawn: Vec<_> = drawn.collect();
        for pair in drawn.windows(2).filter(|pair| pair[0].0 > pair[1].0) {
            let (before, after) = (pair[0].1, pair[1].1);
            findings.push(format!(
                "O4: on {number}, job {} (entry {}) overtook job {} (entry {})",
                before.job, before.seq, after.job, after.seq
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
