//! The records port: documents that the fleet keeps about itself, each with a number that grows.
//!
//! The ledger's adapters stand behind it, on its database: see [`MySqlLedger`](crate::mysql::MySqlLedger) and
//! [`SqliteLedger`](crate::sqlite::SqliteLedger).

use async_trait::async_trait;
use strum::{IntoStaticStr, VariantArray};

use crate::error::StoreError;

/// Documents, kept in the ledger's database, beside its entries and never in the way of posting.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Records: Send + Sync {
    /// Appends a document (JSON) of the time `at` (µs since the Unix epoch) and returns its number. Numbers
    /// grow, with gaps.
    ///
    /// # Errors
    /// It could not be written, or it is not known whether it was.
    async fn append(&self, kind: RecordKind, at: i64, body: &str) -> Result<u64, StoreError>;

    /// Replaces the body of one. Nothing happens if it is not there.
    ///
    /// # Errors
    /// It could not be written.
    async fn replace(&self, number: u64, body: &str) -> Result<(), StoreError>;

    /// One of this kind, by its number.
    async fn get(&self, kind: RecordKind, number: u64) -> Result<Option<Record>, StoreError>;

    /// Up to `limit` of a kind, newest first, those with a number below `before` only.
    async fn list(
        &self,
        kind: RecordKind,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Removes those of a kind that are older than `at` (µs since the Unix epoch); returns how many.
    ///
    /// # Errors
    /// They could not all be removed; the rest goes next time.
    async fn prune(&self, kind: RecordKind, at: i64) -> Result<u64, StoreError>;
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Unique among all kinds.
    pub number: u64,
    /// When it is of, in microseconds since the Unix epoch.
    pub at: i64,
    /// JSON.
    pub body: String,
}

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RecordKind {
    /// A change of settings; its number is their version.
    Settings,
    /// An alert, from its firing to its end.
    Alert,
    /// A load test with its result.
    LoadTest,
    /// Seconds of the fleet's history.
    Seconds,
    /// Minutes of it.
    Minutes,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: &'static [RecordKind] = RecordKind::VARIANTS;

    /// As it is stored.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
