//! Bytes that are no UTF-8 in a text that is: marked, so that the text stays sound and their row is refused
//! with a reason.

use std::io::{self, Read};

use encoding_rs::WINDOWS_1252;

/// The character that stands for the byte 0x00. Those that stand for 0x80 to 0xFF are for private use, and no font of a
/// bank has them.
const MARK_START: u32 = 0xF700;

/// Bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;

/// The byte that a character stands for.
fn marked(c: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(c).checked_sub(MARK_START)?).ok()?;
    (byte >= 0x80).then_some(byte)
}

fn mark(byte: u8) -> char {
    char::from_u32(MARK_START + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A line; one that has strays and no sound letter beside them as the text that it is in Windows-1252.
pub fn settled(line: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let has_strays = text.contains(|c| marked(c).is_some());
    if !has_strays || !text.chars().all(|c| c.is_ascii() || marked(c).is_some()) {
        return line.to_vec();
    }
    let byte = |c: char| marked(c).or(u8::try_from(u32::from(c)).ok()).unwrap_or(b'?');
    let bytes: Vec<u8> = text.chars().map(byte).collect();
    WINDOWS_1252.decode_without_bom_handling(&bytes).0.into_owned().into_bytes()
}

/// The first byte of a row that makes no sense there, and what to do about it.
pub fn damage(row: &[u8], has_two_charsets: bool) -> Option<(usize, String)> {
    if let Some(at) = memchr::memchr(0, row) {
        return Some((at, "holds a zero byte here; remove it".to_owned()));
    }
    let text = match std::str::from_utf8(row) {
        _ if row.is_ascii() => return None,
        Ok(text) => text,
        Err(error) => return Some((error.valid_up_to(), "is not UTF-8 from here on; correct it".to_owned())),
    };
    if let Some((at, byte)) = text.char_indices().find_map(|(at, c)| Some((at, marked(c)?))) {
        let reason = format!(
            "holds the byte {byte:#04x} here, which is not UTF-8, while other rows are; write the letter that is meant \
             here, and send the row again in UTF-8"
        );
        return Some((at, reason));
    }
    if !has_two_charsets {
        return None;
    }
    // Two letters of Windows-1252 may look like one of UTF-8.
    let is_western = |c: char| !WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])).2;
    let (at, c) = text.char_indices().find(|(_, c)| !is_western(*c))?;
    let reason = format!(
        "holds {c:?} here if it is UTF-8, and other letters if it is Windows-1252, and the file has rows in both; write it \
         as it is meant, and send the row again in UTF-8"
    );
    Some((at, reason))
}

/// A text in UTF-8 whose stray bytes are characters of their own.
pub struct Marked {
    bytes: Box<dyn Read + Send>,
    /// Bytes that are not done with: the start of a character.
    kept: Vec<u8>,
    text: String,
    at: usize,
}

impl Marked {
    pub fn new(bytes: Box<dyn Read + Send>) -> Marked {
        Marked { bytes, kept: Vec::new(), text: String::new(), at: 0 }
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        (self.at, self.text) = (0, std::mem::take(&mut self.text));
        self.text.clear();
        let start = self.kept.len();
        self.kept.resize(start + PIECE_BYTES, 0);
        let read = self.bytes.read(self.kept.get_mut(start..).unwrap_or_default())?;
        self.kept.truncate(start + read);
        let mut done = 0;
        for chunk in self.kept.utf8_chunks() {
            self.text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            done += chunk.valid().len();
            // What ends the piece may be the start of a character.
            let is_cut = done + invalid.len() == self.kept.len() && read > 0 && is_start(invalid);
            if !is_cut {
                self.text.extend(invalid.iter().map(|byte| mark(*byte)));
                done += invalid.len();
            }
        }
        self.kept.drain(..done);
        Ok(read > 0 || !self.text.is_empty())
    }
}

/// Whether more bytes could make a character of these.
fn is_start(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

impl Read for Marked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into.get_mut(..count).unwrap_or_default().copy_from_slice(rest.get(..count).unwrap_or_default());
        self.at += count;
        Ok(count)
    }
}
