//! Which job a request is: what has the same identity is the same job for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::id::{FormerId, Sameness};
use domain::id::{Identity, JobId};
use domain::text::Reference;
use jiff::Timestamp;

pub use former::{FormerIdsKept, Who};
pub use key::IdempotencyKey;
pub use recent::{Claim, Claims, Recent};

mod former;
mod key;
mod recent;

/// The id of a job, and those that it had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The id.
    pub id: JobId,
    /// Ids under which the ledger may hold the job already.
    pub former: Vec<FormerId>,
    /// Whether another job may have come under the same identity: an id from chance is nobody else's.
    pub is_derived: bool,
}

/// A job's reference: in its one writing, and as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceAsSent<'a> {
    /// By which the job is known.
    pub canonical: &'a Reference,
    /// By which earlier releases knew it.
    pub sent: &'a Reference,
}

/// Gives jobs their ids.
pub struct Issuer {
    next: AtomicU64,
}

impl Issuer {
    /// Starts at a point that no other replica is likely to be at.
    pub fn new() -> anyhow::Result<Issuer> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance)
            .map_err(|error| anyhow::anyhow!("no random numbers for ids: {error}"))?;
        Ok(Issuer { next: AtomicU64::new(u64::from_be_bytes(chance)) })
    }

    /// The id of a job on its own: by its reference, else by the header's key, else by chance.
    pub fn of_job(
        &self,
        who: &Who<'_>,
        key: Option<&IdempotencyKey>,
        reference: Option<ReferenceAsSent<'_>>,
    ) -> Identified {
        let identity = match (reference, key) {
            (Some(reference), _) => Identity::Reference(reference.canonical),
            (None, Some(key)) => Identity::Key(key.as_str()),
            (None, None) => return self.by_chance(),
        };
        let mut identified = who.identified(identity);
        // The release before looked at the key first.
        let keys = key.into_iter().flat_map(|key| [key.as_str(), key.as_sent()]);
        for name in keys.chain(names_of(reference)) {
            who.add_of_release(&mut identified, name, Sameness::SameReference);
        }
        identified
    }

    /// The id of a job on a line of a batch: by its reference, else by the batch's key and what the line says, else by
    /// chance.
    pub fn of_line(
        &self,
        who: &Who<'_>,
        line: Option<LineOfBatch<'_>>,
        reference: Option<ReferenceAsSent<'_>>,
    ) -> Identified {
        let Some(LineOfBatch { key, number, identity }) = line.filter(|_| reference.is_none()) else {
            return self.of_job(who, None, reference);
        };
        let mut identified = who.identified(identity);
        let name = format!("{}{SEPARATOR_OF_RELEASE}{number}", key.as_sent());
        who.add_of_release(&mut identified, &name, Sameness::SameMoney);
        identified
    }

    /// Chance decides where the replica starts to count and then it counts: an id has 42 bits beside its
    /// millisecond, and the 10,000 jobs of one batch would meet by chance once in 90,000 batches.
    fn by_chance(&self) -> Identified {
        let unix_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        Identified { id: JobId::from_chance(unix_ms, spread(count)), former: Vec::new(), is_derived: false }
    }
}

/// A line of a batch under a key.
#[derive(Debug, Clone, Copy)]
pub struct LineOfBatch<'a> {
    /// The key of the request.
    pub key: &'a IdempotencyKey,
    /// The number of the line, by which earlier releases knew it.
    pub number: usize,
    /// What it is known by.
    pub identity: Identity<'a>,
}

/// What stood between a key and the number of a line, and between a file and the number of a row, in release 0.1.
pub const SEPARATOR_OF_RELEASE: char = '\u{1f}';

/// The writings of a reference, each by which an earlier release may know the job.
pub fn names_of(reference: Option<ReferenceAsSent<'_>>) -> impl Iterator<Item = &str> {
    reference.into_iter().flat_map(|reference| [reference.canonical.as_str(), reference.sent.as_str()])
}

/// Lays 42 bits around the 6 that an id keeps for its version and variant.
fn spread(count: u64) -> [u8; 6] {
    let [_, _, _, _, a, b, c, d] = (count & 0x3fff_ffff).to_be_bytes();
    let [.., high, low] = (count >> 30 & 0xfff).to_be_bytes();
    [high, low, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::fingerprint::Fingerprint;
    use domain::text::Client;

    use super::*;

    #[test]
    fn ids_of_one_replica_never_meet() {
        // Across the places where one byte of the count overflows into the next.
        for start in [0, (1 << 24) - 500, (1 << 30) - 500, (1 << 38) - 500, (1 << 42) - 500] {
            let ids: HashSet<_> = (0..1_000).map(|n| JobId::from_chance(7, spread(start + n))).collect();
            assert_eq!(ids.len(), 1_000, "from {start}");
        }
    }

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    fn as_sent(reference: &Reference) -> Option<ReferenceAsSent<'_>> {
        Some(ReferenceAsSent { canonical: reference, sent: reference })
    }

    #[test]
    fn a_reference_stands_above_every_key() {
        let (issuer, client) = (Issuer::new().unwrap(), Client::parse("acme").unwrap());
        let kept = FormerIdsKept::none();
        let who = Who::new(&client, &[], &kept);
        let (r, k) = (reference("r"), reference("k"));
        let keys = ["k1", "k2"].map(IdempotencyKey::bare);
        let by_reference = issuer.of_job(&who, None, as_sent(&r)).id;
        for key in &keys {
            assert_eq!(issuer.of_job(&who, Some(key), as_sent(&r)).id, by_reference);
        }
        let line = |number| LineOfBatch {
            key: &keys[0],
            number,
            identity: Identity::Line { key: "k1", content: &Fingerprint([1; 16]), nth: 1 },
        };
        assert_eq!(issuer.of_line(&who, Some(line(3)), as_sent(&r)).id, by_reference);
        let by_key = |name| issuer.of_job(&who, Some(&IdempotencyKey::bare(name)), None).id;
        assert_ne!(by_key("k"), issuer.of_job(&who, None, as_sent(&k)).id, "two sets of names");
        let by_line = issuer.of_line(&who, Some(line(1)), None).id;
        assert_eq!(by_line, issuer.of_line(&who, Some(line(2)), None).id, "its number is no part of it");
        assert_ne!(by_line, by_key("k1"));
        let ids = [issuer.of_job(&who, None, None), issuer.of_line(&who, None, None)];
        assert!(ids.iter().all(|identified| !identified.is_derived) && ids[0] != ids[1]);
    }

    #[test]
    fn a_job_knows_the_ids_of_the_release_before() {
        let (issuer, client) = (Issuer::new().unwrap(), Client::parse("acme").unwrap());
        let kept = FormerIdsKept::default();
        kept.set(store::ledger::FormerIds { of_release: true, ..Default::default() });
        let who = Who::new(&client, &[], &kept);
        let sent = reference(" r ");
        let canonical = sent.canonical().unwrap();
        let both = ReferenceAsSent { canonical: &canonical, sent: &sent };
        let identified = issuer.of_job(&who, Some(&IdempotencyKey::bare("k")), Some(both));
        let expected = ["k", "r", " r "].map(|name| FormerId {
            id: JobId::of_former_release(&client, name),
            sameness: Sameness::SameReference,
        });
        assert_eq!(identified.former, expected);
    }
}
