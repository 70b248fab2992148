//! API keys: who may do what.
//!
//! Only hashes are kept. A key is looked up by its hash, so the time of a look-up tells nothing about
//! the keys.

mod anonymous;
mod list;
pub mod making;
mod ring;
mod secret;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
pub use domain::access::Scope;
use domain::access::{Accounts, Scopes};
use domain::account::AccountNumber;
use domain::text::{ANONYMOUS, Client};
use store::keys::ApiKey;

pub use self::anonymous::is_ours;
pub use self::list::{Fault, InvalidKeys, Keys, client_of};
pub use self::ring::{KeyRing, check_listen};
pub use self::secret::Secret;

/// A database that was away is back within seconds.
const KEYS_PAUSE: Duration = Duration::from_secs(2);

/// A key that is taken: whose it is, and what it allows.
#[derive(Debug)]
pub struct Key {
    /// What it is called in logs: the id of a key in the database, the name of a fixed one.
    pub id: String,
    /// What people call it; may change.
    pub name: String,
    /// Whose it is: the id that jobs are submitted under, for ever.
    pub client: Client,
    /// What it allows.
    pub scopes: Scopes,
    /// The accounts that it may draw on, open and read.
    pub accounts: Accounts,
    /// Jobs a second; `None`: as many as the settings grant a client.
    pub rate: Option<u32>,
    /// Ids that this client had before.
    pub earlier: Vec<Client>,
    /// Of a key in the database, by which it is found there again.
    hash: Option<[u8; 32]>,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    /// When it was used last; 0: not by this process.
    used_at: AtomicI64,
}

impl Key {
    fn new(id: String, name: String, client: Client, scopes: Scopes, accounts: Accounts) -> Key {
        Key {
            id,
            name,
            client,
            scopes,
            accounts,
            rate: None,
            earlier: Vec::new(),
            hash: None,
            expires_at: None,
            revoked_at: None,
            used_at: AtomicI64::new(0),
        }
    }

    /// What whoever comes without a key may do where nobody is asked for one: all but make keys, with which they would
    /// lock the others out.
    fn anonymous() -> Option<Key> {
        let client = Client::parse(ANONYMOUS).ok()?;
        let scopes = Scope::ALL.iter().copied().filter(|scope| *scope != Scope::Admin).collect();
        Some(Key::new(ANONYMOUS.to_owned(), ANONYMOUS.to_owned(), client, scopes, Accounts::all()))
    }

    /// Whether it is a key in the database.
    pub fn is_stored(&self) -> bool {
        self.hash.is_some()
    }

    /// When it ends, in microseconds since the Unix epoch; `None`: it does not.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }

    fn check(&self, now: i64) -> Result<(), Denied> {
        if self.revoked_at.is_some() {
            return Err(Denied::Revoked { id: self.id.clone() });
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Denied::Expired { id: self.id.clone() });
        }
        Ok(())
    }
}

impl From<&ApiKey> for Key {
    fn from(stored: &ApiKey) -> Key {
        let ApiKey { id, client, name, scopes, accounts, rate, expires_at, revoked_at, .. } = stored;
        Key {
            hash: Some(stored.hash),
            rate: *rate,
            expires_at: *expires_at,
            revoked_at: *revoked_at,
            ..Key::new(id.clone(), name.to_string(), client.clone(), scopes.clone(), accounts.clone())
        }
    }
}

/// Who sends a request: the key that it carries.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Key>);

impl Deref for Caller {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.0
    }
}

impl Caller {
    /// The key as people know it, for what is kept of who did something: its name, and its id where that is another.
    pub fn described(&self) -> String {
        if self.id == self.name { self.name.clone() } else { format!("{} ({})", self.name, self.id) }
    }

    /// Whether the key has this scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether what other clients have is shown too: to auditors, and to whoever runs the fleet.
    pub fn sees_all(&self) -> bool {
        self.may(Scope::Audit) || self.runs_all()
    }

    /// Whether what other clients have may be stopped too: an operator's key that is for all accounts.
    pub fn runs_all(&self) -> bool {
        self.may(Scope::Operate) && self.accounts.are_all()
    }

    /// Whether whatever is asked for by its id is shown: no account that it could be about is another one's.
    pub fn reads_any(&self) -> bool {
        self.accounts.are_all() || self.sees_all()
    }

