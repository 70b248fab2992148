//! Load tests over HTTP and from a terminal: verdicts, proofs, and what becomes of them when something breaks.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{MariaDb, RabbitMq};
use tests::wait::until;

const LOAD_TEST: &str = "/api/scalability/load-test";
/// A load test of these tests ends within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(40);

async fn start(monitor: &Client, request: Value) -> anyhow::Result<(StatusCode, Value)> {
    let answer = monitor.post(LOAD_TEST, "application/json", request.to_string()).await?;
    Ok((answer.status, answer.json()?))
}

async fn show(monitor: &Client, id: &Value) -> anyhow::Result<Value> {
    Ok(monitor.get(&format!("{LOAD_TEST}/{id}")).await?.json()?)
}

/// Starts one that runs for a minute, and returns it once it has sent some requests.
async fn under_way(monitor: &Client, outcome_seconds: u32) -> anyhow::Result<Value> {
    let request = json!({"mode": "sustained", "concurrent_users": 4, "minutes": 0.1, "pace_seconds": 0.02,
        "wait_seconds": 0, "outcome_seconds": outcome_seconds});
    let (status, run) = start(monitor, request).await?;
    ensure!(status == StatusCode::ACCEPTED && run["state"] == "running", "{status} {run}");
    until("a load test sends requests", ENDS_WITHIN, async || {
        let run = show(monitor, &run["id"]).await?;
        ensure!(run["progress"]["requests"].as_u64() > Some(50), "{run}");
        Ok(run)
    })
    .await
}

async fn ended(monitor: &Client, id: &Value) -> anyhow::Result<Value> {
    until("the load test ends", ENDS_WITHIN, async || {
        let run = show(monitor, id).await?;
        ensure!(run["state"] != "running", "{}", run["progress"]);
        Ok(run)
    })
    .await
}

