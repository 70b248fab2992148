//! `GET /api/scalability/alerts`: what needs someone, what did, and where the thresholds are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};
use utoipa::ToSchema;

/// All alerts, by state, and the history.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alerts {
    /// When the alerts were evaluated (RFC 3339, UTC).
    pub taken_at: Timestamp,
    /// The alerts that fire, the most severe first.
    pub firing: Vec<AlertView>,
    /// The alerts whose condition holds, but not yet for `for_seconds`.
    pub pending: Vec<AlertView>,
    /// Every alert with its threshold and its state.
    pub rules: Vec<AlertView>,
    /// The latest 100 occasions on which an alert fired, the newest first; alerts that still fire are among
    /// them.
    pub history: Vec<AlertRecord>,
}

/// The state of an alert.
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

/// The name of an alert. Its runbook is `docs/runbooks/` and the name.
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
    /// Webhook endpoints are sent nothing any more, though their clients want it.
    WebhookDisabled,
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
    pub fn runbook(self) -> String {
        format!("docs/runbooks/{self}.md")
    }
}

/// The severity of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Display, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Jobs are not posted, or the ledger is in doubt: now.
    Critical,
    /// Soon.
    Warning,
}

/// An alert: its rule and its state.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertView {
    /// The alert's name.
    pub alert: AlertName,
    /// The state of the alert.
    pub state: AlertState,
    /// The severity of the alert.
    pub severity: Severity,
    /// The value measured now, in `unit`; `null`: not known.
    pub value: Option<f64>,
    /// The condition holds above this value, in `unit`. The setting `threshold_setting` changes it.
    pub threshold: f64,
    /// Unit of `value`, `threshold` and `peak`: `seconds`, `percent`, or the noun of a count.
    pub unit: &'static str,
    /// The setting that holds the threshold; `null`: the threshold is fixed.
    pub threshold_setting: Option<&'static str>,
    /// Seconds for which the condition must hold before the alert fires.
    pub for_seconds: f64,
    /// Seconds for which the condition must be clear before the alert resolves.
    pub clear_seconds: f64,
    /// When the condition began to hold (RFC 3339, UTC); `null`: it does not hold.
    pub since: Option<Timestamp>,
    /// When the alert fired last (RFC 3339, UTC).
    pub fired_at: Option<Timestamp>,
    /// When the alert was resolved last (RFC 3339, UTC).
    pub resolved_at: Option<Timestamp>,
    /// The worst value since `since`, in `unit`.
    pub peak: Option<f64>,
    /// What is wrong now, in a sentence.
    pub sentence: String,
    /// Path of the alert's runbook: what the alert means, how to check it, what to do.
    #[schema(example = "docs/runbooks/response_time.md")]
    pub runbook: String,
}

/// One occasion on which an alert fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertRecord {
    /// The alert's name.
    pub alert: String,
    /// The severity of the alert.
    pub severity: Severity,
    /// When the alert's condition began to hold (RFC 3339, UTC).
    pub since: Timestamp,
    /// When the alert fired (RFC 3339, UTC).
    pub fired_at: Timestamp,
    /// When the alert was resolved (RFC 3339, UTC); `null`: it still fires, or no monitor has run since.
    pub resolved_at: Option<Timestamp>,
    /// The worst value, in `unit`; `null`: the alert has no value.
    pub peak: Option<f64>,
    /// The threshold when the alert fired, in `unit`.
    pub threshold: f64,
    /// Unit of `peak` and `threshold`.
    pub unit: String,
    /// What was wrong at the worst moment, in a sentence.
    pub sentence: String,
    /// Path of the alert's runbook, which says what to do.
    pub runbook: String,
}
