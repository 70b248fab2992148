//! The header of a CSV file: finding its line by the names in it, and a column by its name.

use super::record::Marks;
use super::start::{HEADER_LINES_MAX, Start};
use crate::error::FileError;
use crate::mapping::{Column, Mapping, Target};
use crate::text::is_blank;

/// The most names, and the most characters of each, that an error lists.
const LISTED_NAMES_MAX: usize = 40;
const LISTED_CHARS_MAX: usize = 60;

/// The line, from 0, that has most of the names that are wanted, and what cuts it.
pub fn find(
    start: &Start<'_>,
    marks: &[Marks],
    mapping: &Mapping,
    wanted: &[&Column],
) -> Result<(usize, Marks), FileError> {
    let mut best: Option<(usize, usize, Marks, usize)> = None;
    let is_line_stated = mapping.dialect.skip_lines.is_some();
    for (line, offset) in start.filled().take(if is_line_stated { 1 } else { HEADER_LINES_MAX }) {
        for marks in marks {
            let names = named(start.cells(offset, *marks));
            let known = known(&names, wanted);
            // Ties go to the line and the mark that come first, but more columns are the better cut.
            let score = (known, if known > 0 || is_line_stated { names.len() } else { 0 });
            if best.is_none_or(|(most, cells, ..)| score > (most, cells)) {
                best = Some((score.0, score.1, *marks, line));
            }
        }
    }
    let Some((known, _, marks, line)) = best else { return Err(FileError::Empty) };
    let needed = wanted.iter().filter_map(|column| column.name()).count();
    if known < needed || (known == 0 && !is_line_stated && wanted.is_empty()) {
        let names = named(start.cells(start.offset(line), marks));
        return Err(FileError::Header(no_header(&names, line, marks, wanted)));
    }
    Ok((line, marks))
}

/// Names as far as the last column that has one: many banks end each line in a separator.
pub fn named(mut cells: Vec<String>) -> Vec<String> {
    while cells.last().is_some_and(String::is_empty) {
        cells.pop();
    }
    cells
}

/// How many of the columns that are wanted have these names; where none is, how many are fields.
fn known(names: &[String], wanted: &[&Column]) -> usize {
    let mut wanted = wanted.iter().filter_map(|column| column.name()).peekable();
    match wanted.peek() {
        Some(_) => wanted.filter(|name| place(names, name).is_ok()).count(),
        None => names.iter().filter(|name| Target::named(name).is_some()).count(),
    }
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
    let name = shown(name);
    match places.as_slice() {
        [only] => Ok(*only),
        [] => Err(format!("there is no column {name}")),
        [first, second, ..] => {
            Err(format!("there are several columns {name}; write #{} or #{}", first + 1, second + 1))
        }
    }
}

/// A name without what one does not see.
fn folded(name: &str) -> String {
    let words: Vec<&str> = name.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// Names for an error: a header can be as long as a row, an error is to be read.
pub fn listed(names: &[String]) -> String {
    let mut list: Vec<String> = names.iter().take(LISTED_NAMES_MAX).map(|name| shown(name)).collect();
    if names.len() > LISTED_NAMES_MAX {
        list.push(format!("and {} more", names.len() - LISTED_NAMES_MAX));
    }
    list.join(", ")
}

/// A name for an error, or its start.
pub fn shown(name: &str) -> String {
    match name.char_indices().nth(LISTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}", format!("{}…", name.get(..end).unwrap_or_default())),
        None => format!("{name:?}"),
    }
}

fn no_header(names: &[String], line: usize, marks: Marks, wanted: &[&Column]) -> String {
    let reasons = wanted.iter().filter_map(|column| place(names, column.name()?).err());
    let reasons: Vec<String> = reasons.collect();
    let reason = if reasons.is_empty() {
        "no column is named for a field of a job".to_owned()
    } else {
        reasons.join(", ")
    };
    // Names with accents are not found where the text was read in the wrong charset.
    let charset = if names.iter().all(|name| name.is_ascii()) { "" } else { "charset=, " };
    format!(
        "{reason} in the header: line {} comes closest, with the columns {} (separator {:?}); name the columns with \
         map=, or state {charset}separator=, skip_lines= or header=false",
        line + 1,
        listed(names),
        char::from(marks.separator),
    )
}
