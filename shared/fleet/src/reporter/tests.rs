use std::time::Duration;

use contract::report::{PoolReport, SettingReport, SettingSource};
use metrics::with_local_recorder;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::embedded::EmbeddedBus;
use crate::settings::Overrides;

const PATIENCE: Duration = Duration::from_secs(10);

async fn next(reports: &mut broadcast::Receiver<Bytes>) -> Report {
    let report = timeout(PATIENCE, reports.recv()).await.expect("a report each second").unwrap();
    serde_json::from_slice(&report).unwrap()
}

fn reporter(bus: &Arc<dyn Bus>, instruments: Instruments) -> Reporter {
    Reporter {
        bus: bus.clone(),
        role: Role::Worker,
        replica: "worker-1".to_owned(),
        address: Some(SocketAddr::from(([0, 0, 0, 0], 9100))),
        tls: false,
        instruments,
    }
}

#[tokio::test]
async fn a_report_shows_what_its_process_runs_with_and_uses() {
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    let mut reports = bus.listen(Topic::Report).await;
    let pool =
        PoolReport { name: "primary".to_owned(), size_max: 2, idle: 0, in_use: 2, waiting: 3, timeouts: 4 };
    let lanes = SettingReport { value: json!(16), source: SettingSource::Default };
    let instruments = Instruments {
        pools: Some(Arc::new(move || vec![pool.clone()])),
        started_with: Arc::new([("LANES".to_owned(), lanes)].into()),
        ..Instruments::none()
    };
    let shutdown = CancellationToken::new();
    let trouble = || async { None };
    let reporting = tokio::spawn(reporter(&bus, instruments).report_each_second(
        Vitals::default,
        trouble,
        shutdown.clone(),
    ));

    assert_eq!(next(&mut reports).await.resources, None, "nothing is known yet of the time since the start");
    let report = next(&mut reports).await;
    assert_eq!(report.process_id, std::process::id());
    assert_eq!(report.address, Some(format!("{}:9100", sysinfo::System::host_name().unwrap())));
    assert_eq!((report.pools.len(), report.errors["pool_timeout/primary"]), (1, 4));
    assert!(report.resources.unwrap().memory_bytes > 0);
    assert_eq!(report.settings["LANES"].value, json!(16));
    assert_eq!(report.settings["LINGER_MS"].value, json!(20));
    assert!(!report.settings.contains_key("MAX_CONCURRENT_USERS"), "that is the ingress' to tell");

    shutdown.cancel();
    reporting.await.unwrap();
    assert!(next(&mut reports).await.leaving);
}

#[tokio::test]
async fn the_goodbye_reports_what_was_counted_last_though_servers_are_away() {
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    let mut reports = bus.listen(Topic::Report).await;
    let ended = CancellationToken::new();
    let vitals = || Vitals { counts: Counts { posted: 7, ..Counts::default() }, ..Vitals::default() };
    let away = || std::future::pending();
    let reporter = reporter(&bus, Instruments::none());
    let reporting = tokio::spawn(reporter.report_each_second(vitals, away, ended.clone()));
    ended.cancel();
    timeout(PATIENCE, reporting).await.expect("nothing holds up the end").unwrap();
    let mut last = next(&mut reports).await;
    while !last.leaving {
        last = next(&mut reports).await;
    }
    assert_eq!(last.counts.posted, 7);
}

#[tokio::test]
async fn settings_that_the_monitor_sends_are_in_force_and_in_the_next_report() {
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    let mut reports = bus.listen(Topic::Report).await;
    let instruments = Instruments::none();
    let settings = instruments.settings.clone();
    let shutdown = CancellationToken::new();
    let trouble = || async { None };
    let reporting = tokio::spawn(reporter(&bus, instruments).report_each_second(
        Vitals::default,
        trouble,
        shutdown.clone(),
    ));
    assert_eq!(next(&mut reports).await.settings_version, 0);

    let changes = [("LINGER_MS".to_owned(), json!(5))].into();
    let message = Overrides::read(&changes).0.to_message(7);
    let mut changed = settings.subscribe();
    bus.broadcast(Topic::Settings, Bytes::from_static(b"not what it should be")).await;
    bus.broadcast(Topic::Settings, serde_json::to_vec(&message).unwrap().into()).await;
    timeout(PATIENCE, changed.changed()).await.unwrap().unwrap();
    assert_eq!(settings.now().linger(), Duration::from_millis(5));
    let mut report = next(&mut reports).await;
    if report.settings_version == 0 {
        // It was under way already.
        report = next(&mut reports).await;
    }
    assert_eq!(report.settings_version, 7);
    assert_eq!(
        report.settings["LINGER_MS"],
        SettingReport { value: json!(5), source: SettingSource::Runtime }
    );
    shutdown.cancel();
    reporting.await.unwrap();
}

#[test]
fn pools_are_reported_to_prometheus() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let pool = |name: &str| PoolReport {
        name: name.to_owned(),
        size_max: 9,
        idle: 1,
        in_use: 2,
        waiting: 3,
        timeouts: 0,
    };
    let source = move || vec![pool("primary"), pool("reads")];
    let instruments = Instruments { pools: Some(Arc::new(source)), ..Instruments::none() };
    let (_, timeouts) = with_local_recorder(&recorder, || instruments.pools());
    assert!(timeouts.is_empty(), "what did not happen is no error");
    let rendered = recorder.handle().render();
    for line in [
        r#"tellers_pool_connections{pool="primary",state="idle"} 1"#,
        r#"tellers_pool_connections{pool="reads",state="in_use"} 2"#,
        r#"tellers_pool_waiting{pool="reads"} 3"#,
    ] {
        assert!(rendered.contains(line), "{line} is not in\n{rendered}");
    }
}

#[test]
fn an_address_is_one_that_others_can_reach() {
    let reachable = |address: &str| super::reachable(address.parse().unwrap(), "host-1");
    assert_eq!(reachable("0.0.0.0:8080"), "host-1:8080");
    assert_eq!(reachable("[::]:8080"), "host-1:8080");
    assert_eq!(reachable("127.0.0.1:8080"), "127.0.0.1:8080");
    assert_eq!(reachable("[::1]:8080"), "[::1]:8080");
    assert_eq!(super::reachable("0.0.0.0:1".parse().unwrap(), ""), "0.0.0.0:1", "a host without a name");
}
