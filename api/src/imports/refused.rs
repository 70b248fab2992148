//! Refused rows in the form in which they came, each with the reason.

use bytes::Bytes;
use shared::imports::Refusal;

/// Rows of one page of the database: some may have 64 KiB.
pub const REFUSED_PAGE_ROWS: u32 = 100;

/// The column, or the member, that carries the reason; a file that is sent again may have it.
pub(super) const REFUSED_BECAUSE: &str = "refused_because";

/// A file of refused rows, being written.
#[derive(Debug)]
pub struct RefusedRows {
    ndjson: bool,
    head: Option<Vec<u8>>,
}

impl RefusedRows {
    /// Begins with the head of the file that they come from.
    #[must_use]
    pub fn new(head: &Refusal) -> RefusedRows {
        RefusedRows { ndjson: head.reason == "ndjson", head: Some(head.raw.clone()) }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        if self.ndjson { "application/x-ndjson" } else { "text/csv; charset=utf-8" }
    }

    /// What the name of such a file ends with.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        if self.ndjson { "ndjson" } else { "csv" }
    }

    /// Some more of it; the first time with its head.
    pub fn write(&mut self, refusals: &[Refusal]) -> Bytes {
        let mut text = Vec::new();
        if let Some(head) = self.head.take().filter(|head| !head.is_empty()) {
            text.extend_from_slice(&head);
            if !self.ndjson && !head.ends_with(REFUSED_BECAUSE.as_bytes()) {
                text.push(b',');
                text.extend_from_slice(REFUSED_BECAUSE.as_bytes());
            }
            text.push(b'\n');
        }
        for refusal in refusals {
            if self.ndjson { object(&mut text, refusal) } else { line(&mut text, refusal) }
        }
        text.into()
    }
}

fn reason(refusal: &Refusal) -> String {
    let at = refusal.column.map_or_else(String::new, |column| format!(", column {column}"));
    format!("line {}{at}: {}", refusal.line, refusal.reason)
}

fn line(text: &mut Vec<u8>, refusal: &Refusal) {
    text.extend_from_slice(&refusal.raw);
    text.extend_from_slice(b",\"");
    text.extend_from_slice(reason(refusal).replace('"', "\"\"").as_bytes());
    text.extend_from_slice(b"\"\n");
}

/// What is no object is put into one, so that the reason has a place.
fn object(text: &mut Vec<u8>, refusal: &Refusal) {
    let mut members = serde_json::from_slice::<serde_json::Map<_, _>>(&refusal.raw).unwrap_or_else(|_| {
        let raw = String::from_utf8_lossy(&refusal.raw).into_owned();
        serde_json::Map::from_iter([("raw".to_owned(), raw.into())])
    });
    members.insert(REFUSED_BECAUSE.to_owned(), reason(refusal).into());
    text.extend_from_slice(serde_json::Value::from(members).to_string().as_bytes());
    text.push(b'\n');
}
