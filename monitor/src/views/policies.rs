//! What somebody has set on the broker's queues, as it is shown.

use queue::policies::Policies;
use serde::Serialize;
use utoipa::ToSchema;

/// Policies of the broker, which are set beside the arguments of the queues and may undo what these promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueuePolicies {
    /// What is known of them.
    pub state: PoliciesState,
    /// The same in words; of harmful ones with queue, policy and key.
    pub sentence: String,
}

/// What is known of the policies of the broker.
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
            let sentence = "the policies of the broker have not been looked at yet".to_owned();
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
