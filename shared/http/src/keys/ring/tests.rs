use std::sync::Mutex;

use async_trait::async_trait;
use axum::http::header::AUTHORIZATION;
use domain::access::{Accounts, Scopes};
use domain::text::Name;
use store::keys::ApiKey;

use super::super::Secret;
use super::*;

/// A database with keys; `None`: it is away.
#[derive(Default)]
struct Database(Mutex<Option<Vec<ApiKey>>>);

#[async_trait]
impl ApiKeys for Database {
    async fn version_of_keys(&self) -> Result<Option<String>, StoreError> {
        let keys = self.all_keys().await?;
        Ok((!keys.is_empty()).then(|| format!("{keys:?}")))
    }
    async fn all_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.0.lock().unwrap().clone().ok_or_else(|| StoreError::Transient("away".to_owned()))
    }
    async fn add_key(&self, key: &ApiKey, _: Option<(&str, i64)>) -> Result<(), StoreError> {
        self.0.lock().unwrap().get_or_insert_default().push(key.clone());
        Ok(())
    }
    async fn revoke_key(&self, id: &str, at: i64) -> Result<(), StoreError> {
        for key in self.0.lock().unwrap().iter_mut().flatten().filter(|key| key.id == id) {
            key.revoked_at = Some(at);
        }
        Ok(())
    }
    async fn keys_used(&self, _: &[(String, i64)]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn key_of(secret: &Secret, expires_at: Option<i64>) -> ApiKey {
    ApiKey {
        hash: secret.hash(),
        id: secret.id(),
        client: Client::parse("acme").unwrap(),
        name: Name::parse("Acme").unwrap(),
        scopes: "submit+read".parse::<Scopes>().unwrap(),
        accounts: "acme:*".parse::<Accounts>().unwrap(),
        rate: None,
        created_at: 0,
        created_by: "test".to_owned(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    }
}

fn secret() -> Secret {
    Secret::new(&Scopes::default()).unwrap()
}

fn with(key: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {key}").parse().unwrap())])
}

#[tokio::test]
async fn what_is_known_goes_on_and_what_is_not_waits() {
    let database = Database::default();
    let (fixed, stored) = (Keys::parse(&format!("ops:operate:{}", Keys::hash("fixed"))).unwrap(), secret());
    let ring = KeyRing::new(fixed, false);
    assert!(ring.look(&database).await.is_err());
    assert_eq!(ring.identify(&with("fixed")).unwrap().client.as_str(), "ops");
    assert_eq!(ring.identify(&with(stored.reveal())).unwrap_err(), Denied::KeysUnknown);
    assert_eq!(ring.identify(&HeaderMap::new()).unwrap_err(), Denied::NoKey);

    database.add_key(&key_of(&stored, None), None).await.unwrap();
    assert!(ring.look(&database).await.unwrap() && !ring.look(&database).await.unwrap());
    assert_eq!(ring.identify(&with(stored.reveal())).unwrap().client.as_str(), "acme");
    assert_eq!(ring.identify(&with("other")).unwrap_err(), Denied::UnknownKey);
    *database.0.lock().unwrap() = None;
    assert!(ring.look(&database).await.is_err());
    assert_eq!(ring.identify(&with(stored.reveal())).unwrap().accounts.to_string(), "acme:*");
}

#[tokio::test]
async fn a_key_ends_when_it_expires_or_is_revoked() {
    let database = Database::default();
    let (past, future, revoked) = (secret(), secret(), secret());
    for (secret, end) in [(&past, Some(1)), (&future, Some(i64::MAX)), (&revoked, None)] {
        database.add_key(&key_of(secret, end), None).await.unwrap();
    }
    database.revoke_key(&revoked.id(), 5).await.unwrap();
    let ring = KeyRing::new(Keys::default(), false);
    ring.look(&database).await.unwrap();
    assert_eq!(ring.identify(&with(past.reveal())).unwrap_err(), Denied::Expired { id: past.id() });
    assert_eq!(ring.identify(&with(revoked.reveal())).unwrap_err(), Denied::Revoked { id: revoked.id() });
    let caller = ring.identify(&with(future.reveal())).unwrap();
    assert!(ring.still_takes(&caller) && ring.is_revoked(&revoked.id()) && !ring.is_revoked(&past.id()));
    // A fleet that had keys never goes back to asking for none.
    for secret in [&past, &future] {
        database.revoke_key(&secret.id(), 5).await.unwrap();
    }
    ring.look(&database).await.unwrap();
    assert!(!ring.still_takes(&caller));
    assert_eq!(ring.identify(&HeaderMap::new()).unwrap_err(), Denied::NoKey);
    *database.0.lock().unwrap() = Some(Vec::new());
    assert!(ring.look(&database).await.is_err(), "nor when somebody empties the table");
    assert_eq!(ring.identify(&HeaderMap::new()).unwrap_err(), Denied::NoKey);
}

#[tokio::test]
async fn without_keys_this_machine_is_answered_once_that_is_known() {
    let database = Database(Mutex::new(Some(Vec::new())));
    let at = |address: &str, anyone| KeyRing::new(Keys::default(), anyone).at(address.parse().unwrap());
    let ring = at("127.0.0.1:0", false);
    assert_eq!(ring.identify(&HeaderMap::new()).unwrap_err(), Denied::KeysUnknown);
    ring.look(&database).await.unwrap();
    let caller = ring.identify(&HeaderMap::new()).unwrap();
    assert!(ring.still_takes(&caller));
    assert!(caller.is_anonymous() && caller.sees_all() && !caller.may(super::super::Scope::Admin));

    let open = at("0.0.0.0:0", false);
    open.look(&database).await.unwrap();
    assert_eq!(open.identify(&HeaderMap::new()).unwrap_err(), Denied::NoKeysYet);
    let wanted = at("0.0.0.0:0", true);
    assert_eq!(wanted.identify(&HeaderMap::new()).unwrap_err(), Denied::KeysUnknown, "there may be keys");
    wanted.look(&database).await.unwrap();
    assert!(wanted.identify(&HeaderMap::new()).is_ok());
}

#[test]
fn only_loopback_goes_without_keys() {
    let fixed = || Keys::parse(&format!("acme:submit+read:{}", Keys::hash("k"))).unwrap();
    let (loopback, open) = ("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
    assert!(check_listen(loopback, &KeyRing::default()).is_ok());
    assert!(check_listen(open, &KeyRing::default()).is_err());
    assert!(check_listen(open, &KeyRing { allow_anonymous: true, ..KeyRing::default() }).is_ok());
    assert!(check_listen(open, &fixed().into()).is_ok());
    assert!(check_listen(open, &KeyRing::new(Keys::default(), false)).is_ok(), "not known yet");
}
