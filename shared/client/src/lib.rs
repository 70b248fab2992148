//! The one client of our own HTTP API, as upstream systems are clients of it. The commands, the load tests, `tellers bench`
//! and the tests share it.
//!
//! A job that bears a reference can always be sent again.

mod answer;
mod views;

use std::fmt::{Display, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, ClientBuilder, Method, RequestBuilder, StatusCode};
use runtime::server_url::http_url;
use runtime::tls::fleet_client_config;
use serde::de::DeserializeOwned;

pub use self::answer::{Answer, Error, Problem};
use self::views::EntriesPage;
pub use self::views::{Accepted, AccountView, BatchAnswer, EntryView, JobView, LineResult};

/// Longer than a service takes to answer anything that it is asked to wait for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
/// A single job that is not answered within this time has failed: nobody waits longer.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a read, beyond the time that the ingress is asked to wait.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a batch is sent in all.
const ATTEMPTS_MAX: usize = 12;

/// Speaks to one ingress or monitor.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<HeaderValue>,
}

impl Client {
    /// A client of a service that asks for no key, such as `http://127.0.0.1:8080`; nothing is sent yet.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn new(url: &str) -> anyhow::Result<Client> {
        Client::with_key(url, None)
    }

    /// A client that presents an API key, if it has one.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub fn with_key(url: &str, api_key: Option<&str>) -> anyhow::Result<Client> {
        // What is measured or tested is reached directly.
        Client::through(reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT), url, api_key)
    }

    /// The same with proxies and times of its own.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub fn through(http: ClientBuilder, url: &str, api_key: Option<&str>) -> anyhow::Result<Client> {
        let base = url.trim_end_matches('/').to_owned();
        http_url(&base).map_err(anyhow::Error::msg).with_context(|| format!("{base:?} cannot be used"))?;
        let http = http.tcp_nodelay(true).tls_backend_preconfigured(fleet_client_config()?);
        Ok(Client { http: http.build()?, base, key: api_key.map(header).transpose()? })
    }

    /// The same over the same connections, with another key.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn as_holder_of(&self, api_key: &str) -> anyhow::Result<Client> {
        Ok(Client { key: Some(header(api_key)?), ..self.clone() })
    }

    /// Where the service is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to be completed; [`Answer::to`] sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        }
    }

    /// What is at `path`, whatever the status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, Error> {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// The answer to `body`, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Result<Answer, Error> {
        Answer::to(self.request(Method::POST, path).header(CONTENT_TYPE, content_type).body(body)).await
    }

    /// What is at `path`, as far as `T` has it.
    ///
    /// # Errors
    /// It is not to be had, or is something else.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        Answer::to(self.request(Method::GET, path).timeout(READ_TIMEOUT)).await?.good()?.json()
    }

    /// Sends one job, a JSON text; no second attempt.
    ///
    /// # Errors
    /// It is not known to be accepted.
    pub async fn submit(&self, job: String) -> Result<Accepted, Error> {
        let request = self.request(Method::POST, "/api/jobs").timeout(SUBMIT_TIMEOUT);
        let answer = Answer::to(request.header(CONTENT_TYPE, "application/json").body(job)).await?;
        if answer.status == StatusCode::ACCEPTED { answer.json() } else { Err(answer.refusal()) }
    }

    /// Sends jobs, a JSON text each, as one batch; no second attempt.
    ///
    /// # Errors
    /// What became of each line is not known.
    pub async fn batch(&self, jobs: &[impl Display]) -> Result<BatchAnswer, Error> {
        let mut lines = String::new();
        for job in jobs {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{job}");
        }
        let answer = self.post("/api/jobs/batch", "application/x-ndjson", lines).await?;
        // An answer that tells of each line may have any status.
        let batch: BatchAnswer = match answer.json() {
            Err(_) if !answer.status.is_success() => return Err(answer.refusal()),
            read => read?,
        };
        let answered = batch.results.len();
        if answered != jobs.len() {
            return Err(Error::Answer(format!("{} jobs were sent and {answered} answered", jobs.len())));
        }
        Ok(batch)
    }

    /// Sends jobs, a JSON text each, and returns their ids in order. While the ingress is busy or away it sends all of them
    /// again: those that were accepted are the same jobs.
    ///
    /// # Errors
    /// A job was refused, or the ingress stayed busy or away.
    pub async fn post_batch(&self, jobs: &[String]) -> anyhow::Result<Vec<String>> {
        let send = || async {
            let batch = self.batch(jobs).await?;
            batch.results.iter().find_map(LineResult::busy).map_or(Ok(batch.results), Err)
        };
        let delays = ExponentialBuilder::new().with_jitter().with_max_times(ATTEMPTS_MAX - 1);
        let lines = send.retry(delays).when(|error| !matches!(error, Error::Refused(_))).await?;
        let id = |line: LineResult| {
            line.id.with_context(|| format!("line {} was refused: {:?}", line.line, line.error))
        };
        lines.into_iter().map(id).collect()
    }

    /// What the ledger holds of a job, waiting up to `wait` (whole seconds) for its outcome; `None`: the ingress knows no
    /// such job.
    ///
    /// # Errors
    /// The ingress did not answer, or could not look.
    pub async fn job(&self, id: &str, wait: Duration) -> Result<Option<JobView>, Error> {
        let path = format!("/api/jobs/{id}?wait={}", wait.as_secs());
        let answer = Answer::to(self.request(Method::GET, &path).timeout(wait + READ_TIMEOUT)).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(None) } else { answer.good()?.json().map(Some) }
    }

    /// How an account stands.
    ///
    /// # Errors
    /// There is none, or the ingress did not answer.
    pub async fn account(&self, number: &str) -> Result<AccountView, Error> {
        self.read(&format!("/api/accounts/{number}")).await
    }

    /// All entries of an account, the newest first, read in pages of so many: 1 to 1,000.
    ///
    /// # Errors
    /// There is no such account, or the ingress did not answer.
    pub async fn entries(&self, account: &str, page_entries: u32) -> Result<Vec<EntryView>, Error> {
        let mut entries = Vec::new();
        let mut next = Some(format!("/api/accounts/{account}/entries?limit={page_entries}"));
        while let Some(path) = next {
            let page: EntriesPage = self.read(&path).await?;
            entries.extend(page.entries);
            next = page.next;
        }
        Ok(entries)
    }

    /// Whether the service takes work.
    ///
    /// # Errors
    /// It does not, and what it says; or it does not answer.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let answer = Answer::to(self.request(Method::GET, "/readyz").timeout(READ_TIMEOUT)).await?;
        let Answer { status, body, .. } = answer;
        anyhow::ensure!(status.is_success(), "it is not ready: {status}: {}", body.trim());
        Ok(())
    }
}

/// The header that presents a key; nothing prints it.
fn header(api_key: &str) -> anyhow::Result<HeaderValue> {
    let mut key = HeaderValue::from_str(api_key).context("the API key has characters that no key has")?;
    key.set_sensitive(true);
    Ok(key)
}
