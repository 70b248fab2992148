//! Holds that have expired: the fleet itself submits the jobs that release them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::{message, submission};
use domain::account::AccountNumber;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::{Action, Spec};
use domain::text::{Client, FLEET};
use runtime::shutdown::Ticks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::Shared;

/// How often expired holds are looked for: a hold may outlive its end by this and a little more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// Holds released in one sweep at the most; the rest waits for the next one.
const SWEEP_HOLDS_MAX: u32 = 1_000;
/// A release that is queued gets this long to be posted before it is queued once more.
const RELEASE_PATIENCE: Duration = Duration::from_secs(60);

/// Looks for expired holds until `shutdown`, and releases those on the lanes that this worker serves.
/// A release is the same job however often it is submitted, so two workers that overlap do no harm.
pub(crate) async fn release_expired(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(SWEEP_INTERVAL, &shutdown);
    let mut queued: HashMap<JobId, Instant> = HashMap::new();
    while ticks.next().await {
        match shared.parts.ledger.expired_holds(SWEEP_HOLDS_MAX).await {
            Ok(expired) => {
                queued.retain(|_, at| at.elapsed() < RELEASE_PATIENCE);
                for (hold, account) in expired {
                    if shutdown.is_cancelled() {
                        return;
                    }
                    if !queued.contains_key(&hold) && release(&shared, hold, account).await {
                        queued.insert(hold, Instant::now());
                    }
                }
            }
            Err(error) => warn!(%error, "expired holds could not be listed; trying again"),
        }
    }
}

/// True if the release is queued.
async fn release(shared: &Shared, hold: JobId, account: AccountNumber) -> bool {
    let Ok(fleet) = Client::parse(FLEET) else { return false };
    let spec = Spec::of(Action::Release { account, hold });
    let lane = spec.lane(shared.parts.lanes);
    // On a paused lane a release would wait, and be queued again and again.
    if !shared.figures.serves(lane) || shared.settings.borrow().pause_of(lane).is_some() {
        return false;
    }
    let id = Hold::expiry_job(hold, &fleet);
    let published = match message::write(id, &fleet, None, &[], None, &submission::canonical(&spec)) {
        Ok(job) => {
            shared.parts.publisher.publish(lane, Bytes::from(job)).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match &published {
        Ok(_) => {
            shared.figures.submitted(lane);
            info!(%hold, %lane, "a hold expired; its release is queued");
        }
        Err(error) => {
            warn!(%hold, %lane, error, "a hold expired and its release could not be queued; trying again")
        }
    }
    published.is_ok()
}
