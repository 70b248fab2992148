//! Brokers, proxies and deployments as operators have them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use domain::lane::Lanes;
use tests::fleet::Fleet;

use super::bank::at_the_bank;

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
