//! The fixed keys of a fleet: what the setting `API_KEYS` lists.

use std::collections::HashMap;

use domain::access::{Accounts, InvalidAccounts, InvalidScopes, Scopes};
use domain::text::{ANONYMOUS, Client, FLEET};

use super::Key;

/// Fixed keys, by the BLAKE3 hash of each.
#[derive(Debug, Default)]
pub struct Keys(HashMap<[u8; 32], Key>);

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
    #[error(
        "must be name:scopes:hash or name=client:scopes:hash, such as acme:submit+read:{}, with :accounts behind it where the \
         key is not for all",
        "0".repeat(64)
    )]
    Form,
    /// Not a name.
    #[error(
        "names and client ids must be 1 to 64 printable characters, and none may be `tellers`; only behind \
         the + of name=client+earlier may one be `anonymous`"
    )]
    Name,
    /// Not scopes.
    #[error(transparent)]
    Scopes(#[from] InvalidScopes),
    /// Not accounts.
    #[error(transparent)]
    Accounts(#[from] InvalidAccounts),
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
    /// Reads a list of `name:scopes:hash` or `name:scopes:hash:accounts`, one a line or separated by commas; `#` starts a
    /// comment.
    ///
    /// The name is the id of the client too, under which its jobs are known. A key that gets another name keeps the id
    /// as `name=client`; ids that the client had before follow as `name=client+earlier+earlier`, so that what was
    /// submitted under them and comes again is known. Accounts are patterns joined by `+`, such as `acme:*`; a key
    /// without them is for all.
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
        Ok(Keys(keys))
    }

    /// What a list of keys keeps of a key.
    pub fn hash(key: &str) -> String {
        blake3::hash(key.as_bytes()).to_hex().to_string()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, by its hash.
    pub(super) fn into_keys(self) -> impl Iterator<Item = ([u8; 32], Key)> {
        self.0.into_iter()
    }
}

/// A client id or a name that a key may have.
///
/// # Errors
/// It is empty, too long, or the fleet's own.
pub fn client_of(text: &str) -> Result<Client, Fault> {
    name_of(text, false)
}

fn name_of(text: &str, may_be_anonymous: bool) -> Result<Client, Fault> {
    let text = text.trim();
    let is_taken = text == FLEET || (text == ANONYMOUS && !may_be_anonymous);
    Client::parse(text).ok().filter(|_| !is_taken).ok_or(Fault::Name)
}

fn parse_entry(text: &str) -> Result<([u8; 32], Key), Fault> {
    // The numbers of accounts may have colons.
    let mut fields = text.splitn(4, ':').map(str::trim);
    let (Some(name), Some(scopes), Some(hash)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(Fault::Form);
    };
    let accounts = fields.next().map_or_else(|| Ok(Accounts::all()), str::parse)?;
    let (name, ids) = name.split_once('=').unwrap_or((name, name));
    let name = name_of(name, false)?;
    let mut ids = ids.split('+');
    let client = name_of(ids.next().unwrap_or_default(), false)?;
    let earlier = ids.map(|id| name_of(id, true)).collect::<Result<_, _>>()?;
    let scopes: Scopes = scopes.parse()?;
    let hash = *blake3::Hash::from_hex(hash).map_err(|_| Fault::Hash)?.as_bytes();
    Ok((hash, Key { earlier, ..Key::new(name.to_string(), name.to_string(), client, scopes, accounts) }))
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
            (format!("acme:write:{hash}"), 1, Fault::Scopes(InvalidScopes::Unknown("write".to_owned()))),
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
        let found: Vec<_> = keys.into_keys().map(|(_, key)| key).collect();
        let of = |name: &str| found.iter().find(|key| key.name == name).unwrap();
        assert_eq!(of("payments").client, client("acme"));
        assert_eq!(of("payments").earlier, [client("acme-old"), client("anonymous")]);
        assert_eq!(of("beta").client, client("beta"));
        assert!(of("beta").earlier.is_empty());
        let differing = format!("a=acme+x:read:{},b=acme+y:read:{}", Keys::hash("1"), Keys::hash("2"));
        let expected = InvalidKeys::Entry { entry: 2, fault: Fault::Earlier(client("acme")) };
        assert_eq!(Keys::parse(&differing).unwrap_err(), expected);
        assert!(Keys::parse(&format!("a=anonymous:read:{}", Keys::hash("1"))).is_err());
    }

    #[test]
    fn a_key_is_for_all_accounts_unless_it_says_for_which() {
        let keys = format!("a:read:{},b:submit:{}:acme:*+shared", Keys::hash("1"), Keys::hash("2"));
        let found: Vec<_> = Keys::parse(&keys).unwrap().into_keys().map(|(_, key)| key).collect();
        let of = |name: &str| found.iter().find(|key| key.name == name).unwrap().accounts.to_string();
        assert_eq!((of("a").as_str(), of("b").as_str()), ("*", "acme:*+shared"));
        for wrong in ["", "a*b"] {
            let list = format!("a:read:{}:{wrong}", Keys::hash("1"));
            let told = Keys::parse(&list).unwrap_err().to_string();
            assert!(told.contains(&format!("`{wrong}`")), "{told}");
        }
    }
}
