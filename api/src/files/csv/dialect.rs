//! Finding what a CSV file does not say of itself: its separator, and the line of its header.

use super::super::FileError;
use super::super::mapping::{Column, Mapping, Target};
use super::record::{Cells, Cut, Marks};

/// Separators that are tried, in the order in which they win when nothing else tells.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'|', b','];

/// Lines among which the header is looked for: statements begin with up to some twenty lines about the account.
const HEADER_LINES_MAX: usize = 100;

/// How a reason starts where no header tells its column.
pub const REASON_START: &str = "refused_because: ";

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// What cuts records.
    pub marks: Marks,
    /// Lines before the first row, the header's among them.
    pub lines_before: u64,
    /// Names of the columns; none where there is no header.
    pub names: Vec<String>,
    /// How many cells a row has.
    pub columns: usize,
    /// What stands before the first row: the lines before the header, and the header.
    pub before: Vec<u8>,
}

/// Finds the dialect of a text by its start.
pub fn find(start: &[u8], mapping: &Mapping, wanted: &[Column]) -> Result<Found, FileError> {
    let (dialect, mut stated) = (&mapping.dialect, mapping.dialect.separator);
    let mut lines: Vec<(usize, &[u8])> = Vec::new();
    let mut at = 0;
    for line in start.split_inclusive(|byte| *byte == b'\n').take(HEADER_LINES_MAX) {
        lines.push((at, line));
        at += line.len();
    }
    let mut skipped = usize::try_from(dialect.skip_lines.unwrap_or(0)).unwrap_or(usize::MAX);
    // A spreadsheet's own note: the first line states the separator.
    if let Some(mark) = lines.first().and_then(|(_, line)| separator_note(line)) {
        stated = stated.or(Some(mark));
        skipped = skipped.max(1);
    }
    let separators: Vec<u8> = stated.map_or(SEPARATORS.to_vec(), |mark| vec![mark]);
    let marks = separators.iter().map(|separator| Marks::new(*separator, dialect.quote));
    let after = lines.get(skipped..).unwrap_or_default();
    if dialect.has_header == Some(false) {
        return without_header(start, after, skipped, marks.collect());
    }
    let mut best: Option<(usize, usize, Marks, usize)> = None;
    let is_line_stated = dialect.skip_lines.is_some();
    let filled = after.iter().enumerate().filter(|(_, (_, line))| !line.trim_ascii().is_empty());
    for (index, (offset, _)) in filled.take(if is_line_stated { 1 } else { HEADER_LINES_MAX }) {
        for marks in marks.clone() {
            let names = names_at(start, *offset, marks);
            let known = known(&names, wanted, mapping);
            // Ties go to the line and the mark that come first, but more columns are the better cut.
            let score = (known, if known > 0 || is_line_stated { names.len() } else { 0 });
            if best.is_none_or(|(most, cells, ..)| score > (most, cells)) {
                best = Some((score.0, score.1, marks, skipped + index));
            }
        }
    }
    let Some((known, _, marks, line)) = best else { return Err(FileError::Empty) };
    let needed = wanted.iter().filter(|column| matches!(column, Column::Name(_))).count();
    let offset = lines.get(line).map_or(0, |(offset, _)| *offset);
    let names = names_at(start, offset, marks);
    if known < needed || (known == 0 && !is_line_stated && needed == wanted.len()) {
        return Err(FileError::Header(no_header(&names, line, marks, wanted)));
    }
    let header = record_at(start, offset, marks).0;
    let lines_before = line as u64 + super::super::lines::count(header).max(1);
    let before = start.get(..offset + header.len()).unwrap_or_default().to_vec();
    Ok(Found { marks, lines_before, columns: names.len(), names, before })
}

fn without_header(
    start: &[u8],
    lines: &[(usize, &[u8])],
    skipped: usize,
    marks: Vec<Marks>,
) -> Result<Found, FileError> {
    let first = lines.iter().enumerate().find(|(_, (_, line))| !line.trim_ascii().is_empty());
    let (index, (offset, _)) = first.ok_or(FileError::Empty)?;
    let cells = |marks: &Marks| {
        let cells = names_at(start, *offset, *marks);
        let is_reason = cells.last().is_some_and(|last| last.starts_with(REASON_START));
        cells.len() - usize::from(is_reason)
    };
    // The first of those that cut most.
    let marks = marks.into_iter().rev().max_by_key(cells).ok_or(FileError::Empty)?;
    let lines_before = (skipped + index) as u64;
    let before = start.get(..*offset).unwrap_or_default().to_vec();
    Ok(Found { marks, lines_before, names: Vec::new(), columns: cells(&marks), before })
}

/// How many of the columns that are wanted have these names; where none is, how many are fields.
fn known(names: &[String], wanted: &[Column], mapping: &Mapping) -> usize {
    let wanted: Vec<&str> = wanted
        .iter()
        .filter_map(|column| match column {
            Column::Name(name) => Some(name.as_str()),
            Column::Number(_) => None,
        })
        .collect();
    if !wanted.is_empty() {
        return wanted.iter().filter(|name| place(names, name).is_ok()).count();
    }
    let is_field = |name: &&String| Target::named(name).is_some();
    if mapping.names_no_fields() || wanted.is_empty() { names.iter().filter(is_field).count() } else { 0 }
}

/// The place of a column, from 0: as it is written, else whatever its case and blanks.
pub fn place(names: &[String], name: &str) -> Result<usize, String> {
    let find = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        names.iter().enumerate().filter(|(_, known)| same(known)).map(|(index, _)| index).collect()
    };
    let mut places = find(&|known| known == name);
    if places.is_empty() {
        places = find(&|known| folded(known) == folded(name));
    }
    match places.as_slice() {
        [only] => Ok(*only),
        [] => Err(format!("there is no column {name:?}")),
        [first, second, ..] => {
            Err(format!("there are several columns {name:?}; write #{} or #{}", first + 1, second + 1))
        }
    }
}

/// A name without what one does not see.
fn folded(name: &str) -> String {
    let words: Vec<&str> = name.split(super::decimal::is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

fn no_header(names: &[String], line: usize, marks: Marks, wanted: &[Column]) -> String {
    let shown: Vec<String> = names.iter().take(40).map(|name| format!("{name:?}")).collect();
    let reasons: Vec<String> = wanted
        .iter()
        .filter_map(|column| match column {
            Column::Name(name) => place(names, name).err(),
            Column::Number(_) => None,
        })
        .collect();
    let reason = if reasons.is_empty() {
        "no column is named for a field of a job".to_owned()
    } else {
        reasons.join(", ")
    };
    format!(
        "{reason} in the header: line {} comes closest, with the columns {} (separator {:?}); name the columns with \
         map=, or state separator=, skip_lines= or header=false",
        line + 1,
        shown.join(", "),
        char::from(marks.separator),
    )
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

/// The record that starts at a byte, and its cells.
fn record_at(start: &[u8], offset: usize, marks: Marks) -> (&[u8], Cells) {
    let rest = start.get(offset..).unwrap_or_default();
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

fn names_at(start: &[u8], offset: usize, marks: Marks) -> Vec<String> {
    let (record, cells) = record_at(start, offset, marks);
    let name =
        |index| String::from_utf8_lossy(cells.get(record, index).unwrap_or_default()).trim().to_owned();
    let mut names: Vec<String> = (0..cells.len()).map(name).collect();
    // Many banks end each line in a separator.
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
