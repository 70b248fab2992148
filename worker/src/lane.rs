//! A lane worker: gather a batch, finish it, acknowledge it; again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use domain::lane::Lane;
use queue::{PREFETCH_MESSAGES, QueueError, Subscription};
use runtime::shutdown::DRAIN_TIMEOUT;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::batch::{Batch, Batcher};
use crate::context::{Parts, Shared};
use crate::figures::InHand;
use crate::finish::{AtOnce, finish_batch};

/// How often it is looked what came meanwhile, while a batch takes its time: before the next report.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// First wait before a queue or a ledger that is away is tried again.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);
/// The waits grow no longer than this, and jitter at most doubles it: a lane is back within about a second
/// of what it waits for, after a long loss too. A try costs little: while a broker is away its adapter
/// answers without asking it.
const RETRY_DELAY_MAX: Duration = Duration::from_millis(500);

/// How long the batch in hand may take once the lane is to stop. A database that hangs holds no lane any longer: what
/// was in hand is not acknowledged, comes again elsewhere, and is a duplicate there if it was posted after all.
const FINISH_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long it may take to note a smaller prefetch, which nobody needs at once.
const LOWER_TIMEOUT: Duration = Duration::from_secs(1);
const _: () = assert!(FINISH_TIMEOUT.as_millis() < DRAIN_TIMEOUT.as_millis());

/// Serves a lane until `stop`, through every loss of the queue; then hands it over.
pub(crate) async fn serve(shared: Arc<Shared>, lane: Lane, stop: CancellationToken) {
    let mut delays = retry_delays();
    let mut reported = false;
    loop {
        let subscribed_at = Instant::now();
        let served = serve_subscribed(&shared, lane, &stop).await;
        shared.figures.in_hand(lane, InHand::default());
        let error = match served {
            Ok(()) if stop.is_cancelled() => break,
            Ok(()) => continue,
            Err(error) => error,
        };
        if subscribed_at.elapsed() > RETRY_DELAY_MAX {
            delays = retry_delays();
            reported = false;
        }
        let delay = delays.next().unwrap_or(RETRY_DELAY_MAX);
        // Once for each loss: a fleet that waits for its broker has many lanes and tries each often.
        if reported {
            debug!(%lane, %error, retry_in = ?delay, "the lane is still lost");
        } else {
            warn!(%lane, %error, retry_in = ?delay, "the lane was lost; trying until it is back");
            reported = true;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(delay) => {}
        }
    }
    debug!(%lane, "the lane was handed over");
}

/// Waits that grow, with jitter, without end.
pub(crate) fn retry_delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::new()
        .with_min_delay(RETRY_DELAY_MIN)
        .with_max_delay(RETRY_DELAY_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Serves a lane by one subscription, until `stop` or until another prefetch takes a subscription of its own.
async fn serve_subscribed(shared: &Shared, lane: Lane, stop: &CancellationToken) -> anyhow::Result<()> {
    let Parts { queue, prefetches, .. } = &shared.parts;
    let wanted = shared.settings.borrow().prefetch_messages();
    let subscribing = async {
        let noted = prefetches.note(lane, wanted, PREFETCH_MESSAGES).await?;
        let subscription = queue.subscribe(lane, noted.prefetch_messages).await?;
        let largest = prefetches.largest(lane).await?.unwrap_or(noted.prefetch_messages);
        anyhow::Ok((noted, subscription, largest))
    };
    let (noted, subscription, largest) = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        subscribed = subscribing => subscribed?,
    };
    let prefetch_messages = noted.prefetch_messages;
    if largest > prefetch_messages {
        // Somebody who has more handed out is ahead: what comes back of that would not be taken at once.
        subscription.close().await;
        return Ok(());
    }
    debug!(%lane, prefetch_messages, "the lane is served");
    if let Some(fewer) = serve_batches(shared, lane, subscription, prefetch_messages, stop).await? {
        let lowered = tokio::time::timeout(LOWER_TIMEOUT, prefetches.lower(lane, &noted, fewer)).await;
        if !matches!(lowered, Ok(Ok(()))) {
            debug!(%lane, ?lowered, "the smaller prefetch is not noted; the lane keeps the larger one");
        }
    }
    Ok(())
}

/// Finishes one batch after the other until `stop` or until another prefetch is wanted, and hands the lane over. `stop`
/// gives up a batch that cannot be finished. Returns the prefetch that will do from now on, where nothing of the lane
/// comes back.
async fn serve_batches(
    shared: &Shared,
    lane: Lane,
    mut subscription: Box<dyn Subscription>,
    prefetch_messages: u16,
    stop: &CancellationToken,
) -> Result<Option<u16>, QueueError> {
    let (mut batcher, mut at_once) = (Batcher::new(shared, lane), AtOnce::default());
    // What is finished and may yet be left with.
    let mut withheld = None;
    let ended = loop {
        let batch = match batcher.next(subscription.as_mut(), stop).await {
            Ok(Some(batch)) => batch,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let through = batch.through;
        if !finish_in_sight(shared, batch, &mut at_once, subscription.as_mut(), stop).await {
            break Ok(());
        }
        withheld = Some(through);
        let wanted = shared.settings.borrow().prefetch_messages();
        if wanted < prefetch_messages {
            // A smaller one takes effect once all that was handed out is finished and no more can be.
            if batcher.has_left_over() || subscription.handed_ahead() > 0 {
                continue;
            }
            if subscription.room() == 0 && !stop.is_cancelled() {
                match subscription.is_alone().await {
                    Ok(true) => return subscription.leave(through).await.map(|()| Some(wanted)),
                    Ok(false) => {}
                    Err(error) => break Err(error),
                }
            }
        }
        let finished = Instant::now();
        subscription.ack_through(through).await?;
        shared.figures.acknowledged(finished.elapsed());
        withheld = None;
        if wanted > prefetch_messages {
            // Whatever comes back, the next subscription takes all of it.
            break Ok(());
        }
    };
    let acknowledged = match withheld {
        Some(through) => subscription.ack_through(through).await,
        None => Ok(()),
    };
    ended.and(acknowledged)?;
    subscription.close().await;
    Ok(None)
}

/// Finishes a batch and tells meanwhile how much of the lane is in hand: a queue hands out ahead, and counts what it
/// handed out as waiting no more.
async fn finish_in_sight(
    shared: &Shared,
    batch: Batch,
    at_once: &mut AtOnce,
    subscription: &mut dyn Subscription,
    stop: &CancellationToken,
) -> bool {
    let (lane, opened) = (batch.lane, batch.in_hand);
    let finishing = finish_batch(shared, batch, at_once, stop);
    let given_up = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISH_TIMEOUT).await;
    };
    tokio::pin!(finishing, given_up);
    loop {
        let unopened = u64::try_from(subscription.handed_ahead()).unwrap_or_default();
        shared.figures.in_hand(lane, opened.with_unopened(unopened));
        tokio::select! {
            biased;
            finished = &mut finishing => return finished,
            () = &mut given_up => {
                warn!(%lane, after = ?FINISH_TIMEOUT, "the batch in hand took too long; it comes again elsewhere");
                return false;
            }
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}
