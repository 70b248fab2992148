//! A client of the ingress, as upstream systems are: it sends batches, and sends again what was not
//! accepted. Every job bears a reference, so sending again is always safe.

use std::time::Duration;

use anyhow::{Context as _, bail};
use backon::{ExponentialBuilder, Retryable as _};
use serde::Deserialize;

/// A request that is not answered within this time is sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is sent in all.
const ATTEMPTS_MAX: usize = 12;

/// Speaks to one ingress.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// The answer to a batch.
#[derive(Debug, Deserialize)]
struct BatchAnswer {
    results: Vec<LineAnswer>,
}

/// The answer to a single job.
#[derive(Debug, Deserialize)]
struct Accepted {
    id: String,
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
pub(crate) struct JobAnswer {
    /// `queued`, `posted`, `rejected` or `dead`.
    pub(crate) status: String,
    /// Why it was rejected.
    pub(crate) reason: Option<String>,
    pub(crate) accepted_at: Option<jiff::Timestamp>,
    pub(crate) posted_at: Option<jiff::Timestamp>,
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
    /// A client of the ingress at `base`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: impl Into<String>) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).tcp_nodelay(true).no_proxy().build()?;
        Ok(Client { http, base: base.into() })
    }

    /// Sends jobs, a JSON text each, and returns their ids in order. While the ingress is busy or away it
    /// sends again.
    pub(crate) async fn post_batch(&self, jobs: &[String]) -> anyhow::Result<Vec<String>> {
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

    /// Sends one job and returns its id when it is accepted; no second attempt.
    pub(crate) async fn post(&self, job: String) -> anyhow::Result<String> {
        let request = self.http.post(format!("{}/api/jobs", self.base));
        let response = request.header("content-type", "application/json").body(job).send().await?;
        let status = response.status();
        let text = response.text().await?;
        if status.as_u16() != 202 {
            bail!("{status}: {text}");
        }
        Ok(serde_json::from_str::<Accepted>(&text)?.id)
    }

    /// The last page of an account's entries.
    pub(crate) async fn entries(&self, account: &str) -> anyhow::Result<serde_json::Value> {
        let url = format!("{}/api/accounts/{account}/entries", self.base);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// What the ledger holds of a job, waiting up to `wait` for its outcome.
    pub(crate) async fn job(&self, id: &str, wait: Duration) -> anyhow::Result<JobAnswer> {
        let url = format!("{}/api/jobs/{id}?wait={}", self.base, wait.as_secs());
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }
}

/// Whether a refusal is the queue's and may pass: its problem has a 5xx status.
fn is_passing(error: &serde_json::Value) -> bool {
    error.get("status").and_then(serde_json::Value::as_u64).is_some_and(|status| status >= 500)
}
