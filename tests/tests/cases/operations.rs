//! Brokers, proxies and deployments as operators have them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use shared::domain::lane::Lanes;
use tests::cluster::Cluster;
use tests::fleet::Fleet;
use tests::wait::until;

use super::bank::{WITHIN, at_the_bank};

const SAYS_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_scaler_looks_at_as_many_queues_as_there_can_be_lanes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/keda.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let sizes: Vec<u16> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pageSize:")?.trim().trim_matches('"').parse().ok())
        .collect();
    let triggers = text.matches("useRegex: \"true\"").count();
    assert!(triggers > 0 && sizes.len() == triggers, "{triggers} triggers, pages of {sizes:?}");
    assert!(sizes.iter().all(|size| *size >= Lanes::MAX), "pages of {sizes:?} for {} lanes", Lanes::MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_ipv6_in_the_brokers_url_is_never_taken_for_another_host() {
    // Whoever asks for localhost finds this one.
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    other.set_nonblocking(true).unwrap();
    let port = other.local_addr().unwrap().port();
    for (address, query) in [("[2001:db8::1]", ""), ("[::1]", ""), ("[::ffff:192.0.2.1]", "")] {
        let url = format!("amqp://guest:guest@{address}:{port}/%2f{query}");
        let fleet = Fleet::new("mysql://root@127.0.0.1:1/tellers", &url).unwrap();
        let said = tokio::time::timeout(SAYS_WITHIN, fleet.run(&["dead-letters", "list"])).await;
        // One that waits for the address has not taken it for another.
        if let Ok(output) = said {
            let output = output.unwrap();
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            let bare = address.trim_matches(['[', ']']);
            assert!(
                !output.status.success() && complaint.contains(bare),
                "{address} is not named: {complaint}"
            );
            assert!(!complaint.contains("localhost"), "{complaint}");
        }
        assert!(other.accept().is_err(), "{address}: it connected to 127.0.0.1");
    }
}

#[test]
fn the_monitors_page_and_the_docs_stand_behind_a_path() {
    at_the_bank(async |bank| {
        let monitor = bank.monitor();
        for (client, path) in [(&monitor, "/"), (&bank.client, "/docs/")] {
            let page = client.get(path).await.unwrap();
            assert_eq!(page.status, 200, "{path}: {page:?}");
            let rooted: Vec<_> = ["href=\"/", "src=\"/", "url(/", "\"/api/", "'/api/"]
                .into_iter()
                .filter(|start| page.body.contains(start))
                .collect();
            assert!(rooted.is_empty(), "{path} asks at the root: {rooted:?}");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_of_a_broker_is_documented_and_never_passed_over() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    assert!(readme.contains("SSL_CERT_FILE"), "README.md does not say how a private authority is trusted");
    // What other clients know in the URL is taken or refused, by its name.
    let url = "amqps://guest:guest@127.0.0.1:1/%2f?cacertfile=nowhere.pem";
    let fleet = Fleet::new("mysql://root@127.0.0.1:1/tellers", url).unwrap();
    let output =
        tokio::time::timeout(SAYS_WITHIN, fleet.run(&["dead-letters", "list"])).await.unwrap().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && complaint.contains("cacertfile"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_policy_that_lets_messages_expire_loses_no_job() {
    let mut cluster = Cluster::start(1).await.unwrap();
    cluster.resumes("before the policy", WITHIN).await.unwrap();
    cluster.workers[0].terminate().await.unwrap();
    let policy = ["set_policy", "ttl", ".*", r#"{"message-ttl":1000}"#, "--apply-to", "queues"];
    cluster.broker.control(&policy).await.unwrap();
    let mut accepted = Vec::new();
    for number in 0..5 {
        let open = json!({"kind": "open_account", "account": format!("a{number}"), "currency": "EUR"});
        let answer = cluster.client.post("/api/jobs", "application/json", open.to_string()).await.unwrap();
        // A fleet may refuse what such a queue would lose.
        if answer.status == 202 {
            accepted.push(answer.json::<serde_json::Value>().unwrap()["id"].as_str().unwrap().to_owned());
        } else {
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    }
    // What the policy does to the lanes is over once they are empty.
    until("nothing waits in a lane", WITHIN, async || {
        let listed = cluster.broker.control(&["list_queues", "-q", "name", "messages"]).await?;
        let waiting =
            listed.lines().filter(|line| line.starts_with("tellers.lane.") && !line.ends_with("\t0"));
        let waiting: Vec<_> = waiting.collect();
        ensure!(waiting.is_empty(), "{waiting:?}");
        Ok(())
    })
    .await
    .unwrap();
    cluster.add_worker().await.unwrap();
    until("every accepted job is posted, after a replay at the latest", WITHIN, async || {
        cluster.fleet.run(&["dead-letters", "replay", "--all"]).await?;
        for id in &accepted {
            let job = cluster.client.job(id, Duration::ZERO).await?;
            ensure!(job.status == "posted", "{job:?}");
        }
        Ok(())
    })
    .await
    .unwrap();
}
