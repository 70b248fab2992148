//! Every route against every scope, as the two documents list them.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tests::client::Client;
use tests::wait::until;

use super::bank::{Bank, key};

const SCOPES: [&str; 5] = ["submit", "read", "operate", "audit", "admin"];

/// The scopes that open a route, written down once more: a table that is wrong is to be noticed. `None`: nobody has said it.
fn opened_by(method: &Method, path: &str) -> Option<&'static [&'static str]> {
    Some(match (method.as_str(), path) {
        ("GET", "/api/session") => &SCOPES,
        (_, "/livez" | "/readyz" | "/metrics" | "/api/session") => &[],
        ("POST", "/api/jobs" | "/api/jobs/batch" | "/api/imports" | "/api/analyses") => &["submit"],
        ("GET", "/api/keys/self") => &SCOPES,
        ("DELETE", "/api/jobs/{id}" | "/api/imports/{number}" | "/api/analyses/{id}") => {
            &["submit", "operate"]
        }
        ("GET", path) if path.starts_with("/api/webhooks") => &["read", "audit", "admin"],
        (_, path) if path.starts_with("/api/webhooks") => &["submit", "admin"],
        ("GET", "/api/keys" | "/api/keys/{id}") => &["audit", "admin"],
        (_, path) if path.starts_with("/api/keys") => &["admin"],
        (_, "/api/audit") => &["audit"],
        ("GET", path) if path.starts_with("/api/scalability") => &["read", "operate", "audit"],
        (_, path) if path.starts_with("/api/scalability") => &["operate"],
        ("GET", _) => &["read", "audit"],
        _ => return None,
    })
}

