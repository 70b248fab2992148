//! Ingresses are restarted one after the other, and keep-alive clients go from one to the other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::{Replica, Role};
use tests::wait::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What a stopping ingress waits before it refuses anybody, unless it is told otherwise (`STOP_PAUSE_MS`).
const STOP_PAUSE: Duration = Duration::from_secs(1);
const POSTED_WITHIN: Duration = Duration::from_secs(30);
const CLIENTS: usize = 8;
const ROUNDS: usize = 2;
/// Of each client, before the next ingress is restarted.
const JOBS_BETWEEN: usize = 20;

/// Where the ingresses are, as a load balancer knows them.
type Addresses = [RwLock<String>; 2];

/// One client: it stays with an ingress until an answer or the connection's end sends it to the other.
struct KeepAlive {
    number: usize,
    addresses: Arc<Addresses>,
    at: usize,
    connection: Option<TcpStream>,
    answered: Instant,
}

impl KeepAlive {
    /// Deposits until `enough`, and tells how many jobs were accepted.
    async fn deposit(mut self, enough: Arc<AtomicBool>, accepted: Arc<AtomicUsize>) -> anyhow::Result<()> {
        let mut job = 0;
        while !enough.load(Relaxed) {
            job += 1;
            let reference = format!("{}-{job}", self.number);
            // A connection that ended between requests says nothing of the job: it is sent again.
            while !self.is_accepted(&reference).await? {}
            accepted.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Sends a job. False: the connection that was kept had ended, as one may that nothing was sent by for a while.
    async fn is_accepted(&mut self, reference: &str) -> anyhow::Result<bool> {
        let address = self.address();
        let kept = self.connection.take();
        let is_kept = kept.is_some();
        let mut connection = match kept {
            Some(kept) => kept,
            None => TcpStream::connect(&address).await.context("an ingress refuses a client")?,
        };
        let answer = match ask(&mut connection, reference).await {
            Ok(answer) => answer,
            Err(ended) => {
                let idle = self.answered.elapsed();
                let between = is_kept && idle > STOP_PAUSE;
                ensure!(
                    between,
                    "{address} left a request without an answer, {idle:?} after the last: {ended:#}"
                );
                self.at = 1 - self.at;
                return Ok(false);
            }
        };
        ensure!(answer.starts_with("http/1.1 202"), "{answer}");
        self.answered = Instant::now();
        if answer.contains("connection: close") {
            self.at = 1 - self.at;
        } else {
            self.connection = Some(connection);
        }
        Ok(true)
    }

    fn address(&self) -> String {
        self.addresses[self.at].read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks for a deposit; the answer comes in lower case.
async fn ask(connection: &mut TcpStream, reference: &str) -> anyhow::Result<String> {
    let job = format!(
        r#"{{"kind":"deposit","account":"a","amount":1,"currency":"EUR","reference":"{reference}"}}"#
    );
    let head = format!(
        "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        job.len()
    );
    connection.write_all(format!("{head}{job}").as_bytes()).await?;
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.context("an answer without a length")?.parse()? {
                return Ok(text);
            }
        }
        ensure!(connection.read_buf(&mut read).await? > 0, "the connection ended within the answer {text:?}");
    }
}

fn address_of(api: &Replica) -> String {
    api.url("").trim_start_matches("http://").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_ingresses_costs_keep_alive_clients_no_answer() {
    let mut cluster = Cluster::start(1).await.unwrap();
    cluster
        .client
        .submit(&serde_json::json!({ "kind": "open_account", "account": "a", "currency": "EUR" }))
        .await
        .unwrap();
    let second = cluster.fleet.start(Role::Api).await.unwrap();
    let addresses: Arc<Addresses> = Arc::new([&cluster.api, &second].map(|api| RwLock::new(address_of(api))));
    let (enough, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let client = KeepAlive {
            number,
            addresses: addresses.clone(),
            at: number % 2,
            connection: None,
            answered: Instant::now(),
        };
        clients.spawn(client.deposit(enough.clone(), accepted.clone()));
    }

    let mut spare = second;
    for _ in 0..ROUNDS {
        for place in &*addresses {
            let before = accepted.load(Relaxed);
            until("clients are answered", POSTED_WITHIN, async || {
                if let Some(ended) = clients.try_join_next() {
                    return Ok(Err(anyhow::anyhow!("a client gave up: {ended:?}")));
                }
                ensure!(accepted.load(Relaxed) >= before + CLIENTS * JOBS_BETWEEN);
                Ok(Ok(()))
            })
            .await
            .unwrap()
            .unwrap();
            std::mem::swap(&mut cluster.api, &mut spare);
            // The one that is at this place.
            if address_of(&spare) != *place.read().unwrap() {
                std::mem::swap(&mut cluster.api, &mut spare);
            }
            spare.terminate().await.unwrap();
            spare = cluster.fleet.start(Role::Api).await.unwrap();
            *place.write().unwrap() = address_of(&spare);
        }
    }
    enough.store(true, Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap().unwrap();
    }

    let accepted = accepted.load(Relaxed);
    let client = Client::new(&cluster.api.url("")).unwrap();
    until("what was accepted is posted, and once", POSTED_WITHIN, async || {
        let account: Value = client.get("/api/accounts/a").await?.json()?;
        ensure!(account["balance"] == accepted, "{account}, and {accepted} deposits were accepted");
        Ok(())
    })
    .await
    .unwrap();
    cluster.fleet.run_ok(&["verify"]).await.unwrap();
}
