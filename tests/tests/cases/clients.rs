//! The client behind an identity stays the same: a retry is the same job after keys were switched on or renamed.

use std::path::Path;

use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::Role;

use super::bank::{WITHIN, fleet};

/// What one client gets for a job with a reference, of a fleet with these keys on the ledger of `folder`.
async fn sent(folder: &Path, keys: &str, key: Option<&str>, amount: i64) -> (u16, i64) {
    let mut fleet = fleet().with("DATA_DIR", &folder.to_string_lossy());
    if !keys.is_empty() {
        fleet = fleet.with("API_KEYS", keys);
    }
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let url = dev.url_as(Role::Api, "").unwrap();
    let client = key.map_or_else(|| Client::new(&url), |key| Client::with_key(&url, key)).unwrap();
    let open = json!({"kind": "open_account", "account": "a", "currency": "EUR", "reference": "open"});
    let _ = client.post("/api/jobs", "application/json", open.to_string()).await.unwrap();
    let job =
        json!({"kind": "deposit", "account": "a", "amount": amount, "currency": "EUR", "reference": "inv-7"});
    let headers = [("content-type", "application/json"), ("prefer", "wait=20")];
    let answer = client.post_with("/api/jobs", &headers, job.to_string()).await.unwrap();
    if answer.status == 202 {
        let id = answer.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
        client.outcome(&id, WITHIN).await.unwrap();
    }
    let balance = client.account("a").await.unwrap()["balance"].as_i64().unwrap();
    dev.terminate().await.unwrap();
    (answer.status.as_u16(), balance)
}

fn key(name: &str, secret: &str) -> String {
    format!("{name}:submit+read:{}", Keys::hash(secret))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_keys_were_switched_on_is_the_same_job() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(sent(folder.path(), "", None, 100).await, (200, 100));
    let (status, balance) = sent(folder.path(), &key("acme", "secret"), Some("secret"), 100).await;
    assert!([200, 409, 422].contains(&status), "{status}");
    assert_eq!(balance, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_key_was_replaced_is_the_same_job() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(sent(folder.path(), &key("acme", "secret"), Some("secret"), 100).await, (200, 100));
    assert_eq!(sent(folder.path(), &key("acme", "newer"), Some("newer"), 100).await, (200, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_client_was_renamed_is_the_same_job() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(sent(folder.path(), &key("acme", "secret"), Some("secret"), 100).await, (200, 100));
    let (status, balance) = sent(folder.path(), &key("acme-ltd", "secret"), Some("secret"), 100).await;
    assert!([200, 409, 422].contains(&status), "{status}");
    assert_eq!(balance, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_with_one_reference_have_two_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let keys = format!("{},{}", key("acme", "secret"), key("other", "others"));
    assert_eq!(sent(folder.path(), &keys, Some("secret"), 100).await, (200, 100));
    assert_eq!(sent(folder.path(), &keys, Some("others"), 20).await, (200, 120));
}
