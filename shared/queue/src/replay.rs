//! Puts a dead letter back where it came from.

use bytes::Bytes;
use contract::envelope::{Envelope, EnvelopeError, QueuedJob};
use contract::message::{self, Unreadable};
use domain::lane::{Lane, Lanes};

use super::publisher::Publisher;
use super::{DeadLetter, PublishError, Queue};

/// In the name under which a replay publishes, which stands in the envelope as its ingress.
const REPLAY: &str = "replay-";

/// Whether whoever published under this name replayed: its jobs were accepted before, and are not once more.
pub fn is_replay(ingress: &str) -> bool {
    ingress.contains(REPLAY)
}

/// Why a dead letter was not put back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It carries something that is no job.
    #[error(transparent)]
    Job(#[from] Unreadable),
    /// The queue did not take it; what was there before may be there twice then, which harms nothing.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Publishes the jobs of a letter again, behind what waits on their lanes, and returns how many. All are read
/// before the first is published. The letter itself stays: remove it afterwards.
///
/// # Errors
/// It is not what a lane takes, or the queue did not take it.
pub async fn replay(
    queue: &dyn Queue,
    publisher: &Publisher,
    lanes: Lanes,
    letter: &DeadLetter,
) -> Result<usize, ReplayError> {
    if letter.lane == Lane::NONE {
        queue.publish_work(letter.payload.clone()).await?;
        return Ok(1);
    }
    let envelope = Envelope::read(&letter.payload)?;
    let mut jobs = Vec::with_capacity(envelope.jobs.len());
    for job in &envelope.jobs {
        let queued = QueuedJob::read(job)?;
        let received = message::read(queued.job.get(), letter.lane, &envelope.ingress, queued.accepted_at)?;
        let message = Bytes::copy_from_slice(queued.job.get().as_bytes());
        jobs.push((received.job.spec.lane(lanes), message, queued.import));
    }
    let count = jobs.len();
    for (lane, job, origin) in jobs {
        match origin {
            Some(origin) => publisher.publish_imported(lane, vec![(job, origin)]).await.into_iter().collect(),
            None => publisher.publish(lane, job).await.map(|at| vec![at]),
        }?;
    }
    Ok(count)
}
