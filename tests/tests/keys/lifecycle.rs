//! Keys from their making to their end, while the fleet runs and while its database is away.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{MariaDb, fresh_vhost};
use tests::wait::until;

use super::bank::{WITHIN, key};

/// Every replica knows of a change within this.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

async fn has_status(what: &str, client: &Client, status: u16) -> anyhow::Result<()> {
    until(what, KNOWN_WITHIN, async || {
        let answer = client.get("/api/jobs").await?;
        anyhow::ensure!(answer.status == status, "{answer:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_replaced_and_revoked_while_the_fleet_runs() {
    let fleet = Fleet::embedded().unwrap();
    let admin = key(&fleet, "ops", "admin,audit", "*").await.unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let api = dev.url_as(Role::Api, "").unwrap();
    let admin = Client::with_key(&api, &admin).unwrap();

    let wanted =
        json!({"client": "acme", "name": "Acme ERP", "scopes": ["read", "submit"], "accounts": ["acme:*"]});
    let made = admin.post("/api/keys", "application/json", wanted.to_string()).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let made: Value = made.json().unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(secret.starts_with("tlr_client_"), "{secret}");
    let acme = Client::with_key(&api, secret).unwrap();
    has_status("the key is taken", &acme, 200).await.unwrap();
    assert_eq!(acme.get("/api/keys").await.unwrap().status, 403);
    let listed = admin.get("/api/keys").await.unwrap();
    assert!(listed.body.contains(id) && !listed.body.contains(secret), "{listed:?}");

    let rotated = admin.post(&format!("/api/keys/{id}/rotate"), "application/json", "").await.unwrap();
    let rotated: Value = rotated.json().unwrap();
    assert_eq!((&rotated["client"], &rotated["accounts"]), (&made["client"], &made["accounts"]));
    let newer = Client::with_key(&api, rotated["key"].as_str().unwrap()).unwrap();
    has_status("the new key is taken", &newer, 200).await.unwrap();
    assert_eq!(acme.get("/api/jobs").await.unwrap().status, 200, "the old one goes on");
    let shown: Value = admin.read(&format!("/api/keys/{id}")).await.unwrap();
    assert!(shown["expires_at"].is_string() && shown["status"] == "valid", "{shown}");

    let revoked = admin.delete(&format!("/api/keys/{id}")).await.unwrap();
    assert_eq!(revoked.json::<Value>().unwrap()["status"], "revoked");
    has_status("the old key is refused", &acme, 401).await.unwrap();
    let none = admin.post(&format!("/api/keys/{id}/rotate"), "application/json", "").await.unwrap();
    assert_eq!(none.status, 409, "{none:?}");
    assert_eq!(newer.get("/api/jobs").await.unwrap().status, 200);

    // At the database, beside the fleet.
    let second = rotated["id"].as_str().unwrap();
    let third = fleet.run_ok(&["keys", "rotate", second, "--overlap", "1s"]).await.unwrap();
    has_status("the third key is taken", &Client::with_key(&api, third.trim()).unwrap(), 200).await.unwrap();
    let late = KNOWN_WITHIN + Duration::from_secs(1);
    until("the overlap is over", late, async || {
        anyhow::ensure!(newer.get("/api/jobs").await?.status == 401);
        Ok(())
    })
    .await
    .unwrap();
    let table = fleet.run_ok(&["keys", "list"]).await.unwrap();
    assert!(table.contains("expired") && table.contains("revoked") && table.contains("Acme ERP"), "{table}");
    let unknown = fleet.run(&["keys", "revoke", "0000"]).await.unwrap();
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("0000"));
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_made_is_refused_with_its_field() {
    let fleet = Fleet::embedded().unwrap();
    let admin = key(&fleet, "ops", "admin", "*").await.unwrap();
    let limited = key(&fleet, "tenant", "admin", "tenant:*").await.unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let api = dev.url_as(Role::Api, "").unwrap();
    let good = json!({"client": "acme", "scopes": ["read"], "accounts": ["acme:*"]});
    let wrong = [
        ("client", json!("tellers")),
        ("client", json!("")),
        ("scopes", json!([])),
        ("scopes[0]", json!(["write"])),
        ("accounts", json!([])),
        ("accounts[0]", json!(["a*b"])),
        ("rate", json!(0)),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("more", json!(1)),
    ];
    for (field, value) in wrong {
        let mut body = good.clone();
        body[field.trim_end_matches("[0]")] = value;
        let answer = Client::with_key(&api, &admin).unwrap();
        let answer = answer.post("/api/keys", "application/json", body.to_string()).await.unwrap();
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        let named = answer.json::<Value>().unwrap()["errors"][0]["field"].as_str().unwrap().to_owned();
        assert_eq!(named, field, "{body}: {answer:?}");
    }
    let tenant = Client::with_key(&api, &limited).unwrap();
    let answer = tenant.post("/api/keys", "application/json", good.to_string()).await.unwrap();
    assert_eq!(answer.status, 403, "a key for some accounts makes none: {answer:?}");
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_goes_on_while_the_database_is_away_and_what_is_not_waits() {
    const JOB: &str = r#"{"kind":"open_account","account":"acme:1","currency":"EUR"}"#;
    let mut database = MariaDb::start().await.unwrap();
    let broker = fresh_vhost().await.unwrap();
    let fixed = format!("ops:submit:{}", Keys::hash("fixed"));
    let fleet = Fleet::new(&database.url(), &broker.url).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let stored = key(&fleet, "acme", "submit,read", "acme:*").await.unwrap();
    let mut api = fleet.start(Role::Api).await.unwrap();
    let acme = Client::with_key(&api.url(""), &stored).unwrap();
    let json = [("content-type", "application/json")];
    assert_eq!(acme.post_with("/api/jobs", &json, JOB).await.unwrap().status, 202);
    database.kill().unwrap();
    assert_eq!(acme.post_with("/api/jobs", &json, JOB).await.unwrap().status, 202, "it was known");
    api.terminate().await.unwrap();

    let fleet = fleet.with("API_KEYS", &fixed);
    let mut api = fleet.start(Role::Api).await.unwrap();
    let [acme, ops] = [&stored, "fixed"].map(|key| Client::with_key(&api.url(""), key).unwrap());
    let unknown = acme.post_with("/api/jobs", &json, JOB).await.unwrap();
    assert_eq!(
        (unknown.status.as_u16(), unknown.body.contains("keys-unavailable")),
        (503, true),
        "{unknown:?}"
    );
    assert_eq!(ops.post_with("/api/jobs", &json, JOB).await.unwrap().status, 202);
    database.restart().await.unwrap();
    until("the key is known", WITHIN, async || {
        let answer = acme.ask(Method::POST, "/api/jobs", &json, JOB).await?;
        anyhow::ensure!(answer.status == 202, "{answer:?}");
        Ok(())
    })
    .await
    .unwrap();
    api.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_key_of_a_fleet_that_strangers_reach_is_shown_once() {
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", "0.0.0.0:0");
    let refused = fleet.run(&["dev"]).await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("tellers keys create"), "{told}");
    let first = fleet.run_ok(&["migrate"]).await.unwrap();
    let secret = first.split_whitespace().find(|word| word.starts_with("tlr_admin_")).expect("a key");
    assert!(!fleet.run_ok(&["migrate"]).await.unwrap().contains("tlr_"), "once");
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let api = dev.url_as(Role::Api, "").unwrap();
    assert_eq!(Client::with_key(&api, secret).unwrap().get("/api/keys").await.unwrap().status, 200);
    assert_eq!(Client::new(&api).unwrap().get("/api/jobs").await.unwrap().status, 401);
    dev.terminate().await.unwrap();
}
