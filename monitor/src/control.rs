//! Control of the settings that change while the fleet runs: checked as a whole, kept in the audit log, sent to
//! every replica at once and again every two seconds.

use serde_with::skip_serializing_none;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use contract::settings::{LanePause, PausedLanes, SettingsMessage};
use fleet::settings::{LiveSettings, Overrides, Patch, Refusal};
use fleet::{Bus, Topic};
use runtime::clock;
use runtime::shutdown::Ticks;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::records::{Record, RecordKind, Records};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the settings in force are sent again: to replicas that start, and to those that missed them.
const REPEAT_INTERVAL: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A change as it is kept; its record's number is the version of the settings.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Who.
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
    /// The version that it undoes.
    pub(crate) undoes: Option<u64>,
    /// It was made by `optimize`.
    #[serde(default)]
    pub(crate) optimized: bool,
    /// Everything that is overridden after it.
    pub(crate) changes: BTreeMap<String, Value>,
    /// Everything that was overridden before it.
    pub(crate) before: BTreeMap<String, Value>,
    /// The lanes that are paused after it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) paused_lanes: PausedLanes,
    /// Those that were paused before it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) paused_before: PausedLanes,
}

impl Change {
    /// The settings that differ before and after, each with both.
    pub(crate) fn changed(&self) -> Vec<(String, Option<Value>, Option<Value>)> {
        let names: BTreeSet<&String> = self.before.keys().chain(self.changes.keys()).collect();
        names
            .into_iter()
            .map(|name| (name.clone(), self.before.get(name).cloned(), self.changes.get(name).cloned()))
            .filter(|(_, before, after)| before != after)
            .collect()
    }
}

/// Who changes something, and why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
    pub(crate) optimized: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Refusal>),
    #[error("the settings cannot be kept, so nothing was changed: {0}")]
    Away(String),
    #[error("there is no change of version {0}; `audit` lists the changes")]
    NoSuchVersion(u64),
    #[error("there is nothing to undo")]
    NothingToUndo,
    #[error("version {0} is undone already, or a later change gave its settings their former values again")]
    UndoneAlready(u64),
    #[error(
        "version {0} paused or resumed a lane, and changed no setting; nothing is undone. `tellers lanes resume LANE` lets a \
         lane go on, and `tellers lanes pause LANE` pauses it"
    )]
    OfALane(u64),
}

/// The settings of the fleet.
pub(crate) struct Control {
    records: Arc<dyn Records>,
    bus: Arc<dyn Bus>,
    live: Arc<LiveSettings>,
    /// Held by whoever makes a change, from reading the stored settings until the change is sent.
    changing: Mutex<()>,
    /// Never held while the database or the bus is asked: reading it waits for nothing.
    in_force: RwLock<InForce>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct InForce {
    version: u64,
    overrides: Overrides,
    paused_lanes: PausedLanes,
}

impl Control {
    pub(crate) fn new(records: Arc<dyn Records>, bus: Arc<dyn Bus>, live: Arc<LiveSettings>) -> Control {
        Control { records, bus, live, changing: Mutex::default(), in_force: RwLock::default() }
    }

    /// Reads what is in force, and tells it until `shutdown`.
    pub(crate) async fn repeat(self: Arc<Self>, shutdown: CancellationToken) {
        let mut ticks = Ticks::every(REPEAT_INTERVAL, &shutdown);
        let mut read = false;
        while ticks.next().await {
            if !read {
                match self.read().await {
                    Ok(_) => read = true,
                    Err(why) => info!(%why, "earlier changes of settings cannot be read yet"),
                }
            }
            self.tell().await;
        }
    }

    /// The version in force, and what is overridden, secrets as they are.
    pub(crate) fn in_force(&self) -> (u64, Overrides) {
        let InForce { version, overrides, .. } = self.now();
        (version, overrides)
    }

    /// The lanes that are paused.
    pub(crate) fn paused_lanes(&self) -> PausedLanes {
        self.now().paused_lanes
    }

    /// Pauses a lane or, with `None`, lets it go on. A lane that is paused stays so since when it was.
    pub(crate) async fn pause(
        &self,
        lane: u16,
        pause: Option<LanePause>,
        cause: Cause,
    ) -> Result<(), Refused> {
        let _changing = self.changing.lock().await;
        let in_force = self.read().await.map_err(Refused::Away)?;
        let mut after = in_force.clone();
        let before = after.paused_lanes.remove(&lane);
        if let Some(pause) = pause {
            let since = before.map_or(pause.since, |before| before.since);
            after.paused_lanes.insert(lane, LanePause { since, ..pause });
        }
        self.keep(in_force, after, cause, None).await.map(drop)
    }

    /// Makes a change: all of it or nothing. Returns the version in force after it.
    pub(crate) async fn change(&self, asked: &Map<String, Value>, cause: Cause) -> Result<u64, Refused> {
        let patch = Patch::parse(asked).map_err(Refused::Invalid)?;
        let _changing = self.changing.lock().await;
        let in_force = self.read().await.map_err(Refused::Away)?;
        self.make(in_force, &patch, cause, None).await
    }

