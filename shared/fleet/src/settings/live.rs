//! The settings that a replica runs with, as they change.

use std::sync::Arc;

use contract::settings::SettingsMessage;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Overrides, Settings};

/// What was set at the start, and what is in force now.
#[derive(Debug)]
pub struct LiveSettings {
    at_start: Settings,
    now: watch::Sender<Arc<Settings>>,
}

impl LiveSettings {
    /// In force until something changes: what was set at the start.
    pub fn new(at_start: Settings) -> LiveSettings {
        let now = watch::Sender::new(Arc::new(at_start.clone()));
        LiveSettings { at_start, now }
    }

    /// Those that the process was started with.
    pub fn at_start(&self) -> &Settings {
        &self.at_start
    }

    /// Those in force.
    pub fn now(&self) -> Arc<Settings> {
        self.now.borrow().clone()
    }

    /// Those in force, and every change of them.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Settings>> {
        self.now.subscribe()
    }

    /// Takes over what the monitor tells, unless it is in force already or was overtaken by a later version.
    /// What this version of the program does not know is left out.
    pub fn apply(&self, message: &SettingsMessage) {
        if message.version <= self.now.borrow().version {
            return;
        }
        let (overrides, refusals) = Overrides::read(&message.changes);
        let settings =
            self.at_start.overridden(message.version, &overrides).pausing(message.paused_lanes.clone());
        let taken_over = self.now.send_if_modified(|now| {
            // Roles of one process receive the same messages, each in its own time.
            let is_newer = settings.version > now.version;
            if is_newer {
                *now = Arc::new(settings);
            }
            is_newer
        });
        if taken_over {
            info!(
                version = message.version,
                changes = overrides.iter().count(),
                paused_lanes = message.paused_lanes.len(),
                "the settings have changed"
            );
            for refusal in refusals {
                warn!(version = message.version, %refusal, "a setting keeps its value from the start; do all replicas run this version?");
            }
        }
    }
}

impl Default for LiveSettings {
    fn default() -> Self {
        LiveSettings::new(Settings::default())
    }
}
