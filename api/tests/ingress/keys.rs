//! Who may do what.

use std::sync::Arc;

use api::Config;
use api::keys::Keys;

use crate::harness::{DEPOSIT, World, lane_of};

async fn world() -> World {
    let list =
        format!("acme:submit+read:{}, reader:read:{}", Keys::hash("acme-key"), Keys::hash("reader-key"));
    World::with(Config { keys: Arc::new(Keys::parse(&list).unwrap().into()), ..Config::default() }).await
}

#[tokio::test]
async fn a_keys_name_is_the_client() {
    let world = world().await;
    for header in [
        ("authorization", "Bearer acme-key"),
        ("authorization", "bearer acme-key"),
        ("x-api-key", "acme-key"),
    ] {
        assert_eq!(world.post(&[header], DEPOSIT).await.status, 202, "{header:?}");
    }
    let jobs = world.queue.jobs_of(lane_of("alice"));
    assert!(jobs.len() == 3 && jobs.iter().all(|job| job["client"] == "acme"), "{jobs:?}");
}

#[tokio::test]
async fn without_a_known_key_nothing_is_done() {
    let world = world().await;
    for headers in [
        &[][..],
        &[("x-api-key", "guess")],
        &[("authorization", "Basic acme-key")],
        &[("authorization", "x")],
    ] {
        let answer = world.post(headers, DEPOSIT).await;
        answer.assert_problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{headers:?}");
    }
    world.get("/api/accounts/alice").await.assert_problem(401, "unauthorized");
    assert!(world.queue.jobs().is_empty());
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_with_its_name() {
    let world = world().await;
    let answer = world.post(&[("x-api-key", "reader-key")], DEPOSIT).await;
    answer.assert_problem(403, "forbidden");
    assert!(answer.body["detail"].as_str().unwrap().contains("`submit`"));
    world.post_batch(&[("x-api-key", "reader-key")], DEPOSIT).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_page_of_another_site_can_not_use_an_open_loopback() {
    let world = World::new().await;
    let foreign =
        world.post(&[("sec-fetch-site", "cross-site"), ("content-type", "text/plain")], DEPOSIT).await;
    foreign.assert_problem(403, "forbidden");
    assert_eq!(
        world.post(&[("sec-fetch-site", "same-origin")], DEPOSIT).await.status,
        202,
        "the page to try it can"
    );
}
