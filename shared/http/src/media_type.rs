//! What the body of a request calls itself.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use crate::problem::{Problem, UNSUPPORTED_MEDIA_TYPE};

/// Said where nobody has chosen a type: by `curl -d`, and by programs that know no better.
const SAYS_NOTHING: [&str; 3] =
    ["application/x-www-form-urlencoded", "application/octet-stream", "text/plain"];
/// One JSON text a line.
const LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// The type of a body without its parameters, in lower case; empty where none is given.
pub fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a type is that of one JSON text.
pub fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether a type is that of JSON texts, one a line.
pub fn is_lines(essence: &str) -> bool {
    LINES.contains(&essence)
}

/// Refuses a body that calls itself something other than JSON. One that does not say what it is passes: whether it is JSON
/// its text shows.
///
/// # Errors
/// Its type is that of another format.
pub fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = essence(headers);
    if essence.is_empty() || is_json(&essence) || is_lines(&essence) || SAYS_NOTHING.contains(&&*essence) {
        return Ok(());
    }
    let shown: String = essence.chars().take(80).collect();
    let detail = format!("the content type is {shown:?}, and this takes JSON; send it as application/json");
    Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_calls_itself_something_else_is_refused() {
        let check = |value: &str| check_json(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        for taken in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.job+json",
            "application/x-ndjson",
            "application/x-www-form-urlencoded",
            "text/plain",
        ] {
            assert!(check(taken).is_ok(), "{taken}");
        }
        for refused in ["text/csv", "application/xml", "multipart/form-data; boundary=B", "image/png", "json"]
        {
            assert_eq!(check(refused).unwrap_err().slug(), "unsupported-media-type", "{refused}");
        }
        assert!(check_json(&HeaderMap::new()).is_ok());
    }
}
