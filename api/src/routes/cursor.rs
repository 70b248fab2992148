//! Where a page of a list starts: opaque to clients, and of use with the same list only.

use axum::http::header::{HeaderName, HeaderValue, LINK};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::problem::Problem;

/// Bytes behind a place, which tell of which list it is.
const CHECK_BYTES: usize = 4;

/// The cursor of a place in `list`, which is named by what it was asked for with.
pub fn write(list: &str, place: &[i64]) -> String {
    let bytes: Vec<u8> = place.iter().flat_map(|number| number.to_be_bytes()).collect();
    write_bytes(list, &bytes)
}

/// The same of a place that is no numbers.
pub fn write_bytes(list: &str, place: &[u8]) -> String {
    let mut bytes = place.to_vec();
    bytes.extend(check(list, place));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of a cursor, where one is given; `name` tells a client which list it must be of.
///
/// # Errors
/// It was not written for this list.
pub fn read<const N: usize>(list: &str, name: &str, text: Option<&str>) -> Result<Option<[i64; N]>, Problem> {
    read_as(list, name, text, numbers)
}

/// The same of a place that is no numbers: what `understood` makes of its bytes.
///
/// # Errors
/// It was not written for this list, or not understood.
pub fn read_as<T>(
    list: &str,
    name: &str,
    text: Option<&str>,
    understood: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let remedy = || format!("must be the cursor of a `next` of {name}; leave it out to start");
    let read = |text: &str| understood(&bytes_of(list, text)?);
    text.map(|text| read(text).ok_or_else(|| Problem::parameter("cursor", text, &remedy()))).transpose()
}

/// A query without its cursor: what the next page is asked for with.
pub fn without(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    kept.collect::<Vec<_>>().join("&")
}

/// The path of the page at a cursor, of a list that was `asked` for with such a query.
pub fn path(list: &str, asked: &str, cursor: &str) -> String {
    let joint = if asked.is_empty() { "" } else { "&" };
    format!("{list}?{asked}{joint}cursor={cursor}")
}

/// The header that names the next page. What a client asked for need not be fit for one.
pub fn link(next: Option<&String>) -> Option<[(HeaderName, HeaderValue); 1]> {
    let link = HeaderValue::try_from(format!("<{}>; rel=\"next\"", next?)).ok();
    link.map(|link| [(LINK, link)])
}

fn bytes_of(list: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (place, checked) = bytes.split_at_checked(bytes.len().checked_sub(CHECK_BYTES)?)?;
    (checked == check(list, place)).then(|| place.to_vec())
}

fn numbers<const N: usize>(place: &[u8]) -> Option<[i64; N]> {
    let (numbers, rest) = place.as_chunks();
    let numbers: Vec<_> = numbers.iter().map(|number| i64::from_be_bytes(*number)).collect();
    rest.is_empty().then(|| numbers.try_into().ok()).flatten()
}

/// Tells a slip from a cursor; it keeps no secret.
fn check(list: &str, place: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    blake3::Hasher::new().update(place).update(list.as_bytes()).finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<const N: usize>(list: &str, text: &str) -> Option<[i64; N]> {
        read(list, "a", Some(text)).ok().flatten()
    }

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
