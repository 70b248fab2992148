//! The records of a file, one at a time, and what a quote does that opens where none belongs.

use std::collections::VecDeque;

use super::plan::{Cut, Plan};
use super::record::{self, Cells, Marks};
use super::shape::RowShape;
use super::start::Layout;
use super::wording::Wording;
use crate::charset::{self, Charset};
use crate::error::FileError;
use crate::limits::ROW_BYTES_MAX;
use crate::lines::{self, Lines};
use crate::source::Source;

/// A quote that opens in one line and joins lines that are rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrayQuote {
    /// The line in which it opens.
    pub line: u64,
    /// The byte of that line.
    pub at: usize,
    /// The line in which it closes; none: it does not, or something stands behind the closing quote.
    pub closed: Option<u64>,
}

/// A line that has been read ahead.
#[derive(Debug)]
struct Waiting {
    line: u64,
    place: u64,
    text: Vec<u8>,
    stray_quote: Option<StrayQuote>,
}

/// The records of a file, one at a time.
pub struct Records {
    lines: Lines,
    /// Lines that were read ahead, in their order.
    waiting: VecDeque<Waiting>,
    shape: RowShape,
    /// Rows may be in either of two charsets.
    pub has_two_charsets: bool,
    pub marks: Marks,
    pub record: Vec<u8>,
    pub cells: Cells,
    pub cut: record::Cut,
    /// The line is cut as if it had no quotes, and is at fault for one.
    pub stray_quote: Option<StrayQuote>,
    /// Where the record starts.
    pub line: u64,
    /// How much the file says before it: its place, whichever rows are looked at.
    pub place: u64,
    wording: Wording,
}

impl Records {
    /// From the first row; the plan reports lines that look like a header.
    pub fn open(
        source: &Source,
        charset: Charset,
        found: &Layout,
        plan: &Plan,
        date: Option<&str>,
    ) -> Result<Records, FileError> {
        let mut records = Records {
            lines: Lines::new(charset.decoded(source)?),
            waiting: VecDeque::new(),
            shape: RowShape::new(found, plan, date),
            has_two_charsets: charset.has_two(),
            marks: found.marks,
            record: Vec::new(),
            cells: Cells::default(),
            cut: record::Cut::Whole,
            stray_quote: None,
            line: 0,
            place: 0,
            wording: Wording::default(),
        };
        for _ in 0..found.lines_before {
            if let Some(line) = records.text_line()? {
                records.place(&line);
            }
        }
        Ok(records)
    }

