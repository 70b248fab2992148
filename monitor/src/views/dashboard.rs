//! `GET /api/scalability/dashboard`: everything at a glance.

use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::AlertView;
use super::metrics::Metrics;
use super::optimize::{Bottleneck, Recommendation};
use super::status::Status;

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Dashboard {
    /// Whether the fleet is well: verdict, health, replicas, lanes, the ledger.
    pub status: Status,
    /// Figures of the last seconds.
    pub metrics: Metrics,
    /// Alerts that fire, the most severe first.
    pub alerts: Vec<AlertView>,
    /// What limits throughput now.
    pub bottleneck: Bottleneck,
    /// What to change, the most effective first.
    pub recommendations: Vec<Recommendation>,
    /// The version of the settings in force.
    pub settings_version: u64,
    /// Whether every live replica runs with that version.
    pub settings_converged: bool,
}
