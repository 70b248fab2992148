//! The policies of the broker, looked at while the fleet runs: somebody may set one at any time, and the jobs that it takes
//! leave no trace.

use std::sync::Arc;
use std::time::Duration;

use queue::Queue;
use queue::policies::Policies;
use runtime::shutdown::Ticks;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often they are looked at: with the time that an alert needs, one shows within half a minute.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// What was found last; `None`: nobody has looked yet.
pub(crate) type LatestPolicies = Option<Arc<Policies>>;

/// Looks at them until `shutdown`.
pub(crate) async fn watch(
    queue: Arc<dyn Queue>,
    latest: watch::Sender<LatestPolicies>,
    shutdown: CancellationToken,
) {
    let mut ticks = Ticks::every(LOOK_INTERVAL, &shutdown);
    while ticks.next().await {
        let Some(policies) = shutdown.run_until_cancelled(queue.policies()).await else { return };
        latest.send_replace(Some(Arc::new(policies)));
    }
}
