//! What somebody has set on the broker's queues, as it is shown.

use queue::policies::Policies;
use serde::Serialize;
use utoipa::ToSchema;

/// Policies of the broker. A policy applies beside the arguments of a queue and may undo what the arguments
/// promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueuePolicies {
    /// The state of the policies.
    pub state: PoliciesState,
    /// The state in a sentence; for harmful policies with queue, policy and key.
    pub sentence: String,
}

/// The state of the broker's policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoliciesState {
    /// None harms a job.
    Harmless,
    /// With one of them jobs may be lost, or lose their order.
    Harmful,
    /// The management API of the broker does not answer, or nobody says where it is.
    NotLookedAt,
}

impl QueuePolicies {
    /// As they were found; `None`: nobody has looked yet.
    pub(crate) fn of(policies: Option<&Policies>) -> QueuePolicies {
        let Some(policies) = policies else {
            let sentence = "the policies of the broker have not been read yet".to_owned();
            return QueuePolicies { state: PoliciesState::NotLookedAt, sentence };
        };
        let state = match policies {
            Policies::Harmless => PoliciesState::Harmless,
            Policies::Harmful(_) => PoliciesState::Harmful,
            Policies::NotLookedAt(_) => PoliciesState::NotLookedAt,
        };
        QueuePolicies { state, sentence: policies.sentence() }
    }
}
