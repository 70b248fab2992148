//! API keys: who may do what.
//!
//! Only hashes are kept. A key is looked up by its hash, so the time of a look-up tells nothing about
//! the keys.

mod anonymous;

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::ensure;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};

use domain::text::{ANONYMOUS, Client};
use strum::{EnumString, IntoStaticStr};

/// The client under whose id the fleet itself submits jobs.
const FLEET: &str = "tellers";

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Submit jobs.
    Submit,
    /// Read jobs and accounts.
    Read,
    /// Change how the fleet runs.
    Operate,
}

impl Scope {
    /// Its name in a setting.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The keys of a fleet.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// By the BLAKE3 hash of each.
    by_hash: HashMap<[u8; 32], Key>,
    /// Whether, without keys, more than this machine is answered.
    allow_anonymous: bool,
}

#[derive(Debug, Clone)]
struct Key {
    /// What it is called; may change.
    name: Client,
    /// Whose it is: the id that jobs are submitted under, for ever.
    client: Client,
    scopes: Vec<Scope>,
    /// Ids that this client had before.
    earlier: Vec<Client>,
}

/// Not a list of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// An entry is wrong.
    #[error("key {entry}: {fault}")]
    Entry {
        /// Its place in the list, from 1; the entry itself may be a secret.
        entry: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// An earlier id that is another client's present one.
    #[error(
        "an earlier id of the client {client} is the id of another one; list only ids that nobody has any more"
    )]
    Alive {
        /// Whose key lists it.
        client: Client,
    },
}

/// What is wrong with an entry of a list of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not `name:scopes:hash`.
    #[error("must be name:scopes:hash or name=client:scopes:hash, such as acme:submit+read:{}", "0".repeat(64))]
    Form,
    /// Not a name.
    #[error(
        "names and client ids must be 1 to 64 printable characters, and none may be `tellers`; only behind \
         the + of name=client+earlier may one be `anonymous`"
    )]
    Name,
    /// Not a scope.
    #[error("`{0}` is no scope; scopes are submit, read and operate, joined by +")]
    Scope(String),
    /// Not a hash.
    #[error("the hash must be the 64 hexadecimal digits of the key's BLAKE3 hash, not the key itself")]
    Hash,
    /// Two keys of a client that had other ids before, by one of them.
    #[error("another key of the client {0} lists other earlier ids; list the same behind both")]
    Earlier(Client),
    /// The same key twice.
    #[error("has the same hash as one before it")]
    Twice,
}

impl Keys {
    /// Reads a list of `name:scopes:hash`, one a line or separated by commas; `#` starts a comment.
    ///
    /// The name is the id of the client too, under which its jobs are known. A key that gets another name keeps the id
    /// as `name=client`; ids that the client had before follow as `name=client+earlier+earlier`, so that what was
    /// submitted under them and comes again is known.
    ///
    /// # Errors
    /// An entry is wrong; says which.
    pub fn parse(list: &str) -> Result<Keys, InvalidKeys> {
        let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default());
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys = HashMap::new();
        for (entry, text) in (1..).zip(entries) {
            let wrong = |fault| InvalidKeys::Entry { entry, fault };
            let (hash, key) = parse_entry(text).map_err(wrong)?;
            let differs = |other: &Key| other.client == key.client && other.earlier != key.earlier;
            if keys.values().any(differs) {
                return Err(wrong(Fault::Earlier(key.client)));
            }
            if keys.insert(hash, key).is_some() {
                return Err(wrong(Fault::Twice));
            }
        }
        let entry_of = |key: &Key| keys.values().any(|other: &Key| key.earlier.contains(&other.client));
        if let Some(key) = keys.values().find(|key| entry_of(key)) {
            return Err(InvalidKeys::Alive { client: key.client.clone() });
        }
        Ok(Keys { by_hash: keys, allow_anonymous: false })
    }

    /// Answers whoever reaches the listener, too, where there are no keys.
    #[must_use]
    pub fn allow_anonymous(self, allow_anonymous: bool) -> Keys {
        Keys { allow_anonymous, ..self }
    }

    /// What a list of keys keeps of a key.
    pub fn hash(key: &str) -> String {
        blake3::hash(key.as_bytes()).to_hex().to_string()
    }

    /// Nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Who sends a request, if they may do this.
    ///
    /// # Errors
    /// They may not.
    pub fn authorize(&self, headers: &HeaderMap, scope: Scope) -> Result<Client, Denied> {
        self.check(headers)?;
        if self.is_empty() {
            // The name is a good one.
            return Client::parse(ANONYMOUS).map_err(|_| Denied::NoKey);
        }
        let presented = presented(headers).ok_or(Denied::NoKey)?;
        let key = self.by_hash.get(blake3::hash(presented).as_bytes()).ok_or(Denied::UnknownKey)?;
        if !key.scopes.contains(&scope) {
            return Err(Denied::Lacks { name: key.name.clone(), scope });
        }
        Ok(key.client.clone())
    }

    /// Turns away who may do nothing at all: where there are no keys, pages of other sites and who is not of this machine.
    ///
    /// # Errors
    /// They may not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        if self.is_empty() { anonymous::check(headers, !self.allow_anonymous) } else { Ok(()) }
    }

    /// Every key, by a hash that tells nothing of it, with its client.
    pub fn clients(&self) -> Vec<([u8; 32], Client)> {
        let clients =
            self.by_hash.iter().map(|(hash, key)| (*blake3::hash(hash).as_bytes(), key.client.clone()));
        clients.collect()
    }

    /// The ids that a client had before this one, as its keys list them.
    pub fn earlier_ids(&self, client: &Client) -> &[Client] {
        let key = self.by_hash.values().find(|key| key.client == *client);
        key.map_or(&[], |key| key.earlier.as_slice())
    }

    /// Whose key a request carries, whatever it allows.
    pub fn holder(&self, headers: &HeaderMap) -> Option<Client> {
        let key = self.by_hash.get(blake3::hash(presented(headers)?).as_bytes())?;
        Some(key.client.clone())
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
    /// Its key is for something else.
    #[error("the API key of {name} lacks the scope `{}`; ask for a key that has it", scope.name())]
    Lacks {
        /// What the key is called.
        name: Client,
        /// What it would have to allow.
        scope: Scope,
    },
    /// A page of a stranger's site that is open in a browser on this machine.
    #[error("a page of another site cannot use an API that asks for no key; set API_KEYS")]
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
        matches!(self, Denied::NoKey | Denied::UnknownKey)
    }
}

