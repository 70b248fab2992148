//! Settings that change while running, as the monitor tells them to every replica.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most messages that a lane's consumer may be set to take ahead of their acknowledgement.
pub const PREFETCH_MESSAGES_MAX: u16 = 1_000;

/// All settings that were changed and not changed back: not what is new since the version before. It is
/// repeated, so whoever missed one converges with the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SettingsMessage {
    /// Grows with every change; 0: nothing was ever changed.
    pub version: u64,
    /// Values by the name of the setting: numbers and texts.
    #[serde(default)]
    pub changes: BTreeMap<String, Value>,
    /// The lanes that are paused, by their numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub paused_lanes: PausedLanes,
}

impl SettingsMessage {
    /// What a monitor kept of the settings under this version.
    ///
    /// # Errors
    /// It is no JSON of that form.
    pub fn of_kept(version: u64, body: &str) -> serde_json::Result<SettingsMessage> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Kept {
            changes: BTreeMap<String, Value>,
            paused_lanes: PausedLanes,
        }
        let Kept { changes, paused_lanes } = serde_json::from_str(body)?;
        Ok(SettingsMessage { version, changes, paused_lanes })
    }
}

/// Lanes that are paused, by their numbers.
pub type PausedLanes = BTreeMap<u16, LanePause>;

/// Why the jobs of a lane wait: an operator wants them to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanePause {
    /// Who paused the lane.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, in microseconds since the Unix epoch.
    pub since: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_holds_still() {
        let message =
            r#"{"version":7,"changes":{"ALERT_CPU_PERCENT":85.5,"ALERT_WEBHOOK_URL":"","LINGER_MS":40}}"#;
        let read: SettingsMessage = serde_json::from_str(message).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), message);
        serde_json::from_str::<SettingsMessage>(r#"{"version":0}"#).expect("nothing was ever changed");
        let message =
            r#"{"version":8,"changes":{},"paused_lanes":{"3":{"by":"ops","reason":"a bad file","since":7}}}"#;
        let read: SettingsMessage = serde_json::from_str(message).unwrap();
        assert_eq!(read.paused_lanes[&3].reason, "a bad file");
        assert_eq!(serde_json::to_string(&read).unwrap(), message);
        let kept = message.replace(r#""version":8"#, r#""by":"ops","before":{}"#);
        assert_eq!(SettingsMessage::of_kept(8, &kept).unwrap(), read);
    }
}
