//! Finding what a CSV file does not say of itself: its separator, and the line of its header.

use super::record::Marks;
use super::start::{Layout, REASON_START, Start};
use super::{header, places};
use crate::error::FileError;
use crate::lines;
use crate::mapping::{Column, Mapping};
use crate::reader::REFUSED_BECAUSE;

/// Separators that are tried, in the order in which they win when nothing else tells.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'|', b','];

/// Finds the dialect of a text by its start.
pub fn find(start: &[u8], mapping: &Mapping, wanted: &[&Column]) -> Result<Layout, FileError> {
    let dialect = &mapping.dialect;
    let mut start = Start::new(start, dialect.skip_lines.unwrap_or(0));
    let separators =
        dialect.separator.or(start.separator_note()).map_or(SEPARATORS.to_vec(), |mark| vec![mark]);
    let marks: Vec<Marks> = separators.iter().map(|mark| Marks::new(*mark, dialect.quote)).collect();
    if dialect.has_header == Some(false) {
        return without_header(&start, &marks, wanted);
    }
    let are_counted = !wanted.is_empty() && wanted.iter().all(|column| column.number().is_some());
    let (line, marks) = if are_counted {
        places::header(&start, &marks, mapping, wanted)?
    } else {
        header::find(&start, &marks, mapping, wanted)?
    };
    let offset = start.offset(line);
    let cells = start.cells(offset, marks);
    let (count, names) = (cells.len(), header::named(cells));
    let (record, _) = start.record(offset, marks);
    let lines_before = line as u64 + lines::count(record).max(1);
    let before = start.text.get(..offset + record.len()).unwrap_or_default().to_vec();
    let mut needed = names.clone();
    needed.pop_if(|name| name == REFUSED_BECAUSE);
    let columns = header::named(needed).len();
    // Where the names are all that is known of the columns, what stands beside them has no meaning.
    let width = if mapping.names_no_fields() { names.len() } else { count.max(places::largest(wanted)) };
    Ok(Layout { marks, lines_before, names, columns, width, cells: count, before })
}

fn without_header(start: &Start<'_>, marks: &[Marks], wanted: &[&Column]) -> Result<Layout, FileError> {
    let (line, offset) = start.filled().next().ok_or(FileError::Empty)?;
    let marks = places::marks(start, marks, wanted).ok_or(FileError::Empty)?;
    let mut cells = start.cells(offset, marks);
    cells.pop_if(|last| last.starts_with(REASON_START));
    let (count, columns) = (cells.len(), header::named(cells).len());
    let before = start.text.get(..offset).unwrap_or_default().to_vec();
    let width = count.max(places::largest(wanted));
    Ok(Layout { marks, lines_before: line as u64, names: Vec::new(), columns, width, cells: count, before })
}
