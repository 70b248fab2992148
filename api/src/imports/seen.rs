//! The references of a file that is being read: one that comes again with other content is refused with both
//! lines.

use std::collections::HashMap;

use domain::fingerprint::Fingerprint;
use domain::id::JobId;

/// References that are remembered of one file, in some 25 MB. What comes again later is found by the ledger.
const REFERENCES_MAX: usize = 500_000;

/// The references that were seen, by parts of hashes: two differ in them but once in 10^8 files of a million rows.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<u64, (u64, u64)>);

impl Seen {
    /// Remembers a body under its id.
    ///
    /// # Errors
    /// Another body had it: the line of that.
    pub fn see(&mut self, id: JobId, body: Fingerprint, line: u64) -> Result<(), u64> {
        let part = |bytes: &[u8]| bytes.first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
        // The first bytes of an id are shared by its neighbours.
        let (key, body) = (part(id.as_bytes().get(8..).unwrap_or_default()), part(&body.0));
        let key = key ^ part(id.as_bytes());
        if let Some((known, first)) = self.0.get(&key) {
            return if *known == body { Ok(()) } else { Err(*first) };
        }
        if self.0.len() < REFERENCES_MAX {
            self.0.insert(key, (body, line));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_with_other_content_is_reported_with_its_first_line() {
        let mut seen = Seen::default();
        let [one, other] = [JobId::from_chance(1, [0; 6]), JobId::from_chance(2, [0; 6])];
        let [body, changed] = [Fingerprint([1; 16]), Fingerprint([2; 16])];
        assert_eq!(seen.see(one, body, 2), Ok(()));
        assert_eq!(seen.see(one, body, 3), Ok(()), "the same row twice is one job");
        assert_eq!(seen.see(one, changed, 4), Err(2));
        assert_eq!(seen.see(other, changed, 5), Ok(()));
    }
}
