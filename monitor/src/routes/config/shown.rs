//! The settings as they are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::report::{Role, SettingReport, SettingSource};
use contract::settings::PausedLanes;
use fleet::settings::table::{self, Kind, Setting};
use fleet::settings::{MASK, Overrides};
use jiff::Timestamp;
use serde_json::Value;

use crate::context::Shared;
use crate::control::Change;
use crate::snapshot::ReplicaSettings;
use crate::views::config::{ChangeView, Changed, Config, Convergence, ReplicaVersion, SettingView};

/// Changes that are shown.
const AUDIT_SHOWN_MAX: u32 = 50;
/// The settings are shown without their audit log if the database does not answer within this time.
const AUDIT_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn config(shared: &Shared) -> Config {
    let (version, overrides) = shared.control.in_force();
    let audit = tokio::time::timeout(AUDIT_WAIT, shared.control.audit(AUDIT_SHOWN_MAX)).await;
    let audit = audit.unwrap_or_else(|_| Err(format!("the database did not answer within {AUDIT_WAIT:?}")));
    let snapshot = shared.snapshot();
    let (audit, audit_trouble) = match audit {
        Ok(audit) => {
            (audit.into_iter().map(|(record, change)| view(record.number, record.at, change)).collect(), None)
        }
        Err(why) => (Vec::new(), Some(why)),
    };
    Config {
        version,
        settings: settings(&snapshot.settings, &overrides),
        overrides: overrides
            .iter()
            .map(|(setting, value)| (setting.name.to_owned(), setting.shown(&value)))
            .collect(),
        convergence: convergence(&snapshot.settings, version),
        audit,
        audit_trouble,
    }
}

/// Those that change while running, in the order of the table, then the others by name.
fn settings(replicas: &[ReplicaSettings], overrides: &Overrides) -> Vec<SettingView> {
    let changing = table::ALL.iter().map(|setting| changing(setting, replicas, overrides));
    let reported: BTreeSet<&String> = replicas.iter().flat_map(|replica| replica.settings.keys()).collect();
    let fixed =
        reported.into_iter().filter(|name| table::find(name).is_none()).map(|name| fixed(name, replicas));
    changing.chain(fixed).collect()
}

fn changing(setting: &Setting, replicas: &[ReplicaSettings], overrides: &Overrides) -> SettingView {
    let takes = |replica: &&ReplicaSettings| replica.role == setting.role;
    let reported = reported(setting.name, replicas.iter().filter(takes));
    let (kind, minimum, maximum) = bounds(&setting.kind);
    let overridden = overrides.iter().find(|(other, _)| other.name == setting.name);
    let (value, source) = match (reported.common, overridden) {
        (Some(report), _) => (Some(report.value), Some(report.source)),
        // No replica of the role reports: what is in force for the next one.
        (None, Some((_, value))) if reported.differs.is_empty() => {
            (Some(setting.shown(&value)), Some(SettingSource::Runtime))
        }
        (None, _) => (None, None),
    };
    SettingView {
        name: setting.name.to_owned(),
        value,
        source: source.map(source_name),
        default: Some(setting.default_value().to_json()),
        kind: Some(kind.to_owned()),
        minimum,
        maximum,
        unit: Some(setting.unit.to_owned()).filter(|unit| !unit.is_empty()),
        description: Some(setting.sentence.to_owned()),
        roles: vec![<&str>::from(setting.role).to_owned()],
        changes_while_running: true,
        differs: reported.differs,
    }
}

/// A setting that a replica is given at its start and keeps.
fn fixed(name: &str, replicas: &[ReplicaSettings]) -> SettingView {
    let reported = reported(name, replicas.iter());
    let roles: BTreeSet<Role> = replicas
        .iter()
        .filter(|replica| replica.settings.contains_key(name))
        .map(|replica| replica.role)
        .collect();
    let (value, source) = reported.common.map(|report| (report.value, report.source)).unzip();
    SettingView {
        name: name.to_owned(),
        value,
        source: source.map(source_name),
        default: None,
        kind: None,
        minimum: None,
        maximum: None,
        unit: None,
        description: None,
        roles: roles.into_iter().map(|role| <&str>::from(role).to_owned()).collect(),
        changes_while_running: false,
        differs: reported.differs,
    }
}

struct Reported {
    /// What all of them say.
    common: Option<SettingReport>,
    /// What each says, where they differ.
    differs: BTreeMap<String, Value>,
}

fn reported<'a>(name: &str, replicas: impl Iterator<Item = &'a ReplicaSettings>) -> Reported {
    let reported: Vec<_> =
        replicas.filter_map(|replica| Some((&replica.replica, replica.settings.get(name)?))).collect();
    let first = reported.first().map(|(_, report)| *report);
    if reported.iter().all(|(_, report)| Some(&report.value) == first.map(|first| &first.value)) {
        return Reported { common: first.cloned(), differs: BTreeMap::new() };
    }
    let each = reported.into_iter().map(|(replica, report)| (replica.clone(), report.value.clone()));
    Reported { common: None, differs: each.collect() }
}

fn bounds(kind: &Kind) -> (&'static str, Option<f64>, Option<f64>) {
    match kind {
        Kind::Integer { bounds, .. } => ("integer", Some(*bounds.start() as f64), Some(*bounds.end() as f64)),
        Kind::Decimal { bounds, .. } => ("decimal", Some(*bounds.start()), Some(*bounds.end())),
        Kind::Url => ("text", None, None),
    }
}

fn source_name(source: SettingSource) -> String {
    match source {
        SettingSource::Default => "default",
        SettingSource::Environment => "environment",
        SettingSource::Flag => "flag",
        SettingSource::Runtime => "runtime",
    }
    .to_owned()
}

fn convergence(replicas: &[ReplicaSettings], version: u64) -> Convergence {
    let replicas: Vec<_> = replicas
        .iter()
        .map(|replica| ReplicaVersion {
            replica: replica.replica.clone(),
            role: replica.role.into(),
            settings_version: replica.version,
            converged: replica.version == version,
        })
        .collect();
    Convergence { converged: replicas.iter().all(|replica| replica.converged), replicas }
}

fn view(version: u64, at: i64, change: Change) -> ChangeView {
    let paused = |lanes: &PausedLanes| Some(Value::from_iter(lanes.keys().copied()));
    let pauses = (change.paused_lanes != change.paused_before).then(|| Changed {
        name: "PAUSED_LANES".to_owned(),
        before: paused(&change.paused_before),
        after: paused(&change.paused_lanes),
    });
    let changed = change
        .changed()
        .into_iter()
        .map(|(name, before, after)| {
            let secret = table::find(&name).is_some_and(|setting| setting.secret);
            let shown = |value: Value| if secret { Value::from(MASK) } else { value };
            Changed { before: before.map(shown), after: after.map(shown), name }
        })
        .chain(pauses)
        .collect();
    ChangeView {
        version,
        at: Timestamp::from_microsecond(at).unwrap_or_default(),
        by: change.by,
        reason: change.reason,
        undoes: change.undoes,
        changed,
    }
}
