//! The result of a load test.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::figures::Figures;
use crate::plan::Plan;
use crate::proof::Proof;
use crate::series::Point;
use crate::usage::Resources;
use crate::verdict::Verdict;

/// The result of a load test: figures, proof and verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestReport)]
pub struct Report {
    /// The run's name, which its accounts bear: `loadtest:<run>:<n>`.
    pub run: String,
    /// The URL of the ingress.
    pub target: String,
    /// The plan of the load test.
    pub plan: Plan,
    /// When the load started (RFC 3339, UTC).
    pub started_at: Timestamp,
    /// Seconds from opening the accounts to the verdict.
    pub seconds: f64,
    /// Passed or failed, criterion by criterion.
    pub verdict: Verdict,
    /// The load that is judged.
    pub load: Figures,
    /// The baseline that the load is compared with, in the mode `validate`.
    pub baseline: Option<Figures>,
    /// The most that any replica used; `null`: no report has it.
    pub resources: Option<Resources>,
    /// The result of reading every job and account again.
    pub proof: Proof,
    /// The figures over time, from the start of the load.
    pub points: Vec<Point>,
}
