//! A bound on what one event of XML may read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A text that does not let one event grow without end.
pub struct Metered {
    /// The text.
    pub text: Box<dyn Read + Send>,
    /// Bytes that were read since somebody set it to 0.
    pub meter: Arc<AtomicU64>,
    /// The most of them.
    pub bytes_max: u64,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(into)?;
        if self.meter.fetch_add(read as u64, Ordering::Relaxed) + read as u64 > self.bytes_max {
            return Err(io::Error::other("a text or tag is too long"));
        }
        Ok(read)
    }
}
