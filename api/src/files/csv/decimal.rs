//! Decimal amounts, as people write them, to minor units: exactly, by integers alone.

use super::super::mapping::DecimalMark;

/// An amount in minor units, below zero where a minus, brackets or a debit mark say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// Minor units; with its sign.
    pub minor_units: i64,
    /// A sign or mark was written, so it is not only positive for want of one.
    pub is_signed: bool,
}

/// Why a text is no amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnAmount {
    /// It is no number.
    NoNumber,
    /// Its marks are not where the stated form has them.
    Groups,
    /// It has more decimals than the currency.
    Decimals(usize),
    /// It is beyond what can be posted.
    TooLarge,
}

/// How amounts of a file are read.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// What stands before the decimals.
    pub decimal: DecimalMark,
    /// Decimal digits of the currency.
    pub exponent: u16,
    /// Zeros beyond them are no fault.
    pub allow_zeros: bool,
    /// The currency's code, which may stand beside the number.
    pub code: Option<&'static str>,
}

/// The number of an amount without what is around it: its sign, and the currency's name or symbol.
#[derive(Debug, Clone, Copy)]
struct Bare<'a> {
    number: &'a str,
    is_negative: bool,
    is_signed: bool,
    /// The name of a currency that stood beside it.
    name: Option<&'a str>,
}

/// How currencies are written beside a number, other than by their code.
const SYMBOLS: [&str; 32] = [
    "€", "$", "£", "¥", "₹", "₽", "₺", "₩", "฿", "₫", "₪", "₴", "₦", "kr", "Kr", "KR", "Fr", "sFr", "SFr",
    "zł", "Kč", "Ft", "lei", "лв", "Rs", "US$", "A$", "C$", "CA$", "AU$", "HK$", "R$",
];

/// Marks of credit and debit behind a number, and whether they are a minus; `S` and `H` are the German Soll and Haben.
const MARKS: [(&str, bool); 10] = [
    ("CR", false),
    ("DR", true),
    ("Cr", false),
    ("Dr", true),
    ("C", false),
    ("D", true),
    ("Haben", false),
    ("Soll", true),
    ("H", false),
    ("S", true),
];

/// The largest amount of a job: 2^53 - 1 (RFC 8259, section 6).
const MINOR_UNITS_MAX: i64 = shared::domain::money::Amount::MAX;

/// Reads an amount.
pub fn parse(text: &str, form: Form) -> Result<Parsed, NotAnAmount> {
    let bare = bare(text).ok_or(NotAnAmount::NoNumber)?;
    if bare.name.is_some_and(|name| Some(name) != form.code && !SYMBOLS.contains(&name)) {
        return Err(NotAnAmount::NoNumber);
    }
    let (mark, group) = match form.decimal {
        DecimalMark::Point => ('.', ','),
        DecimalMark::Comma => (',', '.'),
    };
    let (whole, decimals) = bare.number.split_once(mark).unwrap_or((bare.number, ""));
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnAmount::Groups);
    }
    if whole.is_empty() && decimals.is_empty() {
        return Err(NotAnAmount::NoNumber);
    }
    let exponent = usize::from(form.exponent);
    let beyond = decimals.get(exponent..).unwrap_or_default();
    let may_be_there = form.allow_zeros && beyond.bytes().all(|byte| byte == b'0');
    if !beyond.is_empty() && !may_be_there {
        return Err(NotAnAmount::Decimals(decimals.len()));
    }
    let mut minor_units: i64 = 0;
    let mut push = |digit: u8| -> Result<(), NotAnAmount> {
        let next = minor_units.checked_mul(10).and_then(|tens| tens.checked_add(i64::from(digit - b'0')));
        minor_units = next.filter(|next| *next <= MINOR_UNITS_MAX).ok_or(NotAnAmount::TooLarge)?;
        Ok(())
    };
    check_groups(whole, group)?;
    whole.bytes().filter(u8::is_ascii_digit).try_for_each(&mut push)?;
    decimals.bytes().take(exponent).try_for_each(&mut push)?;
    (decimals.len()..exponent).try_for_each(|_| push(b'0'))?;
    let minor_units = if bare.is_negative { -minor_units } else { minor_units };
    Ok(Parsed { minor_units, is_signed: bare.is_signed })
}

