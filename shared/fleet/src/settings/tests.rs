use clap::{Args as _, FromArgMatches as _};
use contract::report::Role;
use contract::settings::SettingsMessage;
use serde_json::json;

use super::*;

fn patch(asked: serde_json::Value) -> Result<Patch, Vec<Refusal>> {
    Patch::parse(asked.as_object().unwrap())
}

fn given(arguments: &[&str]) -> Result<Settings, clap::Error> {
    let command = WorkerSettings::augment_args(clap::Command::new("worker"));
    let matches = command.try_get_matches_from([&["worker"], arguments].concat())?;
    Ok(WorkerSettings::from_arg_matches(&matches)?.0)
}

#[test]
fn every_default_is_within_its_bounds_and_every_name_is_there_once() {
    for setting in table::ALL {
        let default = setting.default_value();
        assert_eq!(setting.read_json(&default.to_json()), Some(default), "{}", setting.name);
        assert!(setting.sentence.len() > 20 && !setting.sentence.ends_with('.'), "{}", setting.name);
        assert!(std::ptr::eq(table::find(setting.name).unwrap(), setting), "{}", setting.name);
    }
    let of_roles = [Role::Api, Role::Worker, Role::Monitor].into_iter().flat_map(table::of);
    assert_eq!(of_roles.count(), table::ALL.len());
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = Settings::default();
    assert_eq!(settings.batch_jobs_max(), 100);
    assert_eq!(settings.linger(), Duration::from_millis(20));
    assert_eq!(settings.posting_concurrency(), 4);
    assert_eq!(settings.prefetch_messages(), 100);
    assert_eq!(settings.concurrent_users_max(), 1_000);
    assert_eq!((settings.client_rate_limit(), settings.client_jobs_limit()), (None, None));
    assert_eq!(settings.lane_lag_limit(), None);
    let percents = [
        settings.alert_cpu_percent(),
        settings.alert_memory_percent(),
        settings.alert_disk_percent(),
        settings.alert_error_percent(),
    ];
    assert_eq!(percents, [80.0, 80.0, 90.0, 5.0]);
    assert_eq!((settings.alert_response_seconds(), settings.alert_lag_seconds()), (2.0, 30.0));
    assert_eq!(settings.alert_dead_letters(), 0);
    assert_eq!(settings.alert_for(), Duration::from_secs(5));
    assert_eq!(settings.alert_clear(), Duration::from_secs(10));
    assert_eq!(settings.alert_webhook_url(), None);
}

#[test]
fn a_patch_is_taken_as_a_whole() {
    let asked = json!({"BATCH_PROCESSING_SIZE": 50, "ALERT_CPU_PERCENT": 85, "ALERT_WEBHOOK_URL": "https://a.example/x"});
    let overrides = patch(asked).unwrap().applied_to(&Overrides::default());
    let settings = Settings::default().overridden(3, &overrides);
    assert_eq!(settings.version, 3);
    assert_eq!(settings.batch_jobs_max(), 50);
    assert_eq!(settings.alert_cpu_percent(), 85.0);
    assert_eq!(settings.alert_webhook_url().as_deref(), Some("https://a.example/x"));
    assert_eq!(settings.linger(), Duration::from_millis(20), "what is not named stays");

    let back = patch(json!({"BATCH_PROCESSING_SIZE": null})).unwrap().applied_to(&overrides);
    assert_eq!(Settings::default().overridden(4, &back).batch_jobs_max(), 100);
    assert_eq!(back.to_json().len(), 2);
}

#[test]
fn a_patch_with_faults_names_each_with_its_remedy_and_changes_nothing() {
    let faults = patch(json!({
        "BATCH_PROCESSING_SIZE": 101,
        "LINGER_MS": "20",
        "POSTING_CONCURRENCY": 1.5,
        "PREFETCH": -1,
        "ALERT_CPU_PERCENT": 0,
        "ALERT_WEBHOOK_URL": "ftp://a.example",
        "LANES": 8,
        "MAX_CONCURRENT_USERS": 10,
    }))
    .unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "ALERT_CPU_PERCENT",
            "ALERT_WEBHOOK_URL",
            "BATCH_PROCESSING_SIZE",
            "LANES",
            "LINGER_MS",
            "POSTING_CONCURRENCY",
            "PREFETCH"
        ]
    );
    assert_eq!(
        faults[2].to_string(),
        "BATCH_PROCESSING_SIZE cannot be 101: it takes a whole number of jobs from 1 to 100, or null for its value at the start"
    );
    assert!(faults[3].remedy.contains("LINGER_MS"), "says which there are: {}", faults[3].remedy);
}

