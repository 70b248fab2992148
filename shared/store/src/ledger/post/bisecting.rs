//! Takes a batch apart that cannot be posted as a whole, so that one bad job never harms its neighbours.

mod trial;

use std::collections::HashMap;

use domain::job::Job;
use domain::lane::Lane;

pub use self::trial::try_bisecting;
use crate::error::StoreError;
use crate::ledger::applied::Applied;
use crate::ledger::posting::Posting;

/// How often a batch is halved because its time runs out. A lane waits meanwhile, and its operator should learn
/// of it; it hands over fewer jobs the next time.
const HALVED_FOR_TIME_MAX: usize = 2;

/// What became of one job: what was done with it, or why it has no outcome.
pub type Posted = Result<Applied, Unposted>;

/// Why a job has no outcome.
#[derive(Debug, Clone)]
pub enum Unposted {
    /// It can never be posted, by what it is itself.
    Dead(String),
    /// It waits, and the jobs of its lane behind it wait with it: something else is in its way.
    Waits(StoreError),
}

/// Posts a batch; where the ledger refuses it, splits it in halves, in order, until the job at fault stands alone. One
/// answer for each job, in the order of the jobs. A batch that takes too long is split as well, down to a quarter.
///
/// # Errors
/// The first failure that may pass and that concerns more than one job. What was posted until then stays posted: the same
/// batch may be posted again, and those jobs come back as duplicates.
pub async fn post_bisecting(ledger: &dyn Posting, jobs: &[Job]) -> Result<Vec<Posted>, StoreError> {
    let mut answers: Vec<Posted> = Vec::with_capacity(jobs.len());
    // What is left to post; the next piece is on top.
    let mut pieces = vec![jobs];
    let mut held_up: HashMap<Lane, StoreError> = HashMap::new();
    while let Some(piece) = pieces.pop() {
        let Some((job, behind)) = piece.split_first() else { continue };
        if let Some(why) = held_up.get(&job.lane) {
            answers.push(Err(Unposted::Waits(why.clone())));
            pieces.push(behind);
            continue;
        }
        let free = piece.iter().take_while(|job| !held_up.contains_key(&job.lane)).count();
        let (piece, behind) = piece.split_at(free);
        pieces.push(behind);
        let is_small = piece.len() << HALVED_FOR_TIME_MAX <= jobs.len();
        match ledger.apply(piece).await {
            Ok(applied) => answers.extend(applied.into_iter().map(Ok)),
            Err(late @ StoreError::TimedOut(_)) if is_small => return Err(late),
            Err(failure) if piece.len() > 1 && failure.may_concern_a_part() => {
                tracing::debug!(jobs = piece.len(), "a batch is bisected: {failure}");
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            Err(StoreError::Permanent(cause)) => {
                let later = jobs.get(answers.len() + 1..).unwrap_or_default();
                if later.iter().any(|later| later.id == job.id) {
                    record_before_others(ledger, job, &cause).await?;
                }
                answers.push(Err(Unposted::Dead(cause)));
            }
            Err(in_the_way @ (StoreError::Obstructed(_) | StoreError::RightMissing(_))) => {
                held_up.insert(job.lane, in_the_way.clone());
                answers.push(Err(Unposted::Waits(in_the_way)));
            }
            Err(passing) => return Err(passing),
        }
    }
    Ok(answers)
}

/// Records a dead job before what comes under its id behind it: another body must find the id taken.
async fn record_before_others(ledger: &dyn Posting, job: &Job, cause: &str) -> Result<(), StoreError> {
    match ledger.record_dead(job, cause).await {
        // The dead letter counts, and whoever keeps it says what could not be recorded.
        Err(StoreError::Permanent(_)) => Ok(()),
        recorded => recorded.map(drop),
    }
}