/// Each operation of a document: its method, its path, and the scopes that it says it asks for.
fn operations(document: &Value) -> Vec<(Method, String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let ways = operation["security"].as_array().into_iter().flatten();
            let scopes = ways.filter_map(|way| way["bearer"].as_array()).flatten();
            let scopes = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
            found.push((method, path.clone(), scopes));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_opens_to_its_scopes_and_to_no_others() {
    let bank = Bank::open().await.unwrap();
    let mut keys = Vec::new();
    for scope in SCOPES {
        keys.push((scope, key(&bank.fleet, scope, scope, "*").await.unwrap()));
    }
    // Every replica takes them within 2 s.
    until("the last key is taken", Duration::from_secs(2), async || {
        let client = Client::with_key(&bank.api, &keys[4].1)?;
        anyhow::ensure!(client.get("/api/keys").await?.status == 200);
        Ok(())
    })
    .await
    .unwrap();
    let mut tried = 0;
    for base in [&bank.api, &bank.monitor] {
        let document: Value = Client::new(base).unwrap().read("/api/openapi.json").await.unwrap();
        for (method, path, said) in operations(&document) {
            let expected = opened_by(&method, &path).unwrap_or_else(|| panic!("who may {method} {path}?"));
            assert!(
                said.iter().eq(&expected.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>()),
                "{path}: {said:?}"
            );
            // What is there for nobody, so that nothing of the fleet changes.
            let asked = path.replace("{lane}", "none").replace("{number}", "mine:0").replace("{id}", "0");
            let body = r#"{"nothing": "that any route takes"}"#;
            let json = [("content-type", "application/json")];
            let ask = async |client: Client| client.ask(method.clone(), &asked, &json, body).await.unwrap();
            let stranger = ask(Client::new(base).unwrap()).await;
            let unknown = ask(Client::with_key(base, "tlr_client_guess").unwrap()).await;
            for answer in [&stranger, &unknown] {
                assert_eq!(answer.status == 401, !expected.is_empty(), "{method} {path}: {answer:?}");
            }
            for (scope, key) in &keys {
                let answer = ask(Client::with_key(base, key).unwrap()).await;
                let is_open = expected.is_empty() || expected.contains(scope);
                let is_refused = answer.body.contains("/problems/forbidden");
                assert_eq!(is_refused, !is_open, "{method} {path} with {scope}: {answer:?}");
                let status = answer.status.as_u16();
                assert!(
                    status < 500 && (is_open || status == 403),
                    "{method} {path} with {scope}: {answer:?}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "{tried} cells were tried");
}

/// What the monitor passes on to the ingress, which describes it.
const PASSED_ON: [(&str, &str); 25] = [
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/0"),
    ("GET", "/api/jobs/0/timeline"),
    ("GET", "/api/accounts"),
    ("GET", "/api/accounts/mine:0"),
    ("GET", "/api/accounts/mine:0/entries"),
    ("GET", "/api/accounts/mine:0/statement"),
    ("GET", "/api/accounts/mine:0/patterns"),
    ("GET", "/api/holds"),
    ("GET", "/api/standing-orders"),
    ("GET", "/api/standing-orders/0"),
    ("GET", "/api/scheduled-jobs"),
    ("GET", "/api/imports"),
    ("GET", "/api/imports/0"),
    ("GET", "/api/imports/0/refused"),
    ("GET", "/api/imports/0/report"),
    ("GET", "/api/analyses/0"),
    ("GET", "/api/audit"),
    ("GET", "/api/webhooks"),
    ("GET", "/api/webhooks/0"),
    ("GET", "/api/webhooks/0/attempts"),
    ("POST", "/api/webhooks/0/test"),
    ("POST", "/api/webhooks/0/resend"),
    ("POST", "/api/webhooks/0/enable"),
    ("POST", "/api/analyses"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_monitor_passes_on_is_answered_as_by_the_ingress_itself() {
    let bank = Bank::open().await.unwrap();
    let mut keys = vec![None, Some("tlr_client_guess".to_owned())];
    for scope in SCOPES {
        keys.push(Some(key(&bank.fleet, scope, scope, "*").await.unwrap()));
    }
    for (base, path) in [(&bank.api, "/api/keys"), (&bank.monitor, "/api/session")] {
        until("the last key is taken", Duration::from_secs(2), async || {
            let admin = Client::with_key(base, keys[6].as_deref().unwrap_or_default())?;
            let answer = admin.get(path).await?;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await
        .unwrap();
    }
    let body = r#"{"nothing": "that any route takes"}"#;
    let json = [("content-type", "application/json"), ("x-request-id", "the same")];
    for (method, path) in PASSED_ON {
        let method: Method = method.parse().unwrap();
        for key in &keys {
            let ask = async |base: &str| {
                let client =
                    key.as_ref().map_or_else(|| Client::new(base), |key| Client::with_key(base, key));
                client.unwrap().ask(method.clone(), path, &json, body).await.unwrap()
            };
            let (there, here) = (ask(&bank.api).await, ask(&bank.monitor).await);
            assert_eq!(here.status, there.status, "{method} {path}: {here:?} {there:?}");
            // Events of the audit log come meanwhile.
            if path != "/api/audit" {
                assert_eq!(here.body, there.body, "{method} {path}");
            }
            assert_eq!(here.header("content-type"), there.header("content-type"), "{method} {path}");
            if key.is_some() && here.status == 200 {
                assert_eq!(here.header("cache-control"), "no-store", "{method} {path}");
            }
        }
    }
    // Nothing else goes on: neither what changes jobs nor what is no one's to read from here.
    for (method, path) in [
        ("POST", "/api/jobs"),
        ("GET", "/api/keys"),
        ("DELETE", "/api/imports/1"),
        ("POST", "/api/webhooks"),
        ("DELETE", "/api/webhooks/1"),
        ("POST", "/api/webhooks/1/rotate"),
    ] {
        let client = Client::with_key(&bank.monitor, keys[6].as_deref().unwrap_or_default()).unwrap();
        let answer = client.ask(method.parse().unwrap(), path, &json, body).await.unwrap();
        assert!([404, 405].contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_concerns_every_client_takes_a_key_for_all_accounts() {
    let bank = Bank::open().await.unwrap();
    let some = key(&bank.fleet, "some", "operate,admin", "mine:*").await.unwrap();
    let client = |base: &str| Client::with_key(base, &some).unwrap();
    until("the key is taken", Duration::from_secs(2), async || {
        let answer = client(&bank.api).get("/api/keys").await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await
    .unwrap();
    for (base, method, path) in [
        (&bank.api, Method::POST, "/api/keys"),
        (&bank.api, Method::POST, "/api/keys/0/rotate"),
        (&bank.api, Method::DELETE, "/api/keys/0"),
        (&bank.monitor, Method::PATCH, "/api/scalability/config"),
        (&bank.monitor, Method::POST, "/api/scalability/config/undo"),
        (&bank.monitor, Method::POST, "/api/scalability/optimize"),
        (&bank.monitor, Method::POST, "/api/scalability/load-test"),
        (&bank.monitor, Method::DELETE, "/api/scalability/load-test/1"),
        (&bank.monitor, Method::PUT, "/api/scalability/lanes/0/pause"),
        (&bank.monitor, Method::DELETE, "/api/scalability/lanes/0/pause"),
    ] {
        let answer =
            client(base).ask(method, path, &[("content-type", "application/json")], "{}").await.unwrap();
        assert!(answer.status == 403 && answer.body.contains("mine:*"), "{path}: {answer:?}");
    }
}
