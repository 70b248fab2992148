//! Sums of amounts whatever their currency, added exactly.

use std::fmt;

/// Decimal digits that a control sum may have (`DecimalNumber` of ISO 20022).
const DECIMALS: usize = 17;

/// 10 to the power of [`DECIMALS`].
const UNIT: i128 = 100_000_000_000_000_000;

/// A decimal number that is not below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// Of digits with at most one point; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Exact> {
        let text = text.trim().strip_prefix('+').unwrap_or(text.trim());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let decimals = decimals.trim_end_matches('0');
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits =
            whole.len() <= 18 && decimals.len() <= DECIMALS && !(whole.is_empty() && decimals.is_empty());
        if !fits || !are_digits(whole) || !are_digits(decimals) {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let decimals: i128 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
        Some(Exact(whole * UNIT + decimals))
    }

    /// `None` where no control sum could hold it.
    pub fn checked_add(self, other: Exact) -> Option<Exact> {
        self.0.checked_add(other.0).map(Exact)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS$}", self.0 % UNIT);
        let decimals = decimals.trim_end_matches('0');
        write!(f, "{}.{decimals:0<2}", self.0 / UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        let sum = |texts: &[&str]| {
            let numbers = texts.iter().map(|text| Exact::parse(text).unwrap());
            numbers.fold(Exact::default(), |sum, number| sum.checked_add(number).unwrap()).to_string()
        };
        assert_eq!(sum(&["0.1", "0.2"]), "0.30");
        assert_eq!(
            sum(&["999999999999999999", "0.00000000000000001"]),
            "999999999999999999.00000000000000001"
        );
        assert_eq!(sum(&["+1.50", ".5", "2."]), "4.00");
        for text in ["", ".", "-1", "1,5", "1e3", "1.2.3", "1 000", "9999999999999999999"] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
    }
}
