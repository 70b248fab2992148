//! International bank account numbers (ISO 13616).

use std::borrow::Cow;

use iban::{Iban, IbanLike as _, ParseIbanError};

/// Lengths of an IBAN: Norway's is the shortest, 34 the most that the standard allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// A number without the blanks that people group it by.
pub fn compact(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_whitespace) {
        Cow::Owned(text.chars().filter(|c| !c.is_whitespace()).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for what looks like an IBAN; any other account stays as its bank writes it.
pub fn compact_if_iban(text: &str) -> Cow<'_, str> {
    let compacted = compact(text);
    if has_form(&compacted) { compacted } else { Cow::Borrowed(text) }
}

/// Whether a text has the form of an IBAN: country, two check digits, and letters or digits.
pub fn has_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    LENGTHS.contains(&bytes.len())
        && bytes.iter().take(2).all(u8::is_ascii_alphabetic)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether a text is an IBAN in its electronic form, in capital letters: its check digits fit (ISO 7064, mod 97-10), and so do
/// its length and form where the IBAN Registry of SWIFT, the registration authority of ISO 13616, has those of its
/// country. Some countries use the form without having registered it.
pub fn is_iban(text: &str) -> bool {
    let iban = match text.parse::<Iban>() {
        Ok(iban) => iban.into(),
        Err(ParseIbanError::UnknownCountry(iban)) => iban,
        Err(_) => return false,
    };
    LENGTHS.contains(&text.len()) && iban.electronic_str() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        for iban in
            ["DE89370400440532013000", "GB82WEST12345698765432", "CH9300762011623852957", "NO9386011117947"]
        {
            assert!(is_iban(iban), "{iban}");
        }
        for iban in [
            "DE88370400440532013000",
            "DE89",
            "",
            "GB82WEST12345698765423",
            "Konto 12",
            "alice",
            "de89370400440532013000",
            "external:EUR:3",
            "ÄÄ89370400440532013000",
        ] {
            assert!(!is_iban(iban), "{iban}");
        }
        // The check digits fit, but Germany's have 22 places. Angola has registered no length.
        assert!(!is_iban("DE543704004405320130001"));
        assert!(is_iban("AO06000600000100037131174"));
        assert_eq!(compact("DE89 3704 0044 0532 0130 00"), "DE89370400440532013000");
        assert_eq!(compact_if_iban("Konto 12 34"), "Konto 12 34");
    }
}
