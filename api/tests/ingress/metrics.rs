//! The figures that operators read.

use runtime::telemetry::names;

use crate::harness::{DEPOSIT, World};

/// The value of a line that contains all of these; 0 where there is none yet.
async fn figure(world: &World, parts: &[&str]) -> f64 {
    let text = world.get("/metrics").await.body.as_str().unwrap().to_owned();
    let line =
        text.lines().find(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn jobs_and_requests_are_counted() {
    let world = World::new().await;
    let accepted = [names::INGRESS_JOBS_ACCEPTED, r#"kind="freeze_account""#];
    let refused = [names::INGRESS_JOBS_REFUSED, r#"problem="invalid-job""#];
    let requests =
        [names::INGRESS_REQUESTS, r#"route="/api/jobs/batch""#, r#"method="POST""#, r#"status="202""#];
    let mut before = Vec::new();
    for parts in [&accepted[..], &refused[..], &requests[..]] {
        before.push(figure(&world, parts).await);
    }
    let freeze = r#"{"kind":"freeze_account","account":"a"}"#;
    assert_eq!(world.post_batch(&[], format!("{freeze}\n{{}}\n{freeze}")).await.status, 202);
    // Others count beside this test; only it freezes accounts.
    assert_eq!(figure(&world, &accepted).await, before[0] + 2.0);
    assert!(figure(&world, &refused).await > before[1]);
    assert!(figure(&world, &requests).await > before[2]);
}

#[tokio::test]
async fn a_label_takes_few_values_whatever_clients_send() {
    let world = World::new().await;
    world.get("/made/up").await;
    world.get("/api/accounts/made-up").await;
    world.post(&[], DEPOSIT).await;
    let text = world.get("/metrics").await.body.as_str().unwrap().to_owned();
    assert!(text.contains(r#"route="/api/accounts/{number}""#), "{text}");
    assert!(!text.contains("made"), "{text}");
}
