//! The mark by which replicas of the ledger's database tell how far they are behind.

use std::sync::Arc;
use std::time::Duration;

use runtime::shutdown::Ticks;
use store::ledger::Ledger;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How often the present is marked: no replica counts as fresher than this.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

/// Marks the present each second until `shutdown`, where the ledger has replicas. All workers do: one is enough.
pub(crate) async fn heartbeat(ledger: Arc<dyn Ledger>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(MARK_INTERVAL, &shutdown);
    while ticks.next().await {
        // Posting tells loudly when the database is away; here the mark only grows old, which shows.
        if let Err(error) = ledger.heartbeat().await {
            debug!(%error, "the mark of the present time could not be written; trying again");
        }
    }
}
