//! A client of the ingress, as upstream systems are: it sends batches, and sends again what was not
//! accepted. Every job bears a reference, so sending again is always safe.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use backon::{ExponentialBuilder, Retryable as _};
use domain::id::JobId;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

/// A batch that is not answered within this time is sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A single job that is not answered within this time has failed: nobody waits longer.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Beyond the time that a reader asks the ingress to wait.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is sent in all.
const ATTEMPTS_MAX: usize = 12;

/// Where the ingress is, and who asks.
#[derive(Clone)]
pub struct Target {
    /// Such as `http://127.0.0.1:8080`.
    pub url: String,
    /// One of its API keys, with the scopes submit and read, where it asks for one.
    pub api_key: Option<String>,
}

impl Target {
    /// An ingress that asks for no key.
    #[must_use]
    pub fn open(url: impl Into<String>) -> Target {
        Target { url: url.into(), api_key: None }
    }
}

/// Speaks to one ingress.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// The answer to a batch.
#[derive(Debug, Deserialize)]
struct BatchAnswer {
    results: Vec<LineAnswer>,
}

/// A job that was accepted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub id: JobId,
    /// When it joined its lane, by the clock of the ingress.
    pub accepted_at: Timestamp,
}

/// What became of one line.
#[derive(Debug, Deserialize)]
struct LineAnswer {
    line: usize,
    id: Option<String>,
    error: Option<serde_json::Value>,
}

/// What the ledger holds of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobAnswer {
    /// `pending`, `posted`, `rejected` or `dead`.
    pub status: String,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// The client's name for it.
    pub reference: Option<String>,
    /// When it joined its lane.
    pub accepted_at: Option<Timestamp>,
    /// When it got its outcome.
    pub posted_at: Option<Timestamp>,
}

/// How an account stands, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AccountAnswer {
    /// The sum of its entries.
    pub balance: i64,
    /// How many those are.
    pub entries: u64,
}

/// A page of an account's entries, the newest first.
#[derive(Debug, Deserialize)]
pub struct EntriesAnswer {
    /// The page.
    pub entries: Vec<EntryAnswer>,
    /// Path of the next page.
    pub next: Option<String>,
}

/// Which page of an account's entries.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// The newest entries.
    Newest {
        /// The account's number.
        account: &'a str,
        /// The most of a page: 1 to 1,000.
        entries: u32,
    },
    /// At the path that the page before told.
    At(&'a str),
}

/// One leg of a posted job, in minor units.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct EntryAnswer {
    /// The job.
    pub job: JobId,
    /// A credit is positive, a debit negative.
    pub amount: i64,
}

/// A single job that is not known to be accepted.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The ingress said no.
    #[error("refused with {status}: {told}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The last step of the problem's type, such as `lane-full`.
        problem: Option<String>,
        /// The whole answer.
        told: String,
    },
    /// Nobody listens there.
    #[error("no connection to the ingress")]
    Connect(#[source] reqwest::Error),
    /// It took too long.
    #[error("not answered within {SUBMIT_TIMEOUT:?}")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke before the answer was whole.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// An answer of another kind.
    #[error("an acceptance that cannot be read: {0}")]
    Answer(String),
}

impl SendError {
    /// Its class, of which there are few: `refused/lane-full`, `http/502`, `connect`, `timeout`, ...
    #[must_use]
    pub fn class(&self) -> String {
        match self {
            SendError::Refused { problem: Some(problem), .. } => format!("refused/{problem}"),
            SendError::Refused { status, .. } => format!("http/{status}"),
            SendError::Connect(_) => "connect".to_owned(),
            SendError::Timeout(_) => "timeout".to_owned(),
            SendError::Broken(_) => "connection_broken".to_owned(),
            SendError::Answer(_) => "unreadable_answer".to_owned(),
        }
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> SendError {
        if error.is_timeout() {
            SendError::Timeout(error)
        } else if error.is_connect() {
            SendError::Connect(error)
        } else {
            SendError::Broken(error)
        }
    }
}

/// A batch that was not accepted as a whole.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error("the ingress is busy: {0}")]
    Busy(String),
    #[error("{0}")]
    Refused(String),
    #[error("the ingress does not answer: {0}")]
    Away(#[from] reqwest::Error),
}

impl Client {
    /// A client of an ingress; nothing is sent yet.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub fn new(target: &Target) -> anyhow::Result<Client> {
        let base = target.url.trim_end_matches('/');
        let parsed = Url::parse(base)
            .with_context(|| format!("{base:?} is no URL; give one such as http://127.0.0.1:8080"))?;
        ensure!(
            parsed.scheme() == "http" && parsed.has_host(),
            "{base:?} cannot be used; give an http:// URL with a host"
        );
        let mut headers = HeaderMap::new();
        if let Some(key) = &target.api_key {
            let mut key = HeaderValue::from_str(key).context("the API key has characters that no key has")?;
            key.set_sensitive(true);
            headers.insert("x-api-key", key);
        }
        let http = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .tcp_nodelay(true)
            .no_proxy()
            .default_headers(headers)
            .build()?;
        Ok(Client { http, base: base.to_owned() })
    }

