//! The charset of a text: found or stated, and decoded as it streams.

mod line_ends;
mod strays;

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use line_ends::{LineEnds, Returns};
use strays::Marked;
pub use strays::{damage, settled};

use crate::error::FileError;
use crate::limits::ROW_BYTES_MAX;
use crate::lines;
use crate::source::Source;

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    /// Bytes of the mark before the text.
    bom: usize,
    returns: Returns,
    strays: Strays,
}

/// What becomes of bytes that are no UTF-8 in a text that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strays {
    /// Nothing.
    Kept,
    /// Each is a character for itself, and the reason of its row names it: [`damage`].
    Marked,
    /// The same, but rows without a sound letter of UTF-8 are Windows-1252: [`settled`].
    Settled,
}

/// Whether the lines of a file are its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// They are, so none may be long.
    Lines,
    /// A file may be one line.
    Any,
}

/// The most bytes of a line in any charset: UTF-16 has two for one of UTF-8.
const LINE_BYTES_MAX: usize = 2 * ROW_BYTES_MAX;

/// Bytes of a text for each zero byte in it, at least; a program or a picture has more zeros.
const TEXT_BYTES_PER_ZERO_MIN: u64 = 32;

/// Finds the charset of a file by reading it to its end. A byte order mark counts more than what is stated:
/// a spreadsheet that saves a corrected file as UTF-8 writes one.
pub fn find(source: &Source, stated: Option<&str>, length: Length) -> Result<Charset, FileError> {
    let named = |label: &str| labelled(label).ok_or_else(|| FileError::UnknownCharset(label.to_owned()));
    let stated = stated.map(named).transpose()?;
    let facts = Facts::gather(&mut *source.pass()?, length)?;
    let charset = |encoding, bom| facts.charset(encoding, bom);
    if let Some((encoding, bom)) = facts.bom {
        return Ok(charset(encoding, bom).marking(facts.strays()));
    }
    // Which half comes first is seen better than said: "UTF-16" alone says either.
    let is_utf_16 = |encoding: &&'static Encoding| *encoding == UTF_16BE || *encoding == UTF_16LE;
    if let Some(encoding) = facts.utf_16.or(stated.filter(is_utf_16)) {
        return Ok(charset(encoding, 0));
    }
    facts.refuse_zeros()?;
    match stated {
        Some(encoding) => Ok(charset(encoding, 0).marking(facts.strays())),
        None if facts.invalid > 0 && facts.sequences == 0 => Ok(charset(WINDOWS_1252, 0)),
        // Some accents of UTF-8 make a stray byte a fault; where most are stray, the file is put together of two.
        None if facts.invalid > facts.sequences => Ok(charset(UTF_8, 0).marking(Strays::Settled)),
        None => Ok(charset(UTF_8, 0).marking(facts.strays())),
    }
}

/// Finds the charset of a file that is UTF-8, or UTF-16 by how it begins. Bytes that are neither stay as they are.
pub fn unicode(source: &Source) -> Result<Charset, FileError> {
    let facts = Facts::gather(&mut *source.pass()?, Length::Lines)?;
    if let Some((encoding, bom)) = facts.bom {
        return Ok(facts.charset(encoding, bom));
    }
    if facts.utf_16.is_none() {
        facts.refuse_zeros()?;
    }
    Ok(facts.charset(facts.utf_16.unwrap_or(UTF_8), 0))
}

/// By a label of the Encoding Standard, or as people and spreadsheets write one.
fn labelled(label: &str) -> Option<&'static Encoding> {
    if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
        return Some(encoding);
    }
    let plain: String =
        label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "ansi" => Some(WINDOWS_1252),
        "utf16" | "utf16le" => Some(UTF_16LE),
        "utf16be" => Some(UTF_16BE),
        _ => Encoding::for_label(plain.replace("windows", "cp").as_bytes()),
    }
}

impl Charset {
    /// The same, with strays marked if it is UTF-8.
    fn marking(self, strays: Strays) -> Charset {
        if self.encoding == UTF_8 { Charset { strays, ..self } } else { self }
    }

    /// The same, with strays as they are.
    pub fn unmarked(self) -> Charset {
        Charset { strays: Strays::Kept, ..self }
    }

    /// Whether rows may be in either of two charsets.
    pub fn has_two(self) -> bool {
        self.strays == Strays::Settled
    }

    /// The text from its start, in UTF-8.
    pub fn decoded(self, source: &Source) -> Result<Box<dyn Read + Send>, FileError> {
        let mut bytes = source.pass()?;
        io::copy(&mut bytes.by_ref().take(self.bom as u64), &mut io::sink())?;
        let text: Box<dyn Read + Send> = if self.encoding == UTF_8 {
            if self.strays == Strays::Kept { bytes } else { Box::new(Marked::new(bytes)) }
        } else {
            let mut decoder = DecodeReaderBytesBuilder::new();
            Box::new(decoder.encoding(Some(self.encoding)).bom_sniffing(false).build(bytes))
        };
        Ok(LineEnds::of(text, self.returns))
    }
}

