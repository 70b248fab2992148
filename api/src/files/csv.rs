//! CSV, in the dialects of banks and spreadsheets.

mod body;
mod date;
mod decimal;
mod dialect;
mod header;
mod money;
mod places;
mod plan;
mod reasons;
mod record;
mod signs;
mod words;
mod writing;

use std::io::Read as _;

use body::{Bodies, Dates};
use date::{Candidates, Pattern};
pub use decimal::{Form, NotAnAmount, is_blank, parse as parse_decimal};
use dialect::Found;
use plan::{Cut, Plan};
use reasons::Reasons;
use record::Cells;
use serde_json::value::RawValue;
use writing::Writing;

use super::charset::{self, Charset, Length};
use super::lines::Lines;
use super::mapping::{Mapping, Target};
use super::source::Source;
use super::{FileError, Reader, Row, RowError, RowIdentity};

/// How much of a file is looked at to find its dialect.
const LOOK_BYTES: u64 = 256 * 1024;

/// How many rows are looked at to find how dates are written.
const EVIDENCE_ROWS_MAX: u64 = 20_000;

/// Reads CSV.
pub struct CsvReader {
    records: Records,
    bodies: Bodies,
    stop: Vec<String>,
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
    pub fn open(source: Source, mapping: &Mapping) -> Result<CsvReader, FileError> {
        let charset = charset::find(&source, mapping.dialect.charset.as_deref(), Length::Lines)?;
        let mut start = Vec::new();
        charset.decoded(&source)?.take(LOOK_BYTES).read_to_end(&mut start)?;
        let wanted = plan::wanted(mapping);
        let found = dialect::find(&start, mapping, &wanted)?;
        let plan = Plan::new(mapping, &found)?;
        let evidence = Evidence::gather(&source, charset, &found, &plan, mapping)?;
        if evidence.rows == 0 {
            return Err(FileError::Empty);
        }
        let (largest, most) = (places::largest(&wanted), found.cells.max(evidence.cells));
        if largest > most {
            let reason = format!("there is no column #{largest}; no row has more than {most}");
            return Err(FileError::Header(reason));
        }
        let reasons = Reasons::of(&found);
        let dates = match &mapping.date {
            Some(form) => Dates::Stated(Pattern::parse(form).map_err(FileError::Header)?, form.clone()),
            None => Dates::Found(evidence.dates),
        };
        Ok(CsvReader {
            records: Records::open(&source, charset, &found)?,
            bodies: Bodies::new(plan, mapping.amounts.clone(), evidence.amounts, dates),
            stop: mapping.rows.stop.clone(),
            columns: found.columns,
            width: found.width,
            cells: found.cells,
            header: reasons.header(&found),
            reasons,
            number: 0,
            rows_total: evidence.rows,
        })
    }

    /// Whether the mapping takes the row for a job.
    fn is_job(&self) -> bool {
        self.bodies.plan.takes(self.records.cut())
    }

