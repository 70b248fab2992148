//! What operators are told and what they change: webhooks, advice that is applied and taken back, dead letters.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(30);
const CONFIG: &str = "/api/scalability/config";
const OPTIMIZE: &str = "/api/scalability/optimize";
const LETTERS: &str = "/api/scalability/dead-letters";

/// Whoever wants to be told of alerts; turns the first message away, as a server that restarts.
#[derive(Default)]
struct Receiver {
    asked: AtomicU64,
    told: Mutex<Vec<Value>>,
}

impl Receiver {
    async fn start() -> anyhow::Result<(Arc<Receiver>, String, JoinHandle<io::Result<()>>)> {
        let receiver = Arc::new(Receiver::default());
        let router = Router::new().route("/alerts", post(hear)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/alerts", listener.local_addr()?);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((receiver, url, serving))
    }

    async fn is_told(&self, alert: &str, status: &str) -> anyhow::Result<Value> {
        until(&format!("{alert} is told as {status}"), WITHIN, async || {
            let told = self.told.lock().await;
            let is_it = |told: &&Value| told["alert"] == alert && told["status"] == status;
            told.iter().find(is_it).cloned().with_context(|| format!("{told:?}"))
        })
        .await
    }
}

async fn hear(State(receiver): State<Arc<Receiver>>, Json(message): Json<Value>) -> StatusCode {
    if receiver.asked.fetch_add(1, Relaxed) == 0 {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.told.lock().await.push(message);
    StatusCode::OK
}

async fn dev(fleet: &Fleet) -> anyhow::Result<(Replica, Client, Client)> {
    let dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url_as(Role::Api, "").context("no ingress")?)?;
    let monitor = Client::new(&dev.url_as(Role::Monitor, "").context("no monitor")?)?;
    Ok((dev, client, monitor))
}

async fn change(monitor: &Client, settings: &Value) -> anyhow::Result<()> {
    let changed = monitor.patch(CONFIG, settings).await?;
    ensure!(changed.status == 200, "{changed:?}");
    Ok(())
}

async fn letters(monitor: &Client, count: usize) -> anyhow::Result<Vec<Value>> {
    until(&format!("{count} dead letters are listed"), WITHIN, async || {
        let listed: Value = monitor.get(LETTERS).await?.json()?;
        let letters = listed["letters"].as_array().context("no letters")?;
        ensure!(letters.len() == count, "{listed}");
        Ok(letters.clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_posted_to_the_webhook_when_it_fires_and_when_it_is_over() {
    let (receiver, url, serving) = Receiver::start().await.unwrap();
    let fleet = Fleet::embedded().unwrap().with("ALERT_WEBHOOK_URL", &format!("{url}?token=secret"));
    let fleet = fleet.with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8");
    let fleet = fleet.with("ALERT_FOR_SECONDS", "0").with("ALERT_CLEAR_SECONDS", "0");
    fleet.keep_dead_letters(1).await.unwrap();
    let (mut dev, _, monitor) = dev(&fleet).await.unwrap();
    let config = monitor.get(CONFIG).await.unwrap();
    assert!(!config.body.contains("token=secret"), "what may be a secret is not shown: {}", config.body);

    // The receiver turned it away once.
    let firing = receiver.is_told("dead_letters", "firing").await.unwrap();
    assert_eq!(firing["runbook"], "docs/runbooks/dead_letters.md", "{firing}");
    assert!(firing["text"].as_str().unwrap().contains("dead_letters"), "{firing}");
    let status: Value = monitor.get("/api/scalability/status").await.unwrap().json().unwrap();
    assert_eq!(
        (&status["state"], &status["problems"][0]["kind"]),
        (&json!("attention"), &json!("dead_letters")),
        "{status}"
    );

    // A replay is a job like any other: this one is rejected, and its letter is gone.
    let letter = letters(&monitor, 1).await.unwrap().remove(0);
    let path = format!("{LETTERS}/{}", letter["id"].as_str().unwrap());
    let replayed = monitor.post(&format!("{path}/replay"), "application/json", "").await.unwrap();
    assert_eq!(replayed.json::<Value>().unwrap()["done"], "replayed", "{replayed:?}");
    letters(&monitor, 0).await.unwrap();
    assert_eq!(monitor.delete(&path).await.unwrap().status, 404, "it is gone");
    let resolved = receiver.is_told("dead_letters", "resolved").await.unwrap();
    assert!(resolved["resolved_at"].is_string() && resolved["peak"] == 1.0, "{resolved}");
    let alerts: Value = monitor.get("/api/scalability/alerts").await.unwrap().json().unwrap();
    let kept = alerts["history"].as_array().unwrap();
    assert!(kept.iter().any(|alert| alert["alert"] == "dead_letters"), "{alerts}");
    dev.terminate().await.unwrap();
    serving.abort();
}

async fn history(monitor: &Client, alert: &str) -> anyhow::Result<Vec<Value>> {
    let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
    let history = alerts["history"].as_array().context("no history")?;
    Ok(history.iter().filter(|record| record["alert"] == alert).cloned().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_fires_outlives_the_monitor_and_is_sent_once() {
    let (receiver, url, serving) = Receiver::start().await.unwrap();
    let fleet =
        Fleet::embedded().unwrap().with("ALERT_WEBHOOK_URL", &url).with("WEBHOOK_ALLOW_PRIVATE", "true");
    let fleet = fleet.with("ALERT_FOR_SECONDS", "1").with("ALERT_CLEAR_SECONDS", "0");
    fleet.keep_dead_letters(1).await.unwrap();
    let (mut replica, _, monitor) = dev(&fleet).await.unwrap();
    receiver.is_told("dead_letters", "firing").await.unwrap();
    let fired = history(&monitor, "dead_letters").await.unwrap();
    assert_eq!(fired.len(), 1, "{fired:?}");
    replica.kill9().unwrap();
    let (mut replica, _, monitor) = dev(&fleet).await.unwrap();
    let fires = until("the alert fires still", WITHIN, async || {
        let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
        let firing = alerts["firing"].as_array().context("no alerts")?;
        firing
            .iter()
            .find(|alert| alert["alert"] == "dead_letters")
            .cloned()
            .with_context(|| alerts.to_string())
    });
    assert_eq!(fires.await.unwrap()["since"], fired[0]["since"], "the one that was kept goes on");
    let letter = letters(&monitor, 1).await.unwrap().remove(0);
    let path = format!("{LETTERS}/{}", letter["id"].as_str().unwrap());
    assert_eq!(monitor.delete(&path).await.unwrap().status, 200);
    let resolved = receiver.is_told("dead_letters", "resolved").await.unwrap();
    assert_eq!(resolved["fired_at"], fired[0]["fired_at"]);
    let records = history(&monitor, "dead_letters").await.unwrap();
    assert!(records.len() == 1 && records[0]["resolved_at"].is_string(), "{records:?}");
    let told = receiver.told.lock().await;
    let firing = |message: &&Value| message["alert"] == "dead_letters" && message["status"] == "firing";
    assert_eq!(told.iter().filter(firing).count(), 1, "{told:?}");
    replica.terminate().await.unwrap();
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advice_is_given_applied_and_taken_back_while_jobs_are_posted() {
    let cluster = Cluster::start(2).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    let load = Cluster::load("advice", 200);
    let mut record = load.open(&cluster.client).await.unwrap();
    // Each commit carries two jobs: that is what holds such a fleet back.
    change(&monitor, &json!({"BATCH_PROCESSING_SIZE": 2})).await.unwrap();
    let running = load.start(&cluster.client);
    let ask = async |body: Value| -> anyhow::Result<Value> {
        let answer = monitor.post(OPTIMIZE, "application/json", body.to_string()).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json()?)
    };
    let advice = until("fuller batches are recommended", WITHIN, async || {
        let advice = ask(json!({"dry_run": true})).await?;
        let all = advice["recommendations"].as_array().context("none")?;
        let sizes =
            all.iter().any(|one| one["subject"] == "BATCH_PROCESSING_SIZE" && one["recommended"] == 100);
        ensure!(sizes, "{advice}");
        Ok(advice)
    })
    .await
    .unwrap();
    assert!(
        advice["recommendations"][0]["evidence"].as_array().is_some_and(|all| !all.is_empty()),
        "{advice}"
    );
    let size = async || -> anyhow::Result<Value> {
        let config: Value = monitor.get(CONFIG).await?.json()?;
        Ok(config["overrides"]["BATCH_PROCESSING_SIZE"].clone())
    };
    assert_eq!(size().await.unwrap(), 2, "a dry run changes nothing");

    // The bottleneck is judged anew each second: it is applied when it is seen again.
    until("the advice is applied", WITHIN, async || {
        let applied = ask(json!({"by": "ann"})).await?;
        let names = applied["applied"].as_array().context("nothing")?;
        ensure!(names.contains(&json!("BATCH_PROCESSING_SIZE")), "{applied}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(size().await.unwrap(), 100);
    let undone = ask(json!({"undo": true, "by": "ann"})).await.unwrap();
    assert!(undone["undone"].is_number(), "{undone}");
    assert_eq!(size().await.unwrap(), 2, "as it was");

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
}
