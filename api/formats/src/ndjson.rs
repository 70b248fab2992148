//! NDJSON: one job a line, as `POST /api/jobs` takes it.

use domain::json::Members;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::charset::{self, Length};
use crate::error::{FileError, RowError};
use crate::lines::{Lines, trimmed};
use crate::reader::{REFUSED_BECAUSE, Reader, Row, RowIdentity};
use crate::source::Source;

/// Reads NDJSON.
pub struct NdjsonReader {
    lines: Lines,
    row: Vec<u8>,
    number: u64,
    rows_total: u64,
}

impl NdjsonReader {
    /// Reads the file to its end, then starts again.
    pub fn open(source: Source, charset: Option<&str>) -> Result<NdjsonReader, FileError> {
        // JSON is UTF-8 (RFC 8259, section 8.1): a byte that is none is a fault of its row, not another charset.
        let found = match charset {
            Some(_) => charset::find(&source, charset, Length::Lines)?.unmarked(),
            None => charset::unicode(&source)?,
        };
        let open = |rows_total| -> Result<NdjsonReader, FileError> {
            let lines = Lines::new(found.decoded(&source)?);
            Ok(NdjsonReader { lines, row: Vec::new(), number: 0, rows_total })
        };
        let mut rehearsal = open(0)?;
        while rehearsal.next_line()? {}
        if rehearsal.number == 0 {
            return Err(FileError::Empty);
        }
        open(rehearsal.number)
    }

    /// The next line that has something in it.
    fn next_line(&mut self) -> Result<bool, FileError> {
        loop {
            self.row.clear();
            if !self.lines.append(&mut self.row, None)? {
                return Ok(false);
            }
            if !self.row.trim_ascii().is_empty() {
                self.number += 1;
                return Ok(true);
            }
        }
    }
}

impl Reader for NdjsonReader {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        if !self.next_line()? {
            return Ok(None);
        }
        let line = self.lines.number();
        let raw = trimmed(&self.row).to_vec();
        Ok(Some(Row {
            number: self.number,
            place: self.number,
            line,
            content: content(&raw, line),
            raw,
            identity: RowIdentity::Row,
            former: None,
        }))
    }

    fn header(&self) -> &[u8] {
        b""
    }

    fn refused(&self, raw: &[u8], reason: &str) -> Vec<u8> {
        let reason = Value::from(reason);
        let text = String::from_utf8_lossy(raw);
        let line = match content(raw, 0) {
            Ok(body) => {
                let members = body.get().trim_end().strip_suffix('}').unwrap_or_default().trim_end();
                let comma = if members.ends_with('{') { "" } else { "," };
                format!("{members}{comma}\"{REFUSED_BECAUSE}\":{reason}}}\n")
            }
            // What is no JSON object cannot carry a member: it is carried in one.
            Err(_) => format!("{{\"line\":{},\"{REFUSED_BECAUSE}\":{reason}}}\n", Value::from(&*text)),
        };
        line.into_bytes()
    }

    fn rows_total(&self) -> u64 {
        self.rows_total
    }
}

fn content(line: &[u8], number: u64) -> Result<Box<RawValue>, RowError> {
    let refuse = |column: Option<u64>, reason: String| RowError { line: number, column, field: None, reason };
    let text = std::str::from_utf8(line).map_err(|error| {
        let column =
            String::from_utf8_lossy(line.get(..error.valid_up_to()).unwrap_or_default()).chars().count();
        refuse(Some(column as u64 + 1), "is not UTF-8 from here on; send UTF-8".to_owned())
    })?;
    let explain = |error: serde_json::Error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        refuse(Some(error.column() as u64), format!("is no JSON: {what}; each line is one JSON object"))
    };
    if !text.trim_start().starts_with('{') {
        let shown: String = text.trim().chars().take(40).collect();
        return Err(refuse(
            Some(1),
            format!("is {shown:?}; each line must be a JSON object with the fields of a job"),
        ));
    }
    if memchr::memmem::find(line, REFUSED_BECAUSE.as_bytes()).is_none() {
        return RawValue::from_string(text.trim().to_owned()).map_err(explain);
    }
    // One that is there twice is still refused later.
    let Members(mut members) = serde_json::from_str(text).map_err(explain)?;
    members.retain(|(name, _)| name != REFUSED_BECAUSE);
    let json: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    RawValue::from_string(format!("{{{}}}", json.join(","))).map_err(explain)
}
