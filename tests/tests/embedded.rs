//! One process on files of its own keeps the promises of the fleet.

use std::time::Duration;

use serde_json::Value;
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::load::{Chance, Load};
use tests::oracle;
use tests::servers::free_port;
use tests::small_disk::SmallDisk;
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_in_one_process_keeps_what_it_accepted_when_it_is_killed() {
    // The clients find it where it was.
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", &address);
    let client = Client::new(&format!("http://{address}")).unwrap();
    let load = Load {
        name: "embedded".to_owned(),
        accounts: 40,
        clients: 2,
        batch_jobs: 20,
        batch_every: Duration::from_millis(40),
        seed: Chance::seed(),
    };
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let mut record = load.open(&client).await.unwrap();
    let running = load.start(&client);
    for _ in 0..3 {
        let before = running.accepted();
        until("500 more transfers are accepted", WITHIN, async || {
            let more = running.accepted() - before;
            anyhow::ensure!(more >= 500, "{more} are");
            Ok(())
        })
        .await
        .unwrap();
        dev.kill9().unwrap();
        dev = fleet.start(Role::Dev).await.unwrap();
    }
    record.join(running.stop().await.unwrap());
    oracle::hold_seen(&fleet, &client, "XTS", &record, WITHIN).await.unwrap();
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_on_a_full_disk_is_told_loses_nothing_and_goes_on_once_there_is_room() {
    let disk = SmallDisk::mount(32).unwrap();
    disk.fill_but(2).unwrap();
    // The queue has room: what is accepted waits there.
    let fleet = Fleet::embedded().unwrap();
    std::fs::create_dir_all(fleet.data_dir()).unwrap();
    let ledger = "ledger.sqlite";
    std::os::unix::fs::symlink(disk.path().join(ledger), fleet.data_dir().join(ledger)).unwrap();
    let load = Load {
        name: "full".to_owned(),
        accounts: 40,
        clients: 2,
        batch_jobs: 20,
        batch_every: Duration::from_millis(80),
        seed: Chance::seed(),
    };
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url("")).unwrap();
    let monitor = Client::new(&dev.url_as(Role::Monitor, "").unwrap()).unwrap();
    let mut record = load.open(&client).await.unwrap();
    let running = load.start(&client);
    until("it is told that nothing is posted", WITHIN, async || {
        let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
        let firing = alerts["firing"].as_array().map_or(&[][..], Vec::as_slice);
        anyhow::ensure!(firing.iter().any(|alert| alert["alert"] == "standstill"), "{alerts}");
        Ok(())
    })
    .await
    .unwrap();
    disk.free().unwrap();
    record.join(running.stop().await.unwrap());
    oracle::hold_seen(&fleet, &client, "XTS", &record, WITHIN).await.unwrap();
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_keys_a_change_of_the_fleet_takes_one_that_operates() {
    let (reader, operator) = (Keys::hash("reader-key"), Keys::hash("operator-key"));
    let keys = format!("dashboard:read:{reader},ops:operate+read:{operator}");
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys);
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let monitor = dev.url_as(Role::Monitor, "").unwrap();
    let (stranger, reader, operator) = (
        Client::new(&monitor).unwrap(),
        Client::with_key(&monitor, "reader-key").unwrap(),
        Client::with_key(&monitor, "operator-key").unwrap(),
    );
    let config = "/api/scalability/config";
    let letters = "/api/scalability/dead-letters";
    let change = serde_json::json!({ "LINGER_MS": 7 });

    assert_eq!(stranger.get("/api/scalability/status").await.unwrap().status, 200, "figures are for all");
    assert_eq!(stranger.get(letters).await.unwrap().status, 401);
    assert_eq!(stranger.patch(config, &change).await.unwrap().status, 401);
    let load_test = stranger.post("/api/scalability/load-test", "application/json", "").await.unwrap();
    assert_eq!(load_test.status, 401);
    assert_eq!(reader.get(letters).await.unwrap().status, 200);
    assert_eq!(reader.patch(config, &change).await.unwrap().status, 403);
    assert_eq!(operator.patch(config, &change).await.unwrap().status, 200);
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_without_keys_listens_on_this_machine_only() {
    let fleet = Fleet::embedded().unwrap().with("MONITOR_LISTEN", "0.0.0.0:0");
    let refused = fleet.run(&["dev"]).await.unwrap();
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("API_KEYS") && told.contains("0.0.0.0:0"), "{told}");
}
