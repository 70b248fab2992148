//! International bank account numbers (ISO 13616).

use std::borrow::Cow;

/// Lengths of an IBAN: Norway's is the shortest, 34 the most that the standard allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// How long IBANs of a country are, by the IBAN Registry of SWIFT, the registration authority of ISO 13616. Some
/// more countries use the form without having registered it.
const LENGTHS_BY_COUNTRY: [(usize, &str); 18] = [
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

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

/// Whether an IBAN is as long as those of its country, as far as that is known.
fn has_length(iban: &str) -> bool {
    let country = iban.get(..2).unwrap_or_default().to_ascii_uppercase();
    let known =
        LENGTHS_BY_COUNTRY.iter().find(|(_, countries)| countries.split(' ').any(|one| one == country));
    known.is_none_or(|(length, _)| iban.len() == *length)
}

/// Whether an IBAN's length and check digits fit.
pub fn is_sound(iban: &str) -> bool {
    has_length(iban) && check_digits_fit(iban)
}

/// Whether a text has the form of an IBAN and check digits that fit (ISO 7064, mod 97-10), of whatever length.
#[must_use]
pub fn check_digits_fit(iban: &str) -> bool {
    let Some((start, rest)) = iban.split_at_checked(4).filter(|_| has_form(iban)) else { return false };
    let remainder = rest.bytes().chain(start.bytes()).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        for iban in
            ["DE89370400440532013000", "GB82WEST12345698765432", "CH9300762011623852957", "NO9386011117947"]
        {
            assert!(is_sound(iban), "{iban}");
        }
        for iban in [
            "DE88370400440532013000",
            "DE89",
            "",
            "GB82WEST12345698765423",
            "Konto 12",
            "ÄÄ89370400440532013000",
        ] {
            assert!(!is_sound(iban), "{iban}");
        }
        // The check digits fit, but Germany's have 22 places. Angola has registered no length.
        assert!(!is_sound("DE543704004405320130001"));
        assert!(is_sound("AO06000600000100037131174"));
        assert_eq!(compact("DE89 3704 0044 0532 0130 00"), "DE89370400440532013000");
        assert_eq!(compact_if_iban("Konto 12 34"), "Konto 12 34");
    }
}
