//! Every accepted job has its outcome: each is asked for until it has one, or its time is over.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use client::{Client, JobView};
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep};

use super::{Fate, Jobs};
use crate::progress::Progress;
use crate::recorder::{Recorder, Sent};

/// Jobs that are asked for at once: enough to read quickly, few enough not to be a load of their own.
const READS_IN_FLIGHT: usize = 32;
/// How long one request waits for an outcome.
const OUTCOME_WAIT_MAX: Duration = Duration::from_secs(5);
/// Between two looks at a job, where the ingress answers at once.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Asks for every job until `deadline`, notes what became of it in the recorder, and adds it to `jobs`.
///
/// It ends soon after the deadline: from then on a job is asked for once, without waiting, and when the ingress
/// does not answer at all nothing more is asked.
pub(crate) async fn read(
    client: &Client,
    recorder: &Recorder,
    deadline: Instant,
    progress: &Progress,
    jobs: &mut Jobs,
) {
    let reader = Reader { client, deadline, is_away: AtomicBool::new(false) };
    let mut fates = stream::iter(recorder.take_accepted())
        .map(|sent| reader.outcome(sent))
        .buffer_unordered(READS_IN_FLIGHT);
    while let Some((sent, fate, job)) = fates.next().await {
        note(recorder, fate, job.as_ref());
        jobs.add(sent.id, sent.n, fate);
        progress.step();
    }
}

fn note(recorder: &Recorder, fate: Fate, job: Option<&JobView>) {
    match (fate, job) {
        (Fate::Posted, Some(job)) => recorder.note_posted(job),
        (Fate::Posted, None) => {}
        (Fate::Rejected, job) => {
            let reason = job.and_then(|job| job.reason.as_deref()).unwrap_or("unknown");
            recorder.note_error(format!("rejected/{reason}"));
        }
        (Fate::Dead, _) => recorder.note_error("dead"),
        (Fate::Cancelled, _) => recorder.note_error("cancelled"),
        (Fate::Waiting, _) => recorder.note_error("without_outcome"),
        (Fate::Unknown, _) => recorder.note_error("unknown_to_the_ingress"),
        (Fate::NotRead, _) => recorder.note_error("not_read"),
    }
}

struct Reader<'a> {
    client: &'a Client,
    deadline: Instant,
    /// It did not answer after the deadline.
    is_away: AtomicBool,
}

impl Reader<'_> {
    async fn outcome(&self, sent: Sent) -> (Sent, Fate, Option<JobView>) {
        let (fate, job) = self.fate(&sent.id.to_string()).await;
        (sent, fate, job)
    }

    async fn fate(&self, id: &str) -> (Fate, Option<JobView>) {
        loop {
            if self.is_away.load(Relaxed) {
                return (Fate::NotRead, None);
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            // Whole seconds are what the ingress takes.
            let wait = Duration::from_secs(left.min(OUTCOME_WAIT_MAX).as_secs());
            match self.client.job(id, wait).await {
                Ok(None) => return (Fate::Unknown, None),
                Ok(Some(job)) => match job.status.as_str() {
                    "posted" => return (Fate::Posted, Some(job)),
                    "rejected" => return (Fate::Rejected, Some(job)),
                    "dead" => return (Fate::Dead, Some(job)),
                    "cancelled" => return (Fate::Cancelled, Some(job)),
                    _ if left.is_zero() => return (Fate::Waiting, None),
                    _ => {}
                },
                Err(error) if left.is_zero() => {
                    tracing::debug!(%error, id, "an accepted job could not be read again");
                    self.is_away.store(true, Relaxed);
                    return (Fate::NotRead, None);
                }
                Err(_) => {}
            }
            sleep(LOOK_INTERVAL.min(left)).await;
        }
    }
}
