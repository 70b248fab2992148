//! The naive loop on the database of the fleet: what a fleet that posts as fast as one can there is compared with.

use std::time::Duration;

use serde::Serialize;
use store::StoreError;
use store::floor;

/// Connections of the loop; the best of them counts.
const CONNECTIONS: [u32; 3] = [1, 2, 4];

/// Jobs a second of the naive loop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Floor {
    pub(crate) best_per_second: f64,
    pub(crate) runs: Vec<Run>,
}

/// The loop over so many connections.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    pub(crate) connections: u32,
    pub(crate) per_second: f64,
}

/// Runs the loop for `span` in all, on the server and with the settings of this URL.
///
/// # Errors
/// The server cannot be reached, or refused.
pub(crate) async fn measure(url: &str, accounts: u32, span: Duration) -> Result<Floor, StoreError> {
    let mut runs = Vec::new();
    for connections in CONNECTIONS {
        let each = span / u32::try_from(CONNECTIONS.len()).unwrap_or(1);
        let per_second = floor::measure(url, connections, u64::from(accounts), each).await?;
        runs.push(Run { connections, per_second });
    }
    Ok(Floor { best_per_second: runs.iter().map(|run| run.per_second).fold(0.0, f64::max), runs })
}
