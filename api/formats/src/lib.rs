//! Reading files of jobs: CSV, NDJSON and ISO 20022 pain.001, plain or gzip, in constant memory, but for eight bytes
//! of each payment, and some fifty of those whose ids repeat.
//!
//! [`open`] reads a file once from end to end before it gives the first row, so that what refuses the
//! whole file (a stream that is cut off, a line without end, totals that are wrong) is known before any
//! row is accepted. What is wrong with one row is an error of that row, and the next one is read.

mod charset;
mod csv;
mod error;
mod foreign;
mod format;
mod iban;
mod lines;
mod mapping;
mod ndjson;
mod pain001;
pub mod pain002;
pub mod refused;
mod source;
mod text;

use std::io::{Read, Seek};

use domain::former::Sameness;
pub use error::{FileError, RowError, Total};
pub use format::Format;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
pub use mapping::{InvalidMapping, Mapping};
pub use pain001::{EXECUTION_DATE, Message, PaymentIds, header_of, was_ahead};
use serde_json::value::RawValue;

/// The most bytes of one row, in UTF-8: a journal of 100 legs is some 8 KiB.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a gzip file may unfold to: ten times the default upload.
pub const UNFOLDED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The most bytes that each byte of gzip may unfold to. Files of payments come to some 10 to 40; a bomb to 1,000.
pub const UNFOLDED_RATIO_MAX: u64 = 200;

/// What a file is read from: it is read more than once.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// What reading depends on beside the file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the IBANs of accounts in this ledger start with; none: any account is here.
    pub iban_prefixes: Vec<String>,
    /// The present, by which it is known whether a date is ahead; none: that of the opening, and execution dates are not
    /// looked at.
    pub now: Option<Timestamp>,
}

impl Options {
    /// The day in UTC from which value dates are looked at.
    fn today(&self) -> Date {
        Offset::UTC.to_datetime(self.now.unwrap_or_else(Timestamp::now)).date()
    }
}

/// How the job of a row is known, whenever and in whatever file it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RowIdentity {
    /// By its reference, else by the file and its number in it.
    #[default]
    Row,
    /// By what its message calls the payment, and by its place among those that are called the same.
    Payment(PaymentName),
}

/// An unambiguous text for what a message calls a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentName {
    /// The text; it is no reference.
    pub name: String,
    /// Others by which the same payment may have been made, when its message had other payments beside it.
    pub others: Vec<FormerName>,
}

/// A name by which release 0.1 may know the job of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerName {
    /// The name.
    pub name: String,
    /// What else has to agree.
    pub sameness: Sameness,
}

/// One row of a file: a line of NDJSON, a record of CSV, a payment of pain.001.
#[derive(Debug)]
pub struct Row {
    /// From 1, counting the rows and not the lines. Stays the same whenever the same file is read with the same mapping.
    pub number: u64,
    /// Where it stands: tells rows of the same content from each other, and stays the same with every mapping.
    pub place: u64,
    /// The line that it starts in, from 1.
    pub line: u64,
    /// As it stands in the file, in UTF-8; with [`Reader::header`] enough to write it down again.
    pub raw: Vec<u8>,
    /// The body of `POST /api/jobs` that it stands for, yet to be checked.
    pub content: Result<Box<RawValue>, RowError>,
    /// How its job is known.
    pub identity: RowIdentity,
    /// The reference by which release 0.1, which did not have [`RowIdentity::Payment`], knew the job.
    pub former: Option<FormerName>,
}

/// A file that is being read.
pub trait Reader: Send {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// Nothing more can be read of this file.
    fn next(&mut self) -> Result<Option<Row>, FileError>;

    /// A hash of what the whole file says, however its text is set and whichever rows the mapping takes; reads what is
    /// left of it. `None` where its rows say it all.
    ///
    /// # Errors
    /// Nothing more can be read of this file.
    fn wording(&mut self) -> Result<Option<[u8; 32]>, FileError> {
        Ok(None)
    }

    /// What a file of this file's refused rows starts with, in UTF-8; see [`refused::start`].
    fn header(&self) -> &[u8];

    /// A row, by its [`Row::raw`], as it stands in a file of refused rows, with the reason and the line's end.
    fn refused(&self, raw: &[u8], reason: &str) -> Vec<u8>;

    /// How many rows there are, found when the file was opened; rows that the mapping ignores may be among them.
    fn rows_total(&self) -> u64;
}

/// Opens a file: finds its charset and dialect, and reads it once to its end.
///
/// # Errors
/// The file cannot be imported as a whole; says what, where and the remedy.
pub fn open(
    mut file: impl Input + 'static,
    format: Format,
    mapping: &Mapping,
    options: &Options,
) -> Result<Box<dyn Reader>, FileError> {
    foreign::refuse(&mut file)?;
    let source = source::Source::new(Box::new(file))?;
    Ok(match format {
        Format::Csv => Box::new(csv::CsvReader::open(source, mapping, options)?),
        Format::Ndjson => Box::new(ndjson::NdjsonReader::open(source, mapping.charset())?),
        Format::Pain001 => Box::new(pain001::PainReader::open(source, options)?),
    })
}

#[cfg(test)]
mod tests;
