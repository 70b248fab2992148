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

/// How an amount may be written; each number picks one way.
#[derive(Debug, Clone)]
struct Style {
    is_comma: bool,
    group: usize,
    sign: usize,
    name: usize,
    name_blank: usize,
    no_cents: usize,
}

const NO_CENTS: [&str; 6] = ["", "-", "--", "\u{2013}", "\u{2014}", "\u{2212}"];

/// Names of a currency: its code, what stands before a number, and what stands behind one.
const CURRENCIES: [(&str, &[&str], &[&str]); 5] = [
    ("EUR", &["€", "EUR", "eur"], &["€", "EUR", "Euro"]),
    ("INR", &["Rs.", "Rs", "₹", "INR"], &["Rs", "Rs.", "INR"]),
    ("CHF", &["Fr.", "SFr.", "CHF"], &["Fr.", "CHF"]),
    ("NOK", &["kr", "kr.", "Kr", "NOK"], &["kr", "kr.", "NOK"]),
    ("USD", &["$", "US$", "USD"], &["USD", "$", "US$"]),
];

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), 0_usize..7, 0_usize..16, 0_usize..9, 0_usize..4, 0_usize..6).prop_map(
        |(is_comma, group, sign, name, name_blank, no_cents)| Style {
            is_comma,
            group,
            sign,
            name,
            name_blank,
            no_cents,
        },
    )
}

fn grouped(whole: &str, style: &Style) -> String {
    let mark =
        ["", if style.is_comma { "." } else { "," }, "'", "\u{2019}", "\u{A0}", "\u{202F}", " "][style.group];
    let chunks = whole.as_bytes().rchunks(3).rev().map(|chunk| std::str::from_utf8(chunk).unwrap());
    chunks.collect::<Vec<_>>().join(mark)
}

/// The amount in a style, and the code of its currency.
fn in_style(minor_units: i64, exponent: usize, currency: usize, style: &Style) -> (String, &'static str) {
    let digits = format!("{:0width$}", minor_units.abs(), width = exponent + 1);
    let (whole, decimals) = digits.split_at(digits.len() - exponent);
    let dot = if style.is_comma { "," } else { "." };
    let mut number = grouped(whole, style);
    if exponent > 0 {
        let is_round = decimals.bytes().all(|byte| byte == b'0');
        let dash = NO_CENTS[style.no_cents];
        number += dot;
        number += if is_round && !dash.is_empty() { dash } else { decimals };
    }
    let (code, before, behind) = CURRENCIES[currency];
    let blank = ["", " ", "\u{A0}", "\u{202F}"][style.name_blank];
    if let Some(name) = before.get(style.name) {
        number = format!("{name}{blank}{number}");
    } else if let Some(name) = behind.get(style.name.saturating_sub(before.len())) {
        number = format!("{number}{blank}{name}");
    }
    let text = if minor_units < 0 {
        match style.sign {
            0..=2 => format!("-{number}"),
            3 => format!("\u{2212}{number}"),
            4 => format!("\u{2013} {number}"),
            // Directly behind a dash for no cents it would be the second of these.
            5 if number.ends_with(super::is_dash) => format!("{number} -"),
            5 => format!("{number}-"),
            6 => format!("{number} \u{2212}"),
            7..=9 => format!("({number})"),
            10 => format!("{number} DR"),
            11 => format!("{number} D"),
            12 => format!("{number} S"),
            13 => format!("{number} Soll"),
            14 => format!("{number} Dr."),
            _ => format!("- {number}"),
        }
    } else {
        match style.sign {
            0 => format!("+{number}"),
            1 => format!("{number} CR"),
            2 => format!("{number} H"),
            3 => format!("{number}+"),
            _ => number,
        }
    };
    (text, code)
}

proptest! {
    #[test]
    fn what_is_written_in_any_style_is_read_as_itself_or_refused(
        minor_units in prop_oneof![-99_999_999_i64..99_999_999, (-99_999_i64..99_999).prop_map(|whole| whole * 1000)],
        exponent in 0_usize..4,
        currency in 0_usize..5,
        style in style(),
    ) {
        let (text, code) = in_style(minor_units, exponent, currency, &style);
        let decimal = if style.is_comma { DecimalMark::Comma } else { DecimalMark::Point };
        let form = Form { decimal, exponent: u16::try_from(exponent).unwrap(), allow_zeros: false, code: Some(code) };
        let read = minor(&text, form);
        prop_assert!(read.is_err() || read == Ok(minor_units), "{text}: {read:?}");
        // Read the other way it is the same, or refused, or known to be ambiguous.
        let turned = minor(&text, Form { decimal: decimal.other(), ..form });
        prop_assert!(turned.is_err() || turned == Ok(minor_units) || is_ambiguous(&text), "{text}: {turned:?}");
        if let Some(proven) = proof(&text) {
            prop_assert!(proven == decimal || read.is_err() || minor(&text, Form { decimal: proven, ..form }) == read, "{text}");
        }
        // Another currency never takes it, where it has a name.
        let other = minor(&text, Form { code: Some("XTS"), ..form });
        let has_name = text.contains(|c: char| c.is_alphabetic() || "€$₹".contains(c));
        prop_assert!(!has_name || other.is_err() || style.name >= 3 || other == read, "{text}: {other:?}");
    }

    #[test]
    fn what_is_written_plainly_is_read(
        minor_units in -99_999_999_i64..99_999_999,
        exponent in 0_usize..4,
        currency in 0_usize..5,
        is_comma: bool,
        group in 0_usize..7,
        name in 0_usize..9,
        sign in 0_usize..16,
    ) {
        let style = Style { is_comma, group, sign, name, name_blank: 1, no_cents: 0 };
        let (text, code) = in_style(minor_units, exponent, currency, &style);
        // Behind a point a dash may stand for no cents.
        prop_assume!(!text.ends_with(".-"));
        let decimal = if is_comma { DecimalMark::Comma } else { DecimalMark::Point };
        let form = Form { decimal, exponent: u16::try_from(exponent).unwrap(), allow_zeros: false, code: Some(code) };
        prop_assert_eq!(minor(&text, form), Ok(minor_units), "{}", text);
    }

    #[test]
    fn a_dash_for_no_cents_is_read_as_a_whole_amount(
        units in 0_i64..9_999_999, is_negative: bool, is_comma: bool, group in 0_usize..7, no_cents in 1_usize..6,
        sign in 0_usize..4, name in 0_usize..9,
    ) {
        let style = Style { is_comma, group, sign, name, name_blank: 1, no_cents };
        let minor_units = if is_negative { -units * 100 } else { units * 100 };
        let (text, code) = in_style(minor_units, 2, 4, &style);
        prop_assume!(minor_units < 0 || sign != 3);
        for decimal in [DecimalMark::Point, DecimalMark::Comma] {
            let form = Form { decimal, exponent: 2, allow_zeros: false, code: Some(code) };
            prop_assert_eq!(minor(&text, form), Ok(minor_units), "{}", text);
        }
    }

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

#[test]
fn amounts_are_exact_in_every_currency() {
    let cases =
        [(1250, Some(2), "12.50"), (-5, Some(2), "-0.05"), (7, Some(0), "7"), (-1, Some(3), "-0.001")];
    for (minor_units, exponent, expected) in cases {
        assert_eq!(in_units(minor_units, exponent), expected);
    }
    assert_eq!(in_units(i64::MIN, None), "-9223372036854775808");
    assert_eq!(in_units(0, Some(2)), "0.00");
}
