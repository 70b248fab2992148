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

/// What a load test measured, and what is to be thought of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestReport)]
pub struct Report {
    /// Its name, which its accounts bear: `loadtest:<run>:<n>`.
    pub run: String,
    /// The ingress.
    pub target: String,
    /// What was to be done.
    pub plan: Plan,
    /// When the load started (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// From opening the accounts to the verdict.
    pub seconds: f64,
    /// Passed or failed, criterion by criterion.
    pub verdict: Verdict,
    /// The load that is judged.
    pub load: Figures,
    /// What it is judged by, in the mode `validate`.
    pub baseline: Option<Figures>,
    /// The most that any replica used; `null`: nobody told.
    pub resources: Option<Resources>,
    /// What was found when everything was read again.
    pub proof: Proof,
    /// The course of it all, over time, from the start of the load.
    pub points: Vec<Point>,
}
