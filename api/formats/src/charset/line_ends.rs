//! Line ends that are not those of others.

use std::io::{self, Read};

/// What the returns of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// They stand before the ends of lines, if there are any.
    Usual,
    /// They end the lines, as on the old Macintosh.
    Ends,
    /// They are doubled, or stand behind the ends of lines: what a program left that mended line ends twice.
    Idle,
}

/// A text whose returns are line ends, or nothing.
pub struct LineEnds {
    text: Box<dyn Read + Send>,
    returns: Returns,
}

impl LineEnds {
    /// The text with its lines ended as usual.
    pub fn of(text: Box<dyn Read + Send>, returns: Returns) -> Box<dyn Read + Send> {
        if returns == Returns::Usual { text } else { Box::new(LineEnds { text, returns }) }
    }
}

impl Read for LineEnds {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.text.read(into)?;
            let piece = into.get_mut(..read).unwrap_or_default();
            if self.returns == Returns::Ends {
                piece.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
                return Ok(read);
            }
            let mut kept = 0;
            for at in 0..read {
                if piece.get(at).is_some_and(|byte| *byte != b'\r') {
                    piece.swap(kept, at);
                    kept += 1;
                }
            }
            // Nothing would be the end of the text.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}
