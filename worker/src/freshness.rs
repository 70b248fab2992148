//! The mark by which replicas of the ledger's database tell how far they are behind.

use std::sync::Arc;
use std::time::Duration;

use runtime::shutdown::Ticks;
use store::StoreError;
use store::ledger::Ledger;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How often the present is marked: no replica counts as fresher than this.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

/// Marks the present each second until `shutdown`, where the ledger has replicas. All workers do: one is enough.
pub(crate) async fn heartbeat(ledger: Arc<dyn Ledger>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(MARK_INTERVAL, &shutdown);
    let mut may = true;
    while ticks.next().await {
        match ledger.heartbeat().await {
            Ok(()) => may = true,
            // Nobody else says it, since nothing else needs it.
            Err(error @ StoreError::RightMissing(_)) if may => {
                warn!(%error, "the mark of the present time cannot be written; reads of replicas count as old");
                may = false;
            }
            // Posting tells loudly when the database is away; here the mark only grows old, which shows.
            Err(error) => {
                debug!(%error, "the mark of the present time could not be written; trying again");
            }
        }
    }
}
