//! Puts dead letters back where they came from.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::envelope::{Envelope, EnvelopeError, QueuedJob};
use contract::message::{self, Unreadable};
use domain::lane::{Lane, Lanes};
use futures::future::join_all;

use super::publisher::{Publisher, ToQueue};
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

/// What goes on a lane again.
#[derive(Debug)]
pub struct Again {
    /// Its lane, where the fleet has so many now.
    pub lane: Lane,
    /// The job.
    pub job: ToQueue,
}

/// Reads the jobs of a letter, all or none.
///
/// # Errors
/// It is not what a lane takes.
pub fn read(letter: &DeadLetter, lanes: Lanes) -> Result<Vec<Again>, ReplayError> {
    let envelope = Envelope::read(&letter.payload)?;
    let again = |job| {
        let queued = QueuedJob::read(job)?;
        let received = message::read(queued.job.get(), letter.lane, &envelope.ingress, queued.accepted_at)?;
        let job = Bytes::copy_from_slice(queued.job.get().as_bytes());
        let job = ToQueue { job, origin: queued.import, failed: queued.failed, trace: None };
        Ok(Again { lane: received.job.spec.lane(lanes), job })
    };
    envelope.jobs.iter().map(|job| again(job)).collect()
}

/// Publishes the jobs of letters again, behind what waits on their lanes and in the order of the letters, and returns how
/// many jobs each had. All jobs of a letter are read before the first is published. The letters themselves stay: remove
/// those that were replayed afterwards.
pub async fn replay(
    queue: &dyn Queue,
    publisher: &Publisher,
    lanes: Lanes,
    letters: &[DeadLetter],
) -> Vec<Result<usize, ReplayError>> {
    let mut replayed = Vec::with_capacity(letters.len());
    let mut by_lane: BTreeMap<Lane, Vec<(usize, ToQueue)>> = BTreeMap::new();
    for (place, letter) in letters.iter().enumerate() {
        if letter.lane == Lane::NONE {
            let published = queue.publish_work(letter.payload.clone()).await;
            replayed.push(published.map(|()| 1).map_err(ReplayError::from));
            continue;
        }
        replayed.push(read(letter, lanes).map(|jobs| {
            let count = jobs.len();
            for Again { lane, job } in jobs {
                by_lane.entry(lane).or_default().push((place, job));
            }
            count
        }));
    }
    let lanes = by_lane.into_iter().map(async |(lane, jobs)| {
        let (places, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        places.into_iter().zip(publisher.publish_each(lane, jobs.into_iter()).await).collect::<Vec<_>>()
    });
    for (place, published) in join_all(lanes).await.into_iter().flatten() {
        if let (Err(error), Some(replayed)) = (published, replayed.get_mut(place)) {
            *replayed = Err(error.into());
        }
    }
    replayed
}
