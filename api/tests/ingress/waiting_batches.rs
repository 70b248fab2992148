//! Clients that wait for the outcomes of a batch.

use std::time::{Duration, Instant};

use contract::result::JobResult;
use domain::id::JobId;
use domain::outcome::{RecordedOutcome, Rejection};
use serde_json::{Value, json};

use crate::fakes::Takes;
use crate::harness::{Answer, DEPOSIT, World, post};
use crate::patience::until;

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const WAIT: (&str, &str) = ("prefer", "wait=5");

/// Jobs on the lanes, as many as asked for, each with its id and its body as text, by amount.
async fn published(world: &World, jobs: usize) -> Vec<(JobId, String)> {
    until("the batch is published", || {
        let mut found = world.queue.jobs();
        found.sort_by_key(|job| job["body"]["amount"].as_u64());
        (found.len() == jobs).then_some(found)
    })
    .await
    .iter()
    .map(|job| (job["id"].as_str().unwrap().parse().unwrap(), canonical(&job["body"])))
    .collect()
}

/// The members of a deposit in their order.
fn canonical(body: &Value) -> String {
    let (account, amount) = (body["account"].as_str().unwrap(), &body["amount"]);
    format!(r#"{{"kind":"deposit","account":"{account}","amount":{amount},"currency":"EUR"}}"#)
}

fn deposits(amounts: std::ops::RangeInclusive<u64>) -> String {
    let deposit = |n| DEPOSIT.replace("\"amount\":5", &format!("\"amount\":{n}")) + "\n";
    amounts.map(deposit).collect()
}

fn statuses(answer: &Answer) -> Vec<&str> {
    answer.body["results"].as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap()).collect()
}

async fn tell(world: &World, id: JobId, body: &str, outcome: RecordedOutcome) {
    let fingerprint = domain::fingerprint::Fingerprint::of(body);
    world.tell(JobResult { id, fingerprint, outcome, conflict: false }).await;
}

#[tokio::test]
async fn each_line_has_its_outcome_as_soon_as_the_last_one_is_reported() {
    let world = World::new().await;
    let started = Instant::now();
    let worker = async {
        let jobs = published(&world, 4).await;
        assert!(world.queue.jobs().iter().all(|job| job["reply_to"] == "api-1"));
        let rejected = RecordedOutcome::Rejected(Rejection::AccountNotFound);
        for ((id, body), outcome) in
            jobs.iter().zip([RecordedOutcome::Posted, rejected, RecordedOutcome::Dead])
        {
            tell(&world, *id, body, outcome).await;
        }
        let (id, body) = &jobs[3];
        let fingerprint = domain::fingerprint::Fingerprint::of(body);
        world
            .tell(JobResult { id: *id, fingerprint, outcome: RecordedOutcome::Posted, conflict: true })
            .await;
    };
    let batch = world.post_batch(&[NDJSON, WAIT], deposits(1..=4) + "{");
    let (answer, ()) = tokio::join!(batch, worker);
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (200, "wait=5"), "{answer:?}");
    assert_eq!(statuses(&answer), ["posted", "rejected", "dead", "refused", "refused"]);
    assert_eq!(answer.body["results"][1]["reason"], "account_not_found");
    assert_eq!(answer.body["results"][3]["error"]["type"], "/problems/conflict");
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(3), &json!(2)));
    assert!(started.elapsed() < Duration::from_millis(240), "before any look into the ledger is due");
    assert!(world.ledger.looked_for.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_silent_bus_is_made_up_for_by_few_looks_into_the_ledger() {
    let world = World::new().await;
    let worker = async {
        for (id, body) in published(&world, 5_000).await {
            world.record(id, &body, RecordedOutcome::Posted);
        }
    };
    let batch = world.ask(post("/api/jobs/batch?wait=30", &[NDJSON], deposits(1..=5_000)));
    let (answer, ()) = tokio::join!(batch, worker);
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (200, &json!(5_000)));
    assert!(statuses(&answer).iter().all(|status| *status == "posted"));
    let looks = world.ledger.looked_for.lock().unwrap().clone();
    assert!(looks.len() < 60 && looks.iter().all(|jobs| *jobs <= 1_000), "{looks:?}");
}

#[tokio::test]
async fn when_the_time_is_over_the_answer_says_how_far_it_got() {
    let world = World::new().await;
    let worker = async {
        let (id, body) = published(&world, 2).await.remove(1);
        tell(&world, id, &body, RecordedOutcome::Posted).await;
    };
    let batch = world.post_batch(&[NDJSON, ("prefer", "wait=1")], deposits(1..=2));
    let (answer, ()) = tokio::join!(batch, worker);
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, "wait=1"));
    assert_eq!(statuses(&answer), ["queued", "posted"]);
}

#[tokio::test]
async fn what_was_not_accepted_is_not_waited_for() {
    let world = World::new().await;
    let answer = world.post_batch(&[NDJSON, WAIT], "{}\n{").await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (422, ""), "{answer:?}");
    let full = queue::PublishError::Full { lane: crate::harness::lane_of("alice") };
    world.queue.takes.send_replace(Takes::Fails(full));
    world.post_batch(&[NDJSON, WAIT], deposits(1..=3)).await.assert_problem(429, "lane-full");
}

#[tokio::test]
async fn one_full_lane_does_not_hold_up_the_outcomes_of_the_others() {
    let world = World::new().await;
    world.queue.full.lock().unwrap().insert(crate::harness::lane_of("alice"));
    let other = (0..).map(|n| format!("b-{n}"));
    let other =
        other.into_iter().find(|name| crate::harness::lane_of(name) != crate::harness::lane_of("alice"));
    let line = DEPOSIT.replace("alice", &other.unwrap());
    let worker = async {
        let (id, body) = published(&world, 1).await.remove(0);
        tell(&world, id, &body, RecordedOutcome::Posted).await;
    };
    let batch = world.post_batch(&[NDJSON, WAIT], format!("{DEPOSIT}\n{line}"));
    let (answer, ()) = tokio::join!(batch, worker);
    assert_eq!((answer.status.as_u16(), statuses(&answer)), (200, vec!["refused", "posted"]), "{answer:?}");
}

#[tokio::test]
async fn without_a_wait_nobody_is_notified() {
    let world = World::new().await;
    let answer = world.post_batch(&[NDJSON, ("prefer", "wait=0")], deposits(1..=2)).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, ""));
    assert!(world.queue.jobs().iter().all(|job| job["reply_to"] == Value::Null));
    world
        .ask(post("/api/jobs/batch?wait=soon", &[NDJSON], DEPOSIT))
        .await
        .assert_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_stop_lets_a_waiting_batch_go_at_once() {
    let world = World::new().await;
    let started = Instant::now();
    let stop = async {
        published(&world, 2).await;
        world.shutdown.cancel();
    };
    let batch = world.ask(post("/api/jobs/batch?wait=30", &[NDJSON], deposits(1..=2)));
    let (answer, ()) = tokio::join!(batch, stop);
    assert_eq!((answer.status.as_u16(), statuses(&answer)), (202, vec!["queued", "queued"]));
    assert!(started.elapsed() < Duration::from_secs(5));
}
