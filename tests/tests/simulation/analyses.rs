//! Analysis has no part in a simulation.

use async_trait::async_trait;
use domain::account::AccountNumber;
use domain::id::JobId;
use store::StoreError;
use store::analyses::{Analyses, Batch, Holding, Line, NewRun, PatternsRecord, Run};

/// Finds nothing and keeps nothing.
pub struct NoAnalyses;

fn none<T>() -> Result<T, StoreError> {
    Err(StoreError::Permanent("no analysis is simulated".to_owned()))
}

#[async_trait]
impl Analyses for NoAnalyses {
    async fn begin(&self, _: &NewRun) -> Result<Run, StoreError> {
        none()
    }

    async fn planned(&self, _: JobId, _: u64, _: u64) -> Result<(), StoreError> {
        none()
    }

    async fn cancel(&self, _: &NewRun, _: i64) -> Result<(), StoreError> {
        none()
    }

    async fn run(&self, _: JobId) -> Result<Option<Run>, StoreError> {
        none()
    }

    async fn run_as_read(&self, _: JobId) -> Result<Option<Run>, StoreError> {
        none()
    }

    async fn runs(&self, _: Option<&str>, _: Option<i64>, _: u32) -> Result<Vec<Run>, StoreError> {
        none()
    }

    async fn accounts(&self, _: i64, _: u32) -> Result<Vec<Holding>, StoreError> {
        none()
    }

    async fn find(&self, _: &[AccountNumber]) -> Result<Vec<Holding>, StoreError> {
        none()
    }

    async fn histories(&self, _: &[Holding]) -> Result<Vec<Line>, StoreError> {
        none()
    }

    async fn keep(&self, _: &Batch, _: &[PatternsRecord]) -> Result<(), StoreError> {
        none()
    }

    async fn patterns(&self, _: &AccountNumber) -> Result<Option<PatternsRecord>, StoreError> {
        none()
    }

    async fn found(
        &self,
        _: JobId,
        _: Option<&AccountNumber>,
        _: u32,
    ) -> Result<Vec<PatternsRecord>, StoreError> {
        none()
    }
}
