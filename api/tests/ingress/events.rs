//! What became of jobs, for those who follow.

use std::sync::Arc;

use api::Config;
use api::keys::Keys;
use axum::body::Body;
use axum::http::Request;
use domain::id::JobId;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::harness::{Answer, World};

/// An event of a job of a client that moves money from one account to another.
fn event(client: &str, from: &str, to: &str, number: u64) -> Value {
    let id = JobId::from_chance(number, [0; 6]).to_string();
    json!({
        "specversion": "1.0", "id": format!("{id}.posted"), "source": "/tellers/lanes/3", "type": "tellers.job.posted",
        "subject": id, "time": "2026-11-23T17:00:00Z", "datacontenttype": "application/json",
        "data": {
            "job": id, "client": client, "kind": "transfer", "outcome": "posted", "account": from, "amount": 5,
            "currency": "EUR", "accepted_at": "2026-11-23T17:00:00Z",
            "entries": [
                {"account": from, "amount": -5, "balance_after": 95}, {"account": to, "amount": 5, "balance_after": 5},
            ],
        },
    })
}

fn publish(world: &World, events: &[Value]) {
    world.queue.events.publish(serde_json::to_vec(events).unwrap());
}

async fn world() -> World {
    let keys = [
        ("acme", "read", "acme:*"),
        ("beta", "read", "beta:*"),
        ("auditor", "audit", "*"),
        ("whole", "read", "*"),
    ];
    let keys = keys.map(|(name, scopes, accounts)| {
        format!("{name}:{scopes}:{}:{accounts}", Keys::hash(&format!("{name}-key")))
    });
    let keys = Keys::parse(&keys.join(", ")).unwrap();
    World::with(Config { keys: Arc::new(keys.into()), ..Config::default() }).await
}

async fn ask(world: &World, key: &str, path: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    world.ask(request.body(Body::empty()).unwrap()).await
}

