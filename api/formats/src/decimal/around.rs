//! What stands around the number of an amount: its sign, a mark of debit or credit, and the currency's name.

use crate::text::is_blank;

/// Which way money goes, seen from the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

impl Direction {
    /// The other way.
    pub fn other(self) -> Direction {
        match self {
            Direction::In => Direction::Out,
            Direction::Out => Direction::In,
        }
    }
}

/// A sign that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Plus,
    /// Before or behind the number, in any width of dash.
    Minus,
    /// `(25.00)`
    Brackets,
}

impl Sign {
    /// Whether it says "below zero".
    pub fn is_minus(self) -> bool {
        self != Sign::Plus
    }
}

/// An amount taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Digits and what is between them.
    pub number: &'a str,
    pub sign: Option<Sign>,
    pub mark: Option<Direction>,
    /// The mark before a dash that stands for "no cents": `500,-`, `50.--`, `500:-`, `500/-`.
    pub whole: Option<char>,
    /// What may be names of its currency, as `CA$` and `CAD` in `CA$5 CAD`.
    names: [Option<&'a str>; 2],
}

/// Marks of credit behind a number; `H` is the German Haben.
const CREDIT_MARKS: [&str; 8] = ["CR", "CR.", "Cr", "Cr.", "cr", "C", "Haben", "H"];
/// Marks of debit; `S` is the German Soll.
const DEBIT_MARKS: [&str; 8] = ["DR", "DR.", "Dr", "Dr.", "dr", "D", "Soll", "S"];

/// The most dashes that stand for decimals: one for all of them, or one for each of two.
const NO_CENTS_DASHES_MAX: usize = 2;

/// Hyphens, dashes and minus signs of every width.
pub fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

impl<'a> Written<'a> {
    /// Takes an amount apart; none where something stands in it that has no place there, or has two meanings.
    pub fn of(text: &'a str) -> Option<Written<'a>> {
        let text = text.trim_matches(is_blank);
        let first = text.find(|c: char| c.is_ascii_digit())?;
        let last = text.rfind(|c: char| c.is_ascii_digit())?;
        let start = start(text, first)?;
        let (before, rest) = (text.get(..start)?, text.get(last + 1..)?);
        let (whole, has_end_mark, behind) = end(rest)?;
        let number = text.get(start..last + 1 + usize::from(has_end_mark))?;
        let mut written = Written { number, sign: None, mark: None, whole, names: [None; 2] };
        let (before, behind) = match bracketed(before, behind) {
            Some(parts) => {
                written.sign = Some(Sign::Brackets);
                parts
            }
            None => ([before, ""], ["", behind]),
        };
        before.into_iter().try_for_each(|part| written.take(part, false))?;
        behind.into_iter().try_for_each(|part| written.take(part, true))?;
        Some(written)
    }

    /// The names that stand beside the number.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.names.into_iter().flatten()
    }

    /// Takes what stands on one side of the number: at most one sign, one mark behind it, and names.
    fn take(&mut self, part: &'a str, is_behind: bool) -> Option<()> {
        let mut rest = part;
        let mut is_after_point = false;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..)?;
            if is_blank(c) {
                (rest, is_after_point) = (after, false);
                continue;
            }
            if is_sign(c) {
                // Behind a dash for no cents another one may be a minus or not, and so may one in `50 kr.-`.
                if self.sign.is_some()
                    || (is_behind && (self.whole.is_some() || (is_after_point && is_dash(c))))
                {
                    return None;
                }
                self.sign = Some(if is_dash(c) { Sign::Minus } else { Sign::Plus });
                rest = after;
                continue;
            }
            let end = rest.find(|c: char| is_blank(c) || is_sign(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end)?;
            let mark = match word {
                _ if !is_behind => None,
                word if CREDIT_MARKS.contains(&word) => Some(Direction::In),
                word if DEBIT_MARKS.contains(&word) => Some(Direction::Out),
                _ => None,
            };
            match mark {
                Some(_) if self.mark.is_some() => return None,
                Some(_) => self.mark = mark,
                None => *self.names.iter_mut().find(|name| name.is_none())? = Some(word),
            }
            (rest, is_after_point) = (after, word.ends_with('.'));
        }
        Some(())
    }
}

fn is_sign(c: char) -> bool {
    is_dash(c) || matches!(c, '+' | '\u{FF0B}')
}

/// Where the number starts: a mark before its first digit is part of it (`.50`), unless it ends an abbreviation (`Rs.50`).
fn start(text: &str, first: usize) -> Option<usize> {
    let before = text.get(..first)?;
    if !before.ends_with(['.', ',']) {
        return Some(first);
    }
    let before = before.get(..first - 1)?;
    let is_letter = |c: char| c.is_alphabetic() || c == '/' || c == '₨';
    if before.ends_with(is_letter) {
        // The abbreviation is looked at with its point. No comma ends one.
        return text.get(..first)?.ends_with('.').then_some(first);
    }
    let word = before.trim_end_matches(is_blank);
    // `Rs .50` may be either. A code is no abbreviation, so `EUR .50` is not.
    let code = word.get(word.len().saturating_sub(3)..).unwrap_or_default();
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    // A wide dash before a point stands for "no francs" or is a minus.
    let is_open = word.ends_with(|c: char| is_dash(c) && !matches!(c, '-' | '\u{2212}'));
    (!is_open && (!word.ends_with(is_letter) || is_code)).then_some(first - 1)
}

/// What follows the last digit: the mark before a dash for no cents, or a mark without decimals, and the rest.
fn end(rest: &str) -> Option<(Option<char>, bool, &str)> {
    let Some(mark) = rest.chars().next().filter(|c| matches!(c, '.' | ',' | ':' | '/')) else {
        return Some((None, false, rest));
    };
    let after = rest.get(1..)?;
    let behind = after.trim_start_matches(is_dash);
    match after.chars().count() - behind.chars().count() {
        // `500, -`: the dash may be a minus.
        0 if matches!(mark, ':' | '/') || behind.trim_start_matches(is_blank).starts_with(is_sign) => None,
        0 => Some((None, true, behind)),
        1..=NO_CENTS_DASHES_MAX => Some((Some(mark), false, behind)),
        _ => None,
    }
}

/// Both sides cut at a pair of brackets.
fn bracketed<'a>(before: &'a str, behind: &'a str) -> Option<([&'a str; 2], [&'a str; 2])> {
    let (outer, inner) = before.split_once('(')?;
    let (end, rest) = behind.split_once(')')?;
    Some(([outer, inner], [end, rest]))
}