/// What one pass over the bytes tells.
#[derive(Default)]
struct Facts {
    bom: Option<(&'static Encoding, usize)>,
    utf_16: Option<&'static Encoding>,
    /// Lines so far, from 1.
    line: u64,
    has_returns: bool,
    /// Returns are doubled before the end of a line, or stand behind it.
    has_idle_returns: bool,
    /// The last two bytes.
    last: [u8; 2],
    bytes: u64,
    zeros: u64,
    /// How many of them fill up the end.
    zeros_at_end: u64,
    /// Line of the first zero byte.
    zero: Option<u64>,
    /// Characters of several bytes that are sound UTF-8.
    sequences: u64,
    /// Bytes that are not.
    invalid: u64,
}

impl Facts {
    fn gather(bytes: &mut dyn Read, length: Length) -> Result<Facts, FileError> {
        let mut facts = Facts { line: 1, ..Facts::default() };
        let mut buffer = vec![0; 64 * 1024];
        // Bytes at the buffer's start left over from the piece before: a character that was cut.
        let (mut kept, mut is_first, mut unended) = (0, true, 0);
        loop {
            let read = bytes.read(buffer.get_mut(kept..).unwrap_or_default())?;
            let piece = buffer.get(..kept + read).unwrap_or_default();
            if is_first && read > 0 {
                facts.bom = Encoding::for_bom(piece);
                facts.utf_16 = utf_16_without_mark(piece);
                is_first = false;
            }
            let taken = facts.take(piece, read == 0);
            match memchr::memrchr2(b'\n', b'\r', piece) {
                Some(_) => unended = 0,
                None if length == Length::Lines && unended > LINE_BYTES_MAX => {
                    return Err(FileError::RowTooLong { line: facts.line });
                }
                None => unended += read,
            }
            let end = kept + read;
            buffer.copy_within(taken..end, 0);
            kept = end - taken;
            if read == 0 {
                return Ok(facts);
            }
        }
    }

    /// Looks at a piece of the bytes; how many of them are done with.
    fn take(&mut self, piece: &[u8], is_last: bool) -> usize {
        let mut at = 0;
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            let (sound, fault) = match std::str::from_utf8(rest) {
                Ok(_) => (rest, None),
                Err(error) => (rest.get(..error.valid_up_to()).unwrap_or_default(), Some(error.error_len())),
            };
            self.take_sound(sound);
            at += sound.len();
            match fault {
                None => return at,
                Some(None) if !is_last => return at,
                Some(length) => {
                    let bytes = length.unwrap_or(piece.len() - at);
                    self.invalid += 1;
                    at += bytes;
                }
            }
        }
    }

    fn take_sound(&mut self, sound: &[u8]) {
        let zeros = memchr::memchr_iter(0, sound);
        if self.zero.is_none()
            && let Some(at) = zeros.clone().next()
        {
            self.zero = Some(self.line + lines::count(sound.get(..at).unwrap_or_default()));
        }
        self.zeros += zeros.count() as u64;
        let at_end = sound.iter().rev().take_while(|byte| **byte == 0).count();
        self.zeros_at_end = at_end as u64 + if at_end == sound.len() { self.zeros_at_end } else { 0 };
        self.bytes += sound.len() as u64;
        self.take_returns(sound);
        self.line += lines::count(sound);
        if !sound.is_ascii() {
            self.sequences += sound.iter().filter(|byte| **byte >= 0xC0).count() as u64;
        }
    }

    /// Looks for returns that end nothing: in `\r\r\n`, and in `\n\r` before something else than an end.
    fn take_returns(&mut self, sound: &[u8]) {
        let before = |at: usize, back: usize| match at.checked_sub(back) {
            Some(at) => sound.get(at).copied(),
            None => self.last.get((2 + at).checked_sub(back)?).copied(),
        };
        for at in memchr::memchr_iter(b'\r', sound) {
            self.has_returns = true;
            let next = sound.get(at + 1);
            let is_doubled = next == Some(&b'\n') && before(at, 1) == Some(b'\r');
            let is_behind = before(at, 1) == Some(b'\n')
                && before(at, 2) != Some(b'\r')
                && next.is_some_and(|next| !matches!(next, b'\r' | b'\n'));
            self.has_idle_returns |= is_doubled || is_behind;
        }
        if let [.., one, two] = *sound {
            self.last = [one, two];
        } else if let [one] = *sound {
            self.last = [self.last[1], one];
        }
    }

    fn charset(&self, encoding: &'static Encoding, bom: usize) -> Charset {
        let returns = match (self.line, self.has_returns, self.has_idle_returns) {
            (1, true, _) => Returns::Ends,
            (_, _, true) => Returns::Idle,
            _ => Returns::Usual,
        };
        Charset { encoding, bom, returns, strays: Strays::Kept }
    }

    fn strays(&self) -> Strays {
        if self.invalid > 0 { Strays::Marked } else { Strays::Kept }
    }

    /// A zero byte here and there is a fault of its row.
    fn refuse_zeros(&self) -> Result<(), FileError> {
        match self.zero {
            Some(line) if (self.zeros - self.zeros_at_end) * TEXT_BYTES_PER_ZERO_MIN > self.bytes => {
                Err(FileError::NotText { line })
            }
            _ => Ok(()),
        }
    }
}

/// Text that is mostly ASCII has every other byte zero in UTF-16.
fn utf_16_without_mark(start: &[u8]) -> Option<&'static Encoding> {
    let pairs = start.chunks_exact(2).take(64);
    let count = pairs.len();
    let zero_at = |place: usize| pairs.clone().filter(|pair| pair.get(place) == Some(&0)).count();
    let mostly = |zeros: usize| count >= 8 && zeros * 10 > count * 8;
    match (zero_at(0), zero_at(1)) {
        (0, low) if mostly(low) => Some(UTF_16LE),
        (high, 0) if mostly(high) => Some(UTF_16BE),
        _ => None,
    }
}
