//! Why rows were refused: a column more behind all others, which a later import does not look at.

use strum::{Display, IntoStaticStr};

use super::plan::Cut;
use super::record::{self, Cells, Marks};
use super::start::{Layout, REASON_START};
use crate::lines::trimmed;
use crate::reader::REFUSED_BECAUSE;

/// What only its neighbours made doubtful of a row. A file of refused rows keeps the doubt in its reasons, though those
/// neighbours are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
pub enum Doubt {
    /// Its amount has none of the signs that others have.
    #[strum(serialize = ", without a ")]
    WithoutSign,
    /// It has no date, and others have one.
    #[strum(serialize = "is empty, and other rows have one")]
    WithoutDate,
}

impl Doubt {
    /// Whether a reason tells of it: what it is rendered as stands in every one that does, and in no other.
    pub fn is_in(self, reason: &str) -> bool {
        reason.contains(<&str>::from(self))
    }
}

/// Where the reasons of a file stand, and those of its refused rows.
#[derive(Debug, Clone, Copy)]
pub struct Reasons {
    /// The place of their column, from 0: behind the header's last cell.
    at: usize,
    /// The header names the column: rows of this file have been refused before.
    pub has_column: bool,
    /// There is a header, so that the column can be named.
    has_names: bool,
}

impl Reasons {
    pub fn of(found: &Layout) -> Reasons {
        let has_column = found.names.last().is_some_and(|name| name == REFUSED_BECAUSE);
        let at = if has_column { found.names.len() - 1 } else { found.cells.max(found.width) };
        Reasons { at, has_column, has_names: !found.names.is_empty() }
    }

    /// What stands before the rows of a file of refused rows: the same, with a column more.
    pub fn header(&self, found: &Layout) -> Vec<u8> {
        if self.has_column || !self.has_names {
            return found.before.clone();
        }
        let mut header = trimmed(&found.before).to_vec();
        // Columns that the map counts and the header does not have, and the one of the reasons.
        header.resize(header.len() + self.at + 1 - found.cells, found.marks.separator);
        [&header, REFUSED_BECAUSE.as_bytes(), b"\r\n"].concat()
    }

    /// A number of cells without the one of the reason.
    pub fn without(&self, cells: usize) -> usize {
        cells - usize::from(self.has_column && cells > self.at)
    }

    /// The cell of a row that holds the reason of a former refusal.
    pub fn cell_of(&self, row: Cut<'_>) -> Option<usize> {
        let cells = row.cells.len();
        let last = cells.checked_sub(1)?;
        if self.has_column {
            // Behind a row that has too many cells the reason stands further out.
            let filled = (self.at..cells).rev().find(|index| !row.cell(*index).is_empty());
            return filled.or((self.at < cells).then_some(self.at));
        }
        row.cell(last).starts_with(REASON_START).then_some(last)
    }

    /// Where it begins, with its separator.
    pub fn start(&self, row: Cut<'_>, marks: Marks) -> Option<usize> {
        let before = row.record.get(..row.cells.start(self.cell_of(row)?)?)?;
        before.iter().rposition(|byte| *byte == marks.separator)
    }

    /// A row as it stands in a file of refused rows.
    pub fn append(&self, raw: &[u8], reason: &str, marks: Marks) -> Vec<u8> {
        // A quote of the reason would close one that is open.
        let is_open = matches!(Cells::default().cut(raw, marks), record::Cut::Open(_));
        let marks = if is_open { marks.without_quote() } else { marks };
        let start = if self.has_names { "" } else { REASON_START };
        let mut cell = format!("{start}{}", reason.replace(['\r', '\n'], " "));
        if let Some(quote) = marks.quote.map(char::from) {
            cell = format!("{quote}{}{quote}", cell.replace(quote, &format!("{quote}{quote}")));
        } else {
            cell = cell.replace(char::from(marks.separator), " ");
        }
        [&self.filled_up(raw, marks), cell.as_bytes(), b"\r\n"].concat()
    }

    /// A row, and a separator, with as many cells as stand before the reason: rows may end in a separator that the
    /// header does not have, or end early.
    fn filled_up(&self, raw: &[u8], marks: Marks) -> Vec<u8> {
        let mut cells = count(raw, marks);
        let mut row = raw;
        while cells > self.at
            && let Some(shorter) = without_empty_cell(row, marks)
        {
            (row, cells) = (shorter, cells - 1);
        }
        let mut filled = row.to_vec();
        filled.resize(row.len() + self.at.saturating_sub(cells) + 1, marks.separator);
        filled
    }
}

/// How many cells a row has, also one with something behind a closing quote.
fn count(row: &[u8], marks: Marks) -> usize {
    let mut cells = Cells::default();
    match cells.cut(row, marks) {
        record::Cut::Whole | record::Cut::Open(_) => (),
        record::Cut::Stray(at) => cells.cut_behind(row, marks, at),
    }
    cells.len()
}

/// A row without its last cell, if that is empty.
fn without_empty_cell(row: &[u8], marks: Marks) -> Option<&[u8]> {
    let bare = match marks.quote {
        Some(quote) => row.strip_suffix(&[quote, quote]).filter(|rest| rest.ends_with(&[marks.separator])),
        None => None,
    };
    bare.unwrap_or(row).strip_suffix(&[marks.separator])
}
