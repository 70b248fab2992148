//! An ingress posts nothing.

use async_trait::async_trait;
use domain::job::Job;
use domain::outcome::Outcome;
use store::StoreError;
use store::ledger::Posting;

use super::FakeLedger;

#[async_trait]
impl Posting for FakeLedger {
    async fn post(&self, _: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        panic!("the ingress posts nothing")
    }

    async fn try_post(&self, _: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        panic!("the ingress tries nothing")
    }

    async fn record_dead(&self, _: &Job, _: &str) -> Result<bool, StoreError> {
        panic!("the ingress records nothing")
    }
}
