//! A fleet without keys in its database, and an audit log that nobody reads.

use async_trait::async_trait;
use store::StoreError;
use store::audit_log::{AuditEvent, AuditLog};
use store::keys::{ApiKey, ApiKeys};

use super::FakeLedger;

#[async_trait]
impl ApiKeys for FakeLedger {
    async fn version_of_keys(&self) -> Result<Option<String>, StoreError> {
        self.read().map(|()| None)
    }

    async fn all_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read().map(|()| Vec::new())
    }

    async fn add_key(&self, _: &ApiKey, _: Option<(&str, i64)>) -> Result<(), StoreError> {
        panic!("nobody here may make a key")
    }

    async fn revoke_key(&self, _: &str, _: i64) -> Result<(), StoreError> {
        panic!("there is no key to revoke")
    }

    async fn keys_used(&self, _: &[(String, i64)]) -> Result<(), StoreError> {
        panic!("there is no key to use")
    }
}

#[async_trait]
impl AuditLog for FakeLedger {
    async fn add_to_audit_log(&self, _: &[AuditEvent]) -> Result<(), StoreError> {
        panic!("the ingress hands its events to whoever runs it")
    }

    async fn audit_log(&self, _: Option<u64>, _: u32) -> Result<Vec<(u64, AuditEvent)>, StoreError> {
        self.read().map(|()| Vec::new())
    }
}
