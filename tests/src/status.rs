//! The monitor's view of the fleet, as far as tests look at it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use serde::Deserialize;

use crate::client::Client;
use crate::wait::until;

/// `GET /api/scalability/status`.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// Every lane.
    pub lanes: Vec<LaneStatus>,
}

/// One lane.
#[derive(Debug, Clone, Deserialize)]
pub struct LaneStatus {
    /// Its number.
    pub lane: u16,
    /// The worker that posts it; `None`: nobody.
    pub holder: Option<String>,
}

impl Status {
    /// How many lanes each worker holds; those that hold none are not told.
    pub fn held(&self) -> BTreeMap<&str, usize> {
        let mut held = BTreeMap::new();
        for holder in self.lanes.iter().filter_map(|lane| lane.holder.as_deref()) {
            *held.entry(holder).or_default() += 1;
        }
        held
    }
}

/// Waits until every lane is held, by `workers` workers and each by as many as any other, ±1.
///
/// # Errors
/// They are not `within` that time, and how they are.
pub async fn spread(monitor: &Client, workers: usize, within: Duration) -> anyhow::Result<Status> {
    until(&format!("the lanes are spread over {workers} workers"), within, async || {
        let status: Status = monitor.get("/api/scalability/status").await?.json()?;
        let held = status.held();
        let (least, most) = (held.values().min().copied(), held.values().max().copied());
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        let lanes: usize = held.values().sum();
        ensure!(
            !status.lanes.is_empty() && lanes == status.lanes.len(),
            "{lanes} of {} lanes are held",
            status.lanes.len()
        );
        ensure!(held.len() == workers && most - least <= 1, "they hold {held:?}");
        Ok(status)
    })
    .await
}
