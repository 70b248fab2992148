//! The digits of a number, and the marks between them.

use super::around::Written;
use crate::text::is_blank;

/// Why a text is no amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnAmount {
    /// It is no number.
    NoNumber,
    /// It names another currency, with these letters or this symbol.
    OtherCurrency(String),
    /// Its marks are not where the stated form has them.
    Groups,
    /// It has more decimals than the currency.
    Decimals(usize),
    /// It is beyond what can be posted.
    TooLarge,
}

/// What stands between the units and their decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalMark {
    Point,
    Comma,
}

impl DecimalMark {
    /// The mark itself.
    pub fn char(self) -> char {
        match self {
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        }
    }

    /// The other one, which then stands between groups.
    pub fn other(self) -> DecimalMark {
        match self {
            DecimalMark::Point => DecimalMark::Comma,
            DecimalMark::Comma => DecimalMark::Point,
        }
    }

    /// As a map states it.
    pub fn name(self) -> &'static str {
        match self {
            DecimalMark::Comma => "comma",
            DecimalMark::Point => "point",
        }
    }
}

impl<'a> Written<'a> {
    /// The digits before the mark, with groups, and those behind it, where the mark stands before decimals.
    pub fn digits(&self, mark: DecimalMark) -> Result<(&'a str, &'a str), NotAnAmount> {
        if self.whole.is_some() {
            // A dash stands for the decimals, so whatever mark is left stands between groups.
            check_groups(self.number, |c| matches!(c, '.' | ','))?;
            return Ok((self.number, ""));
        }
        let (whole, decimals) = self.number.split_once(mark.char()).unwrap_or((self.number, ""));
        if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnAmount::Groups);
        }
        if whole.is_empty() && decimals.is_empty() {
            return Err(NotAnAmount::NoNumber);
        }
        check_groups(whole, |c| c == mark.other().char())?;
        Ok((whole, decimals))
    }
}

/// Digits in groups of three (or of two before the last three, as in India), or without groups.
fn check_groups(whole: &str, group: impl Fn(char) -> bool) -> Result<(), NotAnAmount> {
    let is_group_mark =
        |c: char| group(c) || is_blank(c) || matches!(c, '\'' | '\u{2019}' | '\u{2BC}' | '\u{60}' | '\u{B4}');
    if whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    if !whole.chars().all(|c| c.is_ascii_digit() || is_group_mark(c)) {
        let is_number =
            whole.chars().all(|c| c.is_ascii_digit() || is_group_mark(c) || matches!(c, '.' | ','));
        return Err(if is_number { NotAnAmount::Groups } else { NotAnAmount::NoNumber });
    }
    let lengths: Vec<usize> = whole.split(is_group_mark).map(str::len).collect();
    let fits = match lengths.as_slice() {
        // Who writes one group mark behind a zero means decimals. Numbers that are filled up with zeros have several.
        [1..=3, 3] => !whole.starts_with('0'),
        [1..=3, middle @ .., 3] if middle.iter().all(|length| *length == 3) => true,
        [1..=2, middle @ .., 3] => middle.iter().all(|length| *length == 2),
        _ => false,
    };
    let marks: Vec<char> = whole.chars().filter(|c| is_group_mark(*c)).collect();
    if fits && marks.windows(2).all(|pair| pair.first() == pair.last()) {
        Ok(())
    } else {
        Err(NotAnAmount::Groups)
    }
}
