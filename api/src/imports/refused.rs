//! Refused rows in the form in which they came, each with the reason, which is written when the row is read.

use bytes::Bytes;
use formats::Format;
use formats::refused::{Totals, end, start};
use store::imports::Refusal;

/// Rows of one page of the database: some may have 64 KiB.
pub const REFUSED_PAGE_ROWS: u32 = 100;

/// A file of refused rows, being written.
#[derive(Debug)]
pub struct RefusedRows {
    format: Format,
    header: Vec<u8>,
    totals: Totals,
}

impl RefusedRows {
    /// Of the file that begins with this head.
    pub fn new(head: &Refusal) -> RefusedRows {
        let format = head.reason.parse().unwrap_or(Format::Csv);
        RefusedRows { format, header: head.raw.clone(), totals: Totals::default() }
    }

    /// The file states at its start what all of its rows come to: they are to be added first.
    pub fn needs_totals(&self) -> bool {
        self.format == Format::Pain001
    }

    /// Adds rows to what the file states.
    pub fn add(&mut self, rows: &[Refusal]) {
        rows.iter().for_each(|row| self.totals.add(&row.raw));
    }

    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        match self.format {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
            Format::Pain001 => "application/xml",
        }
    }

    /// What the name of such a file ends with.
    pub fn extension(&self) -> &'static str {
        match self.format {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Pain001 => "xml",
        }
    }

    /// What stands before the rows.
    #[must_use]
    pub fn start(&self) -> Bytes {
        start(self.format, &self.header, &self.totals).into()
    }

    /// Some rows; after the last, what stands after them.
    pub fn rows(&self, rows: &[Refusal]) -> Bytes {
        let text: Vec<u8> = rows.iter().flat_map(|row| row.raw.iter().copied()).collect();
        if text.is_empty() { end(self.format, &self.header).into() } else { text.into() }
    }
}
