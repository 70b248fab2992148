//! Whatever is wrong is told as a problem document that names the field.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::harness::{DEPOSIT, World, post};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn each_bad_job_names_its_field() {
    let world = World::new().await;
    let (opened, closed) = ("[".repeat(30_000), "]".repeat(30_000));
    let deep = format!(r#"{{"kind":"close_account","account":"a","metadata":{{"a":{opened}{closed}}}}}"#);
    let cases: &[(&[u8], &str)] = &[
        (br#"{"kind":"deposit","account":"a","amount":"5","currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":-5,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":1e30,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":9223372036854775808,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUX"}"#, "currency"),
        (br#"{"kind":"deposit","account":"a","amount":5}"#, "currency"),
        (br#"{"kind":"deposit","account":5,"amount":5,"currency":"EUR"}"#, "account"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","color":"red"}"#, "color"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","reference":""}"#, "reference"),
        (br#"{"kind":"deposit","account":"a","amount":1e2,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":100.0,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":-0,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":1e400,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","account":"a","amount":1,"amount":2,"currency":"EUR"}"#, "amount"),
        (br#"{"kind":"deposit","kind":"withdrawal","account":"a","amount":1,"currency":"EUR"}"#, "kind"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","memo":"\ud800"}"#, "memo"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","metadata":{"a":1,"a":2}}"#, "metadata.a"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","value_date":"2568-11-05"}"#, "value_date"),
        (br#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","value_date":"0000-01-01"}"#, "value_date"),
        (br#"{"kind":"hold","account":"a","amount":5,"currency":"EUR","expires_at":"9999-12-30T00:00:00Z"}"#, "expires_at"),
        (b"\xEF\xBB\xBF{}", "kind"),
        (b"[]", "body"),
        (b"null", "body"),
        (deep.as_bytes(), "metadata"),
    ];
    for (body, field) in cases {
        let shown = String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned();
        let answer = world.post(&[JSON], body.to_vec()).await;
        answer.assert_problem(422, "invalid-job");
        let named = answer.body["errors"][0]["field"].as_str().unwrap();
        assert!(named.starts_with(field), "{shown}: {answer:?}");
        assert!(!answer.body["errors"][0]["remedy"].as_str().unwrap().is_empty(), "{shown}");
        assert!(
            answer.body.to_string().len() < 2_000,
            "{shown}: an answer is never as long as a hostile body"
        );
    }
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn what_is_no_json_is_400_and_what_is_no_job_is_422() {
    let world = World::new().await;
    let deep = format!(r#"{{"kind":"close_account","account":"a","metadata":{{"a":{}"#, "[".repeat(60_000));
    let broken: &[&[u8]] = &[
        b"{\"kind\":\"deposit\xff\"}",
        b"{\"kind\":",
        b"{",
        b"",
        b"   ",
        b"nonsense",
        br#"{"kind":"close_account","account":"a"} {}"#,
        br#"{"kind":"close_account","account":"a",}"#,
        br#"{"kind":"deposit","account":"a","amount":05,"currency":"EUR"}"#,
        b"{'kind':'close_account'}",
        deep.as_bytes(),
    ];
    for body in broken {
        let shown = String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned();
        for path in ["/api/jobs", "/api/jobs/batch"] {
            let answer = world.ask(post(path, &[JSON], body.to_vec())).await;
            answer.assert_problem(400, "malformed-json");
            assert_eq!(answer.body["errors"][0]["field"], "body", "{shown}: {answer:?}");
            assert!(answer.body.to_string().len() < 2_000, "{shown}");
        }
    }
    for body in ["{", "nonsense", "{} {}"] {
        world.ask(post("/api/analyses", &[JSON], body)).await.assert_problem(400, "malformed-json");
    }
    world.ask(post("/api/analyses", &[JSON], "[]")).await.assert_problem(422, "invalid-job");
    world.post_batch(&[JSON], DEPOSIT).await.assert_problem(422, "invalid-batch");
    world.post_batch(&[JSON], "[]").await.assert_problem(422, "invalid-batch");
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn each_line_of_a_batch_has_its_own_status() {
    let world = World::new().await;
    let lines = [DEPOSIT, "{", "[]", "\u{1}", DEPOSIT].join("\n");
    let answer = world.post_batch(&[("content-type", "application/x-ndjson")], lines).await;
    assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
    let statuses: Vec<_> =
        (0..5).map(|line| answer.body["results"][line]["error"]["status"].as_u64()).collect();
    assert_eq!(statuses, [None, Some(400), Some(422), Some(400), None]);
    let none = world.post_batch(&[("content-type", "application/x-ndjson")], "{\n{}").await;
    assert_eq!(none.status.as_u16(), 422, "{none:?}");
}

#[tokio::test]
async fn nesting_a_hundred_thousand_deep_is_refused() {
    let world = World::new().await;
    let deep = "[".repeat(100_000);
    world.post(&[JSON], deep.clone()).await.assert_problem(413, "body-too-large");
    world.post_batch(&[JSON], deep.clone()).await.assert_problem(400, "malformed-json");
    let closed = format!("{deep}{}", "]".repeat(100_000));
    let answer = world.post_batch(&[JSON], format!("[{closed},{DEPOSIT}]")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["accepted"]),
        (202, &1.into()),
        "the good line is accepted"
    );
    let ndjson =
        world.post_batch(&[("content-type", "application/x-ndjson")], format!("{deep}\n{DEPOSIT}")).await;
    assert_eq!((ndjson.status.as_u16(), &ndjson.body["refused"]), (202, &1.into()));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_whether_or_not_it_says_so() {
    let world = World::new().await;
    let large = vec![b' '; 10 * 1024 * 1024];
    world
        .post(&[JSON, ("content-length", "10485760")], large.clone())
        .await
        .assert_problem(413, "body-too-large");
    let chunks = large.chunks(1_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let streamed = Body::from_stream(futures::stream::iter(chunks));
    world.ask(post("/api/jobs", &[JSON], streamed)).await.assert_problem(413, "body-too-large");
    let batch = vec![b' '; 16 * 1024 * 1024 + 1];
    world.post_batch(&[JSON], batch).await.assert_problem(413, "body-too-large");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let world = World::new().await;
    let chunks = [Ok(DEPOSIT.to_owned()), Err(std::io::Error::other("reset"))];
    let body = Body::from_stream(futures::stream::iter(chunks));
    world.ask(post("/api/jobs/batch", &[JSON], body)).await.assert_problem(400, "incomplete-body");
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn what_is_not_json_is_not_a_supported_type() {
    let world = World::new().await;
    let csv = [("content-type", "text/csv")];
    world.post(&csv, "kind,account").await.assert_problem(415, "unsupported-media-type");
    world.post_batch(&csv, "kind,account").await.assert_problem(415, "unsupported-media-type");
    assert_eq!(world.post(&csv, "kind,account").await.header("accept-encoding"), "", "it is not the coding");
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_a_problem_too() {
    let world = World::new().await;
    world.get("/api/job").await.assert_problem(404, "not-found");
    for (method, path) in
        [(Method::PUT, "/api/jobs"), (Method::DELETE, "/api/jobs/batch"), (Method::PUT, "/livez")]
    {
        let answer =
            world.ask(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await;
        answer.assert_problem(405, "method-not-allowed");
        assert!(!answer.header("allow").is_empty(), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let world = World::new().await;
    let id = domain::id::JobId::from_chance(1, [1; 6]);
    let cases = [
        (format!("/api/jobs/{id}?wait=soon"), "wait"),
        (format!("/api/jobs/{id}?wait=-1"), "wait"),
        ("/api/accounts/a%20b".to_owned(), "number"),
        ("/api/accounts/alice/entries?limit=0".to_owned(), "limit"),
        ("/api/accounts/alice/entries?limit=1001".to_owned(), "limit"),
        ("/api/accounts/alice/entries?cursor=abc".to_owned(), "cursor"),
        ("/api/accounts/alice/entries?page=2".to_owned(), "page"),
        ("/api/accounts/alice/entries?limit=1&limit=2".to_owned(), "limit"),
        ("/api/accounts/alice/statement?format=pdf".to_owned(), "format"),
        ("/api/accounts/alice?fresh".to_owned(), "fresh"),
        ("/api/jobs?kind=gift".to_owned(), "kind"),
        (format!("/api/jobs/{id}?wiat=2"), "wiat"),
    ];
    for (path, field) in cases {
        let answer = world.get(&path).await;
        answer.assert_problem(400, "invalid-parameter");
        assert_eq!(answer.body["errors"][0]["field"], field, "{path}: {answer:?}");
        assert!(!answer.body["errors"][0]["remedy"].as_str().unwrap().is_empty(), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_means_nothing_is_refused_wherever_it_is_sent() {
    let world = World::new().await;
    let id = domain::id::JobId::from_chance(1, [1; 6]);
    let cases = [
        (Method::POST, "/api/jobs?wiat=5".to_owned(), "wiat"),
        (Method::POST, "/api/jobs/batch?wiat=5".to_owned(), "wiat"),
        (Method::POST, "/api/imports?format=csv&format=csv&fast=1".to_owned(), "fast"),
        (Method::GET, "/api/imports/1?fresh=true".to_owned(), "fresh"),
        (Method::DELETE, "/api/imports/1?force".to_owned(), "force"),
        (Method::GET, "/api/imports/1/refused?limit=5".to_owned(), "limit"),
        (Method::GET, "/api/imports/1/refused?from=5".to_owned(), "format=json"),
        (Method::GET, "/api/imports/1/refused?format=xml".to_owned(), "json"),
        (Method::GET, "/api/imports/1/report?format=json".to_owned(), "format"),
        (Method::GET, "/api/accounts/alice/patterns?fresh=true".to_owned(), "fresh"),
        (Method::POST, "/api/analyses?wait=5".to_owned(), "wait"),
        (Method::GET, format!("/api/analyses/{id}?wait=5"), "wait"),
        (Method::DELETE, format!("/api/analyses/{id}?now"), "now"),
    ];
    for (method, path, name) in cases {
        let request = Request::builder().method(method).uri(&path).body(Body::from(DEPOSIT)).unwrap();
        let answer = world.ask(request).await;
        answer.assert_problem(400, "invalid-parameter");
        assert!(answer.body["detail"].as_str().unwrap().contains(name), "{path}: {answer:?}");
    }
    assert!(world.queue.jobs().is_empty());
}

#[tokio::test]
async fn without_a_kind_the_kinds_are_listed() {
    let world = World::new().await;
    let answer = world.post(&[JSON], "{}").await;
    answer.assert_problem(422, "invalid-job");
    assert_eq!(answer.body["errors"][0]["field"], "kind");
    assert!(answer.body["errors"][0]["remedy"].as_str().unwrap().contains("open_account"), "{answer:?}");
}

#[tokio::test]
async fn a_fault_of_ours_is_a_problem_and_no_cut_connection() {
    let world = World::new().await;
    world.get("/api/accounts/faulty").await.assert_problem(500, "internal");
}
