//! Files of jobs while processes are killed, servers are away and clients leave.

use anyhow::ensure;
use serde_json::Value;
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::{Fleet, Role};
use tests::oracle;
use tests::servers::free_port;
use tests::wait::until;

use super::{WITHIN, assert_counts, assert_whole, ended, file, look, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_takes_effect_once_when_the_ingress_is_killed_and_the_file_sent_again() {
    let mut cluster = Cluster::start(2).await.unwrap();
    let file = file("killed", 300, 20_000).unwrap();
    let first = send(&cluster.client, "?name=a.csv", "text/csv", file.csv.as_str()).await.unwrap();
    for at_least in [2_000, 8_000] {
        until("some rows are queued", WITHIN, async || {
            let import = look(&cluster.client, &first["id"]).await?;
            ensure!(import["accepted"].as_u64() >= Some(at_least), "{import}");
            Ok(())
        })
        .await
        .unwrap();
        cluster.api.kill9().unwrap();
        cluster.api = cluster.fleet.start(Role::Api).await.unwrap();
        cluster.client = Client::new(&cluster.api.url("")).unwrap();
    }
    let again = send(&cluster.client, "", "text/csv", file.csv.as_str()).await.unwrap();
    assert_eq!(again["id"], first["id"], "the same file is the same import until that has ended");
    let import = ended(&cluster.client, &first["id"]).await.unwrap();
    assert_whole(&import, file.rows);
    assert_counts(&import, &[("duplicates", 0)]);
    assert!(import["rejected"].as_u64() < Some(file.rows / 2), "{import}");

    let later = send(&cluster.client, "", "text/csv", file.csv.as_str()).await.unwrap();
    assert_ne!(later["id"], first["id"]);
    let import = ended(&cluster.client, &later["id"]).await.unwrap();
    assert_whole(&import, file.rows);
    assert_counts(&import, &[("posted", 0), ("rejected", 0), ("duplicates", file.rows)]);
    cluster.hold_oracle(&file.record).await.unwrap();
    cluster.api.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_in_one_process_goes_on_with_a_file_when_it_is_killed() {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", &address);
    let client = Client::new(&format!("http://{address}")).unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let file = file("one", 40, 3_000).unwrap();
    let import = send(&client, "", "text/csv", file.csv.as_str()).await.unwrap();
    until("some rows have their outcome", WITHIN, async || {
        let import = look(&client, &import["id"]).await?;
        ensure!(import["posted"].as_u64() > Some(100), "{import}");
        Ok(())
    })
    .await
    .unwrap();
    dev.kill9().unwrap();
    dev = fleet.start(Role::Dev).await.unwrap();
    // It goes on by itself.
    let import = ended(&client, &import["id"]).await.unwrap();
    assert_whole(&import, file.rows);
    oracle::hold_seen(&fleet, &client, "XTS", &file.record, WITHIN).await.unwrap();
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_waits_for_a_broker_and_a_database_that_are_away() {
    let mut cluster = Cluster::start(2).await.unwrap();
    let file = file("waiting", 200, 30_000).unwrap();
    let import = send(&cluster.client, "", "text/csv", file.csv.as_str()).await.unwrap();
    let accepted = async |client: &Client, at_least: u64| {
        until("some rows are queued", WITHIN, async || {
            let import = look(client, &import["id"]).await?;
            ensure!(import["accepted"].as_u64() >= Some(at_least), "{import}");
            Ok(())
        })
        .await
    };
    accepted(&cluster.client, 1).await.unwrap();
    cluster.broker.kill().unwrap();
    until("the import says what it waits for", WITHIN, async || {
        let import = look(&cluster.client, &import["id"]).await?;
        ensure!(import["waits"].as_str().is_some_and(|waits| waits.contains("queue")), "{import}");
        Ok(())
    })
    .await
    .unwrap();
    cluster.broker.restart().await.unwrap();
    let before = look(&cluster.client, &import["id"]).await.unwrap()["accepted"].as_u64().unwrap();
    accepted(&cluster.client, before + 1_000).await.unwrap();
    cluster.database.kill().unwrap();
    // No number can be had for another file meanwhile, and none of it is kept.
    let refused = cluster.client.post("/api/imports", "text/csv", "kind,account\n").await.unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    cluster.database.restart().await.unwrap();
    let import = ended(&cluster.client, &import["id"]).await.unwrap();
    assert_whole(&import, file.rows);
    assert!(import["waits"].is_null(), "{import}");
    cluster.hold_oracle(&file.record).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::embedded().unwrap().with("DATA_DIR", &folder.path().to_string_lossy());
    let dev = fleet.start(Role::Dev).await.unwrap();
    let url = dev.url_as(Role::Api, "").unwrap();
    let spooled = || {
        let entries = std::fs::read_dir(folder.path().join("imports"));
        entries.map_or(0, Iterator::count)
    };
    let mut connection = tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /api/imports HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 5000000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&vec![b'x'; 100_000]).await.unwrap();
    let wait = async |what: &str, files: usize| {
        until(what, WITHIN, async || {
            ensure!(spooled() == files, "{} files", spooled());
            Ok(())
        })
        .await
    };
    wait("the file comes in", 1).await.unwrap();
    drop(connection);
    wait("nothing is left", 0).await.unwrap();
    let client = Client::new(&url).unwrap();
    let listed: Value = client.get("/api/imports").await.unwrap().json().unwrap();
    assert_eq!(listed["imports"].as_array().unwrap().len(), 0, "{listed}");
}
