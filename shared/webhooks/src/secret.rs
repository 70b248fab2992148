//! Secrets of endpoints, and signatures by them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What a secret begins with, so that scanners find one that was published.
const PREFIX: &str = "whsec_";
/// Bytes of a new secret: as many as SHA-256 gives.
const RANDOM_BYTES: usize = 32;
/// Bytes that a secret may have.
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;
/// The version of the signatures: HMAC-SHA256.
const VERSION: &str = "v1";

/// What an endpoint's messages are signed with. As text: `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and then base64 of {BYTES_MIN} to {BYTES_MAX} random bytes")]
pub struct InvalidSecret;

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn new() -> Result<Secret, getrandom::Error> {
        let mut random = vec![0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        Ok(Secret(random))
    }

    /// The secret as text: for its holder and for the database, and nowhere else.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message: `v1,` and base64 of the HMAC-SHA256 of its id, the time in seconds since the Unix epoch, and
    /// its body, with dots between.
    pub fn sign(&self, id: &str, at: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{at}.").as_bytes());
        context.update(body);
        format!("{VERSION},{}", STANDARD.encode(context.sign()))
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Secret, InvalidSecret> {
        let bytes = text.strip_prefix(PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
        let fits = |bytes: &Vec<u8>| (BYTES_MIN..=BYTES_MAX).contains(&bytes.len());
        bytes.filter(fits).map(Secret).ok_or(InvalidSecret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_specification_has_it() {
        // The vector of the reference libraries, such as libraries/python/tests/test_webhooks.py.
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.reveal(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn a_secret_has_enough_bytes_and_is_not_shown() {
        let secret = Secret::new().unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), PREFIX.len() + 44);
        assert_eq!(text.parse(), Ok(secret.clone()));
        assert_ne!(Secret::new().unwrap(), secret);
        assert!(!format!("{secret:?}").contains(&text[PREFIX.len()..]));
        let short = format!("{PREFIX}{}", STANDARD.encode([1; 23]));
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_nonsense!", &short] {
            assert_eq!(wrong.parse::<Secret>(), Err(InvalidSecret), "{wrong}");
        }
    }
}
