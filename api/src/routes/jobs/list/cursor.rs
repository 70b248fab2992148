//! Where a page of jobs starts: opaque to clients, and of use with the same filter only.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use store::ledger::JobsCursor;

use crate::problem::Problem;

/// The cursor of the jobs that `asked` (the rest of the query) asks for from this place on.
pub fn write(asked: &str, cursor: JobsCursor) -> String {
    let mut bytes = [cursor.before.to_be_bytes(), cursor.before_entry.to_be_bytes()].concat();
    bytes.extend(check(asked, cursor));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// # Errors
/// It was not written for this query.
pub fn read(asked: &str, text: &str) -> Result<JobsCursor, Problem> {
    let found = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (before, rest) = bytes.split_first_chunk()?;
        let (before_entry, rest) = rest.split_first_chunk()?;
        let cursor = JobsCursor {
            before: i64::from_be_bytes(*before),
            before_entry: i64::from_be_bytes(*before_entry),
        };
        (rest == check(asked, cursor)).then_some(cursor)
    };
    found().ok_or_else(|| {
        Problem::parameter(
            "cursor",
            text,
            "must be the cursor of a `next` of the same query; leave it out to start",
        )
    })
}

/// Tells a slip from a cursor; it keeps no secret.
fn check(asked: &str, cursor: JobsCursor) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&cursor.before.to_be_bytes()).update(&cursor.before_entry.to_be_bytes());
    hasher.update(asked.as_bytes());
    let mut check = [0; 4];
    hasher.finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_query_only() {
        let cursor = JobsCursor { before: 4_711, before_entry: i64::MAX };
        let text = write("kind=deposit", cursor);
        assert_eq!(read("kind=deposit", &text).ok(), Some(cursor));
        assert!(read("kind=transfer", &text).is_err());
        assert!(read("kind=deposit", "4711").is_err());
    }
}