#[test]
fn a_flag_goes_over_the_default_and_a_change_over_the_flag() {
    let at_start = given(&["--linger-ms", "5"]).unwrap();
    assert_eq!(at_start.get(&table::LINGER_MS), (Value::Integer(5), SettingSource::Flag));
    assert_eq!(at_start.get(&table::PREFETCH), (Value::Integer(100), SettingSource::Default));

    let live = LiveSettings::new(at_start);
    let overrides = patch(json!({"LINGER_MS": 40})).unwrap().applied_to(&Overrides::default());
    live.apply(&overrides.to_message(2));
    assert_eq!(live.now().get(&table::LINGER_MS), (Value::Integer(40), SettingSource::Runtime));
    live.apply(&Overrides::default().to_message(3));
    assert_eq!(live.now().get(&table::LINGER_MS), (Value::Integer(5), SettingSource::Flag), "taken back");
}

#[test]
fn an_argument_out_of_bounds_is_refused_with_what_it_takes() {
    let refused = given(&["--batch-processing-size", "0"]).unwrap_err().to_string();
    assert!(refused.contains("a whole number of jobs from 1 to 100"), "{refused}");
}

#[test]
fn a_version_that_was_overtaken_changes_nothing() {
    let live = LiveSettings::default();
    let mut changes = live.subscribe();
    let message = |version, linger: u64| SettingsMessage {
        version,
        changes: [("LINGER_MS".to_owned(), linger.into())].into(),
        ..SettingsMessage::default()
    };
    live.apply(&message(5, 50));
    live.apply(&message(4, 40));
    assert_eq!((live.now().version, live.now().linger()), (5, Duration::from_millis(50)));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    live.apply(&message(5, 50));
    assert!(!changes.has_changed().unwrap(), "the monitor repeats itself, and nobody has to wake up for it");
}

#[test]
fn a_lane_is_paused_until_a_later_version_says_otherwise() {
    let live = LiveSettings::default();
    let pause = LanePause { by: "ops".to_owned(), reason: "a bad file".to_owned(), since: 7 };
    let message = |version, paused: &[u16]| SettingsMessage {
        version,
        paused_lanes: paused.iter().map(|lane| (*lane, pause.clone())).collect(),
        ..SettingsMessage::default()
    };
    live.apply(&message(2, &[3]));
    live.apply(&message(1, &[]));
    assert_eq!(live.now().pause_of(Lane(3)), Some(&pause));
    assert_eq!(live.now().pause_of(Lane(4)), None);
    live.apply(&message(3, &[4]));
    assert_eq!((live.now().pause_of(Lane(3)), live.now().pause_of(Lane(4))), (None, Some(&pause)));
}

#[test]
fn what_a_later_version_knows_is_left_out_and_the_rest_holds() {
    let live = LiveSettings::default();
    let changes = [
        ("OF_A_LATER_VERSION".to_owned(), json!(1)),
        ("PREFETCH".to_owned(), json!(5_000)),
        ("LINGER_MS".to_owned(), json!(1)),
    ];
    live.apply(&SettingsMessage { version: 1, changes: changes.into(), ..SettingsMessage::default() });
    assert_eq!((live.now().version, live.now().linger()), (1, Duration::from_millis(1)));
    assert_eq!(live.now().prefetch_messages(), 100);
}

#[test]
fn a_secret_is_never_shown() {
    let asked = json!({"ALERT_WEBHOOK_URL": "https://a.example/token", "LINGER_MS": 1});
    let overrides = patch(asked).unwrap().applied_to(&Overrides::default());
    let settings = Settings::default().overridden(1, &overrides);
    assert_eq!(settings.report(Role::Monitor)["ALERT_WEBHOOK_URL"].value, json!(MASK));
    let expected = SettingReport { value: json!(1), source: SettingSource::Runtime };
    assert_eq!(settings.report(Role::Worker)["LINGER_MS"], expected);
    assert_eq!(Settings::default().report(Role::Monitor)["ALERT_WEBHOOK_URL"].value, json!(""), "not set");
}
