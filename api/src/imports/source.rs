//! Rows of a file, whatever its format: each the body of a job as `POST /api/jobs` takes it, or why it is none.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Map, Value};

use super::Description;

/// The longest row: as much as `POST /api/jobs` takes.
pub(super) const ROW_BYTES_MAX: usize = crate::body::JOB.bytes_max;

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// Counted from 1; what is no row (a header, an empty line) does not count.
    pub number: u64,
    /// The line on which it starts, from 1.
    pub line: u64,
    /// As it stands in the file.
    pub raw: Vec<u8>,
    /// The body of its job as JSON.
    pub body: Result<Vec<u8>, RowError>,
}

/// Why a row is no job.
#[derive(Debug)]
pub(super) struct RowError {
    /// The column on its line, from 1.
    pub column: Option<u64>,
    /// The field at fault.
    pub field: Option<String>,
    /// What stands there, and what should.
    pub reason: String,
}

/// Why a file can not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It is not a file that can be read; says what, where, and what to do.
    #[error("{0}")]
    Refused(String),
    /// This machine could not read it.
    #[error("the file could not be read from the disk: {0}")]
    Io(#[from] io::Error),
}

/// A file being read.
pub(super) trait Source: Send {
    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<Row>, FileError>;

    /// What it is read as.
    fn format(&self) -> &'static str;

    /// What a file of rows of this one starts with.
    fn head(&self) -> Vec<u8>;
}

/// Opens a file; `position` is to tell how far it has been read.
pub(super) fn open(
    file: File,
    description: &Description,
    position: &Position,
) -> Result<Box<dyn Source>, FileError> {
    let watched = Watched { file, position: position.clone() };
    let mut lines = Lines { file: BufReader::with_capacity(1 << 16, watched), line: 0 };
    let named = |ending: &str| description.name.as_deref().is_some_and(|name| name.ends_with(ending));
    let typed = |part: &str| description.media_type.as_deref().is_some_and(|name| name.contains(part));
    let first = lines.file.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    match description.format.as_deref() {
        Some("ndjson") => Ok(Box::new(Ndjson { lines, number: 0 })),
        Some("csv") => Csv::open(lines),
        Some(other) => Err(FileError::Refused(format!("`{other}` is no format; send csv or ndjson"))),
        None if typed("json") || named("json") || named("jsonl") || first == Some(b'{') => {
            Ok(Box::new(Ndjson { lines, number: 0 }))
        }
        None => Csv::open(lines),
    }
}

/// How much of a file has been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Position(Arc<AtomicU64>);

impl Position {
    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A file that tells its [`Position`].
struct Watched {
    file: File,
    position: Position,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.0.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Lines of a bounded length.
struct Lines {
    file: BufReader<Watched>,
    line: u64,
}

impl Lines {
    /// The next line that is not empty, without its end.
    fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, FileError> {
        loop {
            let mut line = Vec::new();
            let most = ROW_BYTES_MAX as u64 + 1;
            if (&mut self.file).take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if line.len() > ROW_BYTES_MAX {
                let detail =
                    format!("line {} is longer than {ROW_BYTES_MAX} bytes, which no job is", self.line);
                return Err(FileError::Refused(detail));
            }
            let end = line.trim_ascii_end().len();
            line.truncate(end);
            if !line.is_empty() {
                return Ok(Some((self.line, line)));
            }
        }
    }
}

/// One JSON object a line.
struct Ndjson {
    lines: Lines,
    number: u64,
}

impl Source for Ndjson {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        let Some((line, raw)) = self.lines.next()? else { return Ok(None) };
        self.number += 1;
        Ok(Some(Row { number: self.number, line, body: Ok(raw.clone()), raw }))
    }

    fn format(&self) -> &'static str {
        "ndjson"
    }

    fn head(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Commas, quotes, and a header of the fields' names.
struct Csv {
    lines: Lines,
    number: u64,
    head: Vec<u8>,
    columns: Vec<String>,
}

impl Csv {
    fn open(mut lines: Lines) -> Result<Box<dyn Source>, FileError> {
        let Some((_, head)) = lines.next()? else {
            return Err(FileError::Refused("the file is empty; send a header and at least a row".to_owned()));
        };
        let columns = cells(&head).map_err(FileError::Refused)?;
        Ok(Box::new(Csv { lines, number: 0, head, columns }))
    }

    fn body(&self, raw: &[u8]) -> Result<Vec<u8>, RowError> {
        let off = |reason: String| RowError { column: None, field: None, reason };
        let cells = cells(raw).map_err(off)?;
        if cells.len() != self.columns.len() {
            let (found, expected) = (cells.len(), self.columns.len());
            return Err(off(format!("there are {found} columns, and {expected} in the header")));
        }
        let mut body = Map::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            if !cell.is_empty() && column != "refused_because" {
                let number =
                    cell.parse::<i64>().ok().filter(|_| column == "amount" || column == "overdraft_limit");
                body.insert(column.clone(), number.map_or(Value::String(cell), Value::from));
            }
        }
        serde_json::to_vec(&body).map_err(|error| off(error.to_string()))
    }
}

impl Source for Csv {
    fn next(&mut self) -> Result<Option<Row>, FileError> {
        let Some((line, raw)) = self.lines.next()? else { return Ok(None) };
        self.number += 1;
        Ok(Some(Row { number: self.number, line, body: self.body(&raw), raw }))
    }

    fn format(&self) -> &'static str {
        "csv"
    }

    fn head(&self) -> Vec<u8> {
        self.head.clone()
    }
}

fn cells(line: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(character),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    cells.push(cell);
    Ok(cells)
}
