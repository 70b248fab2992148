//! Digits, marks between them, dashes for no cents, and names of currencies.

use super::amounts::{column, one, outcomes, read, refused};

#[test]
fn a_dash_behind_a_mark_stands_for_no_cents() {
    assert_eq!(
        read(
            &column(&[
                "500,-",
                "kr 1.250,-",
                "-99,50",
                "1 250,- kr",
                "-500,--",
                "500:-",
                "500,\u{2013}",
                "kr. 50,-"
            ]),
            &one("NOK")
        ),
        [50_000, 125_000, -9950, 125_000, -50_000, 50_000, 50_000, 5000]
    );
    assert_eq!(
        read(
            &column(&[
                "50.-",
                "50.\u{2013}",
                "50.--",
                "500-",
                "CHF 1'250.--",
                "-50.-",
                "1'250.\u{2014}",
                "Fr. 50.-",
                "50.- CHF",
                "(50.-)",
                "12.50",
                "50.- DR",
                "1'250.\u{2013}"
            ]),
            &one("CHF")
        ),
        [5000, 5000, 5000, -50_000, 125_000, -5000, 125_000, 5000, 5000, -5000, 1250, -5000, 125_000]
    );
    assert_eq!(
        read(&column(&["Rs. 500/-", "₹1,25,000/-", "-500/-"]), &one("INR")),
        [50_000, 12_500_000, -50_000]
    );
    for open in [
        "500,- -",
        "500/",
        "500,---",
        "500, -",
        "500--",
        "-500-",
        "500.- -",
        "-500,-+",
        "\u{2013}.50",
        "1.25,-",
        "500:",
        "500,-5",
        "12,50,-",
    ] {
        let found = outcomes(&column(&[open]), &one("CHF"));
        assert!(found[0].is_err(), "{open}: {found:?}");
    }
    // The comma before a dash stands where decimals would; so the point of another row stands between groups.
    assert_eq!(read(&column(&["500,-", "1.250"]), &one("NOK")), [50_000, 125_000]);
    assert!(outcomes(&column(&["50.-", "1.250"]), &one("EUR"))[1].is_err());
}

#[test]
fn what_ends_an_abbreviation_is_no_decimal_mark() {
    assert_eq!(
        read(
            &column(&[
                "Rs.50",
                "Rs.1,250.00",
                "-Rs.20.75",
                "Rs. 50",
                "Rs.-50",
                "50 Rs.",
                "RS.50",
                "(Rs.50)",
                "Rs. .50"
            ]),
            &one("INR")
        ),
        [5000, 125_000, -2075, 5000, -5000, 5000, 5000, -5000, 50]
    );
    assert_eq!(
        read(&column(&["Fr.50", "-Fr.5", "CHF 12.50", "SFr.7", "CHF .50"]), &one("CHF")),
        [5000, -500, 1250, 700, 50]
    );
    assert_eq!(read(&column(&["kr.50", "kr.1.250,00", "Kr.7,5"]), &one("DKK")), [5000, 125_000, 750]);
    assert_eq!(read(&column(&["S/.50", "S/ 1,250.00"]), &one("PEN")), [5000, 125_000]);
    for (open, currency) in [
        ("EUR.50", "EUR"),
        ("Rs .50", "INR"),
        ("kr,50", "NOK"),
        ("x.50", "EUR"),
        ("USD.5", "USD"),
        ("No.50", "EUR"),
    ] {
        let found = outcomes(&column(&[open]), &one(currency));
        assert!(found[0].is_err(), "{open}: {found:?}");
    }
}

