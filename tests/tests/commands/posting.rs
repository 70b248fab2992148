//! Jobs of a file are posted once, however many they are, however alike, and however the command ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tests::fleet::Fleet;
use tokio::net::TcpListener;

use super::called::{Running, WITHIN, said};

const DEPOSIT: &str = "{\"kind\":\"deposit\",\"account\":\"a\",\"amount\":100,\"currency\":\"EUR\"}\n";

async fn with_an_account() -> anyhow::Result<Running> {
    let running = Running::start(Fleet::embedded()?).await?;
    let api = running.client()?;
    let open = json!({"kind": "open_account", "account": "a", "currency": "EUR"});
    ensure!(api.outcome(&api.submit(&open).await?, WITHIN).await?.status == "posted");
    Ok(running)
}

/// How many deposits are posted. What was accepted before is settled: jobs of one account keep their order.
async fn deposits(running: &Running) -> anyhow::Result<u64> {
    let api = running.client()?;
    let last = json!({"kind": "withdrawal", "account": "a", "amount": 1_000_000_000, "currency": "EUR"});
    ensure!(api.outcome(&api.submit(&last).await?, WITHIN).await?.status == "rejected");
    let balance = api.account("a").await?["balance"].as_u64().context("an account has a balance")?;
    ensure!(balance % 100 == 0, "{balance}");
    Ok(balance / 100)
}

/// The key that a command made up and named.
fn key_in(err: &str) -> Option<String> {
    let (_, behind) = err.split_once("--idempotency-key ")?;
    Some(behind.split([':', ' ']).next()?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_jobs_are_as_many_jobs_in_every_thousand_of_a_file() {
    let running = with_an_account().await.unwrap();
    let file = running.file("many.ndjson", &DEPOSIT.repeat(1_500)).unwrap();
    let post = ["jobs", "post", &file, "--idempotency-key", "salaries", "--json"];
    for _ in 0..2 {
        let posted = running.ok(&post).await.unwrap();
        let accepted =
            posted.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["accepted"].clone());
        assert_eq!(accepted.collect::<Vec<_>>(), [json!(1_000), json!(500)]);
        assert_eq!(deposits(&running).await.unwrap(), 1_500);
    }
    running.file("many.ndjson", &DEPOSIT.repeat(1_501)).unwrap();
    running.ok(&post).await.unwrap();
    assert_eq!(deposits(&running).await.unwrap(), 1_501);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_job_is_the_same_job_when_others_follow() {
    let running = with_an_account().await.unwrap();
    let file = running.file("few.ndjson", DEPOSIT).unwrap();
    let alone = running.call(&["jobs", "post", &file, "--wait"]).await.unwrap();
    assert!(alone.status == 0 && alone.out.contains("posted"), "{alone:?}");
    let key = key_in(&alone.err).unwrap_or_else(|| panic!("the key is not said: {alone:?}"));
    running.file("few.ndjson", &DEPOSIT.repeat(2)).unwrap();
    running.ok(&["jobs", "post", &file, "--wait", "--idempotency-key", &key]).await.unwrap();
    assert_eq!(deposits(&running).await.unwrap(), 2);

    let named = DEPOSIT.replace("\"kind\"", "\"reference\":\"INV-7\",\"kind\"");
    let named = running.file("named.ndjson", &named).unwrap();
    for _ in 0..2 {
        let posted = running.call(&["jobs", "post", &named, "--wait"]).await.unwrap();
        assert!(posted.status == 0 && posted.err.is_empty(), "a reference needs no key: {posted:?}");
    }
    assert_eq!(deposits(&running).await.unwrap(), 3);
}

/// Where an ingress would be. It accepts the first request, and turns away all others.
async fn one_that_has_enough() -> anyhow::Result<String> {
    let requests = Arc::new(AtomicUsize::new(0));
    let answer = async move |body: String| {
        if requests.fetch_add(1, Ordering::Relaxed) > 0 {
            let problem = json!({"title": "Not allowed", "status": 403, "detail": "the key is revoked"});
            return (StatusCode::FORBIDDEN, Json(problem));
        }
        let lines = 1..=body.lines().count();
        let accepted = lines.end().to_owned();
        let results: Vec<_> =
            lines.map(|line| json!({"line": line, "id": format!("id-{line}"), "status": "queued"})).collect();
        (StatusCode::ACCEPTED, Json(json!({"accepted": accepted, "refused": 0, "results": results})))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/api/jobs/batch", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_told_when_the_rest_is_refused() {
    let fleet = Fleet::embedded().unwrap().with("API_URL", &one_that_has_enough().await.unwrap());
    std::fs::create_dir_all(fleet.data_dir()).unwrap();
    let file = fleet.data_dir().join("many.ndjson");
    std::fs::write(&file, DEPOSIT.repeat(1_500)).unwrap();
    let ended = said(&fleet, &["jobs", "post", &file.to_string_lossy()]).await.unwrap();
    assert_eq!(ended.status, 1, "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1 + 1_000, "a title, and a line for each job: {}", ended.err);
    assert!(ended.out.contains("id-1000"), "{}", ended.out);
    assert!(ended.err.contains("job 1001 and those behind it are not accepted"), "{}", ended.err);
    assert!(ended.err.contains("the key is revoked"), "{}", ended.err);
    let key = key_in(&ended.err).unwrap_or_else(|| panic!("the key is not said: {}", ended.err));
    assert_eq!(ended.err.matches(&key).count(), 2, "before it sends, and in the end: {}", ended.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_posted_to_the_last_when_the_reader_goes() {
    let running = with_an_account().await.unwrap();
    let file = running.file("many.ndjson", &DEPOSIT.repeat(1_100)).unwrap();
    for (arguments, deposited) in
        [(&["jobs", "post", &file, "--json"][..], 1_100), (&["jobs", "post", &file], 2_200)]
    {
        let ended = running.call_without_a_reader(arguments).await.unwrap();
        assert!(ended.status == 0 && !ended.err.contains("standard output"), "{ended:?}");
        assert_eq!(deposits(&running).await.unwrap(), deposited);
    }
    let short = DEPOSIT.replace("deposit", "withdrawal").replace("100", "999900000");
    let short = running.file("short.ndjson", &short).unwrap();
    let ended = running.call_without_a_reader(&["jobs", "post", &short, "--wait"]).await.unwrap();
    assert!(ended.status == 1 && ended.err.contains("1 of 1 jobs are not posted"), "{ended:?}");
}
