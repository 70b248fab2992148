//! What the monitor shows is what clients, the broker and the jobs themselves tell.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{BatchAnswer, Client};
use tests::cluster::Cluster;
use tests::fleet::Role;
use tests::status::spread;
use tests::wait::until;
use tokio::time::{MissedTickBehavior, interval};

use crate::{counted, drained, status};

const SPREAD_WITHIN: Duration = Duration::from_secs(20);
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// The broker's own tool takes seconds for each answer, on two cores under load.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);
/// Requests that the client sends and times, and jobs in each: more than the ten seconds of the figures' window.
const REQUESTS: usize = 240;
const JOBS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_agree_with_clients_jobs_and_the_broker() {
    let mut cluster = Cluster::start(3).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();
    drained(&monitor).await.unwrap();
    let load = Cluster::load("figures", 200);
    let opened = load.open(&cluster.client).await.unwrap();

    let sent = send_and_time(&cluster.client).await.unwrap();
    let realtime: Value = monitor.get("/api/scalability/metrics/realtime").await.unwrap().json().unwrap();
    let status = drained(&monitor).await.unwrap();

    let expected = u64::try_from(opened.len() + REQUESTS * JOBS).unwrap();
    agrees("accepted", counted(&status, "api", &["accepted"]), expected);
    let settled = counted(&status, "worker", &["posted", "rejected", "duplicate", "conflict", "dead"]);
    agrees("settled", settled, expected);
    let reconciliation = &status["reconciliation"];
    assert_eq!(reconciliation["holds"], true, "{reconciliation}");
    assert_eq!(reconciliation["debits_equal_credits"], true, "{reconciliation}");
    assert_eq!(status["ledger"]["posted"], reconciliation["posted"], "{status}");

    let response = &realtime["last_10_s"]["response_times"];
    let on_the_way = percentile(&sent.probe_seconds, 95);
    percentiles_agree("response time", response, &sent.response_seconds, on_the_way);
    let posted = posted_seconds(&cluster.client, &sent.ids).await.unwrap();
    // A job's `posted_at` is taken when its transaction begins, the figure when it is committed.
    let committing = realtime["last_10_s"]["processing"]["posting"]["p95_seconds"].as_f64().unwrap();
    percentiles_agree(
        "accepted to posted",
        &realtime["last_10_s"]["accepted_to_posted"],
        &posted,
        committing,
    );
    for replica in status["replicas"].as_array().unwrap() {
        let used = &replica["resources"];
        assert!(used["memory_bytes"].as_u64() > Some(1_000_000), "{replica}");
        eprintln!(
            "{} uses {} cores and {} bytes",
            replica["replica"], used["cpu_cores"], used["memory_bytes"]
        );
    }

    depth_is_the_brokers(&mut cluster, &monitor).await.unwrap();
    history_outlives_the_monitor(&mut cluster, &monitor).await.unwrap();
}

fn agrees(what: &str, told: u64, counted: u64) {
    let off = told.abs_diff(counted);
    assert!(off * 100 <= counted, "{what}: the monitor tells {told}, the client counted {counted}");
}

pub(crate) struct Sent {
    response_seconds: Vec<f64>,
    /// What a client's own time has on top of what the ingress can see: requests that the ingress has nothing to
    /// do for, sent next to the others.
    probe_seconds: Vec<f64>,
    ids: Vec<String>,
}

/// Deposits from one client at a steady pace, each request timed.
pub(crate) async fn send_and_time(client: &Client) -> anyhow::Result<Sent> {
    let mut sent = Sent { response_seconds: Vec::new(), probe_seconds: Vec::new(), ids: Vec::new() };
    let mut pace = interval(Duration::from_millis(50));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for request in 0..REQUESTS {
        pace.tick().await;
        let deposit = |job: usize| {
            let account = format!("figures-{}", (request * JOBS + job) % 200);
            json!({"kind": "deposit", "account": account, "amount": 1, "currency": "XTS",
                   "reference": format!("timed-{request}-{job}")})
        };
        let jobs: Vec<Value> = (0..JOBS).map(deposit).collect();
        // Only the request itself is timed: writing and reading so much JSON takes an unoptimised client as long.
        let body = jobs.iter().map(|job| format!("{job}\n")).collect::<String>();
        let asked = Instant::now();
        let answer = client.post("/api/jobs/batch", "application/x-ndjson", body).await?;
        sent.response_seconds.push(asked.elapsed().as_secs_f64());
        let asked = Instant::now();
        client.get("/livez").await?;
        sent.probe_seconds.push(asked.elapsed().as_secs_f64());
        let answer: BatchAnswer = answer.json()?;
        ensure!(answer.refused == 0, "{answer:?}");
        sent.ids.extend(answer.results.into_iter().filter_map(|result| result.id));
    }
    Ok(sent)
}

