//! An ingress posts nothing.

use async_trait::async_trait;
use domain::id::JobId;
use domain::job::Job;
use domain::outcome::Outcome;
use store::StoreError;
use store::ledger::{Applied, Cancellation, Cancelled, NewCancellation, Posting};

use super::FakeLedger;

#[async_trait]
impl Posting for FakeLedger {
    async fn apply(&self, _: &[Job]) -> Result<Vec<Applied>, StoreError> {
        panic!("the ingress posts nothing")
    }

    async fn try_post(&self, _: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        panic!("the ingress tries nothing")
    }

    async fn record_dead(&self, _: &Job, _: &str) -> Result<bool, StoreError> {
        panic!("the ingress records nothing")
    }

    async fn cancel_job(&self, id: JobId, new: &NewCancellation) -> Result<Cancelled, StoreError> {
        self.read()?;
        if let Some(record) = self.jobs.lock().unwrap().get(&id) {
            return Ok(Cancelled::Recorded(Box::new(record.clone())));
        }
        let NewCancellation { whose, by, reason } = new.clone();
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let cancellation = Cancellation { whose, by, reason, at: 7 };
        let mut cancellations = self.cancellations.lock().unwrap();
        let found = cancellations.entry(id).or_default();
        if let Some(own) = found.iter().find(|found| found.whose == cancellation.whose) {
            return Ok(Cancelled::Waiting(own.clone()));
        }
        found.push(cancellation.clone());
        Ok(Cancelled::Waiting(cancellation))
    }
}
