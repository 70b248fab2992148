//! Finding the table of a file where no name tells: its map counts columns, or there is no header.

use super::date;
use super::header::{named, shown};
use super::record::Marks;
use super::start::Start;
use crate::decimal;
use crate::error::FileError;
use crate::mapping::{Column, Mapping, Target};
use crate::text::is_blank;

/// The largest number of a column that is wanted; 0 where none is counted.
pub fn largest(wanted: &[&Column]) -> usize {
    wanted.iter().filter_map(|column| column.number()).max().unwrap_or(0)
}

/// The line, from 0, of the header of a file whose map counts all of its columns, and what cuts it.
pub fn header(
    start: &Start<'_>,
    marks: &[Marks],
    mapping: &Mapping,
    wanted: &[&Column],
) -> Result<(usize, Marks), FileError> {
    let cells_min = largest(wanted);
    let table = table(start, marks, cells_min);
    let first = start.filled().next().map(|(line, _)| line).ok_or(FileError::Empty)?;
    let Some(table) = table else {
        let reason = format!(
            "no line has {cells_min} columns, as #{cells_min} asks for; state separator=, skip_lines= or header=false"
        );
        return Err(FileError::Header(reason));
    };
    let line = if mapping.dialect.skip_lines.is_some() { first } else { table.line };
    if mapping.dialect.has_header.is_none() {
        refuse_row(&start.cells(start.offset(line), table.marks), line, mapping)?;
    }
    Ok((line, table.marks))
}

/// What cuts the rows of a file without a header.
pub fn marks(start: &Start<'_>, marks: &[Marks], wanted: &[&Column]) -> Option<Marks> {
    let table = table(start, marks, largest(wanted)).or_else(|| table(start, marks, 1));
    table.map(|table| table.marks)
}

/// Lines that are cut into the same number of cells.
struct Table {
    marks: Marks,
    /// The first of them, which may be the header.
    line: usize,
    cells: usize,
}

/// The mark that cuts the most cells out of lines of one width, and the first of these lines.
fn table(start: &Start<'_>, marks: &[Marks], cells_min: usize) -> Option<Table> {
    let mut best: Option<Table> = None;
    for marks in marks {
        let lines: Vec<(usize, usize, usize)> = start
            .filled()
            .map(|(line, offset)| {
                let cells = start.cells(offset, *marks);
                (line, cells.len(), named(cells).len())
            })
            .filter(|(_, cells, _)| *cells >= cells_min.max(1))
            .collect();
        let lines_of = |width: usize| lines.iter().filter(|(_, cells, _)| *cells == width).count();
        let width = lines.iter().map(|(_, cells, _)| *cells).max_by_key(|width| (lines_of(*width), *width));
        let Some(width) = width else { continue };
        // Rows may end in a separator that the header does not have. Lines about the account may be filled up with
        // separators, but have few names.
        let header_cells = if width > 3 { width - 1 } else { width }.max(cells_min);
        let header = lines.iter().find(|(_, cells, names)| *cells >= header_cells && names * 2 >= width);
        let Some((line, ..)) = header.or(lines.first()) else { continue };
        let cells = width * lines_of(width);
        if best.as_ref().is_none_or(|best| cells > best.cells) {
            best = Some(Table { marks: *marks, line: *line, cells });
        }
    }
    best
}

/// Refuses a first row where a header was looked for: it would be passed over, and nobody would miss it.
fn refuse_row(cells: &[String], line: usize, mapping: &Mapping) -> Result<(), FileError> {
    let stated = mapping.date.as_deref();
    let amounts = [Target::Amount, Target::AmountIn, Target::AmountOut, Target::OverdraftLimit];
    for target in amounts.into_iter().chain([Target::ValueDate]) {
        let is_of_row = |cell: &str| match target {
            Target::ValueDate => is_figures(cell) || date::is_date(cell, stated),
            _ => is_figures(cell) || decimal::is_like_amount(cell),
        };
        let Some(Some(expression)) = mapping.fields.get(&target) else { continue };
        for number in expression.cells().into_iter().filter_map(Column::number) {
            let cell = cells.get(number - 1).map(String::as_str).unwrap_or_default();
            if is_of_row(cell) {
                return Err(FileError::Header(format!(
                    "line {} was taken for the header, but its column #{number} is {}; state header=false if there is \
                     no header, else header=true, or skip_lines=",
                    line + 1,
                    shown(cell),
                )));
            }
        }
    }
    Ok(())
}

/// Whether a text is made of digits and the marks of dates and amounts. A damaged figure names no column either.
fn is_figures(cell: &str) -> bool {
    let is_mark = |c: char| is_blank(c) || ".,'’+-−/:€$£".contains(c);
    cell.contains(|c: char| c.is_ascii_digit()) && cell.chars().all(|c| c.is_ascii_digit() || is_mark(c))
}
