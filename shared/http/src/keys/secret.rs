//! New keys.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use domain::access::{Scope, Scopes};

/// Random bytes of a key: 160 bits, which nobody guesses.
const RANDOM_BYTES: usize = 20;

/// A key as its holder gets it, once. What begins with `tlr_` is found by those who look for secrets in code; the
/// word behind it says how bad that is.
pub struct Secret(String);

impl Secret {
    /// A new key for these scopes.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn new(scopes: &Scopes) -> Result<Secret, getrandom::Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        let kind = if scopes.contains(Scope::Admin) { "admin" } else { "client" };
        Ok(Secret(format!("tlr_{kind}_{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase())))
    }

    /// The key: for its holder, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }

    /// What it is called in lists and logs: of the hash of the hash, so that it tells nothing of either.
    pub fn id(&self) -> String {
        let id = blake3::hash(&self.hash()).to_hex();
        id.as_str().chars().take(16).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_beginning_and_by_nothing_else() {
        let client = Secret::new(&"submit+read".parse().unwrap()).unwrap();
        let admin = Secret::new(&Scopes::all()).unwrap();
        assert!(client.reveal().starts_with("tlr_client_") && admin.reveal().starts_with("tlr_admin_"));
        assert_eq!(client.reveal().len(), "tlr_client_".len() + 32);
        assert_ne!(client.id(), Secret::new(&"submit".parse().unwrap()).unwrap().id());
        let shown = format!("{client:?}");
        assert!(shown.contains(&client.id()) && !shown.contains(client.reveal()), "{shown}");
    }
}
