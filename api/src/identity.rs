//! Which job a request is: the same key is the same job for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use jiff::Timestamp;
use shared::domain::id::JobId;
use shared::domain::text::{Client, Reference};

use crate::problem::Problem;

const HEADER: &str = "idempotency-key";

/// Keeps the key of a batch and the number of a line apart. No key and no reference can contain it, so
/// a line's key is never another job's.
const LINE_SEPARATOR: char = '\u{1f}';

/// The value of an `Idempotency-Key` header: 1 to [`IdempotencyKey::CHARS_MAX`] printable characters of
/// ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The most characters of a key.
    pub const CHARS_MAX: usize = 255;

    /// The key that the head carries.
    pub fn of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !(1..=Self::CHARS_MAX).contains(&key.len()) || !printable || values.next().is_some() {
            let remedy = "must be one value of 1 to 255 printable ASCII characters";
            return Err(Problem::parameter("Idempotency-Key", &key, remedy));
        }
        Ok(Some(IdempotencyKey(key)))
    }
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

    /// The id of a job on its own: by the header's key, else by its reference, else by chance.
    pub fn of_job(
        &self,
        client: &Client,
        key: Option<&IdempotencyKey>,
        reference: Option<&Reference>,
    ) -> JobId {
        match (key, reference) {
            (Some(key), _) => JobId::derived(client, &key.0),
            (None, Some(reference)) => JobId::derived(client, reference.as_str()),
            (None, None) => self.by_chance(),
        }
    }

    /// The id of a job in a batch: by its own reference, else by the batch's key and the number of its
    /// line, else by chance.
    pub fn of_line(
        &self,
        client: &Client,
        key: Option<&IdempotencyKey>,
        line: usize,
        reference: Option<&Reference>,
    ) -> JobId {
        match (reference, key) {
            (Some(reference), _) => JobId::derived(client, reference.as_str()),
            (None, Some(key)) => JobId::derived(client, &format!("{}{LINE_SEPARATOR}{line}", key.0)),
            (None, None) => self.by_chance(),
        }
    }

    /// Chance decides where the replica starts to count and then it counts: an id has 42 bits beside its
    /// millisecond, and the 10,000 jobs of one batch would meet by chance once in 90,000 batches.
    fn by_chance(&self) -> JobId {
        let unix_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        JobId::from_chance(unix_ms, spread(count))
    }
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

    use super::*;

    #[test]
    fn ids_of_one_replica_never_meet() {
        // Across the places where one byte of the count overflows into the next.
        for start in [0, (1 << 24) - 500, (1 << 30) - 500, (1 << 38) - 500, (1 << 42) - 500] {
            let ids: HashSet<_> = (0..1_000).map(|n| JobId::from_chance(7, spread(start + n))).collect();
            assert_eq!(ids.len(), 1_000, "from {start}");
        }
    }

    #[test]
    fn a_lines_key_is_no_other_jobs_key() {
        let issuer = Issuer::new().unwrap();
        let client = Client::parse("acme").unwrap();
        let key = |text: &str| IdempotencyKey(text.to_owned());
        let line = issuer.of_line(&client, Some(&key("k")), 11, None);
        assert_eq!(line, issuer.of_line(&client, Some(&key("k")), 11, None));
        assert_ne!(line, issuer.of_line(&client, Some(&key("k1")), 1, None));
        assert_ne!(line, issuer.of_job(&client, Some(&key("k11")), None));
    }

    #[test]
    fn the_header_wins_over_the_reference() {
        let issuer = Issuer::new().unwrap();
        let client = Client::parse("acme").unwrap();
        let (key, reference) = (IdempotencyKey("k".to_owned()), Reference::parse("r").unwrap());
        assert_eq!(issuer.of_job(&client, Some(&key), Some(&reference)), JobId::derived(&client, "k"));
        assert_eq!(issuer.of_job(&client, None, Some(&reference)), JobId::derived(&client, "r"));
        assert_eq!(issuer.of_line(&client, Some(&key), 1, Some(&reference)), JobId::derived(&client, "r"));
    }
}
