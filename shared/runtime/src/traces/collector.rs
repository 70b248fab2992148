//! The way to the collector, with the trust and the connections that the rest of the process has.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::tls::client_config;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends spans from the thread that gathers them, which has no runtime, on the one that the process has.
#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    is_away: AtomicBool,
}

impl Collector {
    pub(super) fn new() -> Result<Collector, String> {
        let tls = client_config().map_err(|error| error.to_string())?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .tls_backend_preconfigured(tls)
            .build();
        let http = http.map_err(|error| error.to_string())?;
        Ok(Collector { http, runtime: Handle::current(), is_away: AtomicBool::new(false) })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http.clone();
        let answered = self.runtime.spawn(async move {
            let response = http.execute(request).await?.error_for_status()?;
            Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
        });
        let (status, body) = answered.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request).await;
        // Once for each loss: spans are sent again each second, and those that wait too long are dropped.
        match &sent {
            Err(error) if !self.is_away.swap(true, Relaxed) => {
                warn!(%error, "the collector takes no traces; the fleet goes on without them");
            }
            Ok(_) if self.is_away.swap(false, Relaxed) => info!("the collector takes traces again"),
            _ => {}
        }
        sent
    }
}
