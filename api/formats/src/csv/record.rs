//! Cutting a record into its cells (RFC 4180, and the dialects that banks write).

use memchr::memchr;

use crate::lines;
use crate::mapping::Quote;

/// What cuts a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Between cells.
    pub separator: u8,
    /// Around a cell that may hold separators, quotes (doubled) and line ends.
    pub quote: Option<u8>,
}

impl Marks {
    /// With a quote as the map has it.
    pub fn new(separator: u8, quote: Quote) -> Marks {
        Marks { separator, quote: quote.byte() }
    }

    /// The same, with quotes that are letters like others.
    pub fn without_quote(self) -> Marks {
        Marks { quote: None, ..self }
    }
}

/// Where a cell stands in its record.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// Quotes are doubled in it: its text is in the scratch.
    unfolded: Option<(usize, usize)>,
}

/// How far a record has been cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// To its end.
    Whole,
    /// Its last cell's quote, at this byte, is still open: the record goes on in the next line.
    Open(usize),
    /// Something follows a closing quote, at this byte.
    Stray(usize),
}

/// The cells of one record; kept from record to record to spare the allocations.
#[derive(Debug, Default)]
pub struct Cells {
    spans: Vec<Span>,
    scratch: Vec<u8>,
    /// Where the next cell starts.
    at: usize,
    /// The quote that is open, where to go on within it, and whether quotes were doubled.
    open: Option<(usize, usize, bool)>,
}

impl Cells {
    /// Forgets the record.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.scratch.clear();
        self.at = 0;
        self.open = None;
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// A cell, from 0, without its quotes.
    pub fn get<'a>(&'a self, record: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        match span.unfolded {
            None => record.get(span.start..span.end),
            Some((start, end)) => self.scratch.get(start..end),
        }
    }

    /// Where a cell starts in the record.
    pub fn start(&self, index: usize) -> Option<usize> {
        self.spans.get(index).map(|span| span.start)
    }

    /// Where it ends, without its closing quote.
    pub fn end(&self, index: usize) -> Option<usize> {
        self.spans.get(index).map(|span| span.end)
    }

    /// Cuts a record that has grown since the last call, or is a new one. `record` ends in its line's end.
    pub fn cut(&mut self, record: &[u8], marks: Marks) -> Cut {
        let end = end_of_text(record);
        loop {
            if let Some((quote, from, doubled)) = self.open {
                match self.close(record, marks, quote, from, doubled) {
                    Ok(true) => (),
                    Ok(false) => return Cut::Whole,
                    Err(cut) => return cut,
                }
                continue;
            }
            let quote =
                marks.quote.filter(|_| self.at < end).and_then(|mark| quote_at(record, self.at, mark, marks));
            if let Some(quote) = quote {
                self.open = Some((quote, quote + 1, false));
                continue;
            }
            let rest = record.get(self.at..end).unwrap_or_default();
            match memchr(marks.separator, rest) {
                Some(length) => {
                    self.spans.push(Span { start: self.at, end: self.at + length, unfolded: None });
                    self.at += length + 1;
                }
                None => {
                    self.spans.push(Span { start: self.at.min(end), end, unfolded: None });
                    return Cut::Whole;
                }
            }
        }
    }

    /// Cuts the rest of a record behind what is stray, which is taken to end at the next separator. Nothing that is
    /// open then reaches into the next line.
    pub fn cut_behind(&mut self, record: &[u8], marks: Marks, mut stray: usize) {
        let end = end_of_text(record);
        while let Some(length) = memchr(marks.separator, record.get(stray..end).unwrap_or_default()) {
            self.at = stray + length + 1;
            match self.cut(record, marks) {
                Cut::Whole => return,
                Cut::Stray(at) => stray = at,
                Cut::Open(quote) => {
                    self.open = None;
                    self.spans.push(Span { start: quote, end, unfolded: None });
                    return;
                }
            }
        }
    }

    /// Looks for the quote's other half; true if more cells follow.
    fn close(
        &mut self,
        record: &[u8],
        marks: Marks,
        quote: usize,
        mut from: usize,
        mut doubled: bool,
    ) -> Result<bool, Cut> {
        let mark = marks.quote.unwrap_or(b'"');
        let closing = loop {
            let Some(length) = memchr(mark, record.get(from..).unwrap_or_default()) else {
                self.open = Some((quote, record.len(), doubled));
                return Err(Cut::Open(quote));
            };
            let at = from + length;
            if record.get(at + 1) != Some(&mark) {
                break at;
            }
            doubled = true;
            from = at + 2;
        };
        self.open = None;
        let inside = (quote + 1, closing);
        let unfolded = doubled.then(|| self.unfold(record.get(inside.0..inside.1).unwrap_or_default(), mark));
        self.spans.push(Span { start: inside.0, end: inside.1, unfolded });
        let end = end_of_text(record);
        let mut after = closing + 1;
        after += blanks(record.get(after..end).unwrap_or_default(), marks);
        if after >= end {
            return Ok(false);
        }
        if record.get(after) != Some(&marks.separator) {
            return Err(Cut::Stray(after));
        }
        self.at = after + 1;
        Ok(true)
    }

    fn unfold(&mut self, text: &[u8], mark: u8) -> (usize, usize) {
        let start = self.scratch.len();
        let mut is_second = false;
        for byte in text {
            is_second = *byte == mark && !is_second;
            if !is_second {
                self.scratch.push(*byte);
            }
        }
        (start, self.scratch.len())
    }
}

/// The quote that starts a cell, after blanks or at once.
fn quote_at(record: &[u8], start: usize, mark: u8, marks: Marks) -> Option<usize> {
    let rest = record.get(start..)?;
    let blanks = blanks(rest, marks);
    (rest.get(blanks) == Some(&mark)).then_some(start + blanks)
}

/// How many bytes at the start are blanks: also what feeds a form or returns a carriage.
fn blanks(text: &[u8], marks: Marks) -> usize {
    let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\r' | 0x0B | 0x0C) && **byte != marks.separator;
    text.iter().take_while(is_blank).count()
}

/// Where the line's end begins; some programs write its return twice.
fn end_of_text(record: &[u8]) -> usize {
    let text = record.strip_suffix(b"\n").unwrap_or(record);
    let returns = text.iter().rev().take_while(|byte| **byte == b'\r').count();
    text.len() - returns
}

/// The line (from 0) and the character (from 1) of a byte of a record.
pub fn place(record: &[u8], at: usize) -> (u64, u64) {
    let before = record.get(..at).unwrap_or(record);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let characters = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count();
    (lines::count(before), characters as u64 + 1)
}
