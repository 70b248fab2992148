//! The start of a file, in which its dialect is looked for, and what is found there.

use super::record::{Cells, Cut, Marks};
use crate::lines::trimmed;

/// Lines among which the header is looked for: statements begin with up to some twenty lines about the account.
pub const HEADER_LINES_MAX: usize = 100;

/// How a reason starts where no header tells its column.
pub const REASON_START: &str = "refused_because: ";

/// How a file is laid out, as its start shows it.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What cuts records.
    pub marks: Marks,
    /// Lines before the first row, the header's among them.
    pub lines_before: u64,
    /// Names of the columns, to the last that has one; none where there is no header.
    pub names: Vec<String>,
    /// How many cells a row has at least.
    pub columns: usize,
    /// How many cells a row may fill: the last columns may have no name, or nothing in the first row.
    pub width: usize,
    /// How many cells the header has, or the first row, with the empty ones at its end.
    pub cells: usize,
    /// What stands before the first row: the lines before the header, and the header.
    pub before: Vec<u8>,
}

/// The start of a text, and the lines among which its header is.
pub struct Start<'a> {
    pub text: &'a [u8],
    lines: Vec<(usize, &'a [u8])>,
    skipped: usize,
}

impl<'a> Start<'a> {
    /// Of a text whose first lines may be skipped.
    pub fn new(text: &'a [u8], skipped: u64) -> Start<'a> {
        let mut at = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n').take(HEADER_LINES_MAX) {
            lines.push((at, line));
            at += line.len();
        }
        Start { text, lines, skipped: usize::try_from(skipped).unwrap_or(usize::MAX) }
    }

    /// A spreadsheet's own note, `sep=;`: the first line states the separator, and is no other line.
    pub fn separator_note(&mut self) -> Option<u8> {
        let mark = separator_note(self.lines.first()?.1)?;
        self.skipped = self.skipped.max(1);
        Some(mark)
    }

    /// Lines that have something in them, from 0 and with where they start; not those that are skipped.
    pub fn filled(&self) -> impl Iterator<Item = (usize, usize)> {
        let lines = self.lines.iter().enumerate().skip(self.skipped);
        lines
            .filter(|(_, (_, text))| !text.trim_ascii().is_empty())
            .map(|(line, (offset, _))| (line, *offset))
    }

    /// Where a line starts.
    pub fn offset(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |(offset, _)| *offset)
    }

    /// The cells of the record that starts at a byte, without blanks around them.
    pub fn cells(&self, offset: usize, marks: Marks) -> Vec<String> {
        let (record, cells) = self.record(offset, marks);
        let cell =
            |index| String::from_utf8_lossy(cells.get(record, index).unwrap_or_default()).trim().to_owned();
        (0..cells.len()).map(cell).collect()
    }

    /// The record that starts at a byte, and its cells.
    pub fn record(&self, offset: usize, marks: Marks) -> (&'a [u8], Cells) {
        let rest = self.text.get(offset..).unwrap_or_default();
        let mut cells = Cells::default();
        let mut end = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            if !matches!(cells.cut(rest.get(..end).unwrap_or_default(), marks), Cut::Open(_)) {
                break;
            }
        }
        (rest.get(..end).unwrap_or_default(), cells)
    }
}

/// `sep=;`
fn separator_note(line: &[u8]) -> Option<u8> {
    let text = trimmed(line).trim_ascii_start();
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    match text.strip_prefix(b"sep=").or_else(|| text.strip_prefix(b"SEP="))? {
        [mark] => Some(*mark),
        _ => None,
    }
}
