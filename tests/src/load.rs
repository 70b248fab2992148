//! Load with known answers: transfers between accounts, and a record of what was promised.

mod chance;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

pub use chance::Chance;
pub use record::Record;

use crate::client::{BatchAnswer, Client};
use crate::wait::{Patience, until};

/// How long one batch is sent again before the service is given up: longer than any fault of the tests,
/// among them a broker that starts on a busy machine.
const ACCEPT_WITHIN: Duration = Duration::from_secs(180);
const OPEN_WITHIN: Duration = Duration::from_secs(60);
const OPEN_BATCH_JOBS: usize = 1_000;
/// Questions on their way to the service at the same time, where thousands have to be asked.
pub(crate) const ASKED_AT_ONCE: usize = 16;

/// What each account starts with, in minor units: little enough that some transfers are rightly rejected.
const FIRST_DEPOSIT: u64 = 10_000;
const AMOUNT_MAX: u64 = 1_000;

/// Transfers at random between accounts, by several clients at once.
#[derive(Debug, Clone)]
pub struct Load {
    /// What the accounts' numbers and the jobs' references start with.
    pub name: String,
    /// How many accounts.
    pub accounts: u32,
    /// How many clients; each draws on accounts of its own, so that it knows the order of what it sends.
    pub clients: u32,
    /// Transfers in one request.
    pub batch_jobs: usize,
    /// How often each client sends one, while it is accepted at once.
    pub batch_every: Duration,
    /// Of everything random.
    pub seed: u64,
}

/// Load that runs until it is stopped.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU32>,
    clients: Vec<tokio::task::JoinHandle<anyhow::Result<Record>>>,
}

impl Load {
    /// Opens the accounts, pays into each, and waits until the money is there.
    ///
    /// # Errors
    /// Some are not there within a minute.
    pub async fn open(&self, client: &Client) -> anyhow::Result<Record> {
        eprintln!("load {:?}: seed {}", self.name, self.seed);
        let jobs: Vec<Value> = (0..self.accounts)
            .flat_map(|number| {
                let account = self.account(number);
                let reference = |kind: &str| format!("{}-{kind}-{number}", self.name);
                [
                    json!({"kind": "open_account", "account": account, "currency": "XTS", "reference": reference("open")}),
                    json!({"kind": "deposit", "account": account, "currency": "XTS", "amount": FIRST_DEPOSIT,
                           "reference": reference("deposit")}),
                ]
            })
            .collect();
        let mut record = Record::default();
        for batch in jobs.chunks(OPEN_BATCH_JOBS) {
            send(client, batch, "account", &mut record).await?;
        }
        let accounts = stream::iter(0..self.accounts).map(|number| Ok(self.account(number)));
        let filled = accounts.try_for_each_concurrent(ASKED_AT_ONCE, async |account: String| {
            until(&format!("{account} has its money"), OPEN_WITHIN, async || {
                let found = client.account(&account).await?;
                ensure!(found["balance"] == json!(FIRST_DEPOSIT), "it is {found}");
                Ok(())
            })
            .await
        });
        filled.await?;
        Ok(record)
    }

    /// Starts sending transfers.
    #[must_use]
    pub fn start(&self, client: &Client) -> Running {
        let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let clients = (0..self.clients)
            .map(|index| {
                let (load, client) = (self.clone(), client.clone());
                let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
                tokio::spawn(async move { load.send_transfers(index, &client, &stop, &accepted).await })
            })
            .collect();
        Running { stop, accepted, clients }
    }

    async fn send_transfers(
        &self,
        index: u32,
        client: &Client,
        stop: &AtomicBool,
        accepted: &AtomicU32,
    ) -> anyhow::Result<Record> {
        let mut chance = Chance::new(self.seed ^ u64::from(index) << 32);
        let mut record = Record::default();
        let mut count = 0_u64;
        let mut pace = tokio::time::interval(self.batch_every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.load(Ordering::Relaxed) {
            pace.tick().await;
            let jobs: Vec<Value> = (0..self.batch_jobs)
                .map(|_| {
                    count += 1;
                    self.transfer(index, &format!("{}-{index}-{count}", self.name), &mut chance)
                })
                .collect();
            send(client, &jobs, "from", &mut record).await?;
            accepted.fetch_add(u32::try_from(jobs.len())?, Ordering::Relaxed);
        }
        Ok(record)
    }

    fn transfer(&self, client: u32, reference: &str, chance: &mut Chance) -> Value {
        let own = self.accounts / self.clients;
        let from = client + self.clients * chance.below(own);
        // Any other account.
        let to = (from + 1 + chance.below(self.accounts - 1)) % self.accounts;
        let amount = 1 + u64::from(chance.below(u32::try_from(AMOUNT_MAX).unwrap_or(u32::MAX)));
        json!({"kind": "transfer", "from": self.account(from), "to": self.account(to), "amount": amount,
               "currency": "XTS", "reference": reference})
    }

    fn account(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }
}

impl Running {
    /// Transfers that are accepted so far.
    pub fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Stops the clients after the batches in hand, and returns what was accepted.
    ///
    /// # Errors
    /// A job was refused that should not be, or a batch could not be brought to the service.
    pub async fn stop(self) -> anyhow::Result<Record> {
        self.stop.store(true, Ordering::Relaxed);
        let mut record = Record::default();
        for client in self.clients {
            record.join(client.await.context("a client of the load ended")??);
        }
        Ok(record)
    }
}

/// Sends one batch until every line of it is accepted: again and again, with the same references.
async fn send(client: &Client, jobs: &[Value], drawn: &str, record: &mut Record) -> anyhow::Result<()> {
    let mut ids: Vec<Option<String>> = vec![None; jobs.len()];
    let mut tries = 0;
    let mut patience = Patience::new(ACCEPT_WITHIN);
    while ids.iter().any(Option::is_none) {
        let last = patience.ends().await;
        tries += 1;
        let missing: Vec<usize> = (0..jobs.len()).filter(|line| ids[*line].is_none()).collect();
        let lines: Vec<Value> = missing.iter().map(|line| jobs[*line].clone()).collect();
        match client.batch(&lines).await {
            Ok(answer) => take(&answer, &missing, &mut ids)?,
            Err(error) if last => {
                return Err(error).with_context(|| format!("no batch accepted in {ACCEPT_WITHIN:?}"));
            }
            Err(_) => {}
        }
        ensure!(!last || ids.iter().all(Option::is_some), "lines are refused for {ACCEPT_WITHIN:?}");
    }
    let accounts = jobs.iter().map(|job| job[drawn].as_str().unwrap_or_default());
    let accepted = accounts.zip(ids.into_iter().flatten());
    if tries == 1 {
        record.accept_in_order(accepted);
    } else {
        // A line that was refused or not answered may have come before or after its neighbours.
        record.accept_at_once(accepted);
    }
    Ok(())
}

/// Notes the ids of the lines that are accepted; an error is a line that will never be.
fn take(answer: &BatchAnswer, missing: &[usize], ids: &mut [Option<String>]) -> anyhow::Result<()> {
    for (result, line) in answer.results.iter().zip(missing) {
        if let Some(id) = &result.id {
            ids[*line] = Some(id.clone());
            continue;
        }
        let status = result.error.as_ref().and_then(|error| error["status"].as_u64()).unwrap_or_default();
        if status < 500 && status != 429 {
            bail!("a good job is refused: {result:?}");
        }
    }
    Ok(())
}
