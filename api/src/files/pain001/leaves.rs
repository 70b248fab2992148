//! What stands in an element.

/// The leaves of an element: the path below it, by local names, the `Ccy` attribute, and the text.
#[derive(Debug, Clone, Default)]
pub struct Leaves(pub(super) Vec<(String, Option<String>, String)>);

impl Leaves {
    /// The text at a path, trimmed; `None` if it is not there or empty.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.all(path).next()
    }

    /// Every text at a path.
    pub fn all(&self, path: &str) -> impl Iterator<Item = &str> {
        let at = self.0.iter().filter(move |(known, ..)| known == path);
        at.map(|(.., text)| text.trim()).filter(|text| !text.is_empty())
    }

    /// The currency of the amount at a path.
    pub fn currency(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(known, ..)| known == path)?.1.as_deref()
    }
}
