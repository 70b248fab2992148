//! The monitor on a real fleet: its figures are those of clients and servers, faults show and go, and settings
//! change everywhere at once.

#[path = "monitor/control.rs"]
mod control;
#[path = "monitor/cost.rs"]
mod cost;
#[path = "monitor/count.rs"]
mod count;
#[path = "monitor/durability.rs"]
mod durability;
#[path = "monitor/faults.rs"]
mod faults;
#[path = "monitor/figures.rs"]
mod figures;
#[path = "monitor/policies.rs"]
mod policies;
#[path = "monitor/settings.rs"]
mod settings;
#[path = "monitor/webhooks.rs"]
mod webhooks;

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use tests::client::Client;
use tests::wait::until;

const DRAINED_WITHIN: Duration = Duration::from_secs(60);

async fn status(monitor: &Client) -> anyhow::Result<Value> {
    Ok(monitor.get("/api/scalability/status").await?.json()?)
}

/// Waits until nothing waits, and every count is in.
async fn drained(monitor: &Client) -> anyhow::Result<Value> {
    until("everything is posted and counted", DRAINED_WITHIN, async || {
        let status = status(monitor).await?;
        ensure!(status["reconciliation"]["unaccounted"].is_i64(), "{}", status["reconciliation"]["sentence"]);
        Ok(status)
    })
    .await
}

/// What the replicas of a role have counted, added up.
fn counted(status: &Value, role: &str, counts: &[&str]) -> u64 {
    let replicas = status["replicas"].as_array().cloned().unwrap_or_default();
    let of_role = replicas.iter().filter(|replica| replica["role"] == role);
    of_role.flat_map(|replica| counts.iter().filter_map(|count| replica["counts"][*count].as_u64())).sum()
}
