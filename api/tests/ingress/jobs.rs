//! One job: accepted, identified, shown.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use domain::id::{Identity, JobId};
use domain::outcome::{RecordedOutcome, Rejection};
use domain::text::{Client, Reference};
use queue::PublishError;
use serde_json::json;

use crate::fakes::Takes;
use crate::harness::{DEPOSIT, World, lane_of};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn an_accepted_job_is_on_its_lane() {
    let world = World::new().await;
    let answer = world.post(&[JSON], DEPOSIT).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["status"], "queued");
    assert_eq!(answer.body["lane"], lane_of("alice").0);
    assert_eq!(answer.body["accepted_at"].as_str().unwrap().len(), "2026-11-23T17:00:00.000000Z".len());
    assert_eq!(answer.header("location"), format!("/api/jobs/{}", answer.id()));
    let expected = json!({
        "id": answer.id(), "client": "anonymous",
        "body": {"kind": "deposit", "account": "alice", "amount": 5, "currency": "EUR"},
    });
    assert_eq!(world.queue.jobs_of(lane_of("alice")), [expected]);
    assert_eq!(*world.ledger.reads.lock().unwrap(), 0, "accepting a job never touches the database");
}

#[tokio::test]
async fn curl_without_a_content_type_is_understood() {
    let world = World::new().await;
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "application/vnd.job+json; charset=utf-8"]
    {
        assert_eq!(
            world.post(&[("content-type", content_type)], DEPOSIT).await.status,
            202,
            "{content_type}"
        );
    }
    assert_eq!(world.post(&[], DEPOSIT).await.status, 202);
}

