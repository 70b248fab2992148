//! One good endpoint beside some that are not, and what can be done with an endpoint.

use std::time::Duration;

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;
use tokio::net::TcpListener;

use super::receiver::{Receiver, WITHIN, are_in_order, deposits, endpoint};

/// A fleet in one process that may send webhooks to this machine.
pub async fn fleet(settings: &[(&str, &str)]) -> anyhow::Result<(Fleet, Replica, Client)> {
    let fleet = Fleet::embedded()?.with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8");
    let fleet = settings.iter().fold(fleet, |fleet, (name, value)| fleet.with(name, value));
    let dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap_or_default())?;
    Ok((fleet, dev, client))
}

async fn show(client: &Client, id: &str) -> anyhow::Result<Value> {
    Ok(client.read(&format!("/api/webhooks/{id}")).await?)
}

async fn attempts(client: &Client, id: &str) -> anyhow::Result<Vec<Value>> {
    let page: Value = client.read(&format!("/api/webhooks/{id}/attempts")).await?;
    Ok(page["attempts"].as_array().cloned().unwrap_or_default())
}

async fn act(client: &Client, id: &str, what: &str, body: &Value) -> anyhow::Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = client.post(&format!("/api/webhooks/{id}/{what}"), "application/json", body).await?;
    ensure!(answer.status.is_success(), "{what}: {answer:?}");
    Ok(answer.json()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_fail_hang_redirect_or_lie_keep_no_other_waiting() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let (_fleet, _dev, client) = fleet(&[("WEBHOOK_RETRIES", "1,1")]).await?;
    let mut made = Vec::new();
    for path in ["/good", "/failing", "/hanging", "/moved", "/lying", "/gone", "/refusing"] {
        made.push((path, endpoint(&client, &receiver.url(path), &json!({"name": path})).await?));
    }
    let jobs = deposits(&client, "a", 30).await?;
    // The account was opened too.
    let good = receiver.receives("/good", jobs.len() + 1).await?;
    are_in_order(&good)?;
    let of = |path: &str| made.iter().find(|(name, _)| *name == path).map(|(_, made)| made.clone());
    let secret = of("/good").unwrap_or_default().1;
    for received in &good {
        ensure!(received.is_signed_with(&secret), "{received:?}");
        ensure!(received.event()["id"] == received.id.as_str(), "{received:?}");
    }
    for job in &jobs {
        ensure!(good.iter().any(|received| received.id == format!("{job}.posted")), "{job} is missing");
    }

    // Each attempt is there with what came back, and after the last one the next event of the account follows.
    receiver.receives("/failing", 2).await?;
    receiver.receives("/lying", jobs.len() + 1).await?;
    let (failing, _) = of("/failing").unwrap_or_default();
    until("an event is given up", WITHIN, async || {
        let attempts = attempts(&client, &failing).await?;
        let given_up = attempts.iter().find(|attempt| attempt["result"] == "given_up");
        ensure!(given_up.is_some_and(|last| last["attempt"] == 3 && last["status"] == 500), "{attempts:?}");
        ensure!(given_up.is_some_and(|last| last["answer"] == "out of order"), "{attempts:?}");
        ensure!(show(&client, &failing).await?["failing_since"].is_string(), "it says since when");
        Ok(())
    })
    .await?;
    let (lying, _) = of("/lying").unwrap_or_default();
    ensure!(attempts(&client, &lying).await?.iter().all(|attempt| attempt["result"] == "delivered"));
    let (hanging, _) = of("/hanging").unwrap_or_default();
    until("an attempt at the one that hangs ends", WITHIN, async || {
        let attempts = attempts(&client, &hanging).await?;
        let error = attempts.first().and_then(|attempt| attempt["error"].as_str()).unwrap_or_default();
        ensure!(error.contains("15 seconds"), "{attempts:?}");
        Ok(())
    })
    .await?;
    ensure!(receiver.received("/hanging").len() <= 3, "it is left in peace");
    let (moved, _) = of("/moved").unwrap_or_default();
    let told = attempts(&client, &moved).await?;
    ensure!(told.iter().all(|attempt| attempt["error"].as_str().is_some_and(|e| e.contains("redirects"))));
    ensure!(!told.is_empty() && receiver.received("/moved-to").is_empty());
    let (gone, _) = of("/gone").unwrap_or_default();
    until("the one that is gone is disabled", WITHIN, async || {
        let shown = show(&client, &gone).await?;
        ensure!(shown["state"] == "disabled" && shown["reason"] == "gone", "{shown}");
        let log: Value = client.read("/api/audit").await?;
        let noted = log["events"].as_array().into_iter().flatten();
        ensure!(noted.into_iter().any(|event| event["action"] == "webhook_disabled"), "{log}");
        Ok(())
    })
    .await?;
    ensure!(receiver.received("/gone").len() == 1, "nothing follows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_tested_stopped_enabled_and_sent_events_again() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let (_fleet, _dev, client) = fleet(&[]).await?;
    let (id, secret) = endpoint(&client, &receiver.url("/hook"), &json!({})).await?;
    let tested = act(&client, &id, "test", &Value::Null).await?;
    ensure!(tested["delivered"] == true && tested["status"] == 204, "{tested}");
    let test = receiver.receives("/hook", 1).await?.remove(0);
    ensure!(test.event()["type"] == "tellers.webhook.test" && test.is_signed_with(&secret), "{test:?}");

    let jobs = deposits(&client, "a", 5).await?;
    receiver.receives("/hook", 7).await?;
    // One again, and then all of them.
    let again = format!("{}.posted", jobs[2]);
    act(&client, &id, "resend", &json!({ "event": again })).await?;
    until("it comes again", WITHIN, async || {
        let count = receiver.received("/hook").iter().filter(|received| received.id == again).count();
        ensure!(count == 2, "{count}");
        Ok(())
    })
    .await?;
    act(&client, &id, "resend", &json!({ "since": "2026-01-01T00:00:00Z" })).await?;
    until("all come again", WITHIN, async || {
        let count = receiver.received("/hook").len();
        ensure!(count == 7 + 1 + 6, "{count}");
        Ok(())
    })
    .await?;

    // What happens while it is stopped comes once it is enabled again.
    let stopped = client.patch(&format!("/api/webhooks/{id}"), &json!({"enabled": false})).await?;
    ensure!(stopped.json::<Value>()?["reason"] == "by_client", "{stopped:?}");
    until("the worker knows", WITHIN, async || {
        deposits(&client, "b", 1).await?;
        let catching_up = show(&client, &id).await?["catching_up"].clone();
        ensure!(catching_up == true, "not yet");
        Ok(())
    })
    .await?;
    let missed = deposits(&client, "c", 3).await?;
    let before = receiver.received("/hook").len();
    act(&client, &id, "enable", &Value::Null).await?;
    until("what was missed comes", WITHIN, async || {
        let received = receiver.received("/hook");
        for job in &missed {
            ensure!(
                received.iter().any(|received| received.id == format!("{job}.posted")),
                "{job} is missing"
            );
        }
        Ok(())
    })
    .await?;
    ensure!(receiver.received("/hook").len() > before);

    // Only the types that are asked for, from then on.
    let change = json!({"types": ["tellers.job.rejected"], "name": "only refusals"});
    let changed = client.patch(&format!("/api/webhooks/{id}"), &change).await?;
    ensure!(changed.json::<Value>()?["name"] == "only refusals", "{changed:?}");
    let wrong = client.patch(&format!("/api/webhooks/{id}"), &json!({"types": ["posted"]})).await?;
    ensure!(wrong.status == 422 && wrong.body.contains("tellers.job.posted"), "{wrong:?}");
    until("a refusal alone comes", WITHIN, async || {
        let refused = json!({"kind": "withdrawal", "account": "a", "amount": 1_000_000, "currency": "EUR"});
        let refused = client.submit(&refused).await?;
        client.outcome(&refused, WITHIN).await?;
        let received = receiver.received("/hook");
        ensure!(
            received.iter().any(|received| received.event()["type"] == "tellers.job.rejected"),
            "not yet"
        );
        Ok(())
    })
    .await?;
    let removed = client.delete(&format!("/api/webhooks/{id}")).await?;
    ensure!(removed.status == 200, "{removed:?}");
    let gone = client.get(&format!("/api/webhooks/{id}")).await?;
    ensure!(gone.status == 404 && gone.body.contains("/problems/webhook-not-found"), "{gone:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_replaced_without_a_message_that_is_refused() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let (_fleet, _dev, client) = fleet(&[]).await?;
    let (id, old) = endpoint(&client, &receiver.url("/hook"), &json!({})).await?;
    let rotated = act(&client, &id, "rotate", &Value::Null).await?;
    let new = rotated["secret"].as_str().unwrap_or_default().to_owned();
    ensure!(new.starts_with("whsec_") && new != old, "{rotated}");
    ensure!(show(&client, &id).await?["secret"].is_null(), "it is shown once");
    act(&client, &id, "test", &Value::Null).await?;
    let both = receiver.receives("/hook", 1).await?.remove(0);
    ensure!(both.is_signed_with(&old) && both.is_signed_with(&new), "{both:?}");

    // The same from the worker, which learns of it within seconds; and then the old one ends.
    let at_once = act(&client, &id, "rotate", &json!({"overlap_seconds": 0})).await?;
    let newest = at_once["secret"].as_str().unwrap_or_default().to_owned();
    until("messages are signed with the newest secret alone", WITHIN, async || {
        deposits(&client, "a", 1).await?;
        let last = receiver.received("/hook").pop();
        let last = last.ok_or_else(|| anyhow::anyhow!("nothing came"))?;
        ensure!(last.is_signed_with(&newest) && !last.is_signed_with(&new), "{last:?}");
        Ok(())
    })
    .await?;
    let rotate = format!("/api/webhooks/{id}/rotate");
    let long = client.post(&rotate, "application/json", r#"{"overlap_seconds":7776001}"#);
    ensure!(long.await?.status == 422);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_private_address_is_called_unless_it_is_allowed() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let fleet = Fleet::embedded()?;
    let dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap_or_default())?;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/",
    ] {
        let body = json!({ "url": url }).to_string();
        let refused = client.post("/api/webhooks", "application/json", body).await?;
        ensure!(refused.status == 422 && refused.body.contains("/problems/invalid-webhook"), "{refused:?}");
    }
    // A name says where it leads when it is called.
    let (id, _) = endpoint(&client, &format!("https://localhost:{port}/"), &json!({})).await?;
    let tested = act(&client, &id, "test", &Value::Null).await?;
    let error = tested["error"].as_str().unwrap_or_default();
    ensure!(tested["delivered"] == false && error.contains("loopback"), "{tested}");
    deposits(&client, "a", 1).await?;
    until("the worker does not call it either", WITHIN, async || {
        let attempts = attempts(&client, &id).await?;
        let error = attempts.first().and_then(|attempt| attempt["error"].as_str()).unwrap_or_default();
        ensure!(error.contains("loopback") && !error.contains("127.0.0.1"), "{attempts:?}");
        Ok(())
    })
    .await?;
    let nobody = tokio::time::timeout(Duration::from_millis(10), listener.accept()).await;
    ensure!(nobody.is_err(), "somebody connected");
    let head = client.ask(Method::HEAD, "/api/webhooks", &[], "").await?;
    ensure!(head.status == 200, "{head:?}");
    Ok(())
}
