//! The fleet that the cases share, and the small words in which they speak to it.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::ensure;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::read::{Faults, Read};

/// Longer than a debug build takes for a job or a small file while other tests keep the machine busy.
pub const WITHIN: Duration = Duration::from_secs(60);
const JSON: &str = "application/json";

/// The connections of the shared client outlive the test that opened them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static BANK: OnceCell<Bank> = OnceCell::const_new();

/// Runs a case on the shared fleet, and checks the ledger after it, so that no case can forget to. The fleet ends
/// with the test process.
pub fn at_the_bank(case: impl AsyncFnOnce(&'static Bank)) {
    RUNTIME.block_on(async {
        let bank = BANK.get_or_init(async || Bank::open(fleet()).await.unwrap()).await;
        case(bank).await;
        bank.fleet.run_ok(&["verify"]).await.unwrap();
    });
}

/// Runs a case on the shared fleet with a new account in euros.
pub fn with_an_account(case: impl AsyncFnOnce(&'static Bank, String)) {
    at_the_bank(async |bank| case(bank, bank.account("EUR").await).await);
}

/// Runs a case of many variants on the shared fleet: all are tried before it fails.
pub fn trying_all(case: impl AsyncFnOnce(&'static Bank, &mut Faults)) {
    at_the_bank(async |bank| {
        let mut faults = Faults::default();
        case(bank, &mut faults).await;
        faults.none();
    });
}

/// Runs a case on a fleet of its own: one that looks at the whole fleet, or restarts it.
pub fn at_a_bank_of_its_own(case: impl AsyncFnOnce(&mut Bank)) {
    at_a_bank_on(fleet(), case);
}

/// Runs a case on a fleet with other settings, or on files that there are.
pub fn at_a_bank_on(fleet: Fleet, case: impl AsyncFnOnce(&mut Bank)) {
    RUNTIME.block_on(async {
        let mut bank = Bank::open(fleet).await.unwrap();
        case(&mut bank).await;
        bank.fleet.run_ok(&["verify"]).await.unwrap();
    });
}

/// A fleet as the cases expect it: numbers of German accounts are its own.
pub fn fleet() -> Fleet {
    Fleet::embedded().unwrap().with("IBAN_PREFIXES", "DE")
}

/// A fleet in one process, on files of its own.
pub struct Bank {
    dev: Replica,
    pub fleet: Fleet,
    pub client: Client,
    accounts: AtomicU32,
}

/// One leg of a posted job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    pub kind: String,
    /// In minor units; a debit is negative.
    pub amount: i64,
    pub value_date: String,
    #[serde(default)]
    pub memo: String,
}

impl Bank {
    async fn open(fleet: Fleet) -> anyhow::Result<Bank> {
        let dev = fleet.start(Role::Dev).await?;
        let client = Client::new(&dev.url_as(Role::Api, "").unwrap_or_default())?;
        Ok(Bank { dev, fleet, client, accounts: AtomicU32::new(0) })
    }

    /// Ends the fleet's process and starts another on the same ledger: what it had in memory is gone.
    pub async fn restart(&mut self) {
        self.dev.terminate().await.unwrap();
        self.dev = self.fleet.start(Role::Dev).await.unwrap();
        self.client = Client::new(&self.url()).unwrap();
    }

    /// Where its ingress is.
    pub fn url(&self) -> String {
        self.dev.url_as(Role::Api, "").unwrap()
    }

    /// A client of its monitor.
    pub fn monitor(&self) -> Client {
        Client::new(&self.dev.url_as(Role::Monitor, "").unwrap()).unwrap()
    }

    /// Opens an account that no other case has, with room below zero, and returns its number.
    pub async fn account(&self, currency: &str) -> String {
        let number = format!("case-{}", self.accounts.fetch_add(1, Ordering::Relaxed));
        self.open_account(&number, currency).await;
        number
    }

    /// Opens an account with this number, and room below zero.
    pub async fn open_account(&self, number: &str, currency: &str) {
        self.open_account_of(number, currency, None).await;
    }

    /// Opens an account with this number and holder.
    pub async fn open_account_of(&self, number: &str, currency: &str, holder: Option<&str>) {
        let mut job = json!({
            "kind": "open_account", "account": number, "currency": currency, "overdraft_limit": 100_000_000_000_i64,
        });
        if let Some(holder) = holder {
            job["holder"] = json!(holder);
        }
        let id = self.client.submit(&job).await.unwrap();
        let view = self.client.outcome(&id, WITHIN).await.unwrap();
        assert_eq!(view.status, "posted", "{view:?}");
    }

    /// Sends one job, and waits for its outcome if it is accepted.
    pub async fn job(&self, job: &Value) -> Answer {
        self.job_under(&[], job).await
    }

    /// The same with more headers.
    pub async fn job_under(&self, headers: &[(&str, &str)], job: &Value) -> Answer {
        let headers = [&[("content-type", JSON), ("prefer", "wait=20")], headers].concat();
        self.client.post_with("/api/jobs", &headers, job.to_string()).await.unwrap()
    }

    /// Sends one job with these headers and does not wait for its outcome.
    pub async fn send(&self, headers: &[(&str, &str)], job: &Value) -> Answer {
        let headers = [&[("content-type", JSON)], headers].concat();
        self.client.post_with("/api/jobs", &headers, job.to_string()).await.unwrap()
    }

    /// Sends jobs as NDJSON, and waits until each line that was queued has its outcome.
    pub async fn batch(&self, headers: &[(&str, &str)], lines: &str) -> tests::client::BatchAnswer {
        let headers = [&[("content-type", "application/x-ndjson")], headers].concat();
        let answer = self.client.post_with("/api/jobs/batch", &headers, lines.to_owned()).await.unwrap();
        let batch: tests::client::BatchAnswer = answer.json().unwrap();
        for id in batch.results.iter().filter_map(|result| result.id.as_ref()) {
            self.client.outcome(id, WITHIN).await.unwrap();
        }
        batch
    }

    /// What became of a job, as the API tells it.
    pub async fn view(&self, id: &str) -> Value {
        self.client.get(&format!("/api/jobs/{id}?wait=20")).await.unwrap().json().unwrap()
    }

    /// Imports a file and waits for the end of it.
    pub async fn import(&self, file: impl AsRef<[u8]>, media_type: &str, query: &[(&str, &str)]) -> Value {
        let query: String =
            query.iter().map(|(name, value)| format!("&{name}={}", percent_encoded(value))).collect();
        let path = format!("/api/imports?name=case{query}");
        let answer = self.client.post(&path, media_type, file.as_ref().to_vec()).await.unwrap();
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let id = answer.json::<Value>().unwrap()["id"].clone();
        until("the import ends", WITHIN, async || {
            let import: Value = self.client.get(&format!("/api/imports/{id}")).await?.json()?;
            let state = import["state"].as_str().unwrap_or_default();
            ensure!(["done", "refused", "failed", "cancelled"].contains(&state), "{import}");
            Ok(import)
        })
        .await
        .unwrap()
    }

    /// Imports CSV by a map.
    pub async fn csv(&self, file: impl AsRef<[u8]>, map: &str) -> Value {
        self.import(file, "text/csv", &[("map", map)]).await
    }

    /// Imports a pain.001.
    pub async fn xml(&self, file: impl AsRef<[u8]>) -> Value {
        self.import(file, "application/xml", &[]).await
    }

    /// Imports CSV into a new account of this currency, and tells what was read of each line.
    pub async fn read(&self, currency: &str, map: &str, file: impl AsRef<[u8]>) -> Read {
        let account = self.account(currency).await;
        self.read_into(&account, &format!("currency='{currency}', {map}"), file).await
    }

    /// The same into an account that there is; what it had before is not told.
    pub async fn read_into(&self, account: &str, map: &str, file: impl AsRef<[u8]>) -> Read {
        let before = self.entries(account).await.len();
        let import = self.csv(&file, &format!("account='{account}', {map}")).await;
        let entries = self.entries(account).await.split_off(before);
        Read::of(import, entries, file.as_ref())
    }

    /// The rows that were refused, as they come back to whoever sent them.
    pub async fn refused(&self, import: &Value) -> String {
        self.client.get(&format!("/api/imports/{}/refused", import["id"])).await.unwrap().body
    }

    /// What became of a pain.001, as a pain.002.
    pub async fn report(&self, import: &Value) -> String {
        self.client.get(&format!("/api/imports/{}/report", import["id"])).await.unwrap().body
    }

    /// The entries of an account, the oldest first.
    pub async fn entries(&self, account: &str) -> Vec<Entry> {
        let path = format!("/api/accounts/{account}/entries?limit=500");
        let mut page: Value = self.client.get(&path).await.unwrap().json().unwrap();
        let mut entries: Vec<Value> = serde_json::from_value(page["entries"].take()).unwrap();
        entries.sort_by_key(|entry| entry["seq"].as_u64());
        entries.into_iter().map(|entry| serde_json::from_value(entry).unwrap()).collect()
    }

    /// The amounts of an account's entries, the oldest first.
    pub async fn amounts(&self, account: &str) -> Vec<i64> {
        self.entries(account).await.into_iter().map(|entry| entry.amount).collect()
    }

    /// What an account holds.
    pub async fn balance(&self, account: &str) -> i64 {
        self.client.account(account).await.unwrap()["balance"].as_i64().unwrap()
    }

    /// An account's statement in a form.
    pub async fn statement(&self, account: &str, format: &str) -> String {
        let path = format!("/api/accounts/{account}/statement?format={format}");
        self.client.get(&path).await.unwrap().body
    }

    /// The dead letters of the whole fleet. Its process holds the queue, so its monitor is asked.
    pub async fn dead_letters(&self) -> Value {
        let answer = self.monitor().get("/api/scalability/dead-letters").await.unwrap();
        answer.json::<Value>().unwrap()["letters"].clone()
    }
}

/// An input of `tests/cases`.
pub fn input(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(path)).unwrap()
}

/// The same, where it is text.
pub fn text(path: &str) -> String {
    String::from_utf8(input(path)).unwrap()
}

/// An amount paid into `account`, of which more may be said.
pub fn deposit(account: &str, amount: i64) -> Value {
    json!({"kind": "deposit", "account": account, "amount": amount, "currency": "EUR"})
}

/// Packed as gzip, with `mtime` in the head.
pub fn gzip(bytes: impl AsRef<[u8]>, mtime: u32) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder =
        flate2::GzBuilder::new().mtime(mtime).read(bytes.as_ref(), flate2::Compression::default());
    std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
    packed
}

/// The fields that a problem document names.
pub fn fields(answer: &Answer) -> Vec<String> {
    let problem: Value = answer.json().unwrap();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().filter_map(|error| error["field"].as_str().map(str::to_owned)).collect()
}

/// What was found is one of `right`, and nothing else.
#[track_caller]
pub fn assert_one_of<T: PartialEq + std::fmt::Debug>(found: &T, right: &[T], why: impl std::fmt::Display) {
    assert!(right.contains(found), "{found:?} is none of {right:?}: {why}");
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
