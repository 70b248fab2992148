//! What is wrong with a file, and what with one of its rows.

use std::io;

use crate::limits::{ROW_BYTES_MAX, UNFOLDED_BYTES_MAX, UNFOLDED_RATIO_MAX};

/// Why one row is no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RowError {
    /// The line at fault, from 1; later than the row's own where a cell has several.
    pub line: u64,
    /// The character of that line, from 1.
    pub column: Option<u64>,
    /// The job's field that could not be made.
    pub field: Option<String>,
    /// What stands there, and what to do.
    pub reason: String,
}

/// What a pain.001 says of its payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// `NbOfTxs`.
    Payments,
    /// `CtrlSum`.
    Sum,
}

/// Why a file is refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk, not the file.
    #[error("the file could not be read: {0}; send it again")]
    Unreadable(#[source] io::Error),
    /// Neither its name nor its content tells.
    #[error(
        "the file is neither CSV, NDJSON nor pain.001 as far as can be seen; state format=csv, ndjson or pain.001"
    )]
    UnknownFormat,
    /// It is of another kind altogether.
    #[error("the file is {what}, which cannot be read; {remedy}")]
    Foreign {
        /// What it looks like.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// There is no row in it.
    #[error("the file has no rows; check that the right file was sent")]
    Empty,
    /// It ends within a compressed stream.
    #[error(
        "the gzip stream ends before its end, after {bytes} unfolded bytes; the file was cut off: send it whole"
    )]
    GzipCutOff {
        /// Bytes that were unfolded.
        bytes: u64,
    },
    /// Its checksum or form is wrong.
    #[error("the gzip stream is damaged after {bytes} unfolded bytes ({reason}); compress the file again")]
    GzipDamaged {
        /// Bytes that were unfolded.
        bytes: u64,
        /// What the decoder says.
        reason: String,
    },
    /// It unfolds to more than is sound.
    #[error(
        "the gzip file unfolds to more than {UNFOLDED_BYTES_MAX} bytes or {UNFOLDED_RATIO_MAX} times its size; \
         split the file, or send it as it is"
    )]
    GzipBomb,
    /// A line, or a record of several lines, without end.
    #[error(
        "line {line} starts a row of more than {ROW_BYTES_MAX} bytes; check that its lines and quotes end"
    )]
    RowTooLong {
        /// Where the row starts.
        line: u64,
    },
    /// So many zero bytes that it is no text.
    #[error(
        "line {line} is not text (it holds a zero byte, and the file holds many); if the file is UTF-16, state \
         charset=utf-16le or charset=utf-16be, else send it as text"
    )]
    NotText {
        /// The line of the first, from 1.
        line: u64,
    },
    /// A charset that nobody knows.
    #[error(
        "the charset {0:?} is not known; state utf-8, windows-1252, windows-1250, iso-8859-2, iso-8859-15, utf-16le or utf-16be"
    )]
    UnknownCharset(String),
    /// No line is the header that the mapping needs.
    #[error("{0}")]
    Header(String),
    /// What the file says of itself is not what it holds.
    #[error("{reason}")]
    Totals {
        /// The element that says it.
        element: Total,
        /// Both figures, and the remedy.
        reason: String,
    },
    /// XML that is not well formed, or not allowed.
    #[error("line {line}: {reason}")]
    Xml {
        /// The line, from 1.
        line: u64,
        /// What is wrong, and the remedy.
        reason: String,
    },
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        // The layers below carry their own refusals through `Read`.
        match error.downcast::<FileError>() {
            Ok(refusal) => refusal,
            Err(error) => FileError::Unreadable(error),
        }
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> io::Error {
        io::Error::other(error)
    }
}