    fn content(&mut self) -> Result<Box<RawValue>, RowError> {
        if let record::Cut::Stray(at) = self.records.cut {
            let reason = "something follows the closing quote; double quotes that belong to the text, or state quote=none";
            return Err(self.error_at(at, None, reason.to_owned()));
        }
        if let Err(error) = std::str::from_utf8(&self.records.record) {
            return Err(self.error_at(error.valid_up_to(), None, "the text is damaged here".to_owned()));
        }
        let row = self.records.cut();
        let cells = match self.reasons.cell_of(row) {
            Some(reason) if !self.reasons.has_column => reason,
            _ => self.records.cells.len(),
        };
        // A row that has more cells than the header has been cut where its text has a separator, so not even a
        // column without a name takes what was moved into it.
        let is_longer = self.width == self.cells && cells > self.width;
        let allowed = if is_longer && !self.reasons.has_column { self.columns } else { self.width };
        let extra = (allowed..cells).find(|index| !row.cell(*index).is_empty());
        if cells < self.columns || extra.is_some() {
            let at =
                extra.and_then(|index| self.records.cells.start(index)).unwrap_or(self.records.record.len());
            let at = at.min(super::lines::trimmed(&self.records.record).len());
            let reason = format!(
                "the row has {} columns and the header {}; check its separators and quotes",
                self.reasons.without(cells),
                self.reasons.without(if extra.is_some() { allowed } else { self.columns })
            );
            return Err(self.error_at(at, None, reason));
        }
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
            let first = self.records.cut().cell(0);
            if self.stop.iter().any(|stop| first.starts_with(stop.as_str())) {
                return Ok(None);
            }
            if self.is_job() {
                break;
            }
        }
        self.number += 1;
        let content = self.content();
        let raw = super::lines::trimmed(&self.records.record);
        let end = self.reasons.start(self.records.cut(), self.records.marks).unwrap_or(raw.len());
        let raw = raw.get(..end).unwrap_or(raw).to_vec();
        Ok(Some(Row {
            number: self.number,
            line: self.records.line,
            raw,
            content,
            identity: RowIdentity::Row,
            former: None,
        }))
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

/// The records of a file, one at a time.
struct Records {
    lines: Lines,
    marks: record::Marks,
    record: Vec<u8>,
    cells: Cells,
    cut: record::Cut,
    /// Where the record starts.
    line: u64,
}

impl Records {
    fn open(source: &Source, charset: Charset, found: &Found) -> Result<Records, FileError> {
        let mut lines = Lines::new(charset.decoded(source)?);
        lines.skip(found.lines_before)?;
        let (record, cells, cut) = (Vec::new(), Cells::default(), record::Cut::Whole);
        Ok(Records { lines, marks: found.marks, record, cells, cut, line: 0 })
    }

    /// Reads the next record that has something in it; false at the end.
    fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            self.record.clear();
            self.cells.clear();
            if !self.lines.append(&mut self.record, None)? {
                return Ok(false);
            }
            self.line = self.lines.number();
            self.cut = self.cells.cut(&self.record, self.marks);
            while let record::Cut::Open(quote) = self.cut {
                if !self.lines.append(&mut self.record, Some(self.line))? {
                    let (lines, column) = record::place(&self.record, quote);
                    return Err(FileError::QuoteOpen { line: self.line + lines, column });
                }
                self.cut = self.cells.cut(&self.record, self.marks);
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

    fn cut(&self) -> Cut<'_> {
        Cut { record: &self.record, cells: &self.cells }
    }
}

/// What a file's own rows prove of how it is written.
struct Evidence {
    rows: u64,
    /// The most cells of a row.
    cells: usize,
    amounts: Writing,
    dates: Candidates,
}

impl Evidence {
    /// Reads the file to its end, so that what can not be read at all is known before the first row.
    fn gather(
        source: &Source,
        charset: Charset,
        found: &Found,
        plan: &Plan,
        mapping: &Mapping,
    ) -> Result<Evidence, FileError> {
        let mut records = Records::open(source, charset, found)?;
        let amounts = Writing::default();
        let mut evidence = Evidence { rows: 0, cells: 0, amounts, dates: Candidates::all() };
        let reasons = Reasons::of(found);
        let date = plan.cell_of(&Target::ValueDate);
        let mut is_over = false;
        while records.advance()? {
            evidence.rows += 1;
            evidence.cells = evidence.cells.max(records.cells.len());
            let row = records.cut();
            is_over |= mapping.rows.is_end(row.cell(0));
            if !is_over {
                let amounts = &mut evidence.amounts;
                amounts.note_marks(row, plan);
                if plan.takes(row) {
                    amounts.note_signs(row, plan, &mapping.amounts);
                    amounts.is_rest |= reasons.cell_of(row).is_some();
                }
            }
            if evidence.rows > EVIDENCE_ROWS_MAX {
                continue;
            }
            if let Some(date) = date.map(|date| row.cell(date)).filter(|text| !text.is_empty()) {
                evidence.dates.narrow(date);
            }
        }
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests;
