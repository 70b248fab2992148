//! Short texts with a limit: what clients write and what is stored as they wrote it.

use std::str::FromStr;

use derive_more::Display;
use serde_with::{DeserializeFromStr, SerializeDisplay};

/// The client of jobs that come in where nobody is asked for a key.
pub const ANONYMOUS: &str = "anonymous";
/// The client under whose name the fleet itself submits jobs.
pub const FLEET: &str = "tellers";

/// A text that is empty, too long, or holds what cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Empty or too long.
    #[error("must be 1 to {max} characters without control characters")]
    Length {
        /// The most characters.
        max: usize,
    },
    /// It holds what cannot be printed.
    #[error(
        "holds the control character U+{:04X} at place {place}; remove it, control characters cannot be kept",
        u32::from(*character)
    )]
    Control {
        /// The character.
        character: char,
        /// Its place among the characters, from 1.
        place: usize,
    },
}

/// Checks a text of at most `max` characters.
fn check(text: &str, max: usize) -> Result<(), InvalidText> {
    if text.is_empty() || text.chars().count() > max {
        return Err(InvalidText::Length { max });
    }
    match (1..).zip(text.chars()).find(|(_, character)| character.is_control()) {
        Some((place, character)) => Err(InvalidText::Control { character, place }),
        None => Ok(()),
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($max:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(Display, SerializeDisplay, DeserializeFromStr)]
        pub struct $name(String);

        impl $name {
            /// The most characters that it may have.
            pub const CHARS_MAX: usize = $max;

            /// Takes the text as it is.
            ///
            /// # Errors
            /// It is empty, longer than `CHARS_MAX` characters, or holds a control character.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
                let text = text.into();
                check(&text, $max)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;
            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::parse(text)
            }
        }
    )*};
}

texts! {
    /// Who submits jobs: the name of an API key, or `anonymous`.
    Client(64);
    /// A client's own name for a job, and its idempotency key within the client.
    Reference(128);
    /// The text on the statement, as long as the remittance line of ISO 20022 (`Max140Text`).
    Memo(140);
    /// The name of an account's holder or of a counterparty (ISO 20022 `Max140Text`).
    Name(140);
    /// The account of a counterparty outside, as its bank writes it (ISO 20022 `Max34Text`).
    OutsideAccount(34);
    /// Why somebody stopped something.
    Why(140);
    /// An identification or a reference of a payment (ISO 20022 `Max35Text`).
    PaymentId(35);
    /// An end-to-end reference of a payment with every bank on its way (ISO 20022 `UUIDv4Identifier`).
    Uetr(36);
}
