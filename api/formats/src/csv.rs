//! CSV, in the dialects of banks and spreadsheets.

mod body;
mod date;
mod dialect;
mod header;
mod money;
mod places;
mod plan;
mod reasons;
mod record;
mod records;
mod shape;
mod signs;
mod start;
mod wording;
mod words;
mod writing;

use std::io::Read as _;

use body::Bodies;
use date::Dates;
use jiff::civil::Date;
use plan::Plan;
use reasons::{Doubt, Reasons};
use records::{Records, StrayQuote};
use serde_json::value::RawValue;
use start::Layout;
use writing::Writing;

use crate::charset::{self, Length};
use crate::error::{FileError, RowError};
use crate::lines::trimmed;
use crate::mapping::{Mapping, Rows};
use crate::reader::{Options, Reader, Row, RowIdentity};
use crate::source::Source;

/// How much of a file is looked at to find its dialect.
const LOOK_BYTES: u64 = 256 * 1024;

/// Reads CSV.
pub struct CsvReader {
    records: Records,
    bodies: Bodies,
    rows: Rows,
    header: Vec<u8>,
    columns: usize,
    width: usize,
    /// Cells of the header, or of the first row.
    cells: usize,
    reasons: Reasons,
    number: u64,
    rows_total: u64,
}

impl CsvReader {
    /// Finds charset, dialect, and how amounts and dates are written, by reading the file to its end.
    pub fn open(source: Source, mapping: &Mapping, options: &Options) -> Result<CsvReader, FileError> {
        let charset = charset::find(&source, mapping.dialect.charset.as_deref(), Length::Lines)?;
        let mut start = Vec::new();
        charset.decoded(&source)?.take(LOOK_BYTES).read_to_end(&mut start)?;
        if charset.has_two() {
            start = start.split_inclusive(|byte| *byte == b'\n').flat_map(charset::settled).collect();
        }
        let wanted = mapping.columns();
        let found = dialect::find(&start, mapping, &wanted)?;
        let plan = Plan::new(mapping, &found)?;
        let date = mapping.date.as_deref();
        let records = || Records::open(&source, charset, &found, &plan, date);
        let evidence = Evidence::gather(records()?, &found, &plan, mapping, options.today())?;
        if evidence.rows == 0 {
            return Err(FileError::Empty);
        }
        let (largest, most) = (places::largest(&wanted), found.cells.max(evidence.cells));
        if largest > most {
            let reason = format!("there is no column #{largest}; no row has more than {most}");
            return Err(FileError::Header(reason));
        }
        let reasons = Reasons::of(&found);
        let dates = Dates::new(date, &evidence.dates, options.today()).map_err(FileError::Header)?;
        Ok(CsvReader {
            records: records()?,
            bodies: Bodies::new(plan, mapping.amounts.clone(), evidence.amounts, dates),
            rows: mapping.rows.clone(),
            columns: found.columns,
            width: found.width,
            cells: found.cells,
            header: reasons.header(&found),
            reasons,
            number: 0,
            rows_total: evidence.rows,
        })
    }

    /// Why the row is cut into cells otherwise than it was meant, if it is.
    fn miscut(&self) -> Option<RowError> {
        if let Some(quote) = self.records.stray_quote {
            return Some(self.stray_quote(quote));
        }
        if let record::Cut::Stray(at) = self.records.cut {
            let reason = "something follows the closing quote; double quotes that belong to the text, or state quote=none";
            return Some(self.error_at(at, None, reason.to_owned()));
        }
        let (cells, allowed) = self.cells_and_allowed();
        let extra = (allowed..cells).find(|index| !self.records.cut().cell(*index).is_empty())?;
        Some(self.wrong_count(self.records.cells.start(extra), cells, allowed))
    }

    /// How many cells the row has, and how many it may have.
    fn cells_and_allowed(&self) -> (usize, usize) {
        let cells = match self.reasons.cell_of(self.records.cut()) {
            Some(reason) if !self.reasons.has_column => reason,
            _ => self.records.cells.len(),
        };
        // A row that has more cells than the header has been cut where its text has a separator, so not even a
        // column without a name takes what was moved into it.
        let is_longer = self.width == self.cells && cells > self.width;
        (cells, if is_longer && !self.reasons.has_column { self.columns } else { self.width })
    }

    fn wrong_count(&self, at: Option<usize>, cells: usize, header: usize) -> RowError {
        let at = at.unwrap_or(self.records.record.len()).min(trimmed(&self.records.record).len());
        let reason = format!(
            "the row has {} columns and the header {}; check its separators and quotes",
            self.reasons.without(cells),
            self.reasons.without(header)
        );
        self.error_at(at, None, reason)
    }

