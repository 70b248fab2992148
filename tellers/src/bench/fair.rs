//! What a client that sends too much costs another: single jobs of one client alone, then beside the other.

use std::sync::Arc;
use std::time::Duration;

use client::{Answer, Client, Error};
use futures::future::join_all;
use load_test::steady;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use store::keys::ApiKeys;
use tokio_util::sync::CancellationToken;

use super::books::Credits;
use super::children::{Children, Workers};
use super::figures::{Latency, histogram};
use super::keys::{one, taken};
use super::load;
use super::progress::show_progress;
use super::scenario::{Row, Scenario};
use super::scenarios::Bench;

/// Single jobs a second of the client that is measured, which waits for each outcome.
const QUIET_PER_SECOND: u32 = 100;
/// What the other client may submit a second: so few jobs that many times of them are 1,000 requests a second, which the
/// machine that is measured can send beside all else.
const SHARE_PER_SECOND: u32 = 20;
/// How many times that it sends.
const TIMES: u32 = 50;
/// Jobs of one of its batches.
const BATCH_JOBS: u32 = 100;
/// Connections of a client that sends all it can.
const FLOOD_CONNECTIONS: usize = 8;
/// Longer than any job here takes.
const WAIT_SECONDS: u32 = 30;

/// What the other client does meanwhile.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Nobody,
    /// Many times its share, as batches.
    Batches,
    /// The same, as single jobs.
    Singles,
    /// All it can; it has no rate.
    Flood,
}

impl Beside {
    fn what(self) -> String {
        match self {
            Beside::Nobody => "alone".to_owned(),
            Beside::Batches => format!("beside {TIMES} times a share in batches"),
            Beside::Singles => format!("beside {TIMES} times a share in single jobs"),
            Beside::Flood => "beside all that a client without a rate can send".to_owned(),
        }
    }
}

impl Bench<'_> {
    /// A client beside another that sends too much.
    pub(crate) async fn fair(&self, keys: &dyn ApiKeys, run: &str) -> anyhow::Result<Scenario> {
        let quiet = one(keys, &format!("{run}-quiet"), None).await?;
        let limited = one(keys, &format!("{run}-limited"), Some(SHARE_PER_SECOND)).await?;
        let unlimited = one(keys, &format!("{run}-unlimited"), None).await?;
        let mut fleet = Children::start(self.fleet, &Workers::ONE).await?;
        // Connections of their own.
        let of = |key: &str| Client::with_key(&format!("http://{}", fleet.api), Some(key));
        let (quiet, limited, unlimited) =
            (of(quiet.reveal())?, of(limited.reveal())?, of(unlimited.reveal())?);
        for client in [&quiet, &limited, &unlimited] {
            taken(client).await?;
        }
        let mut rows = Vec::new();
        for beside in
            [Beside::Nobody, Beside::Batches, Beside::Nobody, Beside::Singles, Beside::Nobody, Beside::Flood]
        {
            show_progress(&format!("single jobs of a client {}", beside.what()));
            let other = if matches!(beside, Beside::Flood) { &unlimited } else { &limited };
            let latency = self.beside(&quiet, other, beside).await?;
            rows.push(Row { what: beside.what(), latency: Some(latency), ..Row::default() });
        }
        fleet.stop().await?;
        let name = format!("one client's {QUIET_PER_SECOND} single jobs/s, due to answered with the outcome");
        Ok(Scenario { name, rows, note: None })
    }

    async fn beside(&self, quiet: &Client, other: &Client, beside: Beside) -> anyhow::Result<Latency> {
        let ended = CancellationToken::new();
        let measured = async {
            let latency = self.waited(quiet).await;
            ended.cancel();
            latency
        };
        let disturbed = self.disturb(other, beside, &ended);
        let (latency, ()) = tokio::try_join!(measured, disturbed)?;
        Ok(latency)
    }

    /// Single jobs at an even rate, each from when it was due until its outcome came.
    async fn waited(&self, client: &Client) -> anyhow::Result<Latency> {
        let mut random = fastrand::Rng::with_seed(7);
        let path: Arc<str> = format!("/api/jobs?wait={WAIT_SECONDS}").into();
        let answers = steady(QUIET_PER_SECOND, self.span, |due| {
            let (client, path) = (client.clone(), path.clone());
            let job = self.accounts.transfer(Credits::Any, &mut random);
            async move {
                let request = client.request(Method::POST, &path).header(CONTENT_TYPE, "application/json");
                let answer = Answer::to(request.body(job)).await?;
                if answer.status.is_success() { Ok(due.elapsed()) } else { Err(answer.refusal()) }
            }
        });
        let (mut took_us, mut refused) = (histogram(), 0);
        for answer in answers.await {
            match answer {
                Ok(took) => took_us.saturating_record(u64::try_from(took.as_micros())?),
                Err(Error::Busy(_)) => refused += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Latency { refused, ..Latency::of(f64::from(QUIET_PER_SECOND), &took_us) })
    }

    /// Does what the other client does, until the measurement has ended.
    async fn disturb(&self, other: &Client, beside: Beside, ended: &CancellationToken) -> anyhow::Result<()> {
        let sent = async {
            match beside {
                Beside::Nobody => {}
                Beside::Batches => {
                    self.at_rate(other, SHARE_PER_SECOND * TIMES / BATCH_JOBS, BATCH_JOBS).await
                }
                Beside::Singles => self.at_rate(other, SHARE_PER_SECOND * TIMES, 1).await,
                Beside::Flood => {
                    let senders = (0..FLOOD_CONNECTIONS).map(async |_| {
                        loop {
                            // What is refused is sent again at once: nobody is less polite.
                            let _ = other.batch(&self.transfers(BATCH_JOBS)).await;
                        }
                    });
                    join_all(senders).await.into_iter().collect()
                }
            }
        };
        let _ = ended.run_until_cancelled(sent).await;
        load::quiet(self.ledger).await
    }

    /// So many requests a second of so many jobs, for as long as the measurement takes.
    async fn at_rate(&self, client: &Client, requests: u32, jobs: u32) {
        let sent = steady(requests, self.span + Duration::from_secs(1), |_| {
            let (client, jobs) = (client.clone(), self.transfers(jobs));
            // Most of it is refused, which is the point.
            async move { client.batch(&jobs).await.is_ok() }
        });
        sent.await;
    }

    fn transfers(&self, count: u32) -> Vec<String> {
        let mut random = fastrand::Rng::new();
        (0..count).map(|_| self.accounts.transfer(Credits::Any, &mut random)).collect()
    }
}