fn numbers(answer: &Answer) -> Vec<usize> {
    let ids: Vec<_> = (0..10).map(|number| JobId::from_chance(number, [0; 6]).to_string()).collect();
    let number = |event: &Value| ids.iter().position(|id| event["subject"] == id.as_str()).unwrap();
    answer.body["events"].as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn pages_follow_one_another_and_miss_nothing() {
    let world = World::new().await;
    assert_eq!(world.get("/api/events").await.body, json!({"events": [], "next": "0.0", "more": false}));
    publish(&world, &[1, 2, 3].map(|number| event("acme", "a", "b", number)));
    publish(&world, &[4].map(|number| event("acme", "a", "c", number)));
    publish(&world, &[5, 6].map(|number| event("acme", "a", "b", number)));
    let first = world.get("/api/events?limit=2").await;
    assert_eq!(numbers(&first), [1, 2]);
    assert_eq!((&first.body["next"], &first.body["more"]), (&json!("0.2"), &json!(true)));
    let (mut seen, mut after) = (vec![1, 2], "0.2".to_owned());
    loop {
        let page = world.get(&format!("/api/events?limit=2&after={after}")).await;
        seen.extend(numbers(&page));
        after = page.body["next"].as_str().unwrap().to_owned();
        if page.body["more"] == false {
            break;
        }
    }
    assert_eq!((seen, after.as_str()), (vec![1, 2, 3, 4, 5, 6], "3.0"));
    publish(&world, &[7].map(|number| event("acme", "a", "b", number)));
    assert_eq!(numbers(&world.get("/api/events?after=3.0").await), [7]);
    let of_c = world.get("/api/events?account=c").await;
    assert_eq!(
        (numbers(&of_c), &of_c.body["next"]),
        (vec![4], &json!("4.0")),
        "the cursor passes what is not shown"
    );
    assert_eq!(numbers(&world.get("/api/events?type=tellers.job.rejected").await), [0; 0]);
    assert_eq!(numbers(&world.get("/api/events?since=2026-11-23T00:00:00Z&limit=1").await), [1]);
}

#[tokio::test]
async fn each_client_sees_its_own_events_and_no_balance_of_another() {
    let world = world().await;
    publish(
        &world,
        &[
            event("acme", "acme:1", "beta:1", 1),
            event("acme", "acme:1", "acme:2", 2),
            event("beta", "beta:1", "beta:2", 3),
        ],
    );
    for (key, expected) in [
        ("acme-key", vec![(1, vec!["acme:1"]), (2, vec!["acme:1", "acme:2"])]),
        ("beta-key", vec![(1, vec!["beta:1"]), (3, vec!["beta:1", "beta:2"])]),
        (
            "auditor-key",
            vec![(1, vec!["acme:1", "beta:1"]), (2, vec!["acme:1", "acme:2"]), (3, vec!["beta:1", "beta:2"])],
        ),
        ("whole-key", vec![]),
    ] {
        let page = ask(&world, key, "/api/events").await;
        let entries = |event: &Value| {
            let entries = event["data"]["entries"].as_array().unwrap().iter();
            entries.map(|entry| entry["account"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let shown: Vec<_> = page.body["events"].as_array().unwrap().iter().map(entries).collect();
        let shown: Vec<_> = numbers(&page).into_iter().zip(shown).collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(number, accounts)| (number, accounts.into_iter().map(str::to_owned).collect::<Vec<_>>()))
            .collect();
        assert_eq!(shown, expected, "{key}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_that_a_client_has() {
    let world = World::new().await;
    publish(&world, &[1, 2].map(|number| event("acme", "a", "b", number)));
    publish(&world, &[3].map(|number| event("acme", "a", "b", number)));
    let request =
        Request::get("/api/events").header("accept", "text/event-stream").header("last-event-id", "0.1");
    let asked = world.ask(request.body(Body::empty()).unwrap());
    let ended = async {
        // Published while the stream is open.
        crate::patience::until("the stream is read", || (world.queue.events.readers() > 1).then_some(()))
            .await;
        publish(&world, &[4].map(|number| event("acme", "a", "b", number)));
        crate::patience::until("all is taken", || (world.queue.events.taken() >= 3).then_some(())).await;
        tokio::task::yield_now().await;
        world.shutdown.cancel();
    };
    let (answer, ()) = tokio::join!(asked, ended);
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let text = answer.body.as_str().unwrap();
    let of = |field: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(field)).map(str::to_owned).collect()
    };
    // How far it has read is said at once, if there is nothing to send.
    let ids: Vec<_> = of("id: ").into_iter().filter(|id| id != "0.1").collect();
    assert!(ids.starts_with(&["1.0".to_owned(), "2.0".to_owned()]), "{text}");
    assert_eq!(of("event: ")[0], "tellers.job.posted");
    let data: Vec<Value> = of("data: ").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(data[0], event("acme", "a", "b", 2));
    assert_eq!(data[1], event("acme", "a", "b", 3));
}

#[tokio::test]
async fn a_stream_that_begins_now_says_at_once_where_it_is_and_one_that_begins_before_skips_nothing() {
    let world = World::new().await;
    publish(&world, &[1].map(|number| event("acme", "a", "b", number)));
    let first_id = async |path: &str| {
        let request = Request::get(path).header("accept", "text/event-stream").body(Body::empty()).unwrap();
        let response = world.router.clone().oneshot(request).await.unwrap();
        let part = response.into_body().into_data_stream().next().await.unwrap().unwrap();
        String::from_utf8(part.to_vec()).unwrap()
    };
    let now = first_id("/api/events").await;
    assert!(now.contains("id: 1.0") && !now.contains("data:"), "{now}");
    let before = first_id("/api/events?since=2026-11-23T00:00:00Z").await;
    assert!(
        before.contains("id: 1.0") && before.contains("data:"),
        "the event comes with its place: {before}"
    );
    // The time of publication counts, and that of the posting does not: an event that comes again was published now.
    let page = world.get("/api/events?since=2126-11-24T00:00:00Z").await;
    assert_eq!((numbers(&page), &page.body["next"]), (vec![], &json!("1.0")));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_the_remedy() {
    let world = World::new().await;
    for (query, field) in [
        ("after=17", "after"),
        ("after=x.1", "after"),
        ("since=yesterday", "since"),
        ("type=posted", "type"),
        ("account=a+b", "account"),
        ("limit=0", "limit"),
        ("after=1.0&since=2026-11-23T00:00:00Z", "since"),
    ] {
        let answer = world.get(&format!("/api/events?{query}")).await;
        answer.assert_problem(400, "invalid-parameter");
        assert_eq!(answer.body["errors"][0]["field"], field, "{query}: {}", answer.body);
    }
}
