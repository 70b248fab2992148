//! Making, replacing and ending keys: the same over HTTP and at the database.

use domain::access::{Accounts, Scopes};
use domain::text::{Client, Name};
use runtime::clock;
use store::StoreError;
use store::keys::{ApiKey, ApiKeys};

use super::Secret;

/// The longest time for which a key that was replaced goes on, in microseconds: 90 days.
pub const OVERLAP_US_MAX: i64 = 90 * 24 * 3_600 * 1_000_000;

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is to be: see [`client_of`](super::client_of).
    pub client: Client,
    /// What people call it.
    pub name: Name,
    /// What it allows.
    pub scopes: Scopes,
    /// The accounts that it may draw on, open and read.
    pub accounts: Accounts,
    /// Jobs a second; `None`: as many as the settings grant a client.
    pub rate: Option<u32>,
    /// When it ends, in microseconds since the Unix epoch; `None`: it does not.
    pub expires_at: Option<i64>,
}

/// A key that was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The machine gives no random numbers.
    #[error("the machine gives no random numbers: {0}")]
    Chance(#[from] getrandom::Error),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has a key with this id.
    #[error("there is no key {0}; list the keys to see their ids")]
    NoSuchKey(String),
    /// It has ended, so nothing can take its place.
    #[error("the key {0} has ended; make a new key")]
    Ended(String),
}

/// Makes a key. Its secret is in the answer and nowhere else.
///
/// # Errors
/// It was not made.
pub async fn make(keys: &dyn ApiKeys, new: NewKey, by: &str) -> Result<(ApiKey, Secret), NotMade> {
    let (key, secret) = new.with_secret(by)?;
    keys.add_key(&key, None).await?;
    Ok((key, secret))
}

/// Makes a key that takes the place of the one with this id, which ends when `overlap_us` microseconds have passed.
///
/// # Errors
/// There is no such key, it has ended, or the new one was not made.
pub async fn rotate(
    keys: &dyn ApiKeys,
    id: &str,
    overlap_us: i64,
    by: &str,
) -> Result<(ApiKey, Secret), NotMade> {
    let old = find(keys, id).await?.ok_or_else(|| NotMade::NoSuchKey(id.to_owned()))?;
    let now = clock::now_us();
    if !old.is_valid_at(now) {
        return Err(NotMade::Ended(id.to_owned()));
    }
    let ApiKey { client, name, scopes, accounts, rate, created_at, expires_at, .. } = old;
    // What was to last some time lasts as long again.
    let expires_at = expires_at.map(|end| now + (end - created_at).max(0));
    let new = NewKey { client, name, scopes, accounts, rate, expires_at };
    let (key, secret) = new.with_secret(by)?;
    keys.add_key(&key, Some((id, now + overlap_us.clamp(0, OVERLAP_US_MAX)))).await?;
    if find(keys, &key.id).await?.is_none() {
        return Err(NotMade::Ended(id.to_owned()));
    }
    Ok((key, secret))
}

/// Ends the key with this id now. `None`: there is none.
///
/// # Errors
/// The database did not take it.
pub async fn revoke(keys: &dyn ApiKeys, id: &str) -> Result<Option<ApiKey>, StoreError> {
    if find(keys, id).await?.is_none() {
        return Ok(None);
    }
    keys.revoke_key(id, clock::now_us()).await?;
    find(keys, id).await
}

/// The key with this id.
///
/// # Errors
/// The database did not answer.
pub async fn find(keys: &dyn ApiKeys, id: &str) -> Result<Option<ApiKey>, StoreError> {
    Ok(keys.all_keys().await?.into_iter().find(|key| key.id == id))
}

impl NewKey {
    fn with_secret(self, by: &str) -> Result<(ApiKey, Secret), getrandom::Error> {
        let NewKey { client, name, scopes, accounts, rate, expires_at } = self;
        let secret = Secret::new(&scopes)?;
        let key = ApiKey {
            hash: secret.hash(),
            id: secret.id(),
            client,
            name,
            scopes,
            accounts,
            rate,
            created_at: clock::now_us(),
            created_by: by.chars().take(Name::CHARS_MAX).collect(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        Ok((key, secret))
    }
}
