//! What is wrong with the fleet, each with what to do about it.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::AlertName;

/// The state of the fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetState {
    /// Not every replica has reported to the monitor yet.
    #[default]
    Starting,
    /// Nothing is wrong, and no job waits for long.
    Well,
    /// Nothing is wrong; jobs wait to be posted.
    Draining,
    /// Something is wrong.
    Attention,
}

/// The kind of a problem of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Debits and credits of a currency differ.
    LedgerOutOfBalance,
    /// The monitor cannot read the ledger.
    LedgerAway,
    /// The monitor cannot read the queue.
    QueueAway,
    /// A policy of the broker takes jobs.
    QueuePolicy,
    /// Accepted jobs have no outcome and are not in the queue.
    JobsMissing,
    /// Jobs wait, and none is posted.
    Standstill,
    /// The monitor receives no reports.
    BusAway,
    /// No worker runs.
    NoWorker,
    /// No ingress runs.
    NoIngress,
    /// A lane has no worker.
    LaneWithoutWorker,
    /// A lane has a worker, and no consumer at the queue.
    LaneWithoutConsumer,
    /// An operator has paused a lane.
    LanePaused,
    /// A replica went silent without a goodbye.
    ReplicaLost,
    /// The broker is short of memory or disk and takes no messages.
    BrokerAlarm,
    /// A replica says that it cannot work.
    ReplicaInTrouble,
    /// Dead letters wait for an operator.
    DeadLetters,
    /// An alert fires that says how much the fleet has to bear, or on how weak a ground its promises stand.
    AlertFiring,
}

/// A problem of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FleetProblem {
    /// The kind of problem.
    pub kind: ProblemKind,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What to do about the problem, in a sentence; `null`: the runbook says it.
    pub remedy: Option<String>,
    /// The alert about the same problem; `null`: there is none.
    pub alert: Option<AlertName>,
    /// Path of the problem's runbook: how to check it, what to do; `null`: there is none.
    pub runbook: Option<String>,
}

impl FleetProblem {
    /// A problem without a page or a remedy.
    pub(crate) fn new(kind: ProblemKind, what: impl Into<String>) -> FleetProblem {
        FleetProblem { kind, what: what.into(), remedy: None, alert: None, runbook: None }
    }

    pub(crate) fn remedy(self, remedy: impl Into<String>) -> FleetProblem {
        FleetProblem { remedy: Some(remedy.into()), ..self }
    }

    pub(crate) fn alert(self, alert: AlertName) -> FleetProblem {
        FleetProblem { alert: Some(alert), runbook: Some(alert.runbook()), ..self }
    }
}

/// What is wrong, and the remedy or where it stands.
impl fmt::Display for FleetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (&self.remedy, &self.runbook) {
            (Some(remedy), _) => write!(f, "; {remedy}"),
            (None, Some(runbook)) => write!(f, "; see {runbook}"),
            (None, None) => Ok(()),
        }
    }
}
