//! The accounts that a load test opens for itself, and the transfers between them.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use client::Client;
use fastrand::Rng;
use futures::stream::{self, TryStreamExt as _};
use serde_json::json;
use tokio::time::Instant;

use crate::plan::REQUESTS_MAX;

/// A transfer moves from 1 to so many minor units.
const AMOUNT_MAX: u32 = 100;
/// What an account starts with: enough for every request of the longest test to draw on the same one, so that
/// no transfer is ever rejected for want of funds.
pub(crate) const FUNDS: i64 = AMOUNT_MAX as i64 * REQUESTS_MAX as i64;
/// Jobs in one request while the accounts are opened.
const REQUEST_JOBS: usize = 500;
/// Outcomes that are waited for at once.
const READS_IN_FLIGHT: usize = 16;
/// How long one request waits for an outcome.
const OUTCOME_WAIT: Duration = Duration::from_secs(5);
/// Between two looks at a job, where the ingress answers at once.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The accounts of one run: `loadtest:<run>:<n>`.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    run: String,
    count: u32,
}

/// A transfer between two of the accounts, by their numbers of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Minor units.
    pub(crate) amount: i64,
}

impl Accounts {
    /// Accounts of a run that nobody has made before: its name is the time and chance.
    pub(crate) fn of_a_new_run(count: u32) -> Accounts {
        let seconds = jiff::Timestamp::now().as_second();
        Accounts { run: format!("{seconds:x}{:04x}", fastrand::u16(..)), count }
    }

    /// Its name.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The number of the account of this order.
    pub(crate) fn number(&self, order: u32) -> String {
        format!("loadtest:{}:{order}", self.run)
    }

    /// What the `n`-th request moves: chosen by chance, and the same whenever it is asked for, so that nothing
    /// has to be kept of a request but its number.
    pub(crate) fn transfer(&self, n: u32) -> Transfer {
        let mut random = Rng::with_seed(u64::from(n));
        let from = random.u32(..self.count);
        let to = (from + 1 + random.u32(..self.count - 1)) % self.count;
        Transfer { from, to, amount: i64::from(random.u32(1..=AMOUNT_MAX)) }
    }

    /// The `n`-th request, as a client writes it.
    pub(crate) fn job(&self, n: u32) -> String {
        let Transfer { from, to, amount } = self.transfer(n);
        let (from, to, reference) = (self.number(from), self.number(to), self.reference(n));
        format!(
            r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":{amount},"currency":"XTS","reference":"{reference}"}}"#
        )
    }

    /// The number of the request that bears a reference, if it is one of this run's.
    pub(crate) fn request_of(&self, reference: &str) -> Option<u32> {
        reference.strip_prefix(self.run.as_str())?.strip_prefix('-')?.parse().ok()
    }

    fn reference(&self, n: u32) -> String {
        format!("{}-{n}", self.run)
    }

    /// Opens and funds them, and waits until that is in the ledger.
    ///
    /// # Errors
    /// The ingress does not answer, or refuses; or they are not in the ledger at the `deadline`.
    pub(crate) async fn open(&self, client: &Client, deadline: Instant) -> anyhow::Result<()> {
        client.ready().await.context(
            "the ingress does not take jobs; start one with `tellers api` or `tellers dev`, or say where it is (API_URL)",
        )?;
        let jobs: Vec<String> = (0..self.count).flat_map(|order| self.opening(order)).collect();
        let opened = async {
            let mut ids = Vec::with_capacity(jobs.len());
            for jobs in jobs.chunks(REQUEST_JOBS) {
                ids.extend(client.post_batch(jobs).await?);
            }
            stream::iter(ids.into_iter().map(anyhow::Ok))
                .try_for_each_concurrent(READS_IN_FLIGHT, |id| posted(client, id))
                .await
        };
        match tokio::time::timeout_at(deadline, opened).await {
            Ok(opened) => opened.context("the accounts of the load test could not be opened"),
            Err(_) => bail!(
                "the accounts of the load test were accepted and are not in the books yet; is a worker running, and \
                 does its database answer? Ask the monitor (/api/scalability/status), and start workers with `tellers worker`"
            ),
        }
    }

    /// An account's first two jobs: both are on its lane, so they apply in this order.
    fn opening(&self, order: u32) -> [String; 2] {
        let (account, run) = (self.number(order), &self.run);
        let open = json!({"kind": "open_account", "account": account, "currency": "XTS", "reference": format!("{run}-open-{order}")});
        let fund = json!({"kind": "deposit", "account": account, "amount": FUNDS, "currency": "XTS", "reference": funding(run, order)});
        [open.to_string(), fund.to_string()]
    }

    /// Whether a reference is that of the deposit with which an account starts.
    pub(crate) fn is_funding(&self, reference: &str, order: u32) -> bool {
        reference == funding(&self.run, order)
    }
}

fn funding(run: &str, order: u32) -> String {
    format!("{run}-fund-{order}")
}

async fn posted(client: &Client, id: String) -> anyhow::Result<()> {
    loop {
        let Ok(job) = client.job(&id, OUTCOME_WAIT).await else {
            // An ingress that is busy or away for a moment is asked again until the deadline.
            tokio::time::sleep(LOOK_INTERVAL).await;
            continue;
        };
        let job = job.with_context(|| format!("the ingress accepted job {id} and does not know it"))?;
        if job.is_final() {
            ensure!(
                job.status == "posted",
                "job {id} was {}: {}",
                job.status,
                job.reason.unwrap_or_default()
            );
            return Ok(());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use contract::submission;
    use domain::account::AccountNumber;

    use super::*;

    #[test]
    fn every_request_is_a_job_between_two_accounts_and_can_be_made_again() {
        let accounts = Accounts::of_a_new_run(1_000);
        for n in [0, 1, 77, REQUESTS_MAX - 1] {
            submission::parse(accounts.job(n).as_bytes()).unwrap();
            let transfer = accounts.transfer(n);
            assert_eq!(transfer, accounts.transfer(n));
            assert_ne!(transfer.from, transfer.to);
            assert!(transfer.amount >= 1 && transfer.from.max(transfer.to) < 1_000);
            assert_eq!(accounts.request_of(&accounts.reference(n)), Some(n));
        }
        assert_eq!(accounts.request_of("somebody-else"), None);
        AccountNumber::parse(&accounts.number(999)).unwrap();
        for job in accounts.opening(999) {
            submission::parse(job.as_bytes()).unwrap();
        }
    }

    #[test]
    fn every_account_draws_and_receives() {
        let accounts = Accounts::of_a_new_run(10);
        let transfers: Vec<_> = (0..1_000).map(|n| accounts.transfer(n)).collect();
        for order in 0..10 {
            assert!(transfers.iter().any(|transfer| transfer.from == order));
            assert!(transfers.iter().any(|transfer| transfer.to == order));
        }
    }
}
