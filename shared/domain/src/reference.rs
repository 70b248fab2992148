//! What makes two writings of a reference the same reference.
//!
//! A reference names one job for ever, and people compare references by eye. So blanks around one do not count,
//! composed and decomposed letters are the same (Unicode normalization form C, UAX #15), and what no eye can see is
//! refused.

use unicode_normalization::UnicodeNormalization as _;

use super::text::{InvalidText, Reference};

/// A reference that is not what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// It holds a character that nobody sees.
    #[error("holds the invisible character U+{:04X} at place {place}; remove it", u32::from(*character))]
    Invisible {
        /// The character.
        character: char,
        /// Its place among the characters, from 1.
        place: usize,
    },
    /// Nothing is left of it, or too much.
    #[error(transparent)]
    Length(#[from] InvalidText),
}

impl Reference {
    /// The one writing of this reference.
    ///
    /// # Errors
    /// It holds an invisible character, or only blanks, or is too long once it is composed.
    pub fn canonical(&self) -> Result<Reference, InvalidReference> {
        let text = self.as_str();
        let trimmed = text.trim();
        let leading = text.len() - text.trim_start().len();
        let before = text.get(..leading).unwrap_or_default().chars().count();
        if let Some((place, character)) = (before + 1..).zip(trimmed.chars()).find(|(_, c)| is_invisible(*c))
        {
            return Err(InvalidReference::Invisible { character, place });
        }
        Ok(Reference::parse(trimmed.nfc().collect::<String>())?)
    }
}

/// Characters that are not seen, or that look like a plain blank and are another: control and format characters,
/// blanks of other widths, and what Unicode lets a font leave out (`Default_Ignorable_Code_Point`, UAX #44).
fn is_invisible(c: char) -> bool {
    if c == ' ' {
        return false;
    }
    c.is_control()
        || c.is_whitespace()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{1345F}' | '\u{16FE4}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, InvalidReference> {
        Reference::parse(text).unwrap().canonical().map(|reference| reference.to_string())
    }

    #[test]
    fn writings_of_one_reference_are_one() {
        for text in ["Müller 7", "  Müller 7", "Mu\u{308}ller 7 ", "\u{a0}Müller 7\u{3000}"] {
            assert_eq!(canonical(text).unwrap(), "Müller 7", "{text:?}");
        }
        assert_ne!(canonical("müller 7"), canonical("Müller 7"), "case is part of a reference");
        assert_ne!(canonical("A/1"), canonical("Ａ/1"), "and so is the width of its letters");
    }

    #[test]
    fn what_no_eye_sees_is_refused_by_name() {
        for character in
            ['\u{200B}', '\u{FEFF}', '\u{AD}', '\u{A0}', '\u{2028}', '\u{2060}', '\u{E0020}', '\u{3164}']
        {
            let error = canonical(&format!(" ab{character}c")).unwrap_err();
            assert_eq!(error, InvalidReference::Invisible { character, place: 4 });
            assert!(error.to_string().contains(&format!("U+{:04X}", u32::from(character))), "{error}");
        }
        assert!(matches!(canonical("   "), Err(InvalidReference::Length(_))));
    }
}
