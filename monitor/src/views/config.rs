//! `GET` and `PATCH /api/scalability/config`: the settings in force, and who changed them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The settings of the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Config {
    /// Number of the settings in force, and of their entry in the audit log; 0: no setting was ever changed
    /// while running.
    pub version: u64,
    /// Every setting, by name.
    pub settings: Vec<SettingView>,
    /// The settings that were changed while running and their values, by name.
    #[schema(value_type = Object)]
    pub overrides: BTreeMap<String, Value>,
    /// Whether every live replica runs with the version in force.
    pub convergence: Convergence,
    /// The latest 50 changes, the newest first.
    pub audit: Vec<ChangeView>,
    /// Why the audit log cannot be read; `null`: it can.
    pub audit_trouble: Option<String>,
}

/// A setting: its value, where the value comes from, and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SettingView {
    /// The setting's name, as in the environment.
    #[schema(example = "BATCH_PROCESSING_SIZE")]
    pub name: String,
    /// The value in force; `null`: replicas differ, or none has reported it. Secrets read `***`.
    #[schema(value_type = Value)]
    pub value: Option<Value>,
    /// Where the value comes from: `default`, `flag`, `environment` or `runtime`; `null`: not known.
    pub source: Option<String>,
    /// The default value.
    #[schema(value_type = Value)]
    pub default: Option<Value>,
    /// The kind of value: `integer`, `decimal` or `text`.
    pub kind: Option<String>,
    /// The smallest value.
    pub minimum: Option<f64>,
    /// The largest value.
    pub maximum: Option<f64>,
    /// The unit of the value.
    pub unit: Option<String>,
    /// What the setting does, in a sentence.
    pub description: Option<String>,
    /// The roles that read the setting.
    pub roles: Vec<String>,
    /// Whether the setting can be changed while running.
    pub changes_while_running: bool,
    /// The value of each live replica, by the replica's id, where the values differ.
    #[schema(value_type = Object)]
    pub differs: BTreeMap<String, Value>,
}

/// Whether every replica runs with the settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Convergence {
    /// Whether every live replica runs with the version in force.
    pub converged: bool,
    /// The version of each live replica.
    pub replicas: Vec<ReplicaVersion>,
}

/// The version of the settings that one replica runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplicaVersion {
    /// The replica's id.
    pub replica: String,
    /// The replica's role: `api`, `worker` or `monitor`.
    pub role: &'static str,
    /// The version that the replica runs with.
    pub settings_version: u64,
    /// Whether the replica runs with the version in force.
    pub converged: bool,
}

/// A change of settings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangeView {
    /// The version of the settings that the change made.
    pub version: u64,
    /// When the settings changed (RFC 3339, UTC).
    pub at: Timestamp,
    /// The user who changed the settings.
    pub by: String,
    /// Why the settings changed, if the user gave a reason.
    pub reason: Option<String>,
    /// The version that the change undoes.
    pub undoes: Option<u64>,
    /// The settings that changed. `PAUSED_LANES` are the numbers of the lanes that were and are paused, and changes by the
    /// routes of the lanes.
    pub changed: Vec<Changed>,
}

/// One setting that changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Changed {
    /// The setting's name.
    pub name: String,
    /// The override before the change; `null`: there was none.
    #[schema(value_type = Value)]
    pub before: Option<Value>,
    /// The override after the change; `null`: there is none any more.
    #[schema(value_type = Value)]
    pub after: Option<Value>,
}
