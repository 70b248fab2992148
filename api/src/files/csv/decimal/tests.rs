use proptest::prelude::*;

use super::*;

const POINT: Form = Form { decimal: DecimalMark::Point, exponent: 2, allow_zeros: false, code: Some("EUR") };
const COMMA: Form = Form { decimal: DecimalMark::Comma, ..POINT };

fn minor(text: &str, form: Form) -> Result<i64, NotAnAmount> {
    parse(text, form).map(|parsed| parsed.minor_units)
}

#[test]
fn amounts_are_read_as_people_write_them() {
    for text in [
        "1234.56",
        "1,234.56",
        "1'234.56",
        "1’234.56",
        "1 234.56",
        "1\u{A0}234.56",
        "1\u{202F}234.56",
        "+1234.56",
        "€1,234.56",
        "1234.56 EUR",
        "1,234.56 CR",
        "1,234.56 H",
        "1,234.56 Haben",
        "EUR 1234.56",
    ] {
        assert_eq!(minor(text, POINT), Ok(123_456), "{text}");
    }
    for text in [
        "-1.234,56",
        "1.234,56-",
        "(1.234,56)",
        "\u{2212}1234,56",
        "-€1.234,56",
        "€ -1.234,56",
        "1.234,56- EUR",
        "1.234,56 DR",
        "1.234,56 S",
        "1.234,56S",
        "EUR 1.234,56 Soll",
        "1.234,56D",
        "- 1.234,56 €",
    ] {
        assert_eq!(minor(text, COMMA), Ok(-123_456), "{text}");
    }
    assert_eq!(minor("12,34,567.89", POINT), Ok(123_456_789));
    assert_eq!(minor(".5", POINT), Ok(50));
    assert_eq!(minor("7", Form { exponent: 0, ..POINT }), Ok(7));
    assert_eq!(minor("1.234", Form { exponent: 3, ..POINT }), Ok(1234));
    assert_eq!(minor("1.2300", Form { allow_zeros: true, ..POINT }), Ok(123));
}

#[test]
fn what_is_not_exact_is_refused() {
    for (text, error) in [
        ("1.234", NotAnAmount::Decimals(3)),
        ("1.230", NotAnAmount::Decimals(3)),
        ("90071992547409.92", NotAnAmount::TooLarge),
        ("99999999999999999999", NotAnAmount::TooLarge),
        ("1,23", NotAnAmount::Groups),
        ("1,2345.00", NotAnAmount::Groups),
        ("1'234,567.00", NotAnAmount::Groups),
        ("1.2.3", NotAnAmount::Groups),
        ("", NotAnAmount::NoNumber),
        ("-", NotAnAmount::NoNumber),
        ("1,5x", NotAnAmount::NoNumber),
        ("1.50 USD", NotAnAmount::OtherCurrency("USD".to_owned())),
        ("1e3", NotAnAmount::NoNumber),
        ("--5", NotAnAmount::NoNumber),
        ("0x10", NotAnAmount::NoNumber),
    ] {
        assert_eq!(minor(text, POINT), Err(error), "{text}");
    }
    assert_eq!(minor("90071992547409.91", POINT), Ok(MINOR_UNITS_MAX));
}

#[test]
fn marks_prove_what_they_can() {
    for text in ["1,5", "1.234,50", "1.234.567", "12,3456"] {
        assert_eq!(proof(text), Some(DecimalMark::Comma), "{text}");
    }
    for text in ["1.5", "1,234.50", "1,234,567", "1'234.50"] {
        assert_eq!(proof(text), Some(DecimalMark::Point), "{text}");
    }
    for text in ["1", "1.234", "1,234", "", "abc"] {
        assert_eq!(proof(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(minor_units in -MINOR_UNITS_MAX..=MINOR_UNITS_MAX, exponent in 0_u16..4, is_comma: bool, mark in 0_usize..4) {
        let digits = format!("{:0width$}", minor_units.abs(), width = usize::from(exponent) + 1);
        let (whole, decimals) = digits.split_at(digits.len() - usize::from(exponent));
        let (decimal, dot) = if is_comma { (DecimalMark::Comma, ',') } else { (DecimalMark::Point, '.') };
        let group = ["", if is_comma { "." } else { "," }, "'", "\u{A0}"][mark];
        let grouped = whole.as_bytes().rchunks(3).rev().map(|chunk| std::str::from_utf8(chunk).unwrap()).collect::<Vec<_>>().join(group);
        let sign = if minor_units < 0 { "-" } else { "" };
        let point = if exponent == 0 { String::new() } else { dot.to_string() };
        let text = format!("{sign}{grouped}{point}{decimals}");
        let form = Form { decimal, exponent, allow_zeros: false, code: None };
        prop_assert_eq!(minor(&text, form), Ok(minor_units), "{}", text);
    }

    #[test]
    fn nothing_panics(text in ".{0,24}", is_comma: bool) {
        let _ = parse(&text, if is_comma { COMMA } else { POINT });
        let _ = proof(&text);
    }
}
