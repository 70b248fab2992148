//! Who is let in, and how fast the others learn that they are not.

use std::sync::Arc;

use std::time::{Duration, Instant};

use api::Config;
use api::keys::Keys;
use axum::body::Body;
use contract::report::SettingSource;
use contract::settings::SettingsMessage;
use domain::id::JobId;
use fleet::settings::{Settings, Value, table};
use futures::future::join_all;
use futures::poll;
use jiff::Timestamp;
use serde_json::json;

use crate::fakes::Takes;
use crate::harness::{DEPOSIT, World, deposit, lane_of, post};
use crate::patience::until;

async fn world_for(concurrent_users_max: u64) -> World {
    let limit = [(&table::MAX_CONCURRENT_USERS, Value::Integer(concurrent_users_max))];
    World::set_to(Settings::default().with(limit, SettingSource::Flag), Config::default()).await
}

/// Does what the monitor does: tells new settings.
fn change(world: &World, version: u64, name: &str, value: u64) {
    let changes = [(name.to_owned(), value.into())].into();
    world.settings.apply(&SettingsMessage { version, changes, ..SettingsMessage::default() });
}

#[tokio::test]
async fn beyond_the_limit_a_client_learns_it_within_50_ms() {
    let world = world_for(2).await;
    world.queue.takes.send_replace(Takes::Nothing);
    let busy = async { join_all([world.post(&[], DEPOSIT), world.post(&[], DEPOSIT)]).await };
    let others = async {
        until("two are in flight", || world.publishing().then_some(())).await;
        let started = Instant::now();
        for _ in 0..20 {
            let shed = world.post(&[], DEPOSIT).await;
            shed.assert_problem(503, "overloaded");
            assert_eq!(shed.header("retry-after"), "1");
        }
        assert!(started.elapsed() < Duration::from_millis(50), "twenty took {:?}", started.elapsed());
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(world.get(path).await.status, 200, "{path} is never shed");
        }
        world.queue.takes.send_replace(Takes::All);
    };
    let (busy, ()) = tokio::join!(busy, others);
    assert!(busy.iter().all(|answer| answer.status == 202), "{busy:?}");
    assert_eq!(world.post(&[], DEPOSIT).await.status, 202, "the places are free again");
}

#[tokio::test]
async fn who_waits_for_an_outcome_does_not_shut_out_others() {
    let world = world_for(1).await;
    let path = format!("/api/jobs/{}?wait=30", JobId::from_chance(1, [1; 6]));
    let waiting = async { join_all([world.get(&path), world.get(&path)]).await };
    let others = async {
        until("a client waits", || (*world.ledger.reads.lock().unwrap() > 2).then_some(())).await;
        assert_eq!(world.post(&[], DEPOSIT).await.status, 202);
        world.shutdown.cancel();
    };
    let (waiting, ()) = tokio::join!(waiting, others);
    assert!(waiting.iter().all(|answer| answer.status == 200), "{waiting:?}");
}

#[tokio::test]
async fn batches_in_flight_are_bounded_in_memory() {
    let world = world_for(100).await;
    // Bodies of 16 MiB that begin and never end: only two of this size fit.
    let announced = ("content-length", "16777216");
    let drip = || Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let asked =
        [post("/api/jobs/batch", &[announced], drip()), post("/api/jobs/batch", &[announced], drip())];
    let held = join_all(asked.map(|request| world.ask(request)));
    let others = async {
        tokio::task::yield_now().await;
        world.post_batch(&[announced], drip()).await.assert_problem(503, "overloaded");
        // What grows as it comes is held to the same.
        world.post_batch(&[], DEPOSIT).await.assert_problem(503, "overloaded");
        assert_eq!(world.post(&[], DEPOSIT).await.status, 202, "a job on its own needs no such room");
    };
    tokio::select! {
        biased;
        _ = held => panic!("a body that never ends was read"),
        () = others => (),
    }
    assert_eq!(world.post_batch(&[], DEPOSIT).await.status, 202, "the room is free again");
}

#[tokio::test]
async fn the_limit_grows_and_shrinks_while_running_and_no_request_is_dropped() {
    let world = world_for(1).await;
    world.queue.takes.send_replace(Takes::Nothing);
    let mut first = Box::pin(world.post(&[], DEPOSIT));
    assert!(poll!(&mut first).is_pending());
    world.post(&[], DEPOSIT).await.assert_problem(503, "overloaded");
    change(&world, 1, "MAX_CONCURRENT_USERS", 2);
    let mut second = Box::pin(world.post(&[], DEPOSIT));
    assert!(poll!(&mut second).is_pending(), "there is one more place");
    change(&world, 2, "MAX_CONCURRENT_USERS", 1);
    world.post(&[], DEPOSIT).await.assert_problem(503, "overloaded");

    world.queue.takes.send_replace(Takes::All);
    assert_eq!([first.await.status, second.await.status], [202, 202], "nobody loses a place");
    assert_eq!(world.post(&[], DEPOSIT).await.status, 202);
}

