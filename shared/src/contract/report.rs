//! What replicas tell each other about themselves, as JSON on the fleet bus.

use serde::{Deserialize, Serialize};

use crate::domain::lane::Lane;

/// A worker is there and serves these lanes; told several times a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The worker's id.
    pub replica: String,
    /// The lanes that it serves or waits for.
    pub lanes: Vec<Lane>,
    /// It is going: its lanes are free.
    #[serde(default)]
    pub leaving: bool,
}

/// What a replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The ingress.
    Api,
    /// Posts.
    Worker,
    /// Watches.
    Monitor,
}

/// How a replica is; told each second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it does.
    pub role: Role,
    /// Its id, unique among the living.
    pub replica: String,
    /// The version of its program.
    pub version: String,
    /// The host that it runs on.
    pub host: String,
    /// When it started, in microseconds since the Unix epoch.
    pub started_at: i64,
    /// When it said this, in microseconds since the Unix epoch, by its own clock.
    pub reported_at: i64,
    /// Why it can not do its work just now, in a sentence; `None`: it can.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Jobs since its start.
    pub counts: Counts,
    /// The lanes that it serves; empty unless it is a worker.
    #[serde(default)]
    pub lanes: Vec<LaneReport>,
    /// It is going: it is not lost when it is not heard any more.
    #[serde(default)]
    pub leaving: bool,
}

/// Jobs since a replica's start, by what became of them here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Put on a lane and answered with 202 or 200.
    pub accepted: u64,
    /// Not accepted: bad, too many, or the queue was away.
    pub refused: u64,
    /// Jobs put on the lanes, the fleet's own included.
    pub published_jobs: u64,
    /// Messages that carried them.
    pub published_messages: u64,
    /// Entries written.
    pub posted: u64,
    /// Turned down for a business reason.
    pub rejected: u64,
    /// Had its verdict before.
    pub duplicate: u64,
    /// Same id, other body.
    pub conflict: u64,
    /// Given up and kept.
    pub dead: u64,
}

/// One lane as its worker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneReport {
    /// The lane.
    pub lane: Lane,
    /// When the oldest job in hand was accepted, in microseconds since the Unix epoch; `None`: idle.
    pub oldest_accepted_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_forms_hold_still() {
        let presence = r#"{"replica":"worker-1","lanes":[0,15],"leaving":false}"#;
        let read: Presence = serde_json::from_str(presence).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), presence);

        let report = concat!(
            r#"{"role":"worker","replica":"worker-1","version":"0.1.0","host":"h","started_at":1,"reported_at":2,"#,
            r#""trouble":null,"counts":{"accepted":0,"refused":0,"published_jobs":0,"published_messages":0,"posted":3,"rejected":0,"duplicate":0,"conflict":0,"#,
            r#""dead":0},"lanes":[{"lane":1,"oldest_accepted_at":null}],"leaving":false}"#
        );
        let read: Report = serde_json::from_str(report).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), report);
        let older = r#"{"role":"api","replica":"a","version":"0","host":"h","started_at":1,"reported_at":2,"counts":{}}"#;
        serde_json::from_str::<Report>(older).expect("fields may be added, so they may be absent");
    }
}
