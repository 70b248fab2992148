//! The keys port: whose keys there are, and what each allows. Replicas hold all of them in memory and look whether
//! anything changed.

use async_trait::async_trait;
use domain::access::{Accounts, Scopes};
use domain::text::{Client, Name};

use crate::error::StoreError;

/// Keys, kept in the ledger's database.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Another text after every change of a key; `None`: there was never a key.
    async fn version_of_keys(&self) -> Result<Option<String>, StoreError>;

    /// Every key that there is or was, the oldest first.
    async fn all_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Adds a key. `ends`: the id of a key that ends at this time (µs since the Unix epoch), unless it ends before; if that
    /// one was revoked, nothing is added.
    ///
    /// # Errors
    /// It could not be written; then nothing was.
    async fn add_key(&self, key: &ApiKey, ends: Option<(&str, i64)>) -> Result<(), StoreError>;

    /// Revokes the key with this id at this time (µs since the Unix epoch), unless it is revoked. Nothing happens if
    /// there is none.
    ///
    /// # Errors
    /// It could not be written.
    async fn revoke_key(&self, id: &str, at: i64) -> Result<(), StoreError>;

    /// Notes when keys were used last, by their ids (µs since the Unix epoch). An earlier time than the noted one
    /// changes nothing.
    ///
    /// # Errors
    /// Not all could be written.
    async fn keys_used(&self, uses: &[(String, i64)]) -> Result<(), StoreError>;
}

/// A key, without the key itself. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The BLAKE3 hash of the key.
    pub hash: [u8; 32],
    /// What it is called in lists and logs: 16 hexadecimal digits that tell nothing of the key.
    pub id: String,
    /// Whose it is: the id under which its jobs are known, for ever.
    pub client: Client,
    /// What people call it; may change from key to key.
    pub name: Name,
    /// What it allows.
    pub scopes: Scopes,
    /// The accounts that it may draw on, open and read.
    pub accounts: Accounts,
    /// Jobs a second; `None`: as many as the fleet's settings grant a client.
    pub rate: Option<u32>,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// From when on it is not taken any more; `None`: it does not expire.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<i64>,
}

impl ApiKey {
    /// `valid`, `expired` or `revoked`, at this time (µs since the Unix epoch).
    pub fn status_at(&self, now: i64) -> &'static str {
        match self.revoked_at {
            Some(_) => "revoked",
            None if self.is_valid_at(now) => "valid",
            None => "expired",
        }
    }

    /// Whether it is taken at this time (µs since the Unix epoch).
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
