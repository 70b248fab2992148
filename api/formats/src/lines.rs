//! Lines, within a limit of length.

use std::io::{BufRead, BufReader, Read};

use memchr::{memchr, memchr_iter};

use crate::error::FileError;
use crate::limits::ROW_BYTES_MAX;

/// Bytes kept of what was read.
const BUFFER_BYTES: usize = 128 * 1024;

/// The lines of a text.
pub struct Lines {
    text: BufReader<Box<dyn Read + Send>>,
    /// Number of the last line that was begun, from 1.
    number: u64,
}

impl Lines {
    /// Of a text from its start.
    pub fn new(text: Box<dyn Read + Send>) -> Lines {
        Lines { text: BufReader::with_capacity(BUFFER_BYTES, text), number: 0 }
    }

    /// Number of the last line that was read.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line, with its end, to a row that began in line `row`; false at the end of the text.
    pub fn append(&mut self, row: &mut Vec<u8>, row_line: Option<u64>) -> Result<bool, FileError> {
        let mut any = false;
        loop {
            let buffer = self.text.fill_buf()?;
            if buffer.is_empty() {
                return Ok(any);
            }
            if !any {
                self.number += 1;
                any = true;
            }
            let end = memchr(b'\n', buffer).map(|at| at + 1);
            let bytes = end.unwrap_or(buffer.len());
            if row.len() + bytes > ROW_BYTES_MAX {
                return Err(FileError::RowTooLong { line: row_line.unwrap_or(self.number) });
            }
            row.extend_from_slice(buffer.get(..bytes).unwrap_or_default());
            self.text.consume(bytes);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// A line without what ends it.
pub fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// How many lines end in these bytes.
pub fn count(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
