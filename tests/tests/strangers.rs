//! What others put on our queues, or ask for, harms nothing.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use serde_json::json;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_message_that_is_no_envelope_is_kept_with_its_cause_and_harms_nothing() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &vhost.url).unwrap().with("LANES", "1");
    fleet.run_ok(&["migrate"]).await.unwrap();
    let api = fleet.start(Role::Api).await.unwrap();
    let _worker = fleet.start(Role::Worker).await.unwrap();
    let client = Client::new(&api.url("")).unwrap();
    let open = |account: &str| json!({"kind": "open_account", "account": account, "currency": "EUR"});
    let before = client.submit(&open("before")).await.unwrap();
    assert_eq!(client.outcome(&before, WITHIN).await.unwrap().status, "posted");

    let connection = Connection::connect(&vhost.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    for stranger in [&b"not an envelope"[..], b"", b"\xff\xfe", b"{\"version\":99}"] {
        let confirmed = channel
            .basic_publish(
                "".into(),
                "tellers.lane.00".into(),
                mandatory,
                stranger,
                BasicProperties::default(),
            )
            .await
            .unwrap()
            .await
            .unwrap();
        assert!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
    }

    let after = client.submit(&open("after")).await.unwrap();
    assert_eq!(client.outcome(&after, WITHIN).await.unwrap().status, "posted");
    let listed = until("the dead letters are listed", WITHIN, async || {
        let listed = fleet.run_ok(&["dead-letters", "list"]).await?;
        anyhow::ensure!(listed.matches("lane 00").count() >= 4, "the list is {listed}");
        Ok(listed)
    })
    .await
    .unwrap();
    assert!(listed.contains("envelope"), "no cause in {listed}");
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn a_role_that_has_no_servers_says_so() {
    let fleet = Fleet::embedded().unwrap();
    for role in ["api", "worker"] {
        let output = fleet.run(&[role]).await.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains("AMQP_URL"), "{role}: {complaint}");
    }
}

#[tokio::test]
async fn nobody_listens_to_everyone_without_keys() {
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", "0.0.0.0:0");
    let output = fleet.run(&["dev"]).await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complaint.contains("API_KEYS"), "{complaint}");
}
