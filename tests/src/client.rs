//! A client of the HTTP interface, as an upstream system would write one.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longer than the service may take to answer anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// One ingress, or monitor.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer that the service gave, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`, empty if there was none.
    pub content_type: String,
    /// `Retry-After`, where there was one.
    pub retry_after: Option<String>,
    /// `Accept-Encoding`, where there was one.
    pub accept_encoding: Option<String>,
    /// The body.
    pub body: String,
}

/// What a batch became.
#[derive(Debug, Clone, Deserialize)]
pub struct BatchAnswer {
    /// Lines that are queued.
    pub accepted: usize,
    /// Lines that are not.
    pub refused: usize,
    /// A result for each line, in the order of the lines.
    pub results: Vec<LineResult>,
}

/// What one line of a batch became.
#[derive(Debug, Clone, Deserialize)]
pub struct LineResult {
    /// The line, counted from 1.
    pub line: usize,
    /// The job's id, if it is queued.
    #[serde(default)]
    pub id: Option<String>,
    /// `queued` or `refused`.
    pub status: String,
    /// Why it is refused, as a problem document.
    #[serde(default)]
    pub error: Option<Value>,
}

/// What became of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// `pending`, `posted`, `rejected` or `dead`; `queued` in a `202`.
    pub status: String,
    /// What it was to do, once it has its outcome.
    #[serde(default)]
    pub kind: Option<String>,
    /// Why it was rejected.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One leg of a posted job, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EntryView {
    /// Its place among the account's entries, from 1.
    pub seq: i64,
    /// The job that made it.
    pub job: String,
    /// A credit is positive, a debit negative.
    pub amount: i64,
    /// The account's balance after it.
    pub balance_after: i64,
}

#[derive(Debug, Deserialize)]
struct EntriesPage {
    entries: Vec<EntryView>,
    next: Option<String>,
}

impl JobView {
    /// Whether it has its outcome.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !["queued", "pending"].contains(&self.status.as_str())
    }
}

impl Client {
    /// A client of the service at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// The HTTP client could not be made.
    pub fn new(base: &str) -> anyhow::Result<Client> {
        Client::with_headers(base, HeaderMap::new())
    }

    /// A client that presents an API key.
    ///
    /// # Errors
    /// The HTTP client could not be made.
    pub fn with_key(base: &str, key: &str) -> anyhow::Result<Client> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-api-key"), key.parse()?)]);
        Client::with_headers(base, headers)
    }

    fn with_headers(base: &str, headers: HeaderMap) -> anyhow::Result<Client> {
        // The proxy of the machine that runs the tests is not on the way to 127.0.0.1.
        let builder = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).default_headers(headers);
        Ok(Client { http: builder.build()?, base: base.trim_end_matches('/').to_owned() })
    }

    /// Sends `body` and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> anyhow::Result<Answer> {
        let request = self.http.post(self.url(path)).header("content-type", content_type).body(body);
        Answer::of(send(request).await?).await
    }

    /// Sends `body` with these headers and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> anyhow::Result<Answer> {
        let request = self.http.post(self.url(path)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(send(request).await?).await
    }

    /// Changes what is at `path` and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn patch(&self, path: &str, change: &Value) -> anyhow::Result<Answer> {
        let request = self.http.patch(self.url(path)).json(change);
        Answer::of(send(request).await?).await
    }

    /// Removes what is at `path` and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::of(send(self.http.delete(self.url(path))).await?).await
    }

    /// Asks for `path` and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::of(send(self.http.get(self.url(path))).await?).await
    }

    /// Asks for `path` in a form and returns the answer, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get_as(&self, path: &str, media_type: &str) -> anyhow::Result<Answer> {
        Answer::of(send(self.http.get(self.url(path)).header("accept", media_type)).await?).await
    }

    /// Submits one job and returns its id once it is queued.
    ///
    /// # Errors
    /// It is not known to be queued.
    pub async fn submit(&self, job: &Value) -> anyhow::Result<String> {
        let answer = self.post("/api/jobs", "application/json", job.to_string()).await?;
        ensure!(answer.status == StatusCode::ACCEPTED, "job {job} was not accepted: {answer:?}");
        let view: JobView = answer.json()?;
        Ok(view.id)
    }

    /// Submits jobs as one NDJSON batch.
    ///
    /// # Errors
    /// There was no answer for each line.
    pub async fn batch(&self, jobs: &[Value]) -> anyhow::Result<BatchAnswer> {
        let body = jobs.iter().map(|job| format!("{job}\n")).collect::<String>();
        let answer = self.post("/api/jobs/batch", "application/x-ndjson", body).await?;
        let batch: BatchAnswer = answer.json()?;
        ensure!(
            batch.results.len() == jobs.len(),
            "{} results for {} lines",
            batch.results.len(),
            jobs.len()
        );
        Ok(batch)
    }

    /// What became of a job; waits up to `wait` for its outcome.
    ///
    /// # Errors
    /// The service does not know the job, or did not answer.
    pub async fn job(&self, id: &str, wait: Duration) -> anyhow::Result<JobView> {
        let answer = self.get(&format!("/api/jobs/{id}?wait={}", wait.as_secs())).await?;
        ensure!(answer.status == StatusCode::OK, "job {id}: {answer:?}");
        answer.json()
    }

    /// The outcome of a job, waited for.
    ///
    /// # Errors
    /// It has none `within` that time.
    pub async fn outcome(&self, id: &str, within: Duration) -> anyhow::Result<JobView> {
        let view = self.job(id, within).await?;
        ensure!(view.is_final(), "job {id} is still {} after {within:?}", view.status);
        Ok(view)
    }

    /// An account as it stands.
    ///
    /// # Errors
    /// There is no such account, or no answer.
    pub async fn account(&self, number: &str) -> anyhow::Result<Value> {
        let answer = self.get(&format!("/api/accounts/{number}")).await?;
        ensure!(answer.status == StatusCode::OK, "account {number}: {answer:?}");
        answer.json()
    }

    /// All entries of an account, the newest first, page by page.
    ///
    /// # Errors
    /// There is no such account, or no answer.
    pub async fn entries(&self, number: &str) -> anyhow::Result<Vec<EntryView>> {
        let mut entries = Vec::new();
        let mut next = Some(format!("/api/accounts/{number}/entries?limit=100"));
        while let Some(path) = next {
            let answer = self.get(&path).await?;
            ensure!(answer.status == StatusCode::OK, "{path}: {answer:?}");
            let page: EntriesPage = answer.json()?;
            entries.extend(page.entries);
            next = page.next;
        }
        Ok(entries)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Answer {
    async fn of(response: Response) -> anyhow::Result<Answer> {
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(Answer {
            status: response.status(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            accept_encoding: header("accept-encoding"),
            body: response.text().await.context("the answer was cut")?,
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none, or not of this form; the message has the answer.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.body).with_context(|| format!("an unexpected answer: {self:?}"))
    }

    /// The same job may be accepted if it is sent again.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }
}

async fn send(request: RequestBuilder) -> anyhow::Result<Response> {
    request.send().await.context("no answer")
}
