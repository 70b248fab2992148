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

use std::str::FromStr;

use derive_more::Display;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};
use uuid::Uuid;

use super::fingerprint::Fingerprint;
use super::text::{Client, Reference};

/// Keys the check; another value would disown every id that was ever issued.
const CHECK_CONTEXT: &str = "tellers 2026 job id check v1";
/// Keys the ids that are derived from what a client calls its job.
const DERIVE_CONTEXT: &str = "tellers 2026 job id of a client's name for it v2";
/// Keys what such an id begins with.
const NEIGHBOURHOOD_CONTEXT: &str = "tellers 2026 job id neighbourhood v2";
/// Keys the ids that release 0.1 derived, in which references and keys were one set of names.
const FORMER_DERIVE_CONTEXT: &str = "tellers 2026 job id of a client's key v1";
/// Keys what those begin with.
const FORMER_NEIGHBOURHOOD_CONTEXT: &str = "tellers 2026 job id neighbourhood v1";
/// Bytes at the end of a key in which neighbours differ: a thousand consecutive numbers are neighbours, whose places
/// in an index fit a few pages.
const NEIGHBOURS_DIFFER_IN: usize = 3;
/// Places of a file whose rows are neighbours: some hundreds of rows, distinguished by how much a file says
/// before each.
const NEAR_PLACES: u64 = 64 * 1024;
/// Bytes of an id that neighbours share. They tell 16 million neighbourhoods apart, and leave 66 bits to tell the few
/// keys within one apart.
const NEIGHBOURS_SHARE: usize = 3;

/// The id of a job; the id of a hold is the id of the job that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, derive_more::Debug)]
#[debug("{self}")]
#[derive(SerializeDisplay, DeserializeFromStr)]
pub struct JobId(Uuid);

