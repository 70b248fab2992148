//! What would become of a batch.

use async_trait::async_trait;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::Outcome;

use super::{Unposted, post_bisecting};
use crate::error::StoreError;
use crate::ledger::applied::Applied;
use crate::ledger::cancelling::{Cancelled, NewCancellation};
use crate::ledger::posting::Posting;

/// What [`post_bisecting`] would make of a batch now. Nothing is kept of it, so what one piece does to the next is not seen.
///
/// # Errors
/// As there.
pub async fn try_bisecting(
    ledger: &dyn Posting,
    jobs: &[Job],
) -> Result<Vec<Result<Outcome, Unposted>>, StoreError> {
    let tried = post_bisecting(&Trial(ledger), jobs).await?;
    Ok(tried.into_iter().map(|tried| tried.map(|applied| applied.outcome)).collect())
}

/// A ledger that keeps nothing of what is posted to it.
struct Trial<'l>(&'l dyn Posting);

#[async_trait]
impl Posting for Trial<'_> {
    async fn apply(&self, jobs: &[Job]) -> Result<Vec<Applied>, StoreError> {
        let outcomes = self.0.try_post(jobs).await?;
        Ok(Applied::of_batch(outcomes, Vec::new(), jobs, 0))
    }

    async fn try_post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        self.0.try_post(jobs).await
    }

    async fn record_dead(&self, _: &Job, _: &str) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn cancel_job(&self, id: JobId, cancellation: &NewCancellation) -> Result<Cancelled, StoreError> {
        self.0.cancel_job(id, cancellation).await
    }
}
