//! What stands around the payments of a file of refused ones.

use super::exact::Exact;

/// In a header of pain.001: where the totals of the payments belong. The prefix of its names follows, then what
/// the message says they are, with blanks between.
pub const TOTALS_MARK: &str = "<!--totals:";

/// In a comment before a payment of pain.001: which of the payments with the same ids of its message it is, and a hash of
/// those ids, with a blank between.
pub const OCCURRENCE_MARK: &str = "occurrence:";

/// What stands before the payments: the header of their message, with their number and their sum.
pub fn start(header: &[u8], payments: u64, sum: Exact) -> String {
    let header = String::from_utf8_lossy(header);
    let Some((before, (prefix, after))) =
        header.split_once(TOTALS_MARK).and_then(|(before, rest)| Some((before, rest.split_once("-->")?)))
    else {
        return header.into_owned();
    };
    let prefix = prefix.split(' ').next().unwrap_or_default();
    format!(
        "{before}<{prefix}NbOfTxs>{payments}</{prefix}NbOfTxs><{prefix}CtrlSum>{sum}</{prefix}CtrlSum>{after}"
    )
}

/// What stands after them.
pub fn end(header: &[u8]) -> String {
    let header = String::from_utf8_lossy(header);
    let mut open: Vec<&str> = Vec::new();
    // The document and the message are open; the group header, which follows, is closed.
    for tag in header.split('<').skip(1).filter(|tag| !tag.starts_with(['?', '!', '/'])).take(2) {
        open.extend(tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next());
    }
    open.iter().rev().map(|name| format!("</{name}>")).collect()
}

/// A reason as one line that an XML comment may hold: without two `-` in a row, or one at its end.
pub fn in_comment(reason: &str) -> String {
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
