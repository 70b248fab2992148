//! How far a client has read.

use std::fmt;
use std::str::FromStr;

/// The place of the event that comes next: its message, and its place in that. As text: `17.3`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The message.
    pub offset: u64,
    /// The event in it, from 0.
    pub place: usize,
}

/// Not a cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Cursor, InvalidCursor> {
        let (offset, place) = text.split_once('.').ok_or(InvalidCursor)?;
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<u64>().ok()).flatten()
        };
        let place = number(place).and_then(|place| usize::try_from(place).ok());
        Ok(Cursor { offset: number(offset).ok_or(InvalidCursor)?, place: place.ok_or(InvalidCursor)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.offset, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor { offset: 17, place: 3 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "17", "17.", ".3", "-1.0", "+1.0", "1.x", "99999999999999999999.0"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
