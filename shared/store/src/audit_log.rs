//! The audit log's port: who was turned away, and who changed what. Rows are only ever added.

use async_trait::async_trait;

use crate::error::StoreError;

/// The audit log, in the ledger's database.
///
/// # Errors
/// Of every method: the database could not be reached.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds these, in this order.
    ///
    /// # Errors
    /// It is not known whether they were added.
    async fn add_to_audit_log(&self, events: &[AuditEvent]) -> Result<(), StoreError>;

    /// Up to `limit` events, the newest first, those with a number below `before` only.
    async fn audit_log(&self, before: Option<u64>, limit: u32) -> Result<Vec<(u64, AuditEvent)>, StoreError>;
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
    /// What: a name of at most 32 ASCII characters, such as `key_revoked`.
    pub action: String,
    /// Which client did it; `None`: nobody knows.
    pub client: Option<String>,
    /// By which key, by its id or, of a key in the settings, its name.
    pub key: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// The request's `X-Request-Id`.
    pub request_id: Option<String>,
    /// How often within a second.
    pub times: u64,
    /// More of it, as a JSON object.
    pub detail: String,
}
