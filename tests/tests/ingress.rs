//! Bad input gets a problem document (RFC 9457) that names the field, and harms nothing else.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::fleet::{Fleet, Replica, Role};

const WITHIN: Duration = Duration::from_secs(10);

/// A fleet in one process, and its ingress.
async fn dev() -> anyhow::Result<(Fleet, Replica, Client)> {
    let fleet = Fleet::embedded()?;
    let dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap_or_default())?;
    Ok((fleet, dev, client))
}

fn transfer(change: impl FnOnce(&mut Value)) -> Value {
    let mut job = json!({"kind": "transfer", "from": "alice", "to": "bob", "amount": 100, "currency": "EUR"});
    change(&mut job);
    job
}

#[track_caller]
fn assert_problem(answer: &Answer, status: StatusCode, field: Option<&str>) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_problem_document(answer);
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if let Some(field) = field {
        assert!(names(&problem, field), "the field {field} is not named: {}", answer.body);
    }
}

#[track_caller]
fn assert_problem_document(answer: &Answer) {
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    assert_eq!(problem["status"], answer.status.as_u16(), "{answer:?}");
    assert!(problem["title"].is_string() && problem["type"].is_string(), "{answer:?}");
}

/// Whether some `field` member of the document is `field`.
fn names(problem: &Value, field: &str) -> bool {
    match problem {
        Value::Object(members) => {
            members.get("field").is_some_and(|named| named == field)
                || members.values().any(|member| names(member, field))
        }
        Value::Array(items) => items.iter().any(|item| names(item, field)),
        _ => false,
    }
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let (_fleet, _dev, client) = dev().await.unwrap();
    let cases = [
        ("amount", transfer(|job| job["amount"] = json!("100"))),
        ("amount", transfer(|job| job["amount"] = json!(-1))),
        ("amount", transfer(|job| job["amount"] = json!(0))),
        ("amount", transfer(|job| job["amount"] = json!(1.5))),
        ("amount", transfer(|job| job["amount"] = json!(u64::MAX))),
        ("amount", transfer(|job| drop(job.as_object_mut().unwrap().remove("amount")))),
        ("currency", transfer(|job| job["currency"] = json!("XYZ"))),
        ("currency", transfer(|job| job["currency"] = json!("eur"))),
        ("from", transfer(|job| job["from"] = json!(7))),
        ("from", transfer(|job| job["from"] = json!(""))),
        ("from", transfer(|job| job["from"] = json!("a b"))),
        ("from", transfer(|job| job["from"] = json!("external:EUR:0"))),
        ("to", transfer(|job| job["to"] = json!("x".repeat(35)))),
        ("to", transfer(|job| job["to"] = json!("alice"))),
        ("kind", transfer(|job| job["kind"] = json!("gift"))),
        ("kind", transfer(|job| drop(job.as_object_mut().unwrap().remove("kind")))),
        ("ammount", transfer(|job| job["ammount"] = json!(100))),
        ("account", transfer(|job| job["account"] = json!("alice"))),
        ("memo", transfer(|job| job["memo"] = json!("m".repeat(141)))),
        ("value_date", transfer(|job| job["value_date"] = json!("2026-02-30"))),
        (
            "legs[1].amount",
            json!({"kind": "journal", "currency": "EUR",
                   "legs": [{"account": "a", "amount": -1}, {"account": "b", "amount": "1"}]}),
        ),
        ("hold", json!({"kind": "release", "account": "a", "hold": "00000000-0000-0000-0000-000000000000"})),
    ];
    for (field, job) in cases {
        let answer = client.post("/api/jobs", "application/json", job.to_string()).await.unwrap();
        assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, Some(field));
    }
}

#[tokio::test]
async fn a_bad_body_is_refused() {
    let (_fleet, _dev, client) = dev().await.unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested =
        transfer(|job| job["metadata"] = json!({})).to_string().replace("{}", &format!("{{\"a\":{deep}}}"));
    for body in [
        b"{\"kind\": \"tra".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        deep.into_bytes(),
        nested.into_bytes(),
        Vec::new(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = client.post("/api/jobs", "application/json", body).await.unwrap();
        assert!(answer.status.is_client_error(), "{shown}: {answer:?}");
        assert_problem_document(&answer);
    }
    let invalid_text = b"{\"kind\":\"transfer\",\"from\":\"al\xffice\"}".to_vec();
    let answer = client.post("/api/jobs", "application/json", invalid_text).await.unwrap();
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_problem_document(&answer);

    let large = format!("{{\"kind\":\"transfer\",\"memo\":\"{}\"}}", "m".repeat(10 << 20));
    let answer = client.post("/api/jobs", "application/json", large).await.unwrap();
    assert_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, None);

    let answer = client.post("/api/jobs", "text/csv", "kind,account\nopen_account,alice\n").await.unwrap();
    assert_problem(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, None);
}

