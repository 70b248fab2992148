//! A file's refused rows, in its own format, ready to be corrected and sent again.
//!
//! [`Reader::refused`](crate::Reader::refused) writes each row. Such a file is [`start`], the rows one after another, and [`end`].

use crate::format::Format;
use crate::pain001::{self, Exact};

/// The number and the sum of the rows of a refused file: what pain.001 says of itself at its start.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    rows: u64,
    sum: Exact,
}

impl Totals {
    /// Adds a row, as [`Reader::refused`](crate::Reader::refused) wrote it.
    pub fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        if let Some(amount) = pain001::amount_of_refused(row) {
            self.sum = self.sum.checked_add(amount).unwrap_or(self.sum);
        }
    }
}

/// What stands before the rows: `header` is the reader's. Only pain.001 looks at the totals.
#[must_use]
pub fn start(format: Format, header: &[u8], totals: &Totals) -> Vec<u8> {
    match format {
        // The mark says UTF-8 whatever charset is stated for the file, and makes spreadsheets read it so.
        Format::Csv => [b"\xEF\xBB\xBF", header].concat(),
        Format::Ndjson => Vec::new(),
        Format::Pain001 => pain001::refused::start(header, totals.rows, totals.sum).into_bytes(),
    }
}

/// What stands after the rows.
pub fn end(format: Format, header: &[u8]) -> Vec<u8> {
    match format {
        Format::Csv | Format::Ndjson => Vec::new(),
        Format::Pain001 => pain001::refused::end(header).into_bytes(),
    }
}