/// The names of the criteria that failed.
fn failed(result: &Value) -> Vec<&str> {
    let criteria = result["verdict"]["criteria"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = criteria.iter().filter(|criterion| criterion["passed"] == false);
    failed.filter_map(|criterion| criterion["name"].as_str()).collect()
}

#[track_caller]
fn assert_proven(result: &Value, jobs: u64) {
    let proof = &result["proof"];
    for (field, expected) in
        [("accepted", jobs), ("posted", jobs), ("lost", 0), ("doubled", 0), ("accounts_off", 0)]
    {
        assert_eq!(proof[field], expected, "{field}: {proof}");
    }
    assert_eq!(proof["money_found"], proof["money_given"], "{proof}");
    assert_eq!(proof["accounts_read"], proof["accounts"], "{proof}");
}

/// The original system's call, and `validate`, which has to meet its criteria: those of them that an unoptimised
/// build can answer for. Returns the verdict on `validate`.
async fn passes(monitor: &Client) -> anyhow::Result<Value> {
    let (status, run) = start(monitor, json!({"concurrent_users": 20, "requests_per_user": 5})).await?;
    assert_eq!((status, run["state"].as_str()), (StatusCode::OK, Some("done")), "{run}");
    let result = &run["result"];
    assert_eq!(result["verdict"]["passed"], true, "{}", result["verdict"]);
    assert_eq!(result["load"]["success_percent"], 100.0);
    assert_eq!(result["load"]["response"]["count"], 100);
    assert_eq!(result["load"]["accepted_to_posted"]["count"], 100);
    assert_proven(result, 100);

    let (status, run) = start(monitor, json!({"mode": "validate", "wait_seconds": 40})).await?;
    assert_eq!(status, StatusCode::OK, "{run}");
    let result = &run["result"];
    let mut failed = failed(result);
    failed.retain(|name| !(cfg!(debug_assertions) && *name == "resources"));
    assert!(failed.is_empty(), "{}", result["verdict"]);
    assert_eq!((&result["baseline"]["requests"], &result["load"]["requests"]), (&json!(200), &json!(2_000)));
    assert_proven(result, 2_200);
    let degradation = &result["verdict"]["criteria"][2];
    assert_eq!((&degradation["name"], &degradation["passed"]), (&json!("degradation"), &json!(true)));
    Ok(result["verdict"].clone())
}

async fn dev(fleet: &Fleet) -> anyhow::Result<(Replica, Client)> {
    let dev = fleet.start(Role::Dev).await?;
    let monitor = Client::new(&dev.url_as(Role::Monitor, "").context("dev has a monitor")?)?;
    Ok((dev, monitor))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_passes_and_keeps_its_load_tests() {
    let fleet = Fleet::embedded().unwrap();
    let (mut replica, monitor) = dev(&fleet).await.unwrap();
    let verdict = passes(&monitor).await.unwrap();

    let list: Value = monitor.get(LOAD_TEST).await.unwrap().json().unwrap();
    let kept = list["load_tests"].as_array().unwrap();
    assert_eq!(kept.len(), 2, "{list}");
    assert_eq!((&kept[0]["plan"]["mode"], &kept[0]["passed"]), (&json!("validate"), &verdict["passed"]));
    assert!(kept[0]["id"].as_u64() > kept[1]["id"].as_u64(), "newest first: {list}");
    let page = monitor.get(&format!("{LOAD_TEST}/{}/report", kept[0]["id"])).await.unwrap();
    assert!(page.status.is_success() && page.header("content-type").starts_with("text/html"), "{page:?}");
    let told = if verdict["passed"] == true { "Passed" } else { "Failed" };
    assert!(page.body.contains(told) && page.body.matches("<svg").count() == 3);

    // One at a time, until it is stopped.
    let running = under_way(&monitor, 5).await.unwrap();
    let (status, refusal) = start(&monitor, json!({})).await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refusal["detail"].as_str().unwrap().contains(&running["id"].to_string()), "{refusal}");
    let stopped = monitor.delete(&format!("{LOAD_TEST}/{}", running["id"])).await.unwrap();
    assert!(stopped.status.is_success());
    assert_eq!(ended(&monitor, &running["id"]).await.unwrap()["state"], "cancelled");

    // What dies with its monitor was broken off; what had ended is still there.
    let broken_off = under_way(&monitor, 5).await.unwrap();
    replica.kill9().unwrap();
    let (mut replica, monitor) = dev(&fleet).await.unwrap();
    let found = ended(&monitor, &broken_off["id"]).await.unwrap();
    assert_eq!(found["state"], "broken_off", "{found}");
    let validated = show(&monitor, &kept[0]["id"]).await.unwrap();
    assert_eq!(
        (&validated["state"], &validated["result"]["verdict"]["passed"]),
        (&json!("done"), &verdict["passed"])
    );
    replica.terminate().await.unwrap();
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn what_is_no_load_test_is_refused_with_the_field() {
    let fleet = Fleet::embedded().unwrap();
    let (_dev, monitor) = dev(&fleet).await.unwrap();
    for (field, request) in [
        ("concurrent_users", json!({"concurrent_users": 100_000})),
        ("concurrent_users", json!({"concurrent_users": "many"})),
        ("rate", json!({"rate": 5})),
        ("mode", json!({"mode": "fast"})),
        ("users", json!({"users": 5})),
    ] {
        let (status, refusal) = start(&monitor, request.clone()).await.unwrap();
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{request}: {refusal}");
        assert!(refusal["detail"].as_str().unwrap().contains(field), "{refusal}");
    }
    for path in ["/0", "/x", "/0/report"] {
        assert_eq!(monitor.get(&format!("{LOAD_TEST}{path}")).await.unwrap().status, StatusCode::NOT_FOUND);
    }
    let openapi: Value = monitor.get("/api/openapi.json").await.unwrap().json().unwrap();
    assert!(openapi["components"]["schemas"]["LoadTestReport"].is_object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_terminal_gives_the_verdict_by_its_exit_status() {
    // An ingress that lets in one at a time turns most of fifty users away.
    let fleet = Fleet::embedded().unwrap().with("MAX_CONCURRENT_USERS", "1");
    let replica = fleet.start(Role::Dev).await.unwrap();
    let url = replica.url_as(Role::Api, "").unwrap();
    let load = ["load-test", "closed", "--users", "50", "--requests", "10", "--url", &url, "--json"];
    let output = fleet.run(&load).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(failed(&result), ["success"], "{}", result["verdict"]);
    assert!(result["load"]["errors"]["refused/overloaded"].as_u64() > Some(0), "{}", result["load"]);
    assert_proven(&result, result["load"]["accepted"].as_u64().unwrap());

    let page = tempfile::NamedTempFile::new().unwrap();
    let path = page.path().to_str().unwrap();
    let load = ["load-test", "open", "--rate", "20", "--seconds", "1", "--url", &url, "--html", path];
    let output = fleet.run(&load).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("passed: 20 of 20"), "{said}");
    assert!(std::fs::read_to_string(path).unwrap().contains("<svg"));

    for impossible in [
        ["load-test", "--url", "http://127.0.0.1:1", "--outcome-seconds", "1"],
        ["load-test", "--url", "somewhere", "--outcome-seconds", "1"],
        ["load-test", "open", "--rate", "100000", "--json"],
    ] {
        let output = fleet.run(&impossible).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!output.stderr.is_empty(), "it says why");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_servers_pass_and_what_breaks_fails_the_verdict() {
    let (broker, database) = tokio::try_join!(RabbitMq::start(), MariaDb::start()).unwrap();
    let fleet = Fleet::new(&database.url(), &broker.url()).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let (mut api, mut worker) = tokio::try_join!(fleet.start(Role::Api), fleet.start(Role::Worker)).unwrap();
    let fleet = fleet.with("API_URL", &api.url(""));
    let replica = fleet.start(Role::Monitor).await.unwrap();
    let monitor = Client::new(&replica.url("")).unwrap();
    passes(&monitor).await.unwrap();

    // Accepted and not posted: without an outcome at the deadline.
    let running = under_way(&monitor, 2).await.unwrap();
    worker.kill9().unwrap();
    let run = ended(&monitor, &running["id"]).await.unwrap();
    assert_eq!(run["state"], "done", "{run}");
    let names = failed(&run["result"]);
    assert!(names.contains(&"success") && names.contains(&"nothing_lost"), "{}", run["result"]["verdict"]);
    assert!(run["result"]["load"]["errors"]["without_outcome"].as_u64() > Some(0));
    let (_, run) = start(&monitor, json!({"outcome_seconds": 1})).await.unwrap();
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run["reason"].as_str().unwrap().contains("worker"), "it says what to do: {run}");

    // An ingress that dies is noticed, and nothing can be read again.
    let _worker = fleet.start(Role::Worker).await.unwrap();
    let (_, run) = start(&monitor, json!({"concurrent_users": 5, "wait_seconds": 40})).await.unwrap();
    assert_eq!(run["result"]["verdict"]["passed"], true, "{run}");
    let running = under_way(&monitor, 2).await.unwrap();
    api.kill9().unwrap();
    let run = ended(&monitor, &running["id"]).await.unwrap();
    assert_eq!(run["state"], "done", "{run}");
    let names = failed(&run["result"]);
    for name in ["success", "nothing_lost", "books_balance"] {
        assert!(names.contains(&name), "{name}: {}", run["result"]["verdict"]);
    }
    assert!(run["result"]["load"]["errors"]["connect"].as_u64() > Some(0));
    fleet.run_ok(&["verify"]).await.unwrap();
}