    /// Sends jobs, a JSON text each, and returns their ids in order. While the ingress is busy or away it
    /// sends again.
    ///
    /// # Errors
    /// A job was refused, or the ingress stayed busy or away.
    pub async fn post_batch(&self, jobs: &[String]) -> anyhow::Result<Vec<String>> {
        let body = bytes::Bytes::from(jobs.join("\n"));
        let delays = ExponentialBuilder::new().with_jitter().with_max_times(ATTEMPTS_MAX - 1);
        let answer = (|| self.try_batch(body.clone()))
            .retry(delays)
            .when(|error| !matches!(error, BatchError::Refused(_)))
            .await?;
        if answer.results.len() != jobs.len() {
            bail!("{} jobs were sent and {} answered", jobs.len(), answer.results.len());
        }
        let id = |answer: LineAnswer| {
            answer.id.with_context(|| format!("line {} was refused: {:?}", answer.line, answer.error))
        };
        answer.results.into_iter().map(id).collect()
    }

    async fn try_batch(&self, body: bytes::Bytes) -> Result<BatchAnswer, BatchError> {
        let request = self.http.post(format!("{}/api/jobs/batch", self.base));
        let response = request.header("content-type", "application/x-ndjson").body(body).send().await?;
        let status = response.status();
        if status.is_success() {
            let answer: BatchAnswer = response.json().await?;
            // Lines that met a full or broken queue are sent again, with all the others: those that were
            // accepted are the same jobs.
            return match answer.results.iter().find(|line| line.error.as_ref().is_some_and(is_passing)) {
                Some(busy) => Err(BatchError::Busy(format!("{:?}", busy.error))),
                None => Ok(answer),
            };
        }
        let text = response.text().await.unwrap_or_default();
        let told = format!("{status}: {text}");
        if status.is_server_error() || status.as_u16() == 429 {
            Err(BatchError::Busy(told))
        } else {
            Err(BatchError::Refused(told))
        }
    }

    /// Sends one job, a JSON text; no second attempt.
    ///
    /// # Errors
    /// It is not known to be accepted.
    pub async fn submit(&self, job: String) -> Result<Accepted, SendError> {
        let request = self.http.post(format!("{}/api/jobs", self.base)).timeout(SUBMIT_TIMEOUT);
        let response = request.header("content-type", "application/json").body(job).send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        let told = || String::from_utf8_lossy(&body[..body.len().min(TOLD_BYTES_MAX)]).into_owned();
        if status != StatusCode::ACCEPTED {
            return Err(SendError::Refused {
                status: status.as_u16(),
                problem: problem_of(&body),
                told: told(),
            });
        }
        serde_json::from_slice(&body).map_err(|_| SendError::Answer(told()))
    }

    /// What the ledger holds of a job, waiting up to `wait` (whole seconds) for its outcome; `None`: the
    /// ingress knows no such job.
    ///
    /// # Errors
    /// The ingress did not answer, or could not look.
    pub async fn job(&self, id: &str, wait: Duration) -> anyhow::Result<Option<JobAnswer>> {
        let url = format!("{}/api/jobs/{id}?wait={}", self.base, wait.as_secs());
        let response = self.http.get(url).timeout(wait + READ_TIMEOUT).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(response.error_for_status()?.json().await?))
    }

    /// How an account stands.
    ///
    /// # Errors
    /// There is none, or the ingress did not answer.
    pub async fn account(&self, number: &str) -> anyhow::Result<AccountAnswer> {
        self.read(&format!("/api/accounts/{number}")).await
    }

    /// A page of an account's entries: the newest, or the one that the page before told.
    ///
    /// # Errors
    /// There is no such account, or the ingress did not answer.
    pub async fn entries(&self, page: Page<'_>) -> anyhow::Result<EntriesAnswer> {
        match page {
            Page::Newest { account, entries } => {
                self.read(&format!("/api/accounts/{account}/entries?limit={entries}")).await
            }
            Page::At(path) => self.read(path).await,
        }
    }

    /// Whether the ingress takes jobs.
    ///
    /// # Errors
    /// It does not, and what it says; or it does not answer.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let request = self.http.get(format!("{}/readyz", self.base)).timeout(READ_TIMEOUT);
        let response = request.send().await?;
        let status = response.status();
        let told = response.text().await.unwrap_or_default();
        ensure!(status.is_success(), "it is not ready: {status}: {}", told.trim());
        Ok(())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.http.get(format!("{}{path}", self.base)).timeout(READ_TIMEOUT);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

/// What is kept of an answer to tell it.
const TOLD_BYTES_MAX: usize = 500;

/// The last step of a problem's type (RFC 9457).
fn problem_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
    }
    let Problem { kind } = serde_json::from_slice(body).ok()?;
    Some(kind.rsplit('/').next()?.chars().take(40).collect())
}

/// Whether a refusal is the queue's and may pass: its problem has a 5xx status.
fn is_passing(error: &serde_json::Value) -> bool {
    error.get("status").and_then(serde_json::Value::as_u64).is_some_and(|status| status >= 500)
}
