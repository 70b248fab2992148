//! Amounts in the major units of their currency, as people write them, and in minor units, as the API has them.

use domain::money::Currency;

/// Minor units in major units, with the currency. Where ISO 4217 gives the currency no minor unit, the number as it is.
pub(crate) fn shown(minor_units: i64, currency: &str) -> String {
    let exponent = currency.parse::<Currency>().ok().and_then(Currency::exponent).unwrap_or_default();
    let Some(unit) = 10_u64.checked_pow(exponent.into()).filter(|_| exponent > 0) else {
        return format!("{minor_units} {currency}").trim().to_owned();
    };
    let (sign, size) = (if minor_units < 0 { "-" } else { "" }, minor_units.unsigned_abs());
    let decimals = usize::from(exponent);
    format!("{sign}{}.{:0decimals$} {currency}", size / unit, size % unit)
}

/// Reads an amount: a whole number is in minor units (`12550`), as everywhere in the API; one with its currency in major
/// units (`125.50 EUR`). Returns the minor units, and the currency that it names.
///
/// # Errors
/// It is neither; the message says what to write.
pub(crate) fn read(text: &str) -> Result<(i64, Option<Currency>), String> {
    const WRITE: &str =
        "write minor units such as 12550, or major units with the currency, such as '125.50 EUR'";
    let text = text.trim();
    if let Ok(minor_units) = text.parse() {
        return Ok((minor_units, None));
    }
    let code = text.get(text.len().saturating_sub(3)..).unwrap_or_default();
    let currency: Currency = code.parse().map_err(|_| WRITE.to_owned())?;
    let number = text.get(..text.len() - code.len()).unwrap_or_default().trim();
    let (negative, digits) = number.strip_prefix('-').map_or((false, number), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = usize::from(currency.exponent().unwrap_or_default());
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(WRITE.to_owned());
    }
    if fraction.len() > exponent {
        return Err(format!("{currency} has {exponent} decimal digits; {WRITE}"));
    }
    let minor_units =
        format!("{whole}{fraction:0<exponent$}").parse::<i64>().map_err(|_| WRITE.to_owned())?;
    Ok((if negative { -minor_units } else { minor_units }, Some(currency)))
}

/// The one currency that a question is about: that which it names, and those of its amounts.
///
/// # Errors
/// There are two.
pub(crate) fn one_currency(
    named: Option<Currency>,
    of_amounts: impl Iterator<Item = Currency>,
) -> Result<Option<Currency>, String> {
    let mut one = named;
    for currency in of_amounts {
        match one {
            Some(other) if other != currency => {
                return Err(format!(
                    "one amount is in {other} and another in {currency}; ask for one currency"
                ));
            }
            _ => one = Some(currency),
        }
    }
    Ok(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        assert_eq!(shown(12_550, "EUR"), "125.50 EUR");
        assert_eq!(shown(-5, "EUR"), "-0.05 EUR");
        assert_eq!(shown(5, "JPY"), "5 JPY");
        assert_eq!(shown(1_234, "KWD"), "1.234 KWD");
        assert_eq!(shown(7, "XTS"), "7 XTS");
        assert_eq!(shown(i64::MIN, "EUR"), "-92233720368547758.08 EUR");
        assert_eq!(shown(12, ""), "12");
    }

    #[test]
    fn what_is_shown_can_be_asked_for() {
        let eur = "EUR".parse().unwrap();
        assert_eq!(read("12550"), Ok((12_550, None)));
        assert_eq!(read(" 125.50 EUR"), Ok((12_550, Some(eur))));
        assert_eq!(read("125.5EUR"), Ok((12_550, Some(eur))));
        assert_eq!(read("-3 EUR"), Ok((-300, Some(eur))));
        assert_eq!(read("5 JPY").unwrap().0, 5);
        for wrong in ["125.50", "EUR", "1.234 EUR", "1,5 EUR", "ten EUR", "", "5.5 JPY", "5 ZZZ", "9é EUR"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
