//! The bytes of a file, unfolded where they are gzip, within limits.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;

use crate::error::FileError;
use crate::limits::{UNFOLDED_BYTES_MAX, UNFOLDED_RATIO_MAX};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// The first two bytes of a gzip member (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Unfolded bytes up to which no ratio is held against a file: small files of one repeated row are sound.
const RATIO_FREE_BYTES: u64 = 8 * 1024 * 1024;

/// What a file is read from: it is read more than once.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// A file that can be read from its start again and again; one pass at a time.
#[derive(Clone)]
pub struct Source {
    file: Arc<Mutex<Box<dyn Input>>>,
}

impl Source {
    /// A file, wherever it stands.
    pub fn new(file: Box<dyn Input>) -> Result<Source, FileError> {
        Ok(Source { file: Arc::new(Mutex::new(file)) })
    }

    /// The unfolded bytes from the start. A pass that was begun before must not be read on.
    pub fn pass(&self) -> Result<Box<dyn Read + Send>, FileError> {
        Source::unfolded(Shared(self.file.clone()))
    }

    /// The unfolded bytes of a file, from its start.
    pub fn unfolded<'a>(mut file: impl Input + 'a) -> Result<Box<dyn Read + Send + 'a>, FileError> {
        let bytes = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic)?;
        file.rewind()?;
        if magic != GZIP_MAGIC {
            return Ok(Box::new(file));
        }
        let limit = UNFOLDED_BYTES_MAX.min(RATIO_FREE_BYTES.max(bytes.saturating_mul(UNFOLDED_RATIO_MAX)));
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, file));
        Ok(Box::new(Unfolded { decoder, bytes: 0, limit }))
    }
}

/// One handle of the file that all passes share.
struct Shared(Arc<Mutex<Box<dyn Input>>>);

impl Read for Shared {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(into)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seek(to)
    }
}

struct Unfolded<R> {
    decoder: MultiGzDecoder<BufReader<R>>,
    bytes: u64,
    limit: u64,
}

impl<R: Read> Read for Unfolded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::GzipCutOff { bytes: self.bytes }.into(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                io::Error::from(FileError::GzipDamaged { bytes: self.bytes, reason: error.to_string() })
            }
            _ => error,
        })?;
        self.bytes += read as u64;
        if self.bytes > self.limit { Err(FileError::GzipBomb.into()) } else { Ok(read) }
    }
}
