//! Jobs whose day has come: this worker puts those of its lanes on them again, in the order in which they are due.
//!
//! What decides is the ledger: it executes a job once, when it is due by the database's clock. So a job that is put on its lane
//! twice, by two workers that overlap or around a crash, does no harm, and one that is lost on the way is put there again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::lane::Lane;
use domain::schedule::releases_of;
use futures::{StreamExt as _, stream};
use queue::publisher::{Publisher, PublisherLimits, ToQueue};
use store::schedules::{Awaited, DueJob, Schedules};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::Shared;

/// How long it takes at the most until a job is looked for that was scheduled since, and is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The same where there is more than may be put on a lane at once: the lane works on it meanwhile.
const FULL_INTERVAL: Duration = Duration::from_millis(200);
/// The least pause.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Jobs of a lane that are on it and were not executed yet, beyond which no other is put there: ten envelopes, which a lane
/// posts within seconds. So jobs that come meanwhile wait no longer, however many are due.
const RELEASED_JOBS_MAX: u32 = 1_000;
/// Jobs that are read and put on a lane together.
const RELEASE_AT_ONCE: u32 = 500;
/// Lanes that are looked at together: each takes a connection to the database.
const LANES_AT_ONCE: usize = 4;
/// The longest pause after which a job that did not come is put on its lane once more.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Puts due jobs on the lanes that this worker serves, until `shutdown`.
pub(crate) async fn release_due(shared: Arc<Shared>, shutdown: CancellationToken) {
    let Some(schedules) = shared.parts.schedules.clone() else { return };
    let (queue, lanes) = (shared.parts.queue.clone(), shared.parts.lanes);
    let publisher =
        Publisher::new(queue, lanes, releases_of(&shared.parts.replica), PublisherLimits::default());
    let releaser = Releaser { shared: &shared, schedules: &*schedules, publisher: &publisher };
    let mut is_reported = false;
    loop {
        let pause = match releaser.look().await {
            Ok(pause) => {
                is_reported = false;
                pause
            }
            Err(error) => {
                // Once for each time that the database or the queue is away.
                if !is_reported {
                    warn!(%error, "due jobs could not be put on their lanes; trying again");
                }
                is_reported = true;
                LOOK_INTERVAL
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    publisher.stop().await;
}

struct Releaser<'w> {
    shared: &'w Shared,
    schedules: &'w dyn Schedules,
    publisher: &'w Publisher,
}

impl Releaser<'_> {
    /// Puts on the lanes what is due, and tells how long to wait until the next look. A lane that takes nothing holds no
    /// other up.
    async fn look(&self) -> anyhow::Result<Duration> {
        let settings = self.shared.settings.borrow().clone();
        let is_open = |lane: &Lane| self.shared.figures.serves(*lane) && settings.pause_of(*lane).is_none();
        let open: Vec<_> = self.shared.parts.lanes.iter().filter(is_open).collect();
        let next = self.schedules.next_releases(&open).await?;
        let (due, later): (Vec<_>, Vec<_>) = next.by_lane.into_iter().partition(|(_, at)| *at <= next.now);
        let retry = settings.schedule_retry();
        let releases: Vec<_> = due.into_iter().map(|(lane, _)| self.release(lane, retry)).collect();
        let released = stream::iter(releases).buffer_unordered(LANES_AT_ONCE);
        let left: Vec<anyhow::Result<bool>> = released.collect().await;
        let mut is_more_due = false;
        for left in left {
            is_more_due |= left?;
        }
        if is_more_due {
            return Ok(FULL_INTERVAL);
        }
        let until = later.into_iter().map(|(_, at)| at.saturating_sub(next.now)).min();
        let until = until.and_then(|until| u64::try_from(until).ok()).map(Duration::from_micros);
        Ok(until.unwrap_or(LOOK_INTERVAL).clamp(PAUSE_MIN, LOOK_INTERVAL))
    }

    /// Puts jobs on a lane until nothing is due or the lane has enough; true: there is more. What the lane did not take is
    /// where the next look begins, so that all go in their order.
    async fn release(&self, lane: Lane, retry: Duration) -> anyhow::Result<bool> {
        let mut count = 0;
        let is_more_due = loop {
            let Awaited { now, jobs, is_more } =
                self.schedules.due(lane, RELEASED_JOBS_MAX, RELEASE_AT_ONCE).await?;
            if jobs.is_empty() {
                break is_more;
            }
            let published = self.publisher.publish_each(lane, jobs.iter().map(to_queue)).await;
            let confirmed = jobs.iter().zip(&published).filter(|(_, published)| published.is_ok());
            let noted: Vec<_> =
                confirmed.map(|(job, _)| (job.seq, pause_after(job.releases, retry))).collect();
            self.schedules.note_released(&noted, now).await?;
            count += noted.len();
            published.into_iter().find(Result::is_err).transpose()?;
            if !is_more {
                break false;
            }
        };
        if count > 0 {
            info!(%lane, jobs = count, "scheduled jobs were put on their lane");
        }
        Ok(is_more_due)
    }
}

fn to_queue(job: &DueJob) -> ToQueue {
    let message = Bytes::copy_from_slice(job.message.as_bytes());
    ToQueue { origin: job.origin, ..ToQueue::requested(message, None) }
}

/// After which pause a job is put on its lane once more that was put there so often before, and now.
pub(crate) fn pause_after(releases: u32, retry: Duration) -> Duration {
    let doubled = 1_u32.checked_shl(releases).unwrap_or(u32::MAX);
    retry.saturating_mul(doubled).min(RETRY_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_until_a_lost_job_is_released_again_doubles_up_to_a_day() {
        let pause = |releases| pause_after(releases, Duration::from_secs(300)).as_secs();
        assert_eq!(
            [0, 1, 2, 8, 9, 31, 32, 1_000].map(pause),
            [300, 600, 1_200, 76_800, 86_400, 86_400, 86_400, 86_400]
        );
    }
}
