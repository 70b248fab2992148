//! Where a page of a list starts: opaque to clients, and of use with the same list only.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::problem::Problem;

/// The cursor of a place in `list`, which is named by what it was asked for with.
pub fn write(list: &str, place: &[i64]) -> String {
    let mut bytes: Vec<u8> = place.iter().flat_map(|number| number.to_be_bytes()).collect();
    bytes.extend(check(list, &bytes));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of a cursor, where one is given; `name` tells a client which list it must be of.
///
/// # Errors
/// It was not written for this list.
pub fn read<const N: usize>(list: &str, name: &str, text: Option<&str>) -> Result<Option<[i64; N]>, Problem> {
    let remedy = || format!("must be the cursor of a `next` of {name}; leave it out to start");
    text.map(|text| place(list, text).ok_or_else(|| Problem::parameter("cursor", text, &remedy())))
        .transpose()
}

fn place<const N: usize>(list: &str, text: &str) -> Option<[i64; N]> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (place, checked) = bytes.split_at_checked(N * size_of::<i64>())?;
    let (numbers, _) = place.as_chunks();
    let numbers: Vec<_> = numbers.iter().map(|number| i64::from_be_bytes(*number)).collect();
    (checked == check(list, place)).then(|| numbers.try_into().ok()).flatten()
}

/// Tells a slip from a cursor; it keeps no secret.
fn check(list: &str, place: &[u8]) -> [u8; 4] {
    let mut check = [0; 4];
    blake3::Hasher::new().update(place).update(list.as_bytes()).finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_only() {
        let cursor = write("a", &[4_711]);
        assert_eq!(place("a", &cursor), Some([4_711]));
        assert_eq!(place::<1>("b", &cursor), None);
        assert_eq!(place::<1>("a", "4711"), None);
        assert_eq!(place::<1>("a", ""), None);
        let text = write("kind=deposit", &[4_711, i64::MAX]);
        assert_eq!(place("kind=deposit", &text), Some([4_711, i64::MAX]));
        assert_eq!(place::<2>("kind=transfer", &text), None);
        assert_eq!(place::<2>("kind=deposit", "4711"), None);
        assert_eq!(place::<1>("kind=deposit", &text), None);
    }

    /// Clients keep cursors while replicas of two releases run.
    #[test]
    fn cursors_stay_as_they_were() {
        assert_eq!(write("a", &[3]), "AAAAAAAAAAPsEHxJ");
        assert_eq!(write("limit=1", &[4, i64::MAX]), "AAAAAAAAAAR__________0hRENs");
    }
}
