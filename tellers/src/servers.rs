//! What a service makes of its database and its broker when it starts.
//!
//! It starts while they are away, and waits for them. It does not wait where they answer and let nobody in by its URL: an
//! unknown database or virtual host, another user or password. Then it ends, and says what to do. Where an init job makes
//! these, whoever runs the service starts it again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use backon::{ExponentialBuilder, Retryable as _};
use domain::lane::Lanes;
use queue::Queue;
use store::StoreError;
use store::ledger::Ledger;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::parts::Parts;

/// The longest wait before a server that is away at the start is asked again.
const CHECK_DELAY_MAX: Duration = Duration::from_secs(2);
/// How long a start is held up by servers that do not answer.
const KNOCK_MAX: Duration = Duration::from_secs(1);

/// Asks both once, before anything else.
///
/// # Errors
/// One of them answers, and lets nobody in by its URL.
pub(crate) async fn knock(parts: &Parts, lanes: Lanes) -> anyhow::Result<()> {
    let (ledger, queue) = tokio::join!(
        timeout(KNOCK_MAX, parts.ledger.check(lanes)),
        timeout(KNOCK_MAX, parts.queue.lets_in())
    );
    let ledger = ledger.ok().and_then(Result::err).filter(|error| matches!(error, StoreError::ShutOut(_)));
    let queue = queue.ok().and_then(Result::err).filter(queue::QueueError::is_shut_out);
    match (ledger, queue) {
        (None, None) => Ok(()),
        (Some(ledger), None) => bail!("{ledger}"),
        (None, Some(queue)) => bail!("{queue}"),
        (Some(ledger), Some(queue)) => bail!("{ledger}. And {queue}"),
    }
}

/// Waits until the ledger answers, and fails if it is not this fleet's: no schema, or other lanes, or nobody is let in.
/// `Ok` after `shutdown` too, which a failure calls for.
pub(crate) async fn check_ledger(
    ledger: Arc<dyn Ledger>,
    lanes: Lanes,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let check = (|| ledger.check(lanes))
        .retry(delays())
        .when(|error| {
            matches!(
                error,
                StoreError::Transient(_) | StoreError::PoolExhausted(_) | StoreError::RightMissing(_)
            )
        })
        .notify(|error, delay| warn!(%error, retry_in = ?delay, "waiting for the ledger"));
    until_shutdown(check, &shutdown).await
}

/// Waits until the broker answers, and fails if it lets nobody in. `Ok` after `shutdown` too, which a failure calls for.
pub(crate) async fn check_broker(queue: Arc<dyn Queue>, shutdown: CancellationToken) -> anyhow::Result<()> {
    // What else is wrong with it the parts that use it say, and mend.
    let check = (|| queue.lets_in()).retry(delays()).when(|error| !error.is_shut_out());
    until_shutdown(check, &shutdown).await
}

fn delays() -> ExponentialBuilder {
    ExponentialBuilder::new().with_max_delay(CHECK_DELAY_MAX).with_jitter().without_max_times()
}

async fn until_shutdown<E: Into<anyhow::Error>>(
    check: impl Future<Output = Result<(), E>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        checked = check => {
            if checked.is_err() {
                shutdown.cancel();
            }
            checked.map_err(Into::into)
        }
    }
}
