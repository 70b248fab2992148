//! A file's refused rows, in its own format, ready to be corrected and sent again.
//!
//! [`super::Reader::refused`] writes each row. Such a file is [`start`], the rows one after another, and [`end`].

use super::Format;
use super::pain001::{self, Exact};

/// The column or member that tells why a row was refused. A later import does not look at it.
pub const REFUSED_BECAUSE: &str = "refused_because";

/// In a header of pain.001: where the totals of the payments belong. The prefix of its names follows, then what
/// the message says they are, with blanks between.
pub(super) const TOTALS_MARK: &str = "<!--totals:";

/// In a comment before a payment of pain.001: which of the payments with the same ids of its message it is, and a hash of
/// those ids, with a blank between.
pub(super) const OCCURRENCE_MARK: &str = "occurrence:";

/// The number and the sum of the rows of a refused file: what pain.001 says of itself at its start.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    rows: u64,
    sum: Exact,
}

impl Totals {
    /// Adds a row, as [`super::Reader::refused`] wrote it.
    pub fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        if let Some(amount) = pain001::amount_of_refused(row) {
            self.sum = self.sum.checked_add(amount).unwrap_or(self.sum);
        }
    }
}

/// What stands before the rows: `header` is the reader's. Only pain.001 looks at the totals.
#[must_use]
pub fn start(format: Format, header: &[u8], totals: &Totals) -> Vec<u8> {
    match format {
        // The mark says UTF-8 whatever charset is stated for the file, and makes spreadsheets read it so.
        Format::Csv => [b"\xEF\xBB\xBF", header].concat(),
        Format::Ndjson => Vec::new(),
        Format::Pain001 => {
            let header = String::from_utf8_lossy(header);
            let Some((before, (prefix, after))) = header
                .split_once(TOTALS_MARK)
                .and_then(|(before, rest)| Some((before, rest.split_once("-->")?)))
            else {
                return header.into_owned().into_bytes();
            };
            let prefix = prefix.split(' ').next().unwrap_or_default();
            let Totals { rows, sum } = totals;
            format!(
                "{before}<{prefix}NbOfTxs>{rows}</{prefix}NbOfTxs><{prefix}CtrlSum>{sum}</{prefix}CtrlSum>{after}"
            )
            .into_bytes()
        }
    }
}

/// What stands after the rows.
#[must_use]
pub fn end(format: Format, header: &[u8]) -> Vec<u8> {
    if format != Format::Pain001 {
        return Vec::new();
    }
    let header = String::from_utf8_lossy(header);
    let mut open: Vec<&str> = Vec::new();
    // The document and the message are open; the group header, which follows, is closed.
    for tag in header.split('<').skip(1).filter(|tag| !tag.starts_with(['?', '!', '/'])).take(2) {
        open.extend(tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next());
    }
    open.iter().rev().map(|name| format!("</{name}>")).collect::<String>().into_bytes()
}

/// A reason as one line that an XML comment may hold: without two `-` in a row, or one at its end.
pub(super) fn in_comment(reason: &str) -> String {
    let mut line = String::with_capacity(reason.len());
    for c in reason.chars() {
        if c == '-' && line.ends_with('-') {
            line.push(' ');
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    if line.ends_with('-') {
        line.push(' ');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::in_comment;

    #[test]
    fn a_reason_ends_no_comment() {
        for (reason, line) in
            [("a - b", "a - b"), ("a--b", "a- -b"), ("a---b", "a- - -b"), ("-->\n", "- -> "), ("a-", "a- ")]
        {
            assert_eq!(in_comment(reason), line);
        }
    }
}
