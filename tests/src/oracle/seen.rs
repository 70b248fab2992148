//! The ledger, read as clients read them: over HTTP.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{AccountRow, Books, EntryRow, JobRow};
use crate::client::{Client, EntryView};
use crate::load::Record;

/// The default number of lanes, each of which may have an account for the outside world.
const LANES: u32 = 16;

impl Books {
    /// Reads what was promised, and what belongs to it: the jobs, the accounts that they draw on, and the
    /// outside world. One request for each, so for a small ledger.
    ///
    /// # Errors
    /// An account is not there, or something could not be read.
    pub async fn ask(client: &Client, record: &Record, currency: &str) -> anyhow::Result<Books> {
        let mut books = Books::default();
        for id in record.accounts.values().flatten().map(|(_, id)| id) {
            let job = client.job(id, Duration::ZERO).await?;
            let kind = job.kind.unwrap_or_default();
            books.jobs.push(JobRow { id: job.id, kind, outcome: job.status });
        }
        for number in record.accounts.keys() {
            books.ask_account(client, number).await?;
        }
        for lane in 0..LANES {
            let number = format!("external:{currency}:{lane}");
            // There is none where no money came in or went out.
            if client.get(&format!("/api/accounts/{number}")).await?.status.is_success() {
                books.ask_account(client, &number).await?;
            }
        }
        Ok(books)
    }

    async fn ask_account(&mut self, client: &Client, number: &str) -> anyhow::Result<()> {
        let account = client.account(number).await?;
        let amount =
            |field: &str| account[field].as_i64().with_context(|| format!("no {field} in {account}"));
        let key = i64::try_from(self.accounts.len())?;
        self.accounts.push(AccountRow {
            key,
            number: number.to_owned(),
            balance: amount("balance")?,
            held: amount("held")?,
            overdraft_limit: amount("overdraft_limit")?,
            seq: amount("entries")?,
        });
        self.entries.extend(entries(client, number, key).await?);
        Ok(())
    }
}

/// Clients see the ledger as it is: some of the accounts, with all their entries, page by page.
pub(super) async fn as_kept(client: &Client, books: &Books, record: &Record) -> anyhow::Result<()> {
    const ACCOUNTS: usize = 10;
    for number in record.accounts.keys().take(ACCOUNTS) {
        let Some(account) = books.accounts.iter().find(|account| account.number == *number) else {
            bail!("account {number} is not in the books");
        };
        let shown: Value = client.account(number).await?;
        ensure!(shown["balance"] == account.balance, "{account:?} is shown as {shown}");
        let shown = entries(client, number, account.key).await?;
        let kept: Vec<_> = books.entries.iter().filter(|entry| entry.account == account.key).collect();
        ensure!(
            shown.iter().eq(kept.iter().copied()),
            "entries of {number} are shown as {shown:?} and kept as {kept:?}"
        );
    }
    Ok(())
}

/// The entries of an account that is kept under this key, the oldest first.
async fn entries(client: &Client, number: &str, account: i64) -> anyhow::Result<Vec<EntryRow>> {
    let row = |EntryView { seq, job, amount, balance_after }| EntryRow {
        account,
        seq,
        job: job.to_string(),
        amount,
        balance_after,
    };
    Ok(client.entries(number).await?.into_iter().rev().map(row).collect())
}