/// What the marks of one amount prove of the whole file; `None` where they prove nothing.
pub fn proof(text: &str) -> Option<DecimalMark> {
    let number = bare(text)?.number;
    let (points, commas) = (number.matches('.').count(), number.matches(',').count());
    let last = number.rfind(['.', ',']).and_then(|at| number.get(at..))?;
    let of = |mark: &str| if mark.starts_with('.') { DecimalMark::Point } else { DecimalMark::Comma };
    let other = |mark: DecimalMark| match mark {
        DecimalMark::Point => DecimalMark::Comma,
        DecimalMark::Comma => DecimalMark::Point,
    };
    match (points, commas) {
        // Both: the later one stands before the decimals, unless there are several of it.
        (1.., 1) | (1, 1..) if points == 1 || commas == 1 => {
            let single_last = if last.starts_with('.') { points == 1 } else { commas == 1 };
            single_last.then(|| of(last))
        }
        // One kind, more than once: groups.
        (0, 2..) | (2.., 0) => Some(other(of(last))),
        // One mark before three digits may be either.
        (1, 0) | (0, 1) if last.len() != 4 => Some(of(last)),
        _ => None,
    }
}

/// Whether a text could be read either way.
pub fn is_ambiguous(text: &str) -> bool {
    text.contains(['.', ',']) && proof(text).is_none()
}

/// Takes off the sign and the currency, whichever stands further out: `-€5`, `€ -5`, `5.00- EUR`, `(5)`, `5 CR`, `5 S`.
fn bare(text: &str) -> Option<Bare<'_>> {
    let mut number = text.trim_matches(is_blank);
    let (mut is_negative, mut is_signed, mut name) = (false, false, None);
    let bracketed = number.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(inside) = bracketed {
        (number, is_negative, is_signed) = (inside, true, true);
    }
    if !number.starts_with(|c: char| c.is_ascii_digit()) || !number.ends_with(|c: char| c.is_ascii_digit()) {
        for _ in 0..2 {
            let signs = ['-', '\u{2212}', '\u{2013}', '+'];
            let unsigned = number.strip_prefix(signs).or_else(|| number.strip_suffix(signs));
            if let Some(rest) = unsigned.filter(|_| !is_signed) {
                is_negative = !number.starts_with('+') && !number.ends_with('+');
                (number, is_signed) = (rest.trim_matches(is_blank), true);
            }
            for (mark, negative) in MARKS {
                if let Some(rest) = number.strip_suffix(mark).filter(|rest| !is_signed && ends_number(rest)) {
                    (number, is_negative, is_signed) = (rest, negative, true);
                }
            }
            let (bare, found) = without_currency(number);
            (number, name) = (bare, name.or(found));
        }
    }
    let number = number.trim_matches(is_blank);
    number.contains(|c: char| c.is_ascii_digit()).then_some(Bare { number, is_negative, is_signed, name })
}

fn ends_number(text: &str) -> bool {
    text.trim_end_matches(is_blank).ends_with(|c: char| c.is_ascii_digit())
}

/// Takes a name of a currency off either end.
fn without_currency(number: &str) -> (&str, Option<&str>) {
    let is_name = |c: char| c.is_alphabetic() || "€$£¥₹₽₺₩฿₫₪₴₦".contains(c);
    let after = number.trim_start_matches(is_name);
    let before = number.trim_end_matches(is_name);
    if after.len() < number.len() {
        (after.trim_start_matches(is_blank), number.get(..number.len() - after.len()))
    } else if before.len() < number.len() {
        (before.trim_end_matches(is_blank), number.get(before.len()..))
    } else {
        (number, None)
    }
}

/// Digits in groups of three (or of two before the last three, as in India), or without groups.
fn check_groups(whole: &str, group: char) -> Result<(), NotAnAmount> {
    let is_group_mark = |c: char| {
        c == group || is_blank(c) || matches!(c, '\'' | '\u{2019}' | '\u{2BC}' | '\u{60}' | '\u{B4}')
    };
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
        [first, middle @ .., 3] => {
            (1..=3).contains(first) && middle.iter().all(|length| matches!(length, 2 | 3))
        }
        _ => false,
    };
    let marks: Vec<char> = whole.chars().filter(|c| is_group_mark(*c)).collect();
    if fits && marks.windows(2).all(|pair| pair.first() == pair.last()) {
        Ok(())
    } else {
        Err(NotAnAmount::Groups)
    }
}

/// Blanks of every width.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{A0}' | '\u{202F}' | '\u{2009}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests;
