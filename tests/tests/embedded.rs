//! One process on files of its own keeps the promises of the fleet.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
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
async fn a_ledger_on_a_full_disk_is_reported_loses_nothing_and_goes_on_once_there_is_room() {
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
    let worker = Client::new(&dev.url_as(Role::Worker, "").unwrap()).unwrap();
    let mut record = load.open(&client).await.unwrap();
    let running = load.start(&client);
    until("it is told that nothing is posted", WITHIN, async || {
        let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
        let firing = alerts["firing"].as_array().map_or(&[][..], Vec::as_slice);
        anyhow::ensure!(firing.iter().any(|alert| alert["alert"] == "standstill"), "{alerts}");
        let status: Value = monitor.get("/api/scalability/status").await?.json()?;
        anyhow::ensure!(status["health"]["score"].as_u64().is_some_and(|score| score <= 25), "{status}");
        let ready = worker.get("/readyz").await?;
        anyhow::ensure!(ready.status == 503 && ready.body.contains("nothing is posted"), "{ready:?}");
        let problems = status["problems"].as_array().map_or(&[][..], Vec::as_slice);
        let is_named =
            |problem: &Value| problem["what"].as_str().is_some_and(|what| what.contains("disk is full"));
        anyhow::ensure!(problems.iter().any(is_named), "{problems:?}");
        Ok(())
    })
    .await
    .unwrap();
    disk.free().unwrap();
    until("the worker is ready again", WITHIN, async || {
        let ready = worker.get("/readyz").await?;
        anyhow::ensure!(ready.status == 200, "{ready:?}");
        Ok(())
    })
    .await
    .unwrap();
    record.join(running.stop().await.unwrap());
    oracle::hold_seen(&fleet, &client, "XTS", &record, WITHIN).await.unwrap();
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_scrapes_every_role_gets_each_figure_once_and_what_it_means() {
    let fleet = Fleet::embedded().unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let api = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    let opening = r#"{"kind":"open_account","account":"acme:1","currency":"EUR"}"#;
    let posted = api.post("/api/jobs?wait=10", "application/json", opening).await.unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);
    let mut shown = BTreeMap::<String, Vec<Role>>::new();
    for role in [Role::Api, Role::Worker, Role::Monitor] {
        let text = Client::new(&dev.url_as(role, "").unwrap()).unwrap().get("/metrics").await.unwrap().body;
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
            shown.entry(name.to_owned()).or_default().push(role);
        }
    }
    let twice: Vec<_> = shown.iter().filter(|(_, roles)| roles.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let of = |name: &str| shown.get(name).map(Vec::as_slice);
    for (name, role) in [
        ("tellers_ingress_requests_total", Role::Api),
        ("process_resident_memory_bytes", Role::Api),
        ("tellers_build_info", Role::Api),
        ("tellers_batches_posted_total", Role::Worker),
        ("tellers_health_score", Role::Monitor),
    ] {
        assert_eq!(of(name), Some(&[role][..]), "{name} of {:?}", shown.keys());
    }
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

    assert_eq!(stranger.get("/api/scalability/status").await.unwrap().status, 401, "figures are for keys");
    assert_eq!(reader.get("/api/scalability/status").await.unwrap().status, 200);
    assert_eq!(stranger.get("/metrics").await.unwrap().status, 200, "of no client they tell anything");
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

/// A page that is open in a browser of this machine, a site whose name leads here, and whoever comes by a proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_without_keys_answers_this_machine_alone() {
    const JOB: &str = r#"{"kind":"open_account","account":"a","currency":"EUR"}"#;
    let fleet = Fleet::embedded().unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let [api, monitor] =
        [Role::Api, Role::Monitor].map(|role| Client::new(&dev.url_as(role, "").unwrap()).unwrap());
    let strangers: [&[(&str, &str)]; 6] = [
        &[("host", "evil.example"), ("origin", "http://evil.example"), ("content-type", "text/plain")],
        &[("host", "127.0.0.1.nip.io:8080")],
        &[("origin", "http://evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")],
        &[("forwarded", "for=203.0.113.9"), ("via", "1.1 proxy")],
    ];
    let requests = [
        (Method::POST, &api, "/api/jobs", JOB),
        (Method::POST, &api, "/api/jobs/batch", JOB),
        (Method::GET, &api, "/api/accounts/a", ""),
        (Method::GET, &api, "/api/jobs", ""),
        (Method::GET, &monitor, "/api/scalability/status", ""),
        (Method::GET, &monitor, "/api/scalability/dead-letters", ""),
        (Method::PATCH, &monitor, "/api/scalability/config", r#"{"LINGER_MS":21}"#),
        (Method::POST, &monitor, "/api/scalability/optimize", r#"{"dry_run":true}"#),
        (Method::POST, &monitor, "/api/scalability/load-test", "{}"),
    ];
    for (method, client, path, body) in requests {
        for headers in strangers {
            let answer = client.ask(method.clone(), path, headers, body).await.unwrap();
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
            assert!(answer.body.contains("API_KEYS"), "{answer:?}");
        }
        let json = [("content-type", "application/json")];
        let answer = client.ask(method.clone(), path, &json, body).await.unwrap();
        assert_ne!(answer.status, 403, "{method} {path}");
    }
    dev.terminate().await.unwrap();
}