    fn content(&mut self) -> Result<Box<RawValue>, RowError> {
        if let Some(miscut) = self.miscut() {
            return Err(miscut);
        }
        if let Some((at, reason)) = charset::damage(&self.records.record, self.records.has_two_charsets) {
            return Err(self.error_at(at, None, reason));
        }
        let (cells, _) = self.cells_and_allowed();
        if cells < self.columns {
            return Err(self.wrong_count(None, cells, self.columns));
        }
        let row = self.records.cut();
        let body = self.bodies.of(row);
        body.map_err(|fault| {
            let cell = self.bodies.plan.cell_of(&fault.target);
            let at = cell.and_then(|cell| self.records.cells.start(cell));
            let reason = format!("{} {}", fault.target.name(), fault.reason);
            let mut error = self.error_at(at.unwrap_or(0), Some(fault.target.name()), reason);
            error.column = error.column.filter(|_| at.is_some());
            error
        })
    }

    /// A row that a quote joins with others, or that stands in the line of that quote.
    fn stray_quote(&self, quote: StrayQuote) -> RowError {
        let line = quote.line;
        let reach = match quote.closed {
            Some(end) => {
                format!("goes on over the lines to {end}, of which some look like rows of their own")
            }
            None => "is not closed before the next row".to_owned(),
        };
        let reason = format!(
            "a quote that opens in line {line} {reach}; remove it, or write it twice within quotes, or state quote=none"
        );
        let mut error = self.error_at(quote.at, None, reason);
        error.column = error.column.filter(|_| line == self.records.line);
        error
    }

    fn error_at(&self, at: usize, field: Option<String>, reason: String) -> RowError {
        let (lines, column) = record::place(&self.records.record, at);
        RowError { line: self.records.line + lines, column: Some(column), field, reason }
    }
}

impl Reader for CsvReader {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        loop {
            if !self.records.advance()? {
                return Ok(None);
            }
            if self.rows.is_end(self.records.cut().cell(0)) {
                return Ok(None);
            }
            // In a row that is cut wrongly the map looks at other cells than it means.
            if self.bodies.plan.takes(self.records.cut()) || self.miscut().is_some() {
                break;
            }
        }
        self.number += 1;
        let content = self.content();
        let raw = trimmed(&self.records.record);
        let end = self.reasons.start(self.records.cut(), self.records.marks).unwrap_or(raw.len());
        let raw = raw.get(..end).unwrap_or(raw).to_vec();
        Ok(Some(Row {
            number: self.number,
            place: self.records.place,
            line: self.records.line,
            raw,
            content,
            identity: RowIdentity::Row,
            former: None,
        }))
    }

    fn wording(&mut self) -> Result<Option<[u8; 32]>, FileError> {
        self.records.wording().map(Some)
    }

    fn header(&self) -> &[u8] {
        &self.header
    }

    fn refused(&self, raw: &[u8], reason: &str) -> Vec<u8> {
        self.reasons.append(raw, reason, self.records.marks)
    }

    fn rows_total(&self) -> u64 {
        self.rows_total
    }
}

/// What a file's own rows prove of how it is written.
struct Evidence {
    rows: u64,
    /// The most cells of a row.
    cells: usize,
    amounts: Writing,
    dates: date::Evidence,
}

impl Evidence {
    /// Reads the file to its end, so that what cannot be read at all is known before the first row.
    fn gather(
        mut records: Records,
        found: &Layout,
        plan: &Plan,
        mapping: &Mapping,
        today: Date,
    ) -> Result<Evidence, FileError> {
        let (amounts, dates) = (Writing::default(), date::Evidence::new(today));
        let mut evidence = Evidence { rows: 0, cells: 0, amounts, dates };
        let (mut is_over, mut joined, reasons) = (false, String::new(), Reasons::of(found));
        while records.advance()? {
            evidence.rows += 1;
            evidence.cells = evidence.cells.max(records.cells.len());
            let row = records.cut();
            is_over |= mapping.rows.is_end(row.cell(0));
            if is_over || records.stray_quote.is_some() {
                continue;
            }
            evidence.amounts.note_marks(row, plan);
            if plan.takes(row) {
                let reason = reasons.cell_of(row).map(|cell| row.cell(cell));
                let is_rest = reason.is_some();
                let refused_for = |doubt: Doubt| reason.is_some_and(|reason| doubt.is_in(reason));
                evidence.amounts.note_signs(row, plan, &mapping.amounts);
                evidence.amounts.is_rest |= is_rest;
                evidence.amounts.was_doubted |= refused_for(Doubt::WithoutSign);
                evidence.dates.add_row(plan, row, &mut joined);
                evidence.dates.is_rest |= is_rest;
                evidence.dates.were_wanted |= refused_for(Doubt::WithoutDate);
            }
        }
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests;
