//! Decimal amounts, as people write them, to minor units: exactly, by integers alone.

mod around;
mod currencies;
mod groups;

pub use around::{Direction, Sign, Written, is_dash};
use currencies::Names;
pub use groups::{DecimalMark, NotAnAmount};

use crate::text::is_blank;

/// An amount in minor units, below zero where a minus, brackets or a debit mark say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// Minor units; with its sign.
    pub minor_units: i64,
    /// The sign that was written, if one was.
    pub sign: Option<Sign>,
    /// What `CR`, `D` or `Soll` behind it say.
    pub mark: Option<Direction>,
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
    /// The currency's code: it, or a symbol of it, may stand beside the number.
    pub code: Option<&'static str>,
}

/// The largest amount of a job: 2^53 - 1 (RFC 8259, section 6).
const MINOR_UNITS_MAX: i64 = domain::money::Amount::MAX;

/// Reads an amount.
pub fn parse(text: &str, form: Form) -> Result<Parsed, NotAnAmount> {
    let written = Written::of(text).ok_or(NotAnAmount::NoNumber)?;
    for name in written.names() {
        match currencies::names(name, form.code) {
            Names::This => (),
            Names::Another => return Err(NotAnAmount::OtherCurrency(name.to_owned())),
            Names::None => return Err(NotAnAmount::NoNumber),
        }
    }
    let (whole, decimals) = written.digits(form.decimal)?;
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
    whole.bytes().filter(u8::is_ascii_digit).try_for_each(&mut push)?;
    decimals.bytes().take(exponent).try_for_each(&mut push)?;
    (decimals.len()..exponent).try_for_each(|_| push(b'0'))?;
    let is_negative = match written.sign {
        Some(sign) => sign.is_minus(),
        None => written.mark == Some(Direction::Out),
    };
    let minor_units = if is_negative { -minor_units } else { minor_units };
    Ok(Parsed { minor_units, sign: written.sign, mark: written.mark })
}

/// What the marks of one amount prove of the whole file; `None` where they prove nothing.
pub fn proof(text: &str) -> Option<DecimalMark> {
    let written = Written::of(text)?;
    let fits = |mark: DecimalMark| written.digits(mark).is_ok();
    if !written.number.contains(['.', ',']) && written.whole.is_none() || !has_known_names(&written) {
        return None;
    }
    if let Some(mark) = written.whole {
        // Only who writes a comma before decimals puts one before the dash. A point is put there by others too.
        return match mark {
            '.' => written.number.contains(',').then_some(DecimalMark::Point),
            ',' => (!written.number.contains(',')).then_some(DecimalMark::Comma),
            _ => [('.', DecimalMark::Comma), (',', DecimalMark::Point)]
                .into_iter()
                .find_map(|(group, mark)| written.number.contains(group).then_some(mark)),
        };
    }
    match (fits(DecimalMark::Point), fits(DecimalMark::Comma)) {
        (true, false) => Some(DecimalMark::Point),
        (false, true) => Some(DecimalMark::Comma),
        _ => None,
    }
}

/// Whether a text could be read either way.
pub fn is_ambiguous(text: &str) -> bool {
    Written::of(text).is_some_and(|written| written.whole.is_none() && written.number.contains(['.', ',']))
        && proof(text).is_none()
}

/// Whether a cell says that there is no amount: dashes alone, as accountants write zero, with or without a currency.
pub fn is_nothing(text: &str) -> bool {
    let mut words = text.split(|c: char| is_blank(c) || is_dash(c)).filter(|word| !word.is_empty());
    text.contains(is_dash) && words.all(|word| currencies::names(word, None) == Names::Another)
}

/// Whether a text has the form of an amount, of whichever currency.
pub fn is_like_amount(text: &str) -> bool {
    Written::of(text).as_ref().is_some_and(has_known_names)
}

fn has_known_names(written: &Written<'_>) -> bool {
    written.names().all(|name| currencies::names(name, None) != Names::None)
}

/// Whether a name is one of currencies other than this: a code, a symbol or an abbreviation.
pub fn is_other_currency(name: &str, code: &str) -> bool {
    currencies::names(name, Some(code)) == Names::Another
}

/// Whether digits other than zero are in it.
pub fn is_zero(text: &str) -> bool {
    !text.contains(|c: char| matches!(c, '1'..='9'))
}

/// An amount in units of its currency, such as `-12.50`, exactly; where ISO 4217 gives no minor unit (XTS), as it is.
pub fn in_units(minor_units: i64, exponent: Option<u16>) -> String {
    let digits = usize::from(exponent.unwrap_or(0));
    let sign = if minor_units < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", minor_units.unsigned_abs(), width = digits + 1);
    let (units, fraction) = text.split_at(text.len() - digits);
    if digits == 0 { format!("{sign}{units}") } else { format!("{sign}{units}.{fraction}") }
}

#[cfg(test)]
mod tests;
