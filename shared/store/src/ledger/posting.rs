//! What moves money.

use async_trait::async_trait;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::Outcome;

use super::applied::Applied;
use super::cancelling::{Cancelled, NewCancellation};
use crate::error::StoreError;

/// Jobs come in.
#[async_trait]
pub trait Posting: Send + Sync {
    /// Posts a batch, whatever its size and lanes, in one transaction, in order. Returns after the
    /// commit, with what it did with each job in the order of the jobs.
    ///
    /// Deadlocks, lock wait time-outs and ids that appear meanwhile roll everything back and are tried
    /// again, a bounded number of times.
    ///
    /// # Errors
    /// [`StoreError::Transient`]: nothing was written, or it is not known; the same batch may be
    /// posted again. [`StoreError::Obstructed`], [`StoreError::RightMissing`] and [`StoreError::TimedOut`]: the same, and a
    /// part of the batch may fare better. [`StoreError::Permanent`]: nothing was written, and this batch never will be.
    async fn apply(&self, jobs: &[Job]) -> Result<Vec<Applied>, StoreError>;

    /// The same with the outcomes alone.
    ///
    /// # Errors
    /// As of [`Posting::apply`].
    async fn post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        Ok(self.apply(jobs).await?.into_iter().map(|applied| applied.outcome).collect())
    }

    /// What [`Posting::post`] would make of a batch now, were each lane at its end: writes all of it and rolls it back. Locks
    /// the accounts of the batch for as long as posting it would, and takes its turn with what is posted.
    ///
    /// # Errors
    /// As of [`Posting::post`], as far as they show before the commit.
    async fn try_post(&self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError>;

    /// Records a job that can never be posted as dead, unless the ledger holds it already: then `false`.
    ///
    /// # Errors
    /// It could not be written.
    async fn record_dead(&self, job: &Job, cause: &str) -> Result<bool, StoreError>;

    /// Cancels the job with this id, unless it has its outcome. Whoever comes first, this or the posting of the job, has its
    /// way: exactly one of them takes effect. A cancellation that comes too late is kept, and stops nothing.
    ///
    /// # Errors
    /// It could not be written, or it is not known whether it was: the same may be asked again.
    async fn cancel_job(&self, id: JobId, cancellation: &NewCancellation) -> Result<Cancelled, StoreError>;
}
