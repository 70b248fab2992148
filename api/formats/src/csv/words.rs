//! Words for money that comes in and money that goes out.

use crate::decimal::Direction;
use crate::mapping::Amounts;

/// Words for money that comes in: credit, Haben, bij, crédit …
const IN_WORDS: [&str; 14] = [
    "c",
    "cr",
    "crdt",
    "credit",
    "h",
    "haben",
    "+",
    "in",
    "bij",
    "crédit",
    "gutschrift",
    "i",
    "kredit",
    "cre",
];
/// Words for money that goes out: debit, Soll, af, débit …
const OUT_WORDS: [&str; 17] = [
    "d",
    "dr",
    "dbit",
    "debit",
    "s",
    "soll",
    "-",
    "\u{2212}",
    "\u{2013}",
    "out",
    "af",
    "débit",
    "lastschrift",
    "belastung",
    "u",
    "debet",
    "deb",
];

/// Which way a word says that money goes; none if it is no such word.
pub fn direction(word: &str, amounts: &Amounts) -> Option<Direction> {
    let word = word.to_lowercase();
    let is_one = |words: &[String], usual: &[&str]| {
        if words.is_empty() {
            usual.contains(&word.strip_suffix('.').unwrap_or(&word))
        } else {
            words.iter().any(|one| one.to_lowercase() == word)
        }
    };
    if is_one(&amounts.out_words, &OUT_WORDS) {
        Some(Direction::Out)
    } else if is_one(&amounts.in_words, &IN_WORDS) {
        Some(Direction::In)
    } else {
        None
    }
}

/// What a kind of job says of the direction.
pub fn of_kind(kind: &str) -> Option<Direction> {
    match kind {
        "deposit" => Some(Direction::In),
        "withdrawal" => Some(Direction::Out),
        _ => None,
    }
}
