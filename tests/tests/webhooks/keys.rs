//! Whose endpoints a key shows and changes, and what an endpoint gets once keys are gone.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::wait::until;

use super::receiver::{Receiver, WITHIN, deposits, endpoint};

async fn key(fleet: &Fleet, client: &str, scopes: &str, accounts: &str) -> anyhow::Result<String> {
    let arguments = ["keys", "create", "--client", client, "--scopes", scopes, "--accounts", accounts];
    Ok(fleet.run_ok(&arguments).await?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_its_clients_and_gets_what_its_keys_show() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let fleet = Fleet::embedded()?.with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8");
    let mut keys = Vec::new();
    for (client, scopes, accounts) in [
        ("acme", "submit,read", "acme:*"),
        ("acme", "submit", "acme:*"),
        ("acme", "submit,read", "acme:1"),
        ("beta", "submit,read", "beta:*"),
        ("auditor", "audit", "*"),
        ("root", "admin", "*"),
    ] {
        keys.push(key(&fleet, client, scopes, accounts).await?);
    }
    let dev = fleet.start(Role::Dev).await?;
    let base = dev.url_as(Role::Api, "").context("dev has an api")?;
    let clients = keys.iter().map(|key| Client::with_key(&base, key)).collect::<Result<Vec<_>, _>>()?;
    let [acme, writer, lesser, beta, auditor, root] = &clients[..] else { unreachable!("six keys") };

    let url = receiver.url("/acme?token=s3cret");
    let (id, _) = endpoint(acme, &url, &json!({})).await?;
    let (betas, _) = endpoint(beta, &receiver.url("/beta"), &json!({})).await?;
    let body = json!({ "url": url }).to_string();
    let refused = writer.post("/api/webhooks", "application/json", body.clone()).await?;
    ensure!(refused.status == 403 && refused.body.contains("/problems/not-granted"), "{refused:?}");
    let beyond = json!({ "url": url, "accounts": ["beta:1"] }).to_string();
    let refused = acme.post("/api/webhooks", "application/json", beyond).await?;
    ensure!(refused.status == 403 && refused.body.contains("acme:*"), "{refused:?}");

    // Another client's is as one that is not there, for every deed.
    let path = format!("/api/webhooks/{id}");
    for (method, path, body) in [
        (Method::GET, path.clone(), String::new()),
        (Method::GET, format!("{path}/attempts"), String::new()),
        (Method::PATCH, path.clone(), body),
        (Method::POST, format!("{path}/rotate"), String::new()),
        (Method::POST, format!("{path}/test"), String::new()),
        (Method::POST, format!("{path}/enable"), String::new()),
        (Method::POST, format!("{path}/resend"), json!({"since": "2026-01-01T00:00:00Z"}).to_string()),
        (Method::DELETE, path.clone(), String::new()),
    ] {
        let json = [("content-type", "application/json")];
        let answer = beta.ask(method.clone(), &path, &json, body.clone()).await?;
        let nowhere = path.replace(&id, "0123456789abcdef");
        let unknown = beta.ask(method.clone(), &nowhere, &json, body).await?;
        ensure!(answer.status == 404 && unknown.status == 404, "{method} {path}: {answer:?} {unknown:?}");
        let said = [&answer, &unknown]
            .map(|answer| answer.json::<Value>().unwrap_or_default()["detail"].to_string());
        ensure!(said[0].replace(&id, "0123456789abcdef") == said[1], "{said:?}");
    }
    // A key for fewer accounts would read by it what it may not read.
    for what in ["rotate", "test"] {
        let refused = lesser.post(&format!("{path}/{what}"), "application/json", "").await?;
        ensure!(refused.status == 403 && refused.body.contains("acme:1"), "{refused:?}");
    }
    let all: Value = auditor.read("/api/webhooks").await?;
    ensure!(all["webhooks"].as_array().is_some_and(|all| all.len() == 2), "{all}");
    ensure!(!all.to_string().contains("s3cret"), "a token in a url is its client's: {all}");
    let one: Value = root.read("/api/webhooks?client=beta").await?;
    ensure!(one["webhooks"][0]["id"] == betas.as_str() && one["webhooks"][1].is_null(), "{one}");
    let log: Value = until("the audit log has them", WITHIN, async || {
        let log: Value = auditor.read("/api/audit").await?;
        ensure!(log.to_string().contains("webhook_created"), "{log}");
        Ok(log)
    })
    .await?;
    ensure!(!log.to_string().contains("s3cret"), "{log}");

    // Of a payment to another client each gets its own side.
    deposits(acme, "acme:1", 1).await?;
    deposits(beta, "beta:1", 0).await?;
    let transfer =
        json!({"kind": "transfer", "from": "acme:1", "to": "beta:1", "amount": 1, "currency": "EUR"});
    let transfer = acme.submit(&transfer).await?;
    let side = async |path: &str| {
        until(&format!("{path} has the transfer"), WITHIN, async || {
            let received = receiver.received(path);
            let found = received.iter().find(|received| received.id == format!("{transfer}.posted"));
            let entries = found.context("not yet")?.event()["data"]["entries"].clone();
            let accounts = entries.as_array().into_iter().flatten();
            Ok(accounts.filter_map(|entry| entry["account"].as_str().map(str::to_owned)).collect::<Vec<_>>())
        })
        .await
    };
    ensure!(side("/acme").await? == ["acme:1"] && side("/beta").await? == ["beta:1"]);

    // Without a key that reads there is nobody whom anything could be shown.
    let kept: Value = root.read("/api/keys").await?;
    let of_beta = kept["keys"].as_array().into_iter().flatten().find(|key| key["client"] == "beta");
    let of_beta = of_beta.and_then(|key| key["id"].as_str()).context("beta has a key")?;
    ensure!(root.delete(&format!("/api/keys/{of_beta}")).await?.status == 200);
    until("the endpoint of who has no key is disabled", Duration::from_secs(30), async || {
        let shown: Value = auditor.read(&format!("/api/webhooks/{betas}")).await?;
        ensure!(shown["state"] == "disabled" && shown["reason"] == "no_key", "{shown}");
        Ok(())
    })
    .await?;
    ensure!(root.delete(&path).await?.status == 200, "whoever makes keys may remove it");
    Ok(())
}
