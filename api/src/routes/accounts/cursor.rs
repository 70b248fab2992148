//! Where a page of an account's entries starts: opaque to clients, and of use for that account only.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::account::AccountNumber;

/// The cursor of the entries before `seq`.
pub fn write(number: &AccountNumber, seq: i64) -> String {
    let mut bytes = seq.to_be_bytes().to_vec();
    bytes.extend(check(number, seq));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` if it was not written for this account.
pub fn read(number: &AccountNumber, text: &str) -> Option<i64> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (seq, rest) = bytes.split_first_chunk()?;
    let seq = i64::from_be_bytes(*seq);
    (rest == check(number, seq)).then_some(seq)
}

/// Tells a slip from a cursor; it keeps no secret.
fn check(number: &AccountNumber, seq: i64) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seq.to_be_bytes()).update(number.as_str().as_bytes());
    let mut check = [0; 4];
    hasher.finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_account_only() {
        let [a, b]: [AccountNumber; 2] = ["a", "b"].map(|number| number.parse().unwrap());
        let cursor = write(&a, 4_711);
        assert_eq!(read(&a, &cursor), Some(4_711));
        assert_eq!(read(&b, &cursor), None);
        assert_eq!(read(&a, "4711"), None);
        assert_eq!(read(&a, ""), None);
    }
}
