//! The client of the HTTP interface, with what tests ask beyond it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use derive_more::Deref;
use reqwest::{Body, Method, StatusCode};
use serde_json::Value;

pub use client::{Answer, BatchAnswer, EntryView, JobView};

/// Entries of a page that is read: small enough that there are several.
const PAGE_ENTRIES: u32 = 100;

/// One ingress, or monitor.
#[derive(Debug, Clone, Deref)]
pub struct Client(client::Client);

impl Client {
    /// A client of the service at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> anyhow::Result<Client> {
        client::Client::new(base).map(Client)
    }

    /// A client that presents an API key.
    pub fn with_key(base: &str, key: &str) -> anyhow::Result<Client> {
        client::Client::with_key(base, Some(key)).map(Client)
    }

    /// The answer to a request of any kind with these headers, whatever its status.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> anyhow::Result<Answer> {
        let request = self.request(method, path).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Ok(Answer::to(request).await?)
    }

    /// Sends `body` with these headers and returns the answer, whatever its status.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> anyhow::Result<Answer> {
        self.ask(Method::POST, path, headers, body).await
    }

    /// Changes what is at `path` and returns the answer, whatever its status.
    pub async fn patch(&self, path: &str, change: &Value) -> anyhow::Result<Answer> {
        let json = [("content-type", "application/json")];
        self.ask(Method::PATCH, path, &json, change.to_string()).await
    }

    /// Removes what is at `path` and returns the answer, whatever its status.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::DELETE, path, &[], "").await
    }

    /// Asks for `path` in a form and returns the answer, whatever its status.
    pub async fn get_as(&self, path: &str, media_type: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, &[("accept", media_type)], "").await
    }

    /// Submits one job and returns its id once it is queued.
    pub async fn submit(&self, job: &Value) -> anyhow::Result<String> {
        // It has longer than load tests give it.
        let answer = self.post("/api/jobs", "application/json", job.to_string()).await?;
        ensure!(answer.status == StatusCode::ACCEPTED, "job {job} was not accepted: {answer:?}");
        Ok(answer.json::<JobView>()?.id)
    }

    /// What became of a job; waits up to `wait` for its outcome.
    pub async fn job(&self, id: &str, wait: Duration) -> anyhow::Result<JobView> {
        self.0.job(id, wait).await?.with_context(|| format!("job {id} is not known"))
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

    /// An account as it stands, with all that is shown of it.
    pub async fn account(&self, number: &str) -> anyhow::Result<Value> {
        Ok(self.read(&format!("/api/accounts/{number}")).await?)
    }

    /// All entries of an account, the newest first, page by page.
    pub async fn entries(&self, number: &str) -> anyhow::Result<Vec<EntryView>> {
        Ok(self.0.entries(number, PAGE_ENTRIES).await?)
    }
}
