//! What every format gives its readers: rows, each with the job that it stands for.

use domain::id::Sameness;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::value::RawValue;

use crate::error::{FileError, RowError};

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
    pub(crate) fn today(&self) -> Date {
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

/// The column or member that tells why a row was refused. A later import does not look at it.
pub const REFUSED_BECAUSE: &str = "refused_because";

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

    /// What a file of this file's refused rows starts with, in UTF-8; see [`refused::start`](crate::refused::start).
    fn header(&self) -> &[u8];

    /// A row, by its [`Row::raw`], as it stands in a file of refused rows, with the reason and the line's end.
    fn refused(&self, raw: &[u8], reason: &str) -> Vec<u8>;

    /// How many rows there are, found when the file was opened; rows that the mapping ignores may be among them.
    fn rows_total(&self) -> u64;
}