    /// Reads the next record that has something in it; false at the end.
    pub fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            let Some(next) = self.next_line()? else { return Ok(false) };
            self.take(next);
            if let record::Cut::Open(quote) = self.cut
                && !self.join(quote)?
            {
                continue;
            }
            if let record::Cut::Stray(at) = self.cut {
                self.cells.cut_behind(&self.record, self.marks, at);
            }
            let row = self.cut();
            if (0..self.cells.len()).any(|index| !row.cell(index).is_empty()) {
                return Ok(true);
            }
        }
    }

    pub fn cut(&self) -> Cut<'_> {
        Cut { record: &self.record, cells: &self.cells }
    }

    /// Begins a record with a line.
    fn take(&mut self, next: Waiting) {
        (self.record, self.line, self.place) = (next.text, next.line, next.place);
        self.stray_quote = next.stray_quote;
        self.cells.clear();
        let marks = if self.stray_quote.is_some() { self.marks.without_quote() } else { self.marks };
        self.cut = self.cells.cut(&self.record, marks);
    }

    /// Joins the lines that an open quote reaches over; false if it is a stray one, and its lines wait to be read each
    /// by itself.
    fn join(&mut self, quote: usize) -> Result<bool, FileError> {
        let (mut starts, cell) = (vec![(0, self.line, self.place)], self.cells.len());
        while matches!(self.cut, record::Cut::Open(_)) && self.record.len() <= ROW_BYTES_MAX {
            let Some(next) = self.next_line()? else { break };
            starts.push((self.record.len(), next.line, next.place));
            self.record.extend_from_slice(&next.text);
            self.cut = self.cells.cut(&self.record, self.marks);
        }
        let is_too_long = self.record.len() > ROW_BYTES_MAX;
        let last_start = starts.last().map_or(0, |(start, ..)| *start);
        let pieces = self.pieces(&starts);
        // The end of a text that has no separator in its last line is no row, though cells follow it.
        let begins_row = pieces.first().is_some_and(|piece| self.is_row_but_for_quotes(&piece.text));
        let ends_row = pieces.last().is_some_and(|piece| self.is_row_but_for_quotes(&piece.text));
        // Both lines are rows of their own but for a quote each: nobody writes a text so.
        let are_rows = begins_row && ends_row && pieces.len() > 1;
        let rows_end = pieces.len() - usize::from(!are_rows && self.ends_text(cell, last_start));
        let mut lines = pieces.iter().take(rows_end).skip(1);
        let is_row =
            |text: &[u8]| self.shape.fits(text, self.marks) || (are_rows && self.is_row_but_for_quotes(text));
        let first_row = lines.position(|piece| is_row(&piece.text));
        let stray = match (self.cut, first_row) {
            _ if is_too_long => first_row.map_or(1, |at| at + 1),
            (record::Cut::Whole, None) | (record::Cut::Stray(_), None) => return Ok(true),
            (record::Cut::Whole, Some(_)) | (record::Cut::Open(_), None) => pieces.len(),
            (_, Some(at)) => at + 1,
        };
        let last = pieces.last().map(|piece| piece.line);
        let closed = last.filter(|_| self.cut == record::Cut::Whole && !is_too_long);
        let fault = StrayQuote { line: self.line, at: quote, closed };
        for (index, piece) in pieces.into_iter().enumerate().rev() {
            let stray_quote = (index < stray).then_some(fault);
            self.waiting.push_front(Waiting { stray_quote, ..piece });
        }
        Ok(false)
    }

    /// Whether the quotes of a cell close in the last line before any separator.
    fn ends_text(&self, cell: usize, last_start: usize) -> bool {
        let end = self.cells.end(cell).filter(|_| self.cut == record::Cut::Whole);
        let inside = end.and_then(|end| self.record.get(last_start..end));
        inside.is_some_and(|inside| memchr::memchr(self.marks.separator, inside).is_none())
    }

    /// Whether a line is a row once its quotes are gone.
    fn is_row_but_for_quotes(&self, line: &[u8]) -> bool {
        let Some(quote) = self.marks.quote else { return false };
        let bare: Vec<u8> = line.iter().copied().filter(|byte| *byte != quote).collect();
        line.iter().filter(|byte| **byte == quote).count() == 1 && self.shape.fits(&bare, self.marks)
    }

    /// The lines of the record, by where each starts in it, its number and its place.
    fn pieces(&self, starts: &[(usize, u64, u64)]) -> Vec<Waiting> {
        let ends = starts.iter().skip(1).map(|(start, ..)| *start).chain([self.record.len()]);
        let piece = |(&(start, line, place), end): (&(usize, u64, u64), usize)| {
            let text = self.record.get(start..end).unwrap_or_default().to_vec();
            Waiting { line, place, text, stray_quote: None }
        };
        starts.iter().zip(ends).map(piece).collect()
    }

    /// What the whole file says, once what is left of it has been read.
    pub fn wording(&mut self) -> Result<[u8; 32], FileError> {
        while let Some(line) = self.text_line()? {
            self.place(&line);
        }
        Ok(self.wording.hash())
    }

    fn place(&mut self, line: &[u8]) -> u64 {
        self.wording.add_line(line, self.marks.separator)
    }

    fn next_line(&mut self) -> Result<Option<Waiting>, FileError> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Ok(Some(waiting));
        }
        let Some(text) = self.text_line()? else { return Ok(None) };
        let line = self.lines.number();
        for text in self.rows_by_returns(&text).unwrap_or_else(|| vec![text]) {
            let place = self.place(&text);
            self.waiting.push_back(Waiting { line, place, text, stray_quote: None });
        }
        Ok(self.waiting.pop_front())
    }

    /// The next line of the file, in the charset of its row and without what only ends a file.
    fn text_line(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let mut text = Vec::new();
        if !self.lines.append(&mut text, None)? {
            return Ok(None);
        }
        if self.has_two_charsets {
            text = charset::settled(&text);
        }
        if !text.ends_with(b"\n") {
            // DOS ended its files so; what writes blocks fills the last one with zeros.
            while text.pop_if(|byte| matches!(byte, 0 | 0x1A)).is_some() {}
        }
        Ok(Some(text))
    }

    /// The rows of a line that a program joined with returns alone, if each of them is one.
    fn rows_by_returns(&self, text: &[u8]) -> Option<Vec<Vec<u8>>> {
        let inside = lines::trimmed(text);
        memchr::memchr(b'\r', inside)?;
        let rows: Vec<Vec<u8>> = inside
            .split(|byte| *byte == b'\r')
            .filter(|row| !row.trim_ascii().is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        rows.iter().all(|row| self.shape.fits(row, self.marks)).then_some(rows)
    }
}
