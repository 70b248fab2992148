//! `GET /api/scalability/alerts`: what needs someone, what did, and where the thresholds are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};
use utoipa::ToSchema;

/// The alerts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alerts {
    /// When they were judged (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub taken_at: Timestamp,
    /// Those that fire, the most severe first.
    pub firing: Vec<AlertView>,
    /// Those whose condition holds, but not yet for long enough.
    pub pending: Vec<AlertView>,
    /// Every alert with its threshold and where it stands now.
    pub rules: Vec<AlertView>,
    /// Those that fired, newest first, at most 100; the ones that still fire among them.
    pub history: Vec<AlertRecord>,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Its condition does not hold.
    #[default]
    Inactive,
    /// It holds, but not yet for `for_seconds`.
    Pending,
    /// It has held for that long, and not been clear for `clear_seconds` since.
    Firing,
    /// It fired, and has been clear for `clear_seconds`; shown for ten minutes.
    Resolved,
}

/// What an alert is about. Its page is `docs/runbooks/` and the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, Display, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AlertName {
    /// Debits and credits of a currency differ.
    BooksOutOfBalance,
    /// The database does not answer.
    LedgerAway,
    /// The broker does not answer.
    QueueAway,
    /// A policy of the broker takes jobs.
    QueuePolicy,
    /// A lane has no worker, or no consumer at the queue.
    LaneWithoutConsumer,
    /// Accepted jobs have no outcome and are not in the queue.
    JobsMissing,
    /// Jobs wait, and none is posted.
    Standstill,
    /// A replica went silent without a goodbye.
    ReplicaLost,
    /// The clock of a replica differs from the others'.
    ClockSkew,
    /// A power cut may cost the database what it has committed.
    WeakDurability,
    /// Dead letters wait for an operator.
    DeadLetters,
    /// The oldest job waits for too long.
    Lag,
    /// The ingress answers slowly.
    ResponseTime,
    /// The ingress answers with errors.
    ErrorRate,
    /// Tasks wait for a pool of connections or threads.
    PoolExhausted,
    /// The processors are busy.
    Cpu,
    /// Memory runs out.
    Memory,
    /// A disk fills up.
    Disk,
}

impl AlertName {
    /// Path of the page that says what the alert means, how to check it and what to do.
    #[must_use]
    pub fn runbook(self) -> String {
        format!("docs/runbooks/{self}.md")
    }
}

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Display, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Jobs are not posted, or the ledger is in doubt: now.
    Critical,
    /// Soon.
    Warning,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertView {
    /// What it is about.
    pub alert: AlertName,
    /// Where it stands.
    pub state: AlertState,
    /// How much it matters.
    pub severity: Severity,
    /// What is measured now; `null`: not known.
    pub value: Option<f64>,
    /// It holds above this; changes with the setting `threshold_setting`.
    pub threshold: f64,
    /// Unit of `value`, `threshold` and `peak`: `seconds`, `percent` or a count's noun.
    pub unit: &'static str,
    /// The setting that holds the threshold; `null`: it is fixed.
    pub threshold_setting: Option<&'static str>,
    /// It fires after its condition has held for so long.
    pub for_seconds: f64,
    /// It resolves after it has been clear for so long.
    pub clear_seconds: f64,
    /// When its condition began to hold, this time; `null`: it does not (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    pub since: Option<Timestamp>,
    /// When it fired, this time or the last (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    pub fired_at: Option<Timestamp>,
    /// When it was resolved (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    pub resolved_at: Option<Timestamp>,
    /// The worst value since `since`.
    pub peak: Option<f64>,
    /// What it is about now, in a sentence.
    pub sentence: String,
    /// Path of the page that says what it means, how to check it and what to do.
    #[schema(example = "docs/runbooks/response_time.md")]
    pub runbook: String,
}

/// One time that an alert fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertRecord {
    /// Its name.
    pub alert: String,
    /// How much it mattered.
    pub severity: Severity,
    /// When its condition began to hold (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// When it fired (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub fired_at: Timestamp,
    /// When it was resolved (RFC 3339, UTC); `null`: it still fires, or no monitor has run since to tell.
    #[schema(value_type = Option<String>)]
    pub resolved_at: Option<Timestamp>,
    /// The worst value; `null`: it has none.
    pub peak: Option<f64>,
    /// The threshold when it fired.
    pub threshold: f64,
    /// Unit of `peak` and `threshold`.
    pub unit: String,
    /// What it was about when it was worst, in a sentence.
    pub sentence: String,
    /// Path of the page that says what to do.
    pub runbook: String,
}
