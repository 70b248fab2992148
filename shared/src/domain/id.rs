//! Ids of jobs: UUIDv8 (RFC 9562, section 5.8) that carry their own check.
//!
//! ```text
//!  0                  5  6      7  8           11 12           15
//! ┌────────────────────┬─────────┬───────────────┬──────────────┐
//! │ content, 48 bits   │ 8, 12 b │ variant, 30 b │ check, 32 b  │
//! └────────────────────┴─────────┴───────────────┴──────────────┘
//! ```
//!
//! The check lets any ingress replica tell an id that the fleet issued from one that it never did,
//! without asking a database.
//!
//! Ids are unique in the ledger, which keeps an index of them. An index that is larger than memory stays fast only
//! where ids that come together lie together, so ids from chance sort by time, and those of a client's keys by what
//! the keys begin with: keys are most often numbered. (Those that are chance to their end, as UUIDs, lie all over it.)

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::text::{self, Client};

/// Keys the check; another value would disown every id that was ever issued.
const CHECK_CONTEXT: &str = "tellers 2026 job id check v1";
/// Keys the ids that are derived from a client's key.
const DERIVE_CONTEXT: &str = "tellers 2026 job id of a client's key v1";
/// Keys what such an id begins with.
const NEIGHBOURHOOD_CONTEXT: &str = "tellers 2026 job id neighbourhood v1";
/// Bytes at the end of a key in which neighbours differ: a thousand consecutive numbers are neighbours, whose places
/// in an index fit a few pages.
const NEIGHBOURS_DIFFER_IN: usize = 3;
/// Bytes of an id that neighbours share. They tell 16 million neighbourhoods apart, and leave 66 bits to tell the few
/// keys within one apart.
const NEIGHBOURS_SHARE: usize = 3;

/// The id of a job; the id of a hold is the id of the job that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct JobId(Uuid);

/// Not an id that this fleet issues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a job: ids are the UUIDs that this fleet answered with")]
pub struct NotIssued;

impl JobId {
    /// The id of whatever `client` submits under `key`: the same for ever, so that a retry is the same
    /// job.
    #[must_use]
    pub fn derived(client: &Client, key: &str) -> JobId {
        let key = key.as_bytes();
        let stem = &key[..key.len().saturating_sub(NEIGHBOURS_DIFFER_IN)];
        let mut content = [0; 12];
        let (neighbourhood, rest) = content.split_at_mut(NEIGHBOURS_SHARE);
        hash(NEIGHBOURHOOD_CONTEXT, client, stem, neighbourhood);
        hash(DERIVE_CONTEXT, client, key, rest);
        JobId::sealed(content)
    }

    /// An id from time and chance: `unix_ms` in its first 48 bits, so that ids sort roughly by time.
    #[must_use]
    pub fn from_chance(unix_ms: u64, chance: [u8; 6]) -> JobId {
        let mut content = [0; 12];
        let (time, rest) = content.split_at_mut(6);
        time.copy_from_slice(unix_ms.to_be_bytes().split_at(2).1);
        rest.copy_from_slice(&chance);
        JobId::sealed(content)
    }

    /// Reads the 16 bytes of [`JobId::as_bytes`].
    ///
    /// # Errors
    /// The version, the variant or the check is off.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<JobId, NotIssued> {
        let mut content = [0; 12];
        content.copy_from_slice(bytes.split_at(12).0);
        let id = JobId::sealed(content);
        if id.0.as_bytes() == &bytes { Ok(id) } else { Err(NotIssued) }
    }

    /// The 16 bytes of the UUID, in network order.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    fn sealed(mut content: [u8; 12]) -> JobId {
        content[6] = content[6] & 0x0f | 0x80; // version 8
        content[8] = content[8] & 0x3f | 0x80; // variant of RFC 9562
        let mut hasher = blake3::Hasher::new_derive_key(CHECK_CONTEXT);
        hasher.update(&content);
        let mut bytes = [0; 16];
        let (head, check) = bytes.split_at_mut(12);
        head.copy_from_slice(&content);
        hasher.finalize_xof().fill(check);
        JobId(Uuid::from_bytes(bytes))
    }
}

/// Fills `out` with a hash of what `client` submits under `key`.
fn hash(context: &str, client: &Client, key: &[u8], out: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    // The length keeps ("ab", "c") apart from ("a", "bc").
    hasher.update(&(client.as_str().len() as u64).to_be_bytes());
    hasher.update(client.as_str().as_bytes());
    hasher.update(key);
    hasher.finalize_xof().fill(out);
}

impl FromStr for JobId {
    type Err = NotIssued;

    fn from_str(text: &str) -> Result<JobId, NotIssued> {
        Uuid::try_parse(text).map_err(|_| NotIssued).and_then(|uuid| JobId::from_bytes(uuid.into_bytes()))
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JobId, D::Error> {
        text::from_str(deserializer)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.to_string()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_key_is_the_same_job_for_ever() {
        let client = Client::parse("acme").unwrap();
        let id = JobId::derived(&client, "invoice-17");
        assert_eq!(id.to_string(), "3f80eed3-5b26-8e10-b6f5-0508acf2d3f0", "an id that was issued must stay");
        assert_ne!(id, JobId::derived(&Client::parse("acm").unwrap(), "einvoice-17"));
    }

    #[test]
    fn numbered_keys_are_neighbours() {
        let client = Client::parse("acme").unwrap();
        let ids: std::collections::BTreeSet<_> =
            (0..3_000).map(|number| JobId::derived(&client, &format!("invoice-{number:07}"))).collect();
        assert_eq!(ids.len(), 3_000);
        let begins = ids.iter().map(|id| &id.as_bytes()[..NEIGHBOURS_SHARE]);
        assert_eq!(begins.collect::<std::collections::BTreeSet<_>>().len(), 3);
        let other = JobId::derived(&Client::parse("other").unwrap(), "invoice-0000000");
        assert_ne!(other.as_bytes()[..3], JobId::derived(&client, "invoice-0000000").as_bytes()[..3]);
    }

    #[test]
    fn only_issued_ids_are_ids() {
        let id = JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        assert_eq!(Uuid::from_bytes(*id.as_bytes()).get_version_num(), 8);
        for bit in 0..128 {
            let mut bytes = *id.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(JobId::from_bytes(bytes), Err(NotIssued), "bit {bit}");
        }
    }
}
