//! Finding what a CSV file does not say of itself: its separator, and the line of its header.

use super::super::FileError;
use super::super::mapping::{Column, Mapping};
use super::super::refused::REFUSED_BECAUSE;
use super::record::{Cells, Cut, Marks};
use super::{header, places};

/// Separators that are tried, in the order in which they win when nothing else tells.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'|', b','];

/// Lines among which the header is looked for: statements begin with up to some twenty lines about the account.
pub const HEADER_LINES_MAX: usize = 100;

/// How a reason starts where no header tells its column.
pub const REASON_START: &str = "refused_because: ";

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
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
    text: &'a [u8],
    lines: Vec<(usize, &'a [u8])>,
    skipped: usize,
}

/// Finds the dialect of a text by its start.
pub fn find(start: &[u8], mapping: &Mapping, wanted: &[Column]) -> Result<Found, FileError> {
    let dialect = &mapping.dialect;
    let mut start = Start::new(start, dialect.skip_lines.unwrap_or(0));
    let separators =
        dialect.separator.or(start.separator_note()).map_or(SEPARATORS.to_vec(), |mark| vec![mark]);
    let marks: Vec<Marks> = separators.iter().map(|mark| Marks::new(*mark, dialect.quote)).collect();
    if dialect.has_header == Some(false) {
        return without_header(&start, &marks, wanted);
    }
    let are_counted = !wanted.is_empty() && wanted.iter().all(|column| matches!(column, Column::Number(_)));
    let (line, marks) = if are_counted {
        places::header(&start, &marks, mapping, wanted)?
    } else {
        header::find(&start, &marks, mapping, wanted)?
    };
    let offset = start.offset(line);
    let cells = start.cells(offset, marks);
    let (count, names) = (cells.len(), header::named(cells));
    let (record, _) = start.record(offset, marks);
    let lines_before = line as u64 + super::super::lines::count(record).max(1);
    let before = start.text.get(..offset + record.len()).unwrap_or_default().to_vec();
    let mut needed = names.clone();
    needed.pop_if(|name| name == REFUSED_BECAUSE);
    let columns = header::named(needed).len();
    // Where the names are all that is known of the columns, what stands beside them has no meaning.
    let width = if mapping.names_no_fields() { names.len() } else { count.max(places::largest(wanted)) };
    Ok(Found { marks, lines_before, names, columns, width, cells: count, before })
}

fn without_header(start: &Start<'_>, marks: &[Marks], wanted: &[Column]) -> Result<Found, FileError> {
    let (line, offset) = start.filled().next().ok_or(FileError::Empty)?;
    let marks = places::marks(start, marks, wanted).ok_or(FileError::Empty)?;
    let mut cells = start.cells(offset, marks);
    cells.pop_if(|last| last.starts_with(REASON_START));
    let (count, columns) = (cells.len(), header::named(cells).len());
    let before = start.text.get(..offset).unwrap_or_default().to_vec();
    let width = count.max(places::largest(wanted));
    Ok(Found { marks, lines_before: line as u64, names: Vec::new(), columns, width, cells: count, before })
}

impl<'a> Start<'a> {
    fn new(text: &'a [u8], skipped: u64) -> Start<'a> {
        let mut at = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n').take(HEADER_LINES_MAX) {
            lines.push((at, line));
            at += line.len();
        }
        Start { text, lines, skipped: usize::try_from(skipped).unwrap_or(usize::MAX) }
    }

    /// A spreadsheet's own note, `sep=;`: the first line states the separator, and is no other line.
    fn separator_note(&mut self) -> Option<u8> {
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
    fn record(&self, offset: usize, marks: Marks) -> (&'a [u8], Cells) {
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
    let text = super::super::lines::trimmed(line).trim_ascii_start();
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    match text.strip_prefix(b"sep=").or_else(|| text.strip_prefix(b"SEP="))? {
        [mark] => Some(*mark),
        _ => None,
    }
}
