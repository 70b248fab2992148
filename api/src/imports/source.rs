//! The file of an import, opened as its description says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use formats::{FileError, Format, Options, Reader};

use super::description::Description;

/// What a file is written in, as its description says or as it looks.
pub(super) fn format(file: &mut File, description: &Description) -> Result<Format, FileError> {
    match &description.format {
        Some(format) => format.parse(),
        None => Format::guess(description.media_type.as_deref(), description.name.as_deref(), file),
    }
}

/// Opens a file, which reads it once to its end; `position` is to tell how far it has been read since.
pub(super) fn open(
    file: File,
    format: Format,
    description: &Description,
    options: &Options,
    position: &Position,
) -> Result<Box<dyn Reader>, FileError> {
    let file = Watched { file, position: position.clone() };
    // What cannot be understood was refused with the request.
    let mapping = description.mapping().map_err(|error| FileError::Header(error.to_string()))?;
    formats::open(file, format, &mapping, options)
}

/// How much of a file has been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Position(Arc<AtomicU64>);

impl Position {
    /// In bytes, as the file lies on the disk.
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

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.file.seek(to)?;
        self.position.0.store(at, Relaxed);
        Ok(at)
    }
}