/// What a client knows a job by. The kinds are sets of names of their own: a key that is spelled like a reference is
/// another job's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The business's own name for the job. It stands above all others.
    Reference(&'a Reference),
    /// The key of a request with one job.
    Key(&'a str),
    /// A line of a batch under the key of its request: known by what it says, and by how many lines before it say
    /// the same. So blank lines and another order change nothing, and a line that was corrected is another job.
    Line {
        /// The key of the request.
        key: &'a str,
        /// Of the line's job.
        content: &'a Fingerprint,
        /// From 1, among the lines of the same content.
        nth: u64,
    },
    /// A row of a file that says nothing of its own identity.
    Row {
        /// Of the text of the whole file.
        file: &'a [u8; 32],
        /// Where the row stands, whichever rows are looked at: how much the file says before it, or its number.
        place: u64,
        /// Of the job that it is read as: the same file may be meant for one account and for another.
        content: &'a Fingerprint,
    },
    /// A payment of a message: a text of the identifiers of message and payment, which says where each begins and ends,
    /// and of the payment's place among those with the same ones. The message's comes first, and U+001F behind it.
    Payment(&'a str),
}

/// Not an id that this fleet issues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a job: ids are the UUIDs that this fleet answered with")]
pub struct NotIssued;

impl JobId {
    /// The id of whatever `client` knows by this identity: the same for ever, so that a retry is the same job.
    pub fn derived(client: &Client, identity: Identity<'_>) -> JobId {
        match identity {
            Identity::Reference(reference) => JobId::of_name(client, "reference", reference.as_str()),
            Identity::Key(key) => JobId::of_name(client, "key", key),
            Identity::Line { key, content, nth } => {
                let own: [&[u8]; 2] = [&content.0, &nth.to_be_bytes()];
                JobId::of_parts(client, "line", &[key.as_bytes()], &own)
            }
            Identity::Row { file, place, content } => {
                let (stretch, rest) = (place / NEAR_PLACES, place % NEAR_PLACES);
                let own: [&[u8]; 2] = [&rest.to_be_bytes(), &content.0];
                JobId::of_parts(client, "row", &[file, &stretch.to_be_bytes()], &own)
            }
            Identity::Payment(payment) => {
                let (message, payment) = payment.split_once('\u{1f}').unwrap_or((payment, ""));
                JobId::of_parts(client, "payment", &[message.as_bytes()], &[payment.as_bytes()])
            }
        }
    }

    /// The id that release 0.1 gave to whatever `client` submitted under `key`, be it a key or a reference.
    pub fn of_former_release(client: &Client, key: &str) -> JobId {
        let hash = |context: &str, key: &[u8], out: &mut [u8]| {
            let mut hasher = blake3::Hasher::new_derive_key(context);
            hasher.update(&(client.as_str().len() as u64).to_be_bytes()).update(client.as_str().as_bytes());
            hasher.update(key).finalize_xof().fill(out);
        };
        let (stem, _) = stem_and_tail(key.as_bytes());
        let mut content = [0; 12];
        let (neighbourhood, rest) = content.split_at_mut(NEIGHBOURS_SHARE);
        hash(FORMER_NEIGHBOURHOOD_CONTEXT, stem, neighbourhood);
        hash(FORMER_DERIVE_CONTEXT, key.as_bytes(), rest);
        JobId::sealed(content)
    }

    fn of_name(client: &Client, kind: &str, name: &str) -> JobId {
        let (stem, tail) = stem_and_tail(name.as_bytes());
        JobId::of_parts(client, kind, &[stem], &[tail])
    }

    /// `near` is what neighbours share, `own` what tells them apart.
    fn of_parts(client: &Client, kind: &str, near: &[&[u8]], own: &[&[u8]]) -> JobId {
        let near = || [client.as_str().as_bytes(), kind.as_bytes()].into_iter().chain(near.iter().copied());
        let mut content = [0; 12];
        let (neighbourhood, rest) = content.split_at_mut(NEIGHBOURS_SHARE);
        hash(NEIGHBOURHOOD_CONTEXT, near(), neighbourhood);
        hash(DERIVE_CONTEXT, near().chain(own.iter().copied()), rest);
        JobId::sealed(content)
    }

    /// An id from time and chance: `unix_ms` in its first 48 bits, so that ids sort roughly by time.
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

/// Fills `out` with a hash of the parts. Their lengths keep ("ab", "c") apart from ("a", "bc").
fn hash<'a>(context: &str, parts: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    hasher.finalize_xof().fill(out);
}

fn stem_and_tail(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(name.len().saturating_sub(NEIGHBOURS_DIFFER_IN))
}

impl FromStr for JobId {
    type Err = NotIssued;

    fn from_str(text: &str) -> Result<JobId, NotIssued> {
        Uuid::try_parse(text).map_err(|_| NotIssued).and_then(|uuid| JobId::from_bytes(uuid.into_bytes()))
    }
}

/// An id that the ledger may hold the job under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerId {
    /// The id.
    pub id: JobId,
    /// When the job that has it is this one.
    #[serde(rename = "if")]
    pub sameness: Sameness,
}

/// What else has to agree, where an id alone does not tell: ids of earlier releases mixed names of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// Nothing: whatever has the id is this job.
    Always,
    /// The references, or neither has one.
    SameReference,
    /// The accounts, the amount and the currency.
    SameMoney,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Client {
        Client::parse(name).unwrap()
    }

    #[test]
    fn an_identity_is_the_same_job_for_ever() {
        let (acme, reference) = (client("acme"), Reference::parse("invoice-17").unwrap());
        let content = Fingerprint([7; 16]);
        let identities = [
            Identity::Reference(&reference),
            Identity::Key("invoice-17"),
            Identity::Line { key: "invoice-17", content: &content, nth: 1 },
            Identity::Row { file: &[9; 32], place: 17, content: &content },
            Identity::Payment("1:M\u{1f}-\u{1f}1:E\u{1f}1"),
        ];
        let derived = identities.map(|identity| JobId::derived(&acme, identity).to_string());
        let golden = [
            "809e88a3-b51b-8376-b1fe-98c01caf56ee",
            "57e9d87a-821d-8fe9-8319-6c29dfc0ec04",
            "4a345451-4684-8a97-98df-df8c12dff2c0",
            "be3f78fc-1bc5-8d95-beb7-75c9c9669a8e",
            "0397fc8e-3a9b-8668-bb16-75efd56fef73",
        ];
        assert_eq!(derived, golden, "an id that was issued must stay");
        let former = JobId::of_former_release(&acme, "invoice-17");
        assert_eq!(former.to_string(), "3f80eed3-5b26-8e10-b6f5-0508acf2d3f0");
    }

    #[test]
    fn what_differs_anywhere_is_another_job() {
        let (acme, content) = (client("acme"), Fingerprint([7; 16]));
        let line = |key, nth| JobId::derived(&acme, Identity::Line { key, content: &content, nth });
        let payment = |text| JobId::derived(&acme, Identity::Payment(text));
        let (key, acm) = (|name, key| JobId::derived(&client(name), Identity::Key(key)), "acm");
        let all = [
            key("acme", "invoice-17"),
            key(acm, "einvoice-17"),
            key("acme", "k"),
            line("k", 1),
            line("k", 2),
            payment("9:ACME/2026\u{1f}2:01\u{1f}1"),
            payment("4:ACME\u{1f}7:2026/01\u{1f}1"),
            payment("4:ACME\u{1f}7:2026/01\u{1f}2"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn numbered_names_are_neighbours() {
        let acme = client("acme");
        let of = |name: &str| JobId::derived(&acme, Identity::Key(name));
        let ids: std::collections::BTreeSet<_> =
            (0..3_000).map(|number| of(&format!("invoice-{number:07}"))).collect();
        assert_eq!(ids.len(), 3_000);
        let begins = ids.iter().map(|id| &id.as_bytes()[..NEIGHBOURS_SHARE]);
        assert_eq!(begins.collect::<std::collections::BTreeSet<_>>().len(), 3);
        let other = JobId::derived(&client("other"), Identity::Key("invoice-0000000"));
        assert_ne!(other.as_bytes()[..3], of("invoice-0000000").as_bytes()[..3]);
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