#[tokio::test]
async fn a_client_beyond_its_rate_learns_when_to_come_back_and_others_are_not_disturbed() {
    let keys = ["acme", "umbrella"].map(|name| format!("{name}:submit:{}", Keys::hash(name))).join(",");
    let config = Config { keys: Arc::new(Keys::parse(&keys).unwrap().into()), ..Config::default() };
    let world = World::with(config).await;
    let post = async |key: &str| world.post(&[("x-api-key", key)], DEPOSIT).await;
    for _ in 0..20 {
        assert_eq!(post("acme").await.status, 202, "nothing is limited unless it is set");
    }
    change(&world, 1, "CLIENT_RATE_LIMIT", 2);
    assert_eq!([post("acme").await.status, post("acme").await.status], [202, 202]);
    let limited = post("acme").await;
    limited.assert_problem(429, "rate-limited");
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(post("umbrella").await.status, 202, "every client has its own");
    assert_eq!(world.get("/readyz").await.status, 200, "who looks after the fleet is never turned away");
    change(&world, 2, "CLIENT_RATE_LIMIT", 0);
    assert_eq!(post("acme").await.status, 202);
}

#[tokio::test]
async fn a_clients_jobs_count_and_not_its_requests() {
    let keys = ["acme", "umbrella"].map(|name| format!("{name}:submit:{}", Keys::hash(name))).join(",");
    let config = Config { keys: Arc::new(Keys::parse(&keys).unwrap().into()), ..Config::default() };
    let world = World::with(config).await;
    change(&world, 1, "CLIENT_JOBS_LIMIT", 5);
    let batch = [DEPOSIT; 8].join("\n");
    let answer = world.post_batch(&[("x-api-key", "acme")], batch.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &5.into()), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    let results = answer.body["results"].as_array().unwrap();
    let late: Vec<_> = results.iter().filter(|line| line["status"] == "refused").collect();
    assert_eq!(late.len(), 3, "the last ones: none overtakes another");
    assert!(results[5..].iter().eq(late.iter().copied()), "{answer:?}");
    assert_eq!(late[0]["error"]["type"], "/problems/rate-limited");
    for answer in [
        world.post_batch(&[("x-api-key", "acme")], batch).await,
        world.post(&[("x-api-key", "acme")], DEPOSIT).await,
    ] {
        answer.assert_problem(429, "rate-limited");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(
        world.post(&[("x-api-key", "umbrella")], DEPOSIT).await.status,
        202,
        "every client has its own"
    );
}

#[tokio::test]
async fn one_client_does_not_take_every_place() {
    let keys = ["acme", "umbrella"].map(|name| format!("{name}:submit:{}", Keys::hash(name))).join(",");
    let config = Config { keys: Arc::new(Keys::parse(&keys).unwrap().into()), ..Config::default() };
    let world = World::with(config).await;
    change(&world, 1, "MAX_CONCURRENT_USERS", 4);
    world.queue.takes.send_replace(Takes::Nothing);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut request = Box::pin(world.post(&[("x-api-key", "acme")], DEPOSIT));
        assert!(poll!(&mut request).is_pending());
        waiting.push(request);
    }
    world.post(&[("x-api-key", "acme")], DEPOSIT).await.assert_problem(429, "rate-limited");
    let mut other = Box::pin(world.post(&[("x-api-key", "umbrella")], DEPOSIT));
    assert!(poll!(&mut other).is_pending(), "the last place is for others");
    world.queue.takes.send_replace(Takes::All);
    for request in waiting {
        assert_eq!(request.await.status, 202);
    }
    assert_eq!(other.await.status, 202);
}

/// Does what the worker of alice's lane does: reports how old its oldest job is.
async fn report_lag(world: &World, seconds: i64) {
    let oldest = Timestamp::now().as_microsecond() - seconds * 1_000_000;
    let lane = lane_of("alice");
    let report = json!({"role": "worker", "lanes": [{"lane": lane, "oldest_accepted_at": oldest}]});
    world.bus.reports.send(report.to_string().into()).unwrap();
    until("the report is taken", || world.bus.reports.is_empty().then_some(())).await;
}

#[tokio::test]
async fn an_account_whose_lane_is_behind_waits_and_others_do_not_notice() {
    let world = World::new().await;
    let other = (0..).map(|n| format!("b-{n}")).find(|name| lane_of(name) != lane_of("alice")).unwrap();
    report_lag(&world, 90).await;
    let key = [("idempotency-key", "k")];
    assert_eq!(world.post(&key, DEPOSIT).await.status, 202, "nothing is limited unless it is set");
    change(&world, 1, "LANE_LAG_LIMIT", 30);
    assert_eq!(world.post(&key, DEPOSIT).await.status, 202, "it came before");
    let late = world.post(&[], DEPOSIT).await;
    late.assert_problem(429, "lane-behind");
    assert!(late.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(world.post(&[], deposit(&other, 1)).await.status, 202);

    let taken = world.queue.jobs().len();
    let mixed = world.post_batch(&[], format!("{DEPOSIT}\n{}", deposit(&other, 2))).await;
    assert_eq!((mixed.status.as_u16(), &mixed.body["accepted"]), (202, &json!(1)));
    assert_eq!(mixed.body["results"][0]["error"]["type"], "/problems/lane-behind");
    assert!(mixed.header("retry-after").parse::<u64>().unwrap() >= 1);
    world.post_batch(&[], format!("{DEPOSIT}\nnonsense")).await.assert_problem(429, "lane-behind");
    assert_eq!(world.queue.jobs().len(), taken + 1);

    // What was turned away has claimed nothing: the same reference may bear another body.
    let with = |amount: u64| deposit("alice", amount).replace('}', ",\"reference\":\"r-1\"}");
    world.post(&[], with(1)).await.assert_problem(429, "lane-behind");
    change(&world, 2, "LANE_LAG_LIMIT", 0);
    assert_eq!(world.post(&[], with(2)).await.status, 202);
}
