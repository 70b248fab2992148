//! The webhook endpoints of clients: how many are sent events, and how many are not though their clients want it.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use runtime::shutdown::Ticks;
use runtime::telemetry::names;
use store::webhooks::{Standing, Webhooks};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How often they are looked at: days have passed until an endpoint is disabled.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// A database that answers does so within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How they stood last; `None`: it is not known.
pub(crate) type LatestStanding = Option<Arc<Standing>>;

/// Looks at them until `shutdown`.
pub(crate) async fn watch(
    webhooks: Arc<dyn Webhooks>,
    latest: watch::Sender<LatestStanding>,
    shutdown: CancellationToken,
) {
    let mut ticks = Ticks::every(LOOK_INTERVAL, &shutdown);
    while ticks.next().await {
        let asked = timeout(ANSWER_TIMEOUT, webhooks.standing());
        let Some(standing) = shutdown.run_until_cancelled(asked).await else { return };
        let standing = match standing {
            Ok(Ok(standing)) => Some(Arc::new(standing)),
            Ok(Err(error)) => {
                debug!(%error, "how webhook endpoints are is not known");
                None
            }
            Err(_) => None,
        };
        show(standing.as_deref());
        latest.send_replace(standing);
    }
}

/// For Prometheus; what is not known is `NaN`.
fn show(standing: Option<&Standing>) {
    let count = |of: fn(&Standing) -> u64| standing.map_or(f64::NAN, |standing| of(standing) as f64);
    let states = [
        ("active", count(|standing| standing.active)),
        ("failing", count(|standing| standing.failing)),
        ("disabled", count(|standing| standing.disabled)),
    ];
    for (state, endpoints) in states {
        gauge!(names::WEBHOOK_ENDPOINTS, names::STATE => state).set(endpoints);
    }
    gauge!(names::WEBHOOK_DELIVERIES_WAITING).set(count(|standing| standing.waiting));
}
