//! Takes a batch apart that can not be posted as a whole, so that one bad job never harms its neighbours.

use crate::domain::job::Job;
use crate::domain::outcome::Outcome;
use crate::ledger::{Ledger, LedgerError};

/// What became of one job: an outcome, or why it can never be posted.
pub type Posted = Result<Outcome, String>;

/// Posts a batch; where the ledger refuses it for good, splits it in halves, in order, until the job at
/// fault stands alone. One answer for each job, in the order of the jobs.
///
/// # Errors
/// The first failure that may pass. What was posted until then stays posted: the same batch may be posted
/// again, and those jobs come back as duplicates.
pub async fn post_apart(ledger: &dyn Ledger, jobs: &[Job]) -> Result<Vec<Posted>, LedgerError> {
    let mut answers = Vec::with_capacity(jobs.len());
    // What is left to post; the next piece is on top.
    let mut pieces = vec![jobs];
    while let Some(piece) = pieces.pop() {
        match (ledger.post(piece).await, piece) {
            (Ok(outcomes), _) => answers.extend(outcomes.into_iter().map(Ok)),
            (Err(LedgerError::Permanent(cause)), [_]) => answers.push(Err(cause)),
            (Err(LedgerError::Permanent(_)), _) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            (Err(passing @ (LedgerError::Transient(_) | LedgerError::PoolExhausted(_))), _) => {
                return Err(passing);
            }
        }
    }
    Ok(answers)
}
