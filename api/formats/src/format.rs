//! The formats, and telling them apart.

use std::io::Read;

use strum::{Display, EnumString, IntoStaticStr};

use crate::error::FileError;
use crate::foreign;
use crate::source::{Input, Source};

/// What a file of jobs is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive, parse_err_ty = FileError, parse_err_fn = unknown)]
pub enum Format {
    /// Separated values, in any common dialect.
    Csv,
    /// One JSON object a line.
    #[strum(to_string = "ndjson", serialize = "jsonl")]
    Ndjson,
    /// ISO 20022 customer credit transfer initiation.
    #[strum(to_string = "pain.001", serialize = "pain001")]
    Pain001,
}

/// How much of a file is looked at: a BOM, blank lines and a comment before the first element fit.
const LOOK_BYTES: u64 = 4_096;

impl Format {
    /// The stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Of a file whose format was not stated: by its content type, its name (`.gz` at its end aside), and
    /// its first characters, unfolded where they are gzip. The file is left at its start.
    ///
    /// # Errors
    /// Nothing tells, or the file cannot be read.
    pub fn guess(
        content_type: Option<&str>,
        name: Option<&str>,
        file: &mut (impl Input + ?Sized),
    ) -> Result<Format, FileError> {
        foreign::refuse(file)?;
        if let Some(format) = content_type.and_then(of_content_type).or_else(|| name.and_then(of_name)) {
            return Ok(format);
        }
        let mut start = Vec::new();
        // What is wrong with the stream is said when it is opened.
        let _ = Source::unfolded(&mut *file)?.take(LOOK_BYTES).read_to_end(&mut start);
        file.rewind()?;
        of_start(&start).ok_or(FileError::UnknownFormat)
    }
}

fn unknown(_: &str) -> FileError {
    FileError::UnknownFormat
}

fn of_content_type(content_type: &str) -> Option<Format> {
    let kind = content_type.split(';').next()?.trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/csv" | "text/tab-separated-values" => Some(Format::Csv),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Some(Format::Ndjson)
        }
        "application/xml" | "text/xml" => Some(Format::Pain001),
        _ => None,
    }
}

fn of_name(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" | "tsv" | "tab" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "xml" => Some(Format::Pain001),
        _ => None,
    }
}

fn of_start(start: &[u8]) -> Option<Format> {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    // UTF-16 of ASCII is ASCII with zeros between.
    let first =
        text.iter().copied().find(|byte| !matches!(byte, 0 | 0xFE | 0xFF) && !byte.is_ascii_whitespace());
    match first? {
        b'<' => Some(Format::Pain001),
        // An array is none, but its rows say what should be there.
        b'{' | b'[' => Some(Format::Ndjson),
        _ if text.iter().any(|byte| b";,\t|".contains(byte)) => Some(Format::Csv),
        _ => None,
    }
}
