//! What tells one body from another.

use std::fmt;

use super::json;

/// The first 128 bits of the BLAKE3 hash of a job's canonical body, its metadata in normal form: neither blanks nor
/// the order of members make another job of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Of a body in canonical form.
    pub fn of(body: &str) -> Fingerprint {
        Fingerprint::of_text(&json::with_normal_metadata(body))
    }

    /// Of a body to the letter, as replicas of the release before take it: the same wherever its metadata is in normal
    /// form.
    pub fn of_text(body: &str) -> Fingerprint {
        let mut bytes = [0; 16];
        blake3::Hasher::new().update(body.as_bytes()).finalize_xof().fill(&mut bytes);
        Fingerprint(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