    /// Takes back one change: what it changed becomes what it was before. Without a version the newest that is
    /// not undone, or with `optimized` the newest of those that `optimize` made. Returns what was undone, and
    /// the version in force after it.
    pub(crate) async fn undo(
        &self,
        version: Option<u64>,
        optimized: bool,
        cause: Cause,
    ) -> Result<(u64, u64), Refused> {
        let _changing = self.changing.lock().await;
        let in_force = self.read().await.map_err(Refused::Away)?;
        let (undoes, change) = match version {
            Some(version) => (version, self.one(version).await?),
            None => self.newest(optimized).await?,
        };
        if change.changed().is_empty() && change.paused_lanes != change.paused_before {
            return Err(Refused::OfALane(undoes));
        }
        let back: Map<String, Value> = change
            .changed()
            .into_iter()
            .map(|(name, before, _)| (name, before.unwrap_or(Value::Null)))
            .collect();
        let patch = Patch::parse(&back).map_err(Refused::Invalid)?;
        if patch.applied_to(&in_force.overrides) == in_force.overrides {
            return Err(Refused::UndoneAlready(undoes));
        }
        let version = self.make(in_force, &patch, cause, Some(undoes)).await?;
        Ok((undoes, version))
    }

    /// The changes, newest first.
    pub(crate) async fn audit(&self, limit: u32) -> Result<Vec<(Record, Change)>, String> {
        let kept = answer(self.records.list(RecordKind::Settings, None, limit)).await?;
        let read = |record: Record| {
            let change = serde_json::from_str(&record.body).ok()?;
            Some((record, change))
        };
        Ok(kept.into_iter().filter_map(read).collect())
    }

    async fn make(
        &self,
        in_force: InForce,
        patch: &Patch,
        cause: Cause,
        undoes: Option<u64>,
    ) -> Result<u64, Refused> {
        let after = InForce { overrides: patch.applied_to(&in_force.overrides), ..in_force.clone() };
        self.keep(in_force, after, cause, undoes).await
    }

    /// Puts in force what comes after, and returns its version.
    async fn keep(
        &self,
        in_force: InForce,
        after: InForce,
        cause: Cause,
        undoes: Option<u64>,
    ) -> Result<u64, Refused> {
        if after == in_force {
            return Ok(in_force.version);
        }
        let change = Change {
            by: cause.by,
            reason: cause.reason,
            undoes,
            optimized: cause.optimized,
            changes: after.overrides.to_json(),
            before: in_force.overrides.to_json(),
            paused_lanes: after.paused_lanes.clone(),
            paused_before: in_force.paused_lanes,
        };
        let body = serde_json::to_string(&change).map_err(|error| Refused::Away(error.to_string()))?;
        // Kept first: a change that is in force is in the log.
        let appended = answer(self.records.append(RecordKind::Settings, clock::now_us(), &body)).await;
        let version = appended.map_err(Refused::Away)?;
        let names: Vec<_> = change.changed().into_iter().map(|(name, _, _)| name).collect();
        info!(version, by = change.by, changed = names.join(", "), "the settings of the fleet are changed");
        self.advance(InForce { version, ..after });
        self.tell().await;
        Ok(version)
    }

    /// Another monitor may have made a change since. Returns what is in force.
    async fn read(&self) -> Result<InForce, String> {
        let newest = answer(self.records.list(RecordKind::Settings, None, 1)).await?;
        let known = self.now();
        let Some(record) = newest.into_iter().next().filter(|record| record.number > known.version) else {
            return Ok(known);
        };
        let change: Change = serde_json::from_str(&record.body).map_err(|error| error.to_string())?;
        let (overrides, refusals) = Overrides::read(&change.changes);
        for refusal in refusals {
            warn!(version = record.number, %refusal, "an earlier change of a setting is left out");
        }
        let paused_lanes = change.paused_lanes;
        Ok(self.advance(InForce { version: record.number, overrides, paused_lanes }))
    }

    fn now(&self) -> InForce {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To the newer of what is in force and this. Returns it.
    fn advance(&self, newer: InForce) -> InForce {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        if newer.version > in_force.version {
            *in_force = newer;
        }
        in_force.clone()
    }

    async fn tell(&self) {
        let in_force = self.now();
        let message = in_force.overrides.to_message(in_force.version);
        let message = SettingsMessage { paused_lanes: in_force.paused_lanes, ..message };
        self.live.apply(&message);
        match serde_json::to_vec(&message) {
            Ok(json) => self.bus.broadcast(Topic::Settings, Bytes::from(json)).await,
            Err(error) => warn!(%error, "the settings could not be sent"),
        }
    }

    async fn one(&self, version: u64) -> Result<Change, Refused> {
        let found = answer(self.records.get(RecordKind::Settings, version)).await.map_err(Refused::Away)?;
        let found = found.ok_or(Refused::NoSuchVersion(version))?;
        serde_json::from_str(&found.body).map_err(|error| Refused::Away(error.to_string()))
    }

    async fn newest(&self, optimized: bool) -> Result<(u64, Change), Refused> {
        let audit = self.audit(200).await.map_err(Refused::Away)?;
        let undone: BTreeSet<u64> = audit.iter().filter_map(|(_, change)| change.undoes).collect();
        audit
            .into_iter()
            .filter(|(record, change)| change.undoes.is_none() && !undone.contains(&record.number))
            // A paused lane goes on when somebody says so.
            .filter(|(_, change)| !change.changed().is_empty())
            .find(|(_, change)| change.optimized || !optimized)
            .map(|(record, change)| (record.number, change))
            .ok_or(Refused::NothingToUndo)
    }
}

async fn answer<T, E: ToString>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the database did not answer within {ANSWER_TIMEOUT:?}")),
    }
}

#[cfg(test)]
mod tests;
