//! The header `Idempotency-Key`.

use axum::http::HeaderMap;

use crate::problem::Problem;

const HEADER: &str = "idempotency-key";

const REMEDY: &str = "must be one value of 1 to 255 printable ASCII characters, bare or as a quoted string";

/// The value of an `Idempotency-Key` header: 1 to [`IdempotencyKey::CHARS_MAX`] printable characters of ASCII.
///
/// The IETF draft (draft-ietf-httpapi-idempotency-key-header) writes it as a string of Structured Fields (RFC 9651),
/// in quotes; most clients send it bare. Both writings are the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    sent: String,
}

impl IdempotencyKey {
    /// The most characters of a key.
    pub const CHARS_MAX: usize = 255;

    /// The key that the head carries.
    pub fn of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let sent = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let key = if values.next().is_none() { unquoted(&sent) } else { None };
        match key.map(|key| key.trim().to_owned()).filter(|key| is_key(key)) {
            Some(key) => Ok(Some(IdempotencyKey { key, sent })),
            None => Err(Problem::parameter("Idempotency-Key", &sent, REMEDY)),
        }
    }

    /// The key, whichever way it was written.
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// The header's value, by which release 0.1 knew the job.
    pub fn as_sent(&self) -> &str {
        &self.sent
    }

    #[cfg(test)]
    pub fn bare(key: &str) -> IdempotencyKey {
        IdempotencyKey { key: key.to_owned(), sent: key.to_owned() }
    }
}

fn is_key(key: &str) -> bool {
    (1..=IdempotencyKey::CHARS_MAX).contains(&key.len())
        && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// What a value says; `None` if it opens a quote and is no string of Structured Fields (RFC 9651, section 4.2.5).
/// Parameters behind the string have no meaning.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => key.push(characters.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            c => key.push(c),
        }
    }
    let rest = characters.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Option<String> {
        let headers = values.iter().map(|value| (HEADER.parse().unwrap(), value.parse().unwrap()));
        let key = IdempotencyKey::of(&HeaderMap::from_iter(headers.collect::<Vec<_>>()));
        key.map(|key| key.unwrap().as_str().to_owned()).ok()
    }

    #[test]
    fn the_writing_of_a_key_is_not_the_key() {
        for value in ["k9", "\"k9\"", "\"k9\";a=1", "\" k9 \""] {
            assert_eq!(key(&[value]).as_deref(), Some("k9"), "{value}");
        }
        assert_eq!(key(&[r#""a\"b\\c""#]).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(key(&[r#"a"b"#]).as_deref(), Some(r#"a"b"#), "a quote within is part of a bare key");
        assert_eq!(key(&["k9;a=1"]).as_deref(), Some("k9;a=1"), "a bare key has no parameters");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "k".repeat(256);
        for values in
            [&[""][..], &["\"\""], &["\"  \""], &["\"k"], &["\"k\"x"], &[r#""k\n""#], &["a", "b"], &[&long]]
        {
            assert_eq!(key(values), None, "{values:?}");
        }
        assert!(IdempotencyKey::of(&HeaderMap::new()).unwrap().is_none());
    }
}