/// Refuses to listen where strangers are, unless they are asked for a key or `allow_anonymous` is set.
///
/// # Errors
/// The address is not a loopback address, and nobody would be asked.
pub fn check_listen(address: SocketAddr, keys: &Keys, allow_anonymous: bool) -> anyhow::Result<()> {
    ensure!(
        address.ip().is_loopback() || !keys.is_empty() || allow_anonymous,
        "will not listen on {address} without API keys: anyone who reaches it could move money or change how the fleet runs. \
         Set API_KEYS, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true if the network is yours alone"
    );
    Ok(())
}

fn parse_entry(text: &str) -> Result<([u8; 32], Key), Fault> {
    let mut fields = text.split(':').map(str::trim);
    let (Some(name), Some(scopes), Some(hash), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Fault::Form);
    };
    let parsed = |text: &str, may_be_anonymous: bool| {
        let is_taken = text == FLEET || (text == ANONYMOUS && !may_be_anonymous);
        Client::parse(text.trim()).ok().filter(|_| !is_taken).ok_or(Fault::Name)
    };
    let (name, ids) = name.split_once('=').unwrap_or((name, name));
    let name = parsed(name.trim(), false)?;
    let mut ids = ids.split('+').map(str::trim);
    let client = parsed(ids.next().unwrap_or_default(), false)?;
    let earlier = ids.map(|id| parsed(id, true)).collect::<Result<_, _>>()?;
    let scopes = scopes
        .split('+')
        .map(|scope| scope.parse::<Scope>().map_err(|_| Fault::Scope(scope.to_owned())))
        .collect::<Result<_, _>>()?;
    let hash = blake3::Hash::from_hex(hash).map_err(|_| Fault::Hash)?;
    Ok((*hash.as_bytes(), Key { name, client, scopes, earlier }))
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    bearer.or_else(|| headers.get("x-api-key").map(|key| key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_wrong_is_named_without_its_secret() {
        let hash = Keys::hash("secret");
        let cases = [
            ("acme:submit".to_owned(), 1, Fault::Form),
            (format!("anonymous:read:{hash}"), 1, Fault::Name),
            (format!("tellers:submit:{hash}"), 1, Fault::Name),
            (format!("acme:write:{hash}"), 1, Fault::Scope("write".to_owned())),
            ("acme:read:secret".to_owned(), 1, Fault::Hash),
            (format!("a:read:{hash},\n# a comment\nb:read:{hash}"), 2, Fault::Twice),
        ];
        for (list, entry, fault) in cases {
            let error = Keys::parse(&list).unwrap_err();
            assert_eq!(error, InvalidKeys::Entry { entry, fault });
            assert!(!error.to_string().contains("secret"));
        }
        assert!(Keys::parse("\n # nothing\n").unwrap().is_empty());
    }

    #[test]
    fn a_client_keeps_its_id_whatever_its_key_is_called() {
        let client = |id: &str| Client::parse(id).unwrap();
        let list = format!(
            "payments=acme+acme-old+anonymous:submit:{},beta:submit:{}",
            Keys::hash("one"),
            Keys::hash("two")
        );
        let keys = Keys::parse(&list).unwrap();
        let headers =
            |key: &str| HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {key}").parse().unwrap())]);
        assert_eq!(keys.authorize(&headers("one"), Scope::Submit), Ok(client("acme")));
        assert_eq!(keys.earlier_ids(&client("acme")), [client("acme-old"), client("anonymous")]);
        assert_eq!(keys.authorize(&headers("two"), Scope::Submit), Ok(client("beta")));
        assert!(keys.earlier_ids(&client("beta")).is_empty());
        let denied = keys.authorize(&headers("one"), Scope::Read).unwrap_err();
        assert!(denied.to_string().contains("key of payments"), "{denied}");
        let differing = format!("a=acme+x:read:{},b=acme+y:read:{}", Keys::hash("1"), Keys::hash("2"));
        let expected = InvalidKeys::Entry { entry: 2, fault: Fault::Earlier(client("acme")) };
        assert_eq!(Keys::parse(&differing).unwrap_err(), expected);
        assert!(Keys::parse(&format!("a=anonymous:read:{}", Keys::hash("1"))).is_err());
    }

    #[test]
    fn only_loopback_goes_without_keys() {
        let keys = Keys::parse(&format!("acme:submit+read:{}", Keys::hash("k"))).unwrap();
        let (loopback, open) = ("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
        assert!(check_listen(loopback, &Keys::default(), false).is_ok());
        assert!(check_listen(open, &Keys::default(), false).is_err());
        assert!(check_listen(open, &Keys::default(), true).is_ok());
        assert!(check_listen(open, &keys, false).is_ok());
    }
}