#[tokio::test]
async fn a_bad_line_refuses_only_itself() {
    let (fleet, _dev, client) = dev().await.unwrap();
    let open =
        |account: &str| json!({"kind": "open_account", "account": account, "currency": "EUR"}).to_string();
    let bad = transfer(|job| job["amount"] = json!(-5)).to_string();
    let lines = [open("one"), bad, "{\"kind\": ".to_owned(), open("two")];
    let mut body = lines.join("\n").into_bytes();
    body.extend(b"\n{\"kind\":\"\xff\"}\n");
    body.extend(open("three").into_bytes());
    let answer = client.post("/api/jobs/batch", "application/x-ndjson", body).await.unwrap();
    let batch: tests::client::BatchAnswer = answer.json().unwrap();
    assert_eq!((batch.accepted, batch.refused), (3, 3), "{answer:?}");
    let lines: Vec<_> = batch.results.iter().map(|result| (result.line, result.status.as_str())).collect();
    let expected = ["queued", "refused", "refused", "queued", "refused", "queued"];
    assert_eq!(lines, (1..).zip(expected).collect::<Vec<_>>());
    assert!(names(batch.results[1].error.as_ref().unwrap(), "amount"), "{:?}", batch.results[1]);
    for result in batch.results.iter().filter(|result| result.status == "queued") {
        let view = client.outcome(result.id.as_ref().unwrap(), WITHIN).await.unwrap();
        assert_eq!(view.status, "posted", "{view:?}");
    }

    // The same as a JSON array.
    let array = format!("[{},{},{}]", open("four"), transfer(|job| job["to"] = json!(null)), open("five"));
    let answer = client.post("/api/jobs/batch", "application/json", array).await.unwrap();
    let batch: tests::client::BatchAnswer = answer.json().unwrap();
    assert_eq!((batch.accepted, batch.refused), (2, 1), "{answer:?}");
    assert!(names(batch.results[1].error.as_ref().unwrap(), "to"), "{:?}", batch.results[1]);
    for result in batch.results.iter().filter_map(|result| result.id.as_ref()) {
        assert_eq!(client.outcome(result, WITHIN).await.unwrap().status, "posted");
    }
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn an_id_that_was_never_issued_is_unknown() {
    let (_fleet, _dev, client) = dev().await.unwrap();
    for id in ["0190d3a5-0000-8000-8000-000000000000", "00000000-0000-0000-0000-000000000000", "seven"] {
        let answer = client.get(&format!("/api/jobs/{id}")).await.unwrap();
        assert_problem(&answer, StatusCode::NOT_FOUND, None);
    }
    for path in ["/api/accounts/nobody", "/api/accounts/nobody/entries", "/api/nowhere"] {
        let answer = client.get(path).await.unwrap();
        assert_problem(&answer, StatusCode::NOT_FOUND, None);
    }
}

#[tokio::test]
async fn a_retry_is_the_same_job_and_another_body_is_a_conflict() {
    let (fleet, _dev, client) = dev().await.unwrap();
    for account in ["alice", "bob"] {
        let job = json!({"kind": "open_account", "account": account, "currency": "EUR"});
        let id = client.submit(&job).await.unwrap();
        assert_eq!(client.outcome(&id, WITHIN).await.unwrap().status, "posted");
    }
    let deposit = json!({"kind": "deposit", "account": "alice", "amount": 500, "currency": "EUR", "reference": "pay-1"});
    let first = client.submit(&deposit).await.unwrap();
    assert_eq!(client.submit(&deposit).await.unwrap(), first);
    assert_eq!(client.outcome(&first, WITHIN).await.unwrap().status, "posted");

    let poor = client.submit(&transfer(|job| job["amount"] = json!(501))).await.unwrap();
    let view = client.outcome(&poor, WITHIN).await.unwrap();
    assert_eq!((view.status.as_str(), view.reason.as_deref()), ("rejected", Some("insufficient_funds")));
    let good = client.submit(&transfer(|job| job["amount"] = json!(100))).await.unwrap();
    assert_eq!(client.outcome(&good, WITHIN).await.unwrap().status, "posted");
    assert_eq!(client.account("alice").await.unwrap()["balance"], 400);
    assert_eq!(client.account("bob").await.unwrap()["balance"], 100);
    fleet.run_ok(&["verify"]).await.unwrap();
}
