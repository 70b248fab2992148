//! Analysis has no part in a simulation.

use async_trait::async_trait;
use domain::account::AccountNumber;
use domain::id::JobId;
use store::analyses::{Analyses, Batch, Found, Holding, Line, NewRun, Run};
use store::ledger::LedgerError;

/// Finds nothing and keeps nothing.
pub struct NoAnalyses;

fn none<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Permanent("no analysis is simulated".to_owned()))
}

#[async_trait]
impl Analyses for NoAnalyses {
    async fn begin(&self, _: &NewRun) -> Result<Run, LedgerError> {
        none()
    }

    async fn planned(&self, _: JobId, _: u64, _: u64) -> Result<(), LedgerError> {
        none()
    }

    async fn cancel(&self, _: &NewRun, _: i64) -> Result<(), LedgerError> {
        none()
    }

    async fn run(&self, _: JobId) -> Result<Option<Run>, LedgerError> {
        none()
    }

    async fn run_as_read(&self, _: JobId) -> Result<Option<Run>, LedgerError> {
        none()
    }

    async fn runs(&self, _: Option<i64>, _: u32) -> Result<Vec<Run>, LedgerError> {
        none()
    }

    async fn accounts(&self, _: i64, _: u32) -> Result<Vec<Holding>, LedgerError> {
        none()
    }

    async fn find(&self, _: &[AccountNumber]) -> Result<Vec<Holding>, LedgerError> {
        none()
    }

    async fn histories(&self, _: &[Holding]) -> Result<Vec<Line>, LedgerError> {
        none()
    }

    async fn keep(&self, _: &Batch, _: &[Found]) -> Result<(), LedgerError> {
        none()
    }

    async fn patterns(&self, _: &AccountNumber) -> Result<Option<Found>, LedgerError> {
        none()
    }

    async fn found(&self, _: JobId, _: Option<&AccountNumber>, _: u32) -> Result<Vec<Found>, LedgerError> {
        none()
    }
}
