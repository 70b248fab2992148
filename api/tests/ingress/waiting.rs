//! Clients that wait for an outcome.

use std::time::{Duration, Instant};

use contract::result::JobResult;
use domain::fingerprint::Fingerprint;
use domain::id::{Identity, JobId};
use domain::outcome::{RecordedOutcome, Rejection};
use domain::text::Client;
use serde_json::json;

use crate::harness::{Answer, DEPOSIT, World, post};
use crate::patience::until;

/// In this time no look into the ledger is due: only what is told can have answered.
const BEFORE_A_LOOK: Duration = Duration::from_millis(240);

fn keyed_id(key: &str) -> JobId {
    JobId::derived(&Client::parse("anonymous").unwrap(), Identity::Key(key))
}

async fn post_and_wait(world: &World, key: &str, wait: &str) -> Answer {
    world.post(&[("prefer", wait), ("idempotency-key", key)], DEPOSIT).await
}

/// Waits until the job is on its lane; gives what it says.
async fn published(world: &World) -> serde_json::Value {
    until("the job is published", || world.queue.jobs().pop()).await
}

#[tokio::test]
async fn a_waiting_client_gets_the_outcome_as_soon_as_a_worker_reports_it() {
    let world = World::new().await;
    let started = Instant::now();
    let worker = async {
        assert_eq!(published(&world).await["reply_to"], "api-1");
        let record = world.record(keyed_id("k"), DEPOSIT, RecordedOutcome::Posted);
        world
            .tell(JobResult {
                id: record.id,
                fingerprint: record.fingerprint,
                outcome: record.outcome,
                conflict: false,
            })
            .await;
    };
    let (answer, ()) = tokio::join!(post_and_wait(&world, "k", "wait=5"), worker);
    assert!(started.elapsed() < BEFORE_A_LOOK, "{:?}", started.elapsed());
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (200, "wait=5"));
    assert_eq!((&answer.body["status"], &answer.body["kind"]), (&json!("posted"), &json!("deposit")));
    assert_eq!(answer.body["posted_at"], "2026-11-23T17:00:00.000250Z");
}

#[tokio::test]
async fn a_client_may_ask_to_wait_by_its_query_too() {
    let world = World::new().await;
    let worker = async {
        published(&world).await;
        world.record(keyed_id("k"), DEPOSIT, RecordedOutcome::Posted);
    };
    let request = post("/api/jobs?wait=5", &[("idempotency-key", "k"), ("prefer", "wait=0")], DEPOSIT);
    let (answer, ()) = tokio::join!(world.ask(request), worker);
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("posted")), "{answer:?}");
    let answer = world.ask(post("/api/jobs?wait=soon", &[], DEPOSIT)).await;
    answer.assert_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn what_is_reported_is_enough_when_the_ledger_is_away() {
    let world = World::new().await;
    *world.ledger.away.lock().unwrap() = true;
    let worker = async {
        published(&world).await;
        let fingerprint = Fingerprint::of(DEPOSIT);
        let outcome = RecordedOutcome::Rejected(Rejection::AccountNotFound);
        world.tell(JobResult { id: keyed_id("k"), fingerprint, outcome, conflict: false }).await;
    };
    let (answer, ()) = tokio::join!(post_and_wait(&world, "k", "wait=5"), worker);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({"id": keyed_id("k"), "status": "rejected", "reason": "account_not_found"})
    );
}

#[tokio::test]
async fn a_silent_bus_costs_time_and_nothing_else() {
    let world = World::new().await;
    let worker = async {
        published(&world).await;
        world.record(keyed_id("k"), DEPOSIT, RecordedOutcome::Posted);
    };
    let (answer, ()) = tokio::join!(post_and_wait(&world, "k", "wait=5"), worker);
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("posted")));
}

#[tokio::test]
async fn when_the_time_is_over_the_job_is_accepted_all_the_same() {
    let world = World::new().await;
    let answer = post_and_wait(&world, "k", "wait=1").await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("queued")));
    assert_eq!(answer.header("location"), format!("/api/jobs/{}", keyed_id("k")));
}

#[tokio::test]
async fn a_preference_that_can_not_be_understood_is_ignored() {
    let world = World::new().await;
    for preference in ["wait=soon", "wait=0", "wait", "respond-async"] {
        let answer = post_and_wait(&world, "k", preference).await;
        assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, ""), "{preference}");
    }
}

#[tokio::test]
async fn another_body_under_the_same_key_is_a_conflict() {
    let world = World::new().await;
    let other = DEPOSIT.replace("\"amount\":5", "\"amount\":6");
    let recorded = world.record(keyed_id("told"), &other, RecordedOutcome::Posted);
    world.record(keyed_id("found"), &other, RecordedOutcome::Posted);
    let worker = async {
        published(&world).await;
        let fingerprint = Fingerprint::of(DEPOSIT);
        world
            .tell(JobResult {
                id: recorded.id,
                fingerprint,
                outcome: RecordedOutcome::Posted,
                conflict: true,
            })
            .await;
    };
    let (told, ()) = tokio::join!(post_and_wait(&world, "told", "wait=5"), worker);
    told.assert_problem(422, "conflict");
    let found = post_and_wait(&world, "found", "wait=5").await;
    found.assert_problem(422, "conflict");
    assert!(found.body["detail"].as_str().unwrap().contains(&keyed_id("found").to_string()));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_outcome() {
    let world = World::new().await;
    let id = keyed_id("k");
    let path = format!("/api/jobs/{id}?wait=9");
    let (answer, ()) = tokio::join!(world.get(&path), async {
        until("the client waits", || (*world.ledger.reads.lock().unwrap() > 1).then_some(())).await;
        world.record(id, DEPOSIT, RecordedOutcome::Posted);
    });
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("posted")));
    let over = world.get(&format!("/api/jobs/{}?wait=1", keyed_id("none"))).await;
    assert_eq!((over.status.as_u16(), &over.body["status"]), (200, &json!("pending")));
}

#[tokio::test]
async fn a_stop_lets_waiting_clients_go_at_once() {
    let world = World::new().await;
    let started = Instant::now();
    let path = format!("/api/jobs/{}?wait=30", keyed_id("k"));
    let (answer, ()) = tokio::join!(world.get(&path), async {
        until("the client waits", || (*world.ledger.reads.lock().unwrap() > 1).then_some(())).await;
        world.shutdown.cancel();
    });
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("pending")));
    assert!(started.elapsed() < Duration::from_secs(5));
    world.get("/readyz").await.assert_problem(503, "queue-unavailable");
}
