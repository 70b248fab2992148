//! Many endpoints, some of which hang.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::wait::until;

use super::receiver::{Receiver, endpoint};

const CLIENTS: usize = 10;
const ENDPOINTS: usize = 100;
/// Of each client.
const HANGING: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_endpoints_thirty_hang_and_the_others_do_not_notice() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let key = |n: usize| format!("key-{n}");
    let keys: Vec<_> =
        (0..CLIENTS).map(|n| format!("client{n}:submit+read:{}:c{n}:*", Keys::hash(&key(n)))).collect();
    let fleet =
        Fleet::embedded()?.with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8").with("API_KEYS", &keys.join(","));
    let dev = fleet.start(Role::Dev).await?;
    let base = dev.url_as(Role::Api, "").context("dev has an api")?;
    let clients = (0..CLIENTS).map(|n| Client::with_key(&base, &key(n))).collect::<Result<Vec<_>, _>>()?;
    for (n, client) in clients.iter().enumerate() {
        let make = (0..ENDPOINTS).map(async |place| {
            let path =
                if place < HANGING { format!("/hanging-{n}-{place}") } else { format!("/{n}-{place}") };
            endpoint(client, &receiver.url(&path), &json!({})).await
        });
        try_join_all(make).await?;
        let more = json!({ "url": receiver.url("/more") }).to_string();
        let refused = client.post("/api/webhooks", "application/json", more).await?;
        ensure!(refused.status == 422 && refused.body.contains("100"), "{refused:?}");
    }
    let open = |n: usize| json!({"kind": "open_account", "account": format!("c{n}:1"), "currency": "EUR"});
    let deposit =
        |n: usize| json!({"kind": "deposit", "account": format!("c{n}:1"), "amount": 1, "currency": "EUR"});
    for (n, client) in clients.iter().enumerate() {
        client.submit(&open(n)).await?;
    }
    let good: Vec<_> =
        (0..CLIENTS).flat_map(|n| (HANGING..ENDPOINTS).map(move |place| format!("/{n}-{place}"))).collect();
    let all_have = async |events: usize| {
        until("every endpoint that answers has its events", Duration::from_secs(90), async || {
            let late = good.iter().filter(|path| receiver.received(path).len() < events).count();
            ensure!(late == 0, "{late} of {} have not", good.len());
            Ok(())
        })
        .await
    };
    all_have(1).await?;
    // By now each one that hangs has an attempt that ends after 15 s. What comes now waits for none of them.
    until("those that hang are called", Duration::from_secs(30), async || {
        let hanging =
            (0..CLIENTS).flat_map(|n| (0..HANGING).map(move |place| format!("/hanging-{n}-{place}")));
        let called = hanging.filter(|path| !receiver.received(path).is_empty()).count();
        ensure!(called == CLIENTS * HANGING, "{called}");
        Ok(())
    })
    .await?;
    let started = Instant::now();
    for (n, client) in clients.iter().enumerate() {
        client.submit(&deposit(n)).await?;
    }
    all_have(2).await?;
    eprintln!("970 endpoints had their event after {:?}", started.elapsed());
    ensure!(started.elapsed() < Duration::from_secs(14), "somebody waited for those that hang");
    Ok(())
}