#[test]
fn a_name_of_another_currency_is_refused_and_named() {
    let amounts = [
        "€12.50",
        "$12.50",
        "£5.00",
        "US$7.25",
        "USD 7.25",
        "kr 9.50",
        "R$1.50",
        "¥500",
        "12.50 zł",
        "HK$1.00",
        "1.00 Ft",
        "₹5",
        "5 lei",
        "₺5",
        "5 ₽",
        "A$5",
        "C$5",
        "5 Kč",
        "5\u{a0}usd",
    ];
    let found = outcomes(&column(&amounts), &one("EUR"));
    assert_eq!(found[0], Ok(1250));
    for (row, text) in found.iter().zip(amounts).skip(1) {
        refused(row, &["EUR", text.trim_matches(|c: char| c.is_ascii_digit() || ". \u{a0}".contains(c))]);
    }
    assert_eq!(
        read(
            &column(&["$5.00", "US$5.00", "5.00 USD", "$5.00 USD", "USD\u{a0}5.00", "5.00\u{202f}$"]),
            &one("USD")
        ),
        [500; 6]
    );
    assert_eq!(read(&column(&["$5.00", "CA$5.00", "C$5.00", "CAD5.00"]), &one("CAD")), [500; 4]);
    let found = outcomes(&column(&["$5.00 USD", "US$5.00", "kr5.00"]), &one("CAD"));
    assert!(found.iter().all(Result::is_err), "{found:?}");
    for currency in ["SEK", "NOK", "DKK", "ISK"] {
        assert!(outcomes(&column(&["kr 5"]), &one(currency))[0].is_ok(), "{currency}");
    }
    assert_eq!(read(&column(&["¥1,500", "￥500", "JP¥5", "5円"]), &one("JPY")), [1500, 500, 5, 5]);
    for letters in
        ["12.50 pcs", "x12.50", "12.50x", "ca. 12.50", "12.50%", "12.50*", "~12.50", "EUR EUR EUR 5", "CR 5"]
    {
        assert!(outcomes(&column(&[letters]), &one("EUR"))[0].is_err(), "{letters}");
    }
}

#[test]
fn digits_prove_the_mark_where_no_group_can_stand() {
    assert_eq!(read(&column(&["12.500", "0.250", "-1234.500"]), &one("KWD")), [12_500, 250, -1_234_500]);
    assert_eq!(read(&column(&["12,500", "0,250"]), &one("BHD")), [12_500, 250]);
    for proof in [".500", "01.250", "1234.567", "-1234.500", "1'234.500", "1 234.500", "KWD 0.250", "(0.250)"]
    {
        assert_eq!(outcomes(&column(&["12.500", proof]), &one("KWD"))[0], Ok(12_500), "{proof}");
        let comma = proof.replace('.', ",");
        assert_eq!(outcomes(&column(&[&comma, "12,500"]), &one("TND"))[1], Ok(12_500), "{comma}");
    }
    let found = outcomes(&column(&["12.500"]), &one("KWD"));
    refused(&found[0], &["12.500", "decimal=point if it is 12.500", "decimal=comma if it is 12500.000"]);
    assert_eq!(read(&column(&["0.25", "1.250,00"]), &one("EUR")), [25, 125_000]);
    let found = outcomes(&column(&["0.25", "1.250,00", "12.500"]), &one("EUR"));
    refused(&found[2], &["both \"0.25\" and \"1.250,00\"", "decimal=comma if it is 12500.00"]);
    // Junk proves nothing.
    assert!(outcomes(&column(&["01.02.2026", "1.2.3", "0.25x", "12.500"]), &one("KWD"))[3].is_err());
}

#[test]
fn a_proof_beyond_any_sample_of_rows_counts() {
    let mut file = column(&[]);
    file += &"x;12.500\n".repeat(20_001);
    file += "x;0.250\n";
    assert!(outcomes(&file, &one("KWD")).iter().all(Result::is_ok));
}

#[test]
fn currencies_without_decimals_have_only_groups() {
    assert_eq!(read(&column(&["1,500", "1.500", "500", "1 500"]), &one("JPY")), [1500, 1500, 500, 1500]);
    assert!(outcomes(&column(&["1500.50"]), &one("JPY"))[0].is_err());
    assert!(
        outcomes(&column(&["1,500"]), &format!("{},extra_zeros=true", one("JPY"))).iter().all(Result::is_err)
    );
}

#[test]
fn groups_are_those_of_some_country() {
    assert_eq!(
        read(&column(&["1,25,000.00", "12,34,56,789.00", "1,25,000"]), &one("INR")),
        [12_500_000, 12_345_678_900, 12_500_000]
    );
    assert_eq!(
        read(&column(&["1'234.50", "1’234.50", "1\u{202f}234.50", "1\u{a0}234\u{a0}567.50"]), &one("CHF")),
        [123_450, 123_450, 123_450, 123_456_750]
    );
    for wrong in ["1,2,345.00", "123,45,678.00", "1,234,56,789.00", "1'234,567.00", "12 50.00"] {
        assert!(outcomes(&column(&[wrong]), &one("INR"))[0].is_err(), "{wrong}");
    }
    let zero = outcomes(&column(&["0,250"]), &format!("{},decimal=point", one("USD")));
    refused(&zero[0], &["0,250", "do not fit decimal=point"]);
}
