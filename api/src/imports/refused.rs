//! Refused rows in the form in which they came, each with the reason.

use bytes::Bytes;
use shared::imports::Refusal;

/// Rows of one page of the database: some may have 64 KiB.
pub const REFUSED_PAGE_ROWS: u32 = 100;

/// The column, or the member, that carries the reason; a file that is sent again may have it.
const REFUSED_BECAUSE: &str = "refused_because";

/// What may separate cells.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'|', b','];

/// A file of refused rows, being written.
#[derive(Debug)]
pub struct RefusedRows {
    ndjson: bool,
    head: Option<Vec<u8>>,
    separator: u8,
    /// The rows have reasons already, from the time before.
    has_reasons: bool,
}

impl RefusedRows {
    /// Begins with the head of the file that they come from.
    #[must_use]
    pub fn new(head: &Refusal) -> RefusedRows {
        let line = head.raw.trim_ascii_end();
        let separator = separator(line);
        let has_reasons =
            line.trim_ascii_end().strip_suffix(b"\"").unwrap_or(line).ends_with(REFUSED_BECAUSE.as_bytes());
        RefusedRows { ndjson: head.reason == "ndjson", head: Some(line.to_vec()), separator, has_reasons }
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
            if !self.ndjson && !self.has_reasons {
                text.push(self.separator);
                text.extend_from_slice(REFUSED_BECAUSE.as_bytes());
            }
            text.push(b'\n');
        }
        for refusal in refusals {
            if self.ndjson { object(&mut text, refusal) } else { self.record(&mut text, refusal) }
        }
        text.into()
    }

    fn record(&self, text: &mut Vec<u8>, refusal: &Refusal) {
        let row = refusal.raw.as_slice();
        let kept = if self.has_reasons { without_last_cell(row, self.separator) } else { row };
        text.extend_from_slice(kept);
        text.push(self.separator);
        text.push(b'"');
        text.extend_from_slice(reason(refusal).replace('"', "\"\"").as_bytes());
        text.extend_from_slice(b"\"\n");
    }
}

fn reason(refusal: &Refusal) -> String {
    let at = refusal.column.map_or_else(String::new, |column| format!(", column {column}"));
    format!("line {}{at}: {}", refusal.line, refusal.reason)
}

/// The one that is there most, outside quotes.
fn separator(line: &[u8]) -> u8 {
    let count = |separator: u8| outside_quotes(line).filter(|(_, byte)| *byte == separator).count();
    SEPARATORS
        .into_iter()
        .max_by_key(|separator| count(*separator))
        .filter(|separator| count(*separator) > 0)
        .unwrap_or(b',')
}

fn without_last_cell(row: &[u8], separator: u8) -> &[u8] {
    let last = outside_quotes(row).filter(|(_, byte)| *byte == separator).last();
    last.and_then(|(at, _)| row.get(..at)).unwrap_or(row)
}

fn outside_quotes(text: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut quoted = false;
    text.iter().copied().enumerate().filter(move |(_, byte)| {
        quoted ^= *byte == b'"';
        !quoted
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(row: u64, raw: &str, reason: &str) -> Refusal {
        let (reason, raw) = (reason.to_owned(), raw.as_bytes().to_vec());
        Refusal { row, line: row + 1, column: Some(3), field: None, reason, raw }
    }

    #[test]
    fn the_reason_is_a_column_in_the_dialect_of_the_file_once() {
        let mut rows = RefusedRows::new(&refusal(0, "\"a, b\";c\r\n", "csv"));
        let text = rows.write(&[refusal(1, "1;\"x;y\"", "a \"b\"")]);
        assert_eq!(text, "\"a, b\";c;refused_because\n1;\"x;y\";\"line 2, column 3: a \"\"b\"\"\"\n");
        assert_eq!(rows.write(&[]), "", "the head comes once");

        let mut rows = RefusedRows::new(&refusal(0, "a;c;refused_because\n", "csv"));
        let text = rows.write(&[refusal(1, "1;2;\"line 9: b; \"\"c\"\"\"", "again")]);
        assert_eq!(text, "a;c;refused_because\n1;2;\"line 2, column 3: again\"\n");
    }

    #[test]
    fn the_reason_is_a_member_of_the_object() {
        let mut rows = RefusedRows::new(&refusal(0, "", "ndjson"));
        let text = rows.write(&[refusal(1, r#"{"kind":"gift"}"#, "no"), refusal(2, "{", "no")]);
        let expected = "{\"kind\":\"gift\",\"refused_because\":\"line 2, column 3: no\"}\n{\"raw\":\"{\",\"refused_because\":\"line 3, column 3: no\"}\n";
        assert_eq!(text, expected);
    }
}
