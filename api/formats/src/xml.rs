//! Text that is well-formed XML 1.0, whatever clients wrote.

use std::fmt::Write as _;

use quick_xml::escape::escape;

/// A document, or a part of it, under construction.
#[derive(Debug, Default)]
pub struct Xml(String);

impl From<String> for Xml {
    fn from(text: String) -> Xml {
        Xml(text)
    }
}

impl Xml {
    /// Markup as it stands in the source.
    pub fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// An element with other elements in it.
    pub fn within(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        // Writing to a string never fails.
        let _ = write!(self.0, "<{name}>");
        content(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// An element with a code or a number in it, of which nothing is to be escaped.
    pub fn leaf(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "<{name}>{value}</{name}>");
    }

    /// An element with what somebody wrote in it, cut to `chars_max` characters; none at all if nothing is left of it.
    pub fn text(&mut self, name: &str, text: &str, chars_max: usize) {
        if !is_shown(text) {
            return;
        }
        self.within(name, |xml| {
            let text: String = text.chars().filter(|c| is_allowed(*c)).take(chars_max).collect();
            xml.raw(&escape(&text));
        });
    }

    /// The finished text.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Whether anything is left of a text without what XML cannot carry.
pub fn is_shown(text: &str) -> bool {
    text.chars().any(is_allowed)
}

/// The characters of XML 1.0, section 2.2, without control characters.
pub(crate) fn is_allowed(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wrote_stays_text() {
        let mut xml = Xml::default();
        xml.text("Ustrd", "a<b>&\"'\u{0}\u{8}\u{ffff}ü𝄞", 140);
        xml.text("Nm", "\u{1}", 140);
        xml.text("Id", "abcdef", 3);
        assert_eq!(xml.into_text(), "<Ustrd>a&lt;b&gt;&amp;&quot;&apos;ü𝄞</Ustrd><Id>abc</Id>");
    }
}