#[tokio::test]
async fn the_same_identity_is_the_same_job() {
    let world = World::new().await;
    let client = Client::parse("anonymous").unwrap();
    let reference = Reference::parse("r-1").unwrap();
    let key = |key: &'static str| [JSON, ("idempotency-key", key)];
    let referenced = |reference: &str| DEPOSIT.replace('}', &format!(r#","reference":"{reference}"}}"#));
    let by_key = world.post(&key("k-1"), DEPOSIT).await.id();
    assert_eq!(
        [by_key, world.post(&key("\"k-1\""), DEPOSIT).await.id()],
        [JobId::derived(&client, Identity::Key("k-1")); 2]
    );
    let by_reference = JobId::derived(&client, Identity::Reference(&reference));
    for answer in [
        world.post(&[JSON], referenced("r-1")).await,
        world.post(&[JSON], referenced(" r-1 ")).await,
        world.post(&key("k-2"), referenced("r-1")).await,
        world.post(&key("r-1"), referenced("r-1")).await,
    ] {
        assert_eq!(answer.id(), by_reference, "whatever key it comes under");
    }
    assert_ne!(world.post(&key("r-1"), DEPOSIT).await.id(), by_reference, "a key is no reference");
    let [one, other] = [world.post(&[JSON], DEPOSIT).await.id(), world.post(&[JSON], DEPOSIT).await.id()];
    assert_ne!(one, other, "without a key each is a job of its own");
}

#[tokio::test]
async fn another_body_under_a_known_identity_is_refused_at_once() {
    let world = World::new().await;
    let other = DEPOSIT.replace("\"amount\":5", "\"amount\":6");
    let key = [JSON, ("idempotency-key", "k-1")];
    let first = world.post(&key, DEPOSIT).await.id();
    let refused = world.post(&key, other.clone()).await;
    refused.assert_problem(422, "conflict");
    assert!(refused.body["detail"].as_str().unwrap().contains(&first.to_string()));
    assert_eq!(world.post(&key, DEPOSIT).await.id(), first, "the first one stands");
    let line = |body: &str| body.replace('}', r#","reference":"r"}"#);
    let batch = format!("{}\n{}\n{}", line(DEPOSIT), line(&other), line(DEPOSIT));
    let answer = world.post_batch(&[("content-type", "application/x-ndjson")], batch).await;
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(2), &json!(1)));
    assert_eq!(answer.body["results"][1]["error"]["type"], "/problems/conflict");
}

#[tokio::test]
async fn a_reference_holds_nothing_that_no_eye_sees() {
    let world = World::new().await;
    let hidden = DEPOSIT.replace('}', ",\"reference\":\"a\u{200B}b\"}");
    let refused = world.post(&[JSON], hidden).await;
    refused.assert_problem(422, "invalid-job");
    assert_eq!(refused.body["errors"][0]["field"], "reference");
    assert!(refused.body["detail"].as_str().unwrap().contains("U+200B"), "{}", refused.body);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::new().await;
    for key in ["", "\u{e9}", &"k".repeat(256)] {
        let answer = world.post(&[JSON, ("idempotency-key", key)], DEPOSIT).await;
        answer.assert_problem(400, "invalid-parameter");
        assert_eq!(answer.body["errors"][0]["field"], "Idempotency-Key");
    }
    let twice = world.post(&[JSON, ("idempotency-key", "a"), ("idempotency-key", "b")], DEPOSIT).await;
    twice.assert_problem(400, "invalid-parameter");
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn what_the_queue_does_not_confirm_is_not_accepted() {
    let world = World::new().await;
    let errors = [
        (PublishError::Full { lane: lane_of("alice") }, 429, "lane-full"),
        (PublishError::Unconfirmed { after: Duration::from_secs(5) }, 503, "queue-unavailable"),
        (PublishError::Unavailable("gone".to_owned()), 503, "queue-unavailable"),
    ];
    for (error, status, kind) in errors {
        world.queue.takes.send_replace(Takes::Fails(error));
        let answer = world.post(&[JSON], DEPOSIT).await;
        answer.assert_problem(status, kind);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        if kind == "queue-unavailable" {
            let detail = answer.body["detail"].as_str().unwrap();
            let says =
                ["send the same job again with the same Idempotency-Key or reference", "whether or not"];
            assert!(says.iter().all(|says| detail.contains(says)), "{detail}");
            let (_, path) = detail.rsplit_once(' ').unwrap();
            assert_eq!(
                world.get(path).await.body["status"],
                "pending",
                "only a 202 proves that it is queued"
            );
            world.get("/readyz").await.assert_problem(503, "queue-unavailable");
        }
    }
}

#[tokio::test]
async fn a_job_is_shown_as_far_as_it_is_known() {
    let world = World::new().await;
    let id = JobId::from_chance(7, [7; 6]);
    let pending = world.get(&format!("/api/jobs/{id}")).await;
    assert_eq!((pending.status.as_u16(), pending.body), (200, json!({"id": id, "status": "pending"})));
    let analysis = world.get(&format!("/api/analyses/{id}")).await;
    assert_eq!(analysis.body, json!({"id": id, "state": "pending"}));

    world.record(id, DEPOSIT, RecordedOutcome::Rejected(Rejection::AccountNotFound));
    let expected = json!({
        "id": id, "status": "rejected", "reason": "account_not_found", "kind": "deposit", "lane": lane_of("alice").0,
        "client": "anonymous", "body": {"kind": "deposit", "account": "alice", "amount": 5, "currency": "EUR"},
        "accepted_at": "2026-11-23T17:00:00.000000Z", "posted_at": "2026-11-23T17:00:00.000250Z",
    });
    assert_eq!(world.get(&format!("/api/jobs/{id}")).await.body, expected);
}

#[tokio::test]
async fn a_job_is_not_cancelled_by_whoever_takes_it_for_an_analysis() {
    let world = World::new().await;
    let id = world.post(&[], DEPOSIT).await.id();
    let request = Request::delete(format!("/api/analyses/{id}")).body(Body::empty()).unwrap();
    assert_eq!(world.ask(request).await.body["state"], "cancelled", "no analysis of this id begins");
    assert_eq!(
        world.get(&format!("/api/jobs/{id}")).await.body["status"],
        "pending",
        "its job posts all the same"
    );

    world.ledger.runs.lock().unwrap().get_mut(&id).unwrap().new.request = r#"{"accounts":1}"#.to_owned();
    let begun = world.get(&format!("/api/jobs/{id}")).await;
    assert_eq!(begun.body["status"], "cancelled", "one that is known to be an analysis is");
}

#[tokio::test]
async fn an_id_that_was_never_issued_is_not_found() {
    let world = World::new().await;
    for id in ["d9428888-122b-11e1-b85c-61cd3cbb3210", "1", "%ff", "..%2f"] {
        world.get(&format!("/api/jobs/{id}")).await.assert_problem(404, "job-not-found");
    }
    assert_eq!(*world.ledger.reads.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_ledger_that_is_away_is_reported_without_its_secrets() {
    let world = World::new().await;
    *world.ledger.away.lock().unwrap() = true;
    let id = JobId::from_chance(7, [7; 6]);
    for path in [&format!("/api/jobs/{id}")[..], "/api/accounts/alice", "/api/accounts/alice/entries"] {
        let answer = world.get(path).await;
        answer.assert_problem(503, "ledger-unavailable");
        assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    }
    assert_eq!(world.post(&[JSON], DEPOSIT).await.status, 202, "jobs are accepted all the same");
    assert_eq!(world.get("/readyz").await.status, 200);
}
