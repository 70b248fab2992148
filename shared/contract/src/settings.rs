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
    }
}
