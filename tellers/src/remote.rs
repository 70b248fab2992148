//! A running fleet, asked over HTTP by the URL of its ingress or its monitor, with a key.

pub(crate) mod args;
pub(crate) mod cells;
pub(crate) mod listing;
pub(crate) mod money;
pub(crate) mod table;

use std::error::Error as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use client::{Answer, Client, Error, Problem};
use futures::{Stream, StreamExt as _};
use reqwest::{Method, RequestBuilder, StatusCode};
use runtime::tls::{self, Peer};
use serde_json::Value;

use self::args::KeyArgs;
use self::cells::printable;

/// How long a service may take to accept a connection, and to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a file may take to come.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3_600);

/// One service of a fleet.
pub(crate) struct Service {
    client: Client,
    which: Which,
    has_key: bool,
}

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// It takes jobs and answers about jobs, accounts and files.
    Ingress,
    /// It watches the fleet.
    Monitor,
}

impl Which {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::Ingress => "ingress",
            Which::Monitor => "monitor",
        }
    }

    /// How its URL is given.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Which::Ingress => "API_URL",
            Which::Monitor => "MONITOR_URL",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Which::Ingress => "--api-url",
            Which::Monitor => "--monitor-url",
        }
    }
}

impl Service {
    /// The service at this URL; nothing is sent yet.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub(crate) fn new(which: Which, url: &str, key: &KeyArgs) -> anyhow::Result<Service> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
        let key = key.read()?;
        let client = Client::through(http, url, key.as_deref())?;
        Ok(Service { client, which, has_key: key.is_some() })
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        self.client.base()
    }

    /// Which it is.
    pub(crate) fn which(&self) -> Which {
        self.which
    }

    /// Whether it is asked with a key.
    pub(crate) fn has_key(&self) -> bool {
        self.has_key
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path)
    }

    /// The answer to a request, if it is a good one.
    ///
    /// # Errors
    /// There is none, or the service refuses: with the problem's title, what is wrong, and what to do.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let answer = self.answer(request).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let refused = refused(&Problem::of(answer.status, &answer.body));
        // By which whoever runs the fleet finds it in the audit log.
        let id = printable(answer.header("x-request-id"));
        Err(if id.is_empty() { refused } else { anyhow!("{refused} (request {id})") })
    }

    /// The answer to a request, whatever it is.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        Answer::to(request).await.map_err(|error| self.silence(&error))
    }

    /// What is at a path.
    ///
    /// # Errors
    /// As [`Service::ask`].
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(self.request(Method::GET, path)).await
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// As [`Service::ask`], or it is no JSON.
    pub(crate) async fn read(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.get(path).await?.json()?)
    }

    /// The body of a good answer, piece by piece, however long it is.
    ///
    /// # Errors
    /// As [`Service::ask`]; a piece may fail as well.
    pub(crate) async fn stream(
        &self,
        request: RequestBuilder,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<Bytes>> + Unpin + use<>> {
        let request = request.timeout(STREAM_TIMEOUT);
        let response = request.send().await.map_err(|error| self.silence(&error.into()))?;
        let status = response.status();
        if !status.is_success() {
            let body = response.text().await.unwrap_or_default();
            return Err(refused(&Problem::of(status, &body)));
        }
        let base = self.base().to_owned();
        let pieces = response.bytes_stream().map(move |piece| {
            piece
                .with_context(|| format!("the answer of {base} broke off: what was written is not all of it"))
        });
        Ok(Box::pin(pieces))
    }

    /// Why it gave no answer, and what to do.
    fn silence(&self, error: &Error) -> anyhow::Error {
        let (base, setting) = (self.base(), self.which.setting());
        let peer = Peer { setting, plain: "http:// in it", any_name: None };
        let cause = tls::explain(error, &peer).unwrap_or_else(|| {
            let mut words = error.to_string();
            let mut next = error.source();
            while let Some(source) = next {
                let said = source.to_string();
                // The client's own words for it repeat the URL.
                if !said.contains("error sending request") && !words.contains(&said) {
                    words = format!("{words}: {said}");
                }
                next = source.source();
            }
            words
        });
        anyhow!(
            "the {} at {base} does not answer: {cause}; check that it runs, and that {} (or {setting}) is its URL",
            self.which.name(),
            self.which.flag()
        )
    }
}

/// What a service says instead of an answer.
pub(crate) fn refused(problem: &Problem) -> anyhow::Error {
    let detail = printable(&problem.detail);
    let said = match &problem.title {
        Some(title) => format!("{} ({}): {detail}", printable(title), problem.status.as_u16()),
        None => format!("{}: {detail}", problem.status),
    };
    let remedy = match problem.status {
        StatusCode::UNAUTHORIZED => {
            "; for this command, put the key into the variable API_KEY, or into a file that --api-key-file names"
        }
        _ => "",
    };
    anyhow!("{said}{remedy}")
}
