//! Reading files of jobs: CSV, NDJSON and ISO 20022 pain.001, plain or gzip, in constant memory, but for eight bytes
//! of each payment, and some fifty of those whose ids repeat.
//!
//! [`open`] reads a file once from end to end before it gives the first row, so that what refuses the
//! whole file (a stream that is cut off, a line without end, totals that are wrong) is known before any
//! row is accepted. What is wrong with one row is an error of that row, and the next one is read.

mod charset;
mod csv;
mod decimal;
mod error;
mod foreign;
mod format;
mod iban;
mod limits;
mod lines;
mod mapping;
mod ndjson;
mod pain001;
pub mod pain002;
mod reader;
pub mod refused;
mod source;
mod text;
pub mod xml;

pub use self::iban::is_iban;
pub use decimal::in_units;
pub use error::{FileError, RowError, Total};
pub use format::Format;
pub use mapping::{InvalidMapping, Mapping};
pub use pain001::{EXECUTION_DATE, Message, NOT_PROVIDED, PaymentIds, header_of, was_ahead};
pub use reader::{FormerName, Options, PaymentName, Reader, Row, RowIdentity};
pub use source::Input;

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