/// From the jobs' own times, of every tenth.
async fn posted_seconds(client: &Client, ids: &[String]) -> anyhow::Result<Vec<f64>> {
    let mut seconds = Vec::new();
    for id in ids.iter().step_by(10) {
        let job: Value = client.get(&format!("/api/jobs/{id}")).await?.json()?;
        let at = |field: &str| -> anyhow::Result<jiff::Timestamp> {
            Ok(job[field].as_str().with_context(|| format!("no {field} in {job}"))?.parse()?)
        };
        seconds.push(at("posted_at")?.duration_since(at("accepted_at")?).as_secs_f64());
    }
    Ok(seconds)
}

fn percentiles_agree(what: &str, told: &Value, measured: &[f64], slack_seconds: f64) {
    for (name, percent) in [("p50_seconds", 50), ("p95_seconds", 95)] {
        let own = percentile(measured, percent);
        let told = told[name].as_f64().unwrap_or(f64::NAN);
        let off = (told - own).abs();
        eprintln!("{what} {name}: the monitor tells {told:.4}, measured {own:.4}");
        assert!(off <= 0.1 * own + slack_seconds, "{what} {name}: the monitor tells {told}, measured {own}");
    }
}

fn percentile(measured: &[f64], percent: usize) -> f64 {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Without workers what is sent waits, and the monitor tells of each lane what the broker's own view does.
async fn depth_is_the_brokers(cluster: &mut Cluster, monitor: &Client) -> anyhow::Result<()> {
    for mut worker in std::mem::take(&mut cluster.workers) {
        worker.terminate().await?;
    }
    let deposit = |n: usize| {
        json!({"kind": "deposit", "account": format!("figures-{}", n % 200), "amount": 1, "currency": "XTS",
               "reference": format!("waiting-{n}")})
    };
    let jobs: Vec<Value> = (0..1_000).map(deposit).collect();
    let answer = cluster.client.batch(&jobs).await?;
    ensure!(answer.refused == 0, "{answer:?}");
    let listed = ["--quiet", "list_queues", "name", "messages_ready"];
    until("the monitor's depths are the broker's", COUNTED_WITHIN, async || {
        let said = cluster.broker.control(&listed).await?;
        let depths: BTreeMap<&str, u64> = said
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(queue, depth)| {
                Some((queue.strip_prefix("tellers.lane.")?, depth.trim().parse().ok()?))
            })
            .collect();
        let status = status(monitor).await?;
        for lane in status["lanes"].as_array().context("no lanes")? {
            let number = format!("{:02}", lane["lane"].as_u64().unwrap_or_default());
            let broker = depths.get(number.as_str()).context("the broker has no such lane")?;
            ensure!(lane["depth_messages"].as_u64() == Some(*broker), "the broker has {broker}: {lane}");
        }
        ensure!(depths.values().sum::<u64>() > 0, "nothing waits");
        ensure!(status["problems"][0]["kind"] == "no_worker", "{status}");
        ensure!(status["workers_wanted"]["workers"] == 1, "{status}");
        Ok(())
    })
    .await
}

/// The next monitor knows what the one before it saw, and a stream goes on where it was cut.
async fn history_outlives_the_monitor(cluster: &mut Cluster, monitor: &Client) -> anyhow::Result<()> {
    let before: Value = monitor.get("/api/scalability/history?span=15m").await?.json()?;
    let points = before["points"].as_array().context("no points")?;
    let (first, last) = (points.first().context("no point")?, points.last().context("no point")?);
    cluster.monitor.terminate().await?;
    cluster.monitor = cluster.fleet.start(Role::Monitor).await?;
    let monitor = cluster.monitor_client()?;
    until("the history is there again", SEEN_WITHIN, async || {
        let after: Value = monitor.get("/api/scalability/history?span=15m").await?.json()?;
        let points = after["points"].as_array().context("no points")?;
        ensure!(points.iter().any(|point| point["at"] == first["at"]), "the first point is missing");
        ensure!(points.iter().any(|point| point["at"].as_i64() > last["at"].as_i64()), "no new point");
        Ok(())
    })
    .await?;

    let missed = last["at"].as_i64().context("no time")? - 3;
    let mut stream = monitor
        .request(Method::GET, "/api/scalability/metrics/realtime")
        .header("accept", "text/event-stream")
        .header("last-event-id", missed.to_string())
        .send()
        .await?;
    let mut text = String::new();
    let events = async {
        while text.matches("event: metrics\n").count() < 2 {
            text += std::str::from_utf8(&stream.chunk().await?.context("the stream ended")?)?;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(SEEN_WITHIN, events).await.context("no events")??;
    let ids: Vec<i64> = text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    ensure!(ids.first() == Some(&(missed + 1)), "what was missed comes first: {ids:?}");
    ensure!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    ensure!(text.starts_with("event: point\n"), "{text}");
    Ok(())
}
