//! Files that are no text at all, known by their first bytes, so that their sender reads what to do about it.

use std::io::Read as _;

use crate::error::FileError;
use crate::source::{Input, Source};

/// How files of other kinds begin, what they are, and the remedy.
const STARTS: [(&[u8], &str, &str); 10] = [
    (b"%PDF-", "a PDF document", "ask the bank for the same as CSV or pain.001"),
    (b"PK\x03\x04", "a workbook (xlsx, ods) or another zip archive", "save the sheet as CSV, or unpack it"),
    (b"\xD0\xCF\x11\xE0", "a workbook or document of Microsoft Office (xls, doc)", "save the sheet as CSV"),
    (b"\x1F\x8B", "gzip within gzip", "pack it once"),
    (b"BZh", "packed with bzip2", "pack it with gzip, or send it as it is"),
    (b"\xFD7zXZ", "packed with xz", "pack it with gzip, or send it as it is"),
    (b"\x28\xB5\x2F\xFD", "packed with zstd", "pack it with gzip, or send it as it is"),
    (b"7z\xBC\xAF", "a 7-zip archive", "unpack it, and pack it with gzip if at all"),
    (b"Rar!", "a RAR archive", "unpack it, and pack it with gzip if at all"),
    (b"\x89PNG", "a picture", "ask the bank for the same as CSV or pain.001"),
];

/// The most bytes of a start.
const START_BYTES_MAX: u64 = 8;

/// Refuses a file that begins like none that is read here, and leaves it at its start.
pub fn refuse(file: &mut (impl Input + ?Sized)) -> Result<(), FileError> {
    let mut start = Vec::new();
    // What is wrong with the stream is said when it is opened.
    let _ = Source::unfolded(&mut *file)?.take(START_BYTES_MAX).read_to_end(&mut start);
    file.rewind()?;
    match STARTS.iter().find(|(bytes, ..)| start.starts_with(bytes)) {
        Some((_, what, remedy)) => Err(FileError::Foreign { what, remedy }),
        None => Ok(()),
    }
}
