//! A fleet in which nobody has a webhook endpoint.

use async_trait::async_trait;
use domain::text::Client;
use store::StoreError;
use store::webhooks::{
    AttemptRecord, Delivery, Disabled, Done, Endpoint, EndpointChange, NewDelivery, Read, Resend, Standing,
    Webhooks,
};

use super::FakeLedger;

const NOBODY: &str = "there is no endpoint, and nobody here makes one or delivers to it";

#[async_trait]
impl Webhooks for FakeLedger {
    async fn version_of_endpoints(&self) -> Result<Option<String>, StoreError> {
        self.read().map(|()| None)
    }

    async fn endpoints(&self, _: Option<&Client>) -> Result<Vec<Endpoint>, StoreError> {
        self.read().map(|()| Vec::new())
    }

    async fn endpoint(&self, _: &str) -> Result<Option<Endpoint>, StoreError> {
        self.read().map(|()| None)
    }

    async fn add_endpoint(&self, _: &Endpoint) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn change_endpoint(&self, _: &str, _: &EndpointChange<'_>) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn remove_endpoint(&self, _: &str) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn hurry(&self, _: &str) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn place(&self) -> Result<Option<u64>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn forget_place(&self) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn note_read(&self, _: &Read<'_>) -> Result<bool, StoreError> {
        panic!("{NOBODY}")
    }

    async fn note_caught_up(&self, _: &str, _: &[NewDelivery], _: Option<u64>) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn note_missed(&self, _: Option<&str>) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn waiting(&self, _: &str) -> Result<u64, StoreError> {
        panic!("{NOBODY}")
    }

    async fn due_endpoints(&self) -> Result<Vec<String>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn take(&self, _: &[(&str, u32)]) -> Result<Vec<Delivery>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn note_attempts(&self, _: &[Done]) -> Result<Vec<(String, Disabled)>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn hand_back(&self, _: &[Delivery]) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn attempts(
        &self,
        _: &str,
        _: Option<u64>,
        _: u32,
    ) -> Result<Vec<(u64, AttemptRecord)>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn prune_attempts(&self, _: &[&str]) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn add_resend(&self, _: &Resend) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn resends(&self) -> Result<Vec<(u64, Resend)>, StoreError> {
        panic!("{NOBODY}")
    }

    async fn note_resent(&self, _: u64, _: &[NewDelivery], _: Option<u64>) -> Result<(), StoreError> {
        panic!("{NOBODY}")
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        panic!("{NOBODY}")
    }
}
