//! Changes of settings, checked before anything changes: all of a patch or nothing of it.

use std::collections::BTreeMap;

use contract::settings::SettingsMessage;
use serde::Serialize;

use super::table::{self, Setting};
use super::value::Value;

/// A change that was asked for and can be made: new values, and settings that go back to their value at each
/// replica's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch(BTreeMap<&'static str, Option<Value>>);

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("{field} cannot be {value}: {remedy}")]
pub struct Refusal {
    /// The name that was given.
    pub field: String,
    /// The value that was given.
    pub value: serde_json::Value,
    /// What would be taken.
    pub remedy: String,
}

impl Patch {
    /// Reads `{"NAME": value, ...}`; the value `null` takes back what was changed.
    ///
    /// # Errors
    /// Names that there are not, and values that are not taken: all of them. Nothing is to be changed then.
    pub fn parse(asked: &serde_json::Map<String, serde_json::Value>) -> Result<Patch, Vec<Refusal>> {
        let mut changes = BTreeMap::new();
        let mut refusals = Vec::new();
        for (name, value) in asked {
            match read(name, value) {
                Ok((setting, value)) => drop(changes.insert(setting.name, value)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() { Ok(Patch(changes)) } else { Err(refusals) }
    }

    /// It changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is overridden once it is made.
    pub fn applied_to(&self, overrides: &Overrides) -> Overrides {
        let mut after = overrides.clone();
        for (name, value) in &self.0 {
            match value {
                Some(value) => drop(after.0.insert(name, value.clone())),
                None => drop(after.0.remove(name)),
            }
        }
        after
    }
}

fn read(name: &str, value: &serde_json::Value) -> Result<(&'static Setting, Option<Value>), Refusal> {
    let refusal = |remedy: String| Refusal { field: name.to_owned(), value: value.clone(), remedy };
    let Some(setting) = table::find(name) else {
        let names: Vec<_> = table::ALL.iter().map(|setting| setting.name).collect();
        return Err(refusal(format!(
            "no setting of this name changes while running; {} do",
            names.join(", ")
        )));
    };
    if value.is_null() {
        return Ok((setting, None));
    }
    match setting.read_json(value) {
        Some(value) => Ok((setting, Some(value))),
        None => Err(refusal(format!("it takes {}, or null for its value at the start", setting.takes()))),
    }
}

/// All settings that were changed while running, with their values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides(BTreeMap<&'static str, Value>);

impl Overrides {
    /// Reads what [`to_json`](Self::to_json) wrote, perhaps of another version: what is not known or not taken
    /// here is left out, and named in the second part.
    pub fn read(changes: &BTreeMap<String, serde_json::Value>) -> (Overrides, Vec<Refusal>) {
        let mut overrides = Overrides::default();
        let mut refusals = Vec::new();
        for (name, value) in changes {
            match read(name, value) {
                Ok((setting, Some(value))) => drop(overrides.0.insert(setting.name, value)),
                Ok((_, None)) => {}
                Err(refusal) => refusals.push(refusal),
            }
        }
        (overrides, refusals)
    }

    /// By name, as in messages and records; secrets as they are.
    pub fn to_json(&self) -> BTreeMap<String, serde_json::Value> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.to_json())).collect()
    }

    /// As it is sent to every replica.
    pub fn to_message(&self, version: u64) -> SettingsMessage {
        SettingsMessage { version, changes: self.to_json(), ..SettingsMessage::default() }
    }

    /// Each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
        self.0.iter().filter_map(|(name, value)| Some((table::find(name)?, value.clone())))
    }
}