    /// Whether what this client has may be stopped.
    pub fn may_stop(&self, client: &str) -> bool {
        self.client.as_str() == client || self.runs_all()
    }

    /// Whether this account is shown.
    pub fn sees(&self, number: &AccountNumber) -> bool {
        self.accounts.contain(number) || self.sees_all()
    }

    /// Whether what this client has is shown.
    pub fn sees_client(&self, client: &str) -> bool {
        self.client.as_str() == client || self.sees_all()
    }

    /// Whether it came without a key, where nobody is asked for one.
    pub fn is_anonymous(&self) -> bool {
        self.client.as_str() == ANONYMOUS
    }
}

/// Why a request may not do what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It carries no key, and one is needed.
    #[error("send an API key, as `Authorization: Bearer <key>` or as `X-API-Key: <key>`")]
    NoKey,
    /// Its key is none of the fleet's.
    #[error("the API key is not known here; check it")]
    UnknownKey,
    /// Its key has expired.
    #[error("the API key {id} has expired; ask for another one")]
    Expired {
        /// What the key is called in lists.
        id: String,
    },
    /// Its key was revoked.
    #[error("the API key {id} was revoked; ask for another one")]
    Revoked {
        /// What the key is called in lists.
        id: String,
    },
    /// Its key is for something else.
    #[error("the API key of {name} lacks the scope {}; ask for a key that has it", named(scopes))]
    Lacks {
        /// What the key is called.
        name: String,
        /// What it would have to allow: one of these.
        scopes: &'static [Scope],
    },
    /// Whose keys there are is in the database, which has not answered since this replica started.
    #[error(
        "which API keys there are is not known yet: the database has not answered since this replica started. Send it again in a \
         few seconds"
    )]
    KeysUnknown,
    /// Strangers reach the listener, and there is no key that they could have.
    #[error(
        "there are no API keys yet, and this listener is reached from other machines; make one with `tellers keys create`, set \
         API_KEYS, or set ALLOW_ANONYMOUS=true if the network is yours alone"
    )]
    NoKeysYet,
    /// It concerns every client, and its key is for some accounts.
    #[error(
        "this API key is for the accounts {accounts}, and this concerns every client; ask for a key for all accounts"
    )]
    ForSome {
        /// The accounts of the key.
        accounts: String,
    },
    /// A route that no table lists.
    #[error("nobody may use this path; please report it")]
    Unlisted,
    /// A page of a stranger's site that is open in a browser on this machine.
    #[error(
        "a page of another site cannot use an API that asks for no key; set API_KEYS, or make keys with `tellers keys create`"
    )]
    OtherSite,
    /// A name of this machine that is none of its own.
    #[error(
        "an API that asks for no key answers to the names of this machine alone: send the request to localhost or 127.0.0.1, \
         set API_KEYS, or set ALLOW_ANONYMOUS=true if the network is yours alone"
    )]
    OtherHost,
    /// Somebody who is behind a proxy.
    #[error(
        "the header {header} says that the request came through a proxy, and nobody is asked for a key here; set API_KEYS, \
         or set ALLOW_ANONYMOUS=true if the network is yours alone"
    )]
    Proxied {
        /// What the proxy added.
        header: HeaderName,
    },
}

impl Denied {
    /// Whether a key would help.
    pub fn needs_key(&self) -> bool {
        matches!(self, Denied::NoKey | Denied::UnknownKey | Denied::Expired { .. } | Denied::Revoked { .. })
    }

    /// When to come back, where that alone may help.
    pub fn retry_after(&self) -> Option<Duration> {
        matches!(self, Denied::KeysUnknown).then_some(KEYS_PAUSE)
    }

    /// What the audit log calls it.
    pub fn action(&self) -> &'static str {
        match self {
            Denied::NoKey | Denied::UnknownKey | Denied::Expired { .. } | Denied::Revoked { .. } => {
                "authentication_failed"
            }
            Denied::Lacks { .. } | Denied::ForSome { .. } | Denied::Unlisted => "scope_refused",
            Denied::KeysUnknown | Denied::NoKeysYet => "keys_missing",
            Denied::OtherSite | Denied::OtherHost | Denied::Proxied { .. } => "stranger_refused",
        }
    }
}

fn named(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| format!("`{}`", scope.name())).collect();
    names.join(" or ")
}

/// The key that a request carries.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|key| key.as_bytes()))
}
