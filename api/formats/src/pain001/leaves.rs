//! What stands in an element.

use crate::limits::ROW_BYTES_MAX;

/// The most leaves of a header or a payment.
pub const LEAVES_MAX: usize = 4_000;

/// The most bytes of all of them, with their paths: elements within each other write theirs once, and each has it.
pub const LEAVES_BYTES_MAX: usize = 8 * ROW_BYTES_MAX;

/// What stands where an id is asked for and there is none.
pub const NOT_PROVIDED: &str = "NOTPROVIDED";

/// The leaves of an element: the path below it, by local names, the `Ccy` attribute, and the text.
#[derive(Debug, Clone, Default)]
pub struct Leaves {
    all: Vec<(String, Option<String>, String)>,
    bytes: usize,
}

impl Leaves {
    /// Adds one; false if they are too many.
    pub fn push(&mut self, path: String, currency: Option<String>, text: String) -> bool {
        self.bytes += path.len() + currency.as_ref().map_or(0, String::len) + text.len();
        self.all.push((path, currency, text));
        self.all.len() <= LEAVES_MAX && self.bytes <= LEAVES_BYTES_MAX
    }

    /// The text at a path, trimmed; `None` if it is not there or empty.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.all(path).next()
    }

    /// Every text at a path.
    pub fn all(&self, path: &str) -> impl Iterator<Item = &str> {
        let at = self.all.iter().filter(move |(known, ..)| known == path);
        at.map(|(.., text)| text.trim()).filter(|text| !text.is_empty())
    }

    /// The currency of the amount at a path.
    pub fn currency(&self, path: &str) -> Option<&str> {
        self.all.iter().find(|(known, ..)| known == path)?.1.as_deref()
    }
}
