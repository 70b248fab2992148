//! `GET` and `PATCH /api/scalability/config`: the settings in force, and who changed them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The settings of the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Config {
    /// Number of the settings in force, which is the number of their entry in the audit log; 0: nothing was
    /// ever changed while running.
    pub version: u64,
    /// Every setting, by name.
    pub settings: Vec<SettingView>,
    /// What was changed while running and is in force: a setting's name, and its value.
    #[schema(value_type = Object)]
    pub overrides: BTreeMap<String, Value>,
    /// Whether every replica runs with this version.
    pub convergence: Convergence,
    /// Changes, newest first, at most 50.
    pub audit: Vec<ChangeView>,
    /// Why the audit log cannot be read; `null`: it can.
    pub audit_trouble: Option<String>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SettingView {
    /// Its name, as in the environment.
    #[schema(example = "BATCH_PROCESSING_SIZE")]
    pub name: String,
    /// The value in force; `null`: replicas differ, or none has told. Secrets read `***`.
    #[schema(value_type = Option<Object>)]
    pub value: Option<Value>,
    /// Where it comes from: `default`, `flag`, `environment` or `runtime`; `null`: not known.
    pub source: Option<String>,
    /// Its default.
    #[schema(value_type = Option<Object>)]
    pub default: Option<Value>,
    /// `integer`, `decimal` or `text`.
    pub kind: Option<String>,
    /// The least that it may be.
    pub minimum: Option<f64>,
    /// The most that it may be.
    pub maximum: Option<f64>,
    /// Its unit.
    pub unit: Option<String>,
    /// What it does, in a sentence.
    pub description: Option<String>,
    /// The roles that take it.
    pub roles: Vec<String>,
    /// It can be changed while running.
    pub changes_while_running: bool,
    /// What each live replica runs with, where they differ: a replica's id, and its value.
    #[schema(value_type = Object)]
    pub differs: BTreeMap<String, Value>,
}

/// Whether every replica runs with the settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Convergence {
    /// Every live replica does.
    pub converged: bool,
    /// Each live replica.
    pub replicas: Vec<ReplicaVersion>,
}

/// The settings of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplicaVersion {
    /// Its id.
    pub replica: String,
    /// `api`, `worker` or `monitor`.
    pub role: &'static str,
    /// The version that it runs with.
    pub settings_version: u64,
    /// That is the version in force.
    pub converged: bool,
}

/// A change of settings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangeView {
    /// The version that it made.
    pub version: u64,
    /// When (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// The version that it undoes.
    pub undoes: Option<u64>,
    /// What changed.
    pub changed: Vec<Changed>,
}

/// One setting that changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The override before; `null`: there was none.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The override after; `null`: there is none any more.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}
