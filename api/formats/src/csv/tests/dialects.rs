//! What a map can say, and what is said where it says too little.

use serde_json::json;

use super::{bodies, rows, windows_1252};

fn refusal(file: &str, map: &str) -> String {
    rows(file, map).unwrap_err().to_string()
}

/// What the first row that is no job is told.
fn fault(file: &str, map: &str) -> (String, String) {
    let error = rows(file, map).unwrap().into_iter().find_map(|row| row.content.err()).unwrap();
    (error.field.clone().unwrap_or_default(), error.reason)
}

#[test]
fn a_last_column_without_a_name_can_be_counted() {
    let file = "Datum;Text;\"Umsatz\";\" \"\n01.02.2026;Miete;\"100,00\";\"S\"\n02.02.2026;Lohn;\"2.000,00\";\"H\"\n";
    let map = "account='a',currency='EUR',value_date=Datum,amount=Umsatz,direction=#4,memo=Text";
    let found = bodies(file, map);
    assert_eq!((&found[0]["kind"], &found[1]["kind"]), (&json!("withdrawal"), &json!("deposit")));
    // The header may have no cell for it, and rows may end in a separator more.
    let file = "Datum;Text;Umsatz\n01.02.2026;Miete;100,00;S;\n02.02.2026;Lohn;2.000,00;H;\n";
    let found = bodies(file, map);
    assert_eq!((&found[0]["kind"], &found[1]["kind"]), (&json!("withdrawal"), &json!("deposit")));
    let told = refusal(file, &map.replace("#4", "#13"));
    assert!(told.contains("no column #13; no row has more than 5"), "{told}");
    // A text with a separator in it moves what follows; the separator at the lines' ends is no column.
    let file = "Datum;Betrag;Text;\n01.02.2026;1,00;Miete;\n02.02.2026;2,00;Mie;te;\n";
    let rows = rows(file, "account='a',currency='EUR',value_date=Datum,amount=Betrag,memo=Text").unwrap();
    assert!(rows[0].content.is_ok());
    let error = rows[1].content.as_ref().unwrap_err();
    assert!(error.reason.contains("the row has 5 columns and the header 3"), "{error}");
}

#[test]
fn columns_that_are_empty_in_the_first_row_may_be_filled_in_a_later_one() {
    let file = "01.02.2026;-1,50;a;;;\n02.02.2026;2,50;b;c;d;e\n";
    let map = "header=false,account='a',currency='EUR',value_date=#1,amount=#2,memo=#3+#6";
    let found = bodies(file, map);
    assert_eq!((&found[0]["memo"], &found[1]["memo"]), (&json!("a"), &json!("b e")));
    let found = bodies(file, &map.replace("+#6", ""));
    assert_eq!(found[1]["memo"], "b");
}

#[test]
fn a_map_that_counts_columns_finds_their_lines_and_separator() {
    let map = "account='a',currency='EUR',value_date=#1,memo=#2,amount=#3";
    for file in [
        "Konto;Giro\nStand, heute\n\nDatum,Text,Betrag\n2026-02-01,\"Miete; kalt\",-1.50\n2026-02-02,Lohn,20.00\n",
        "Umsätze;;\nDatum;Text;Betrag\n2026-02-01;Miete, Strom, Gas;-1,50\n2026-02-02;Lohn, Bonus;20,00\n",
        "Datum\tText\tBetrag\tSaldo\n2026-02-01\ta\t-1,50\t1\t\n2026-02-02\tb\t20,00\t1\t\n",
    ] {
        let found = bodies(file, map);
        assert_eq!(
            (found.len(), &found[0]["amount"], &found[1]["amount"]),
            (2, &json!(150), &json!(2000)),
            "{file}"
        );
    }
    let few = refusal("Datum;Betrag\n2026-02-01;1,50\n", map);
    assert!(few.contains("no line has 3 columns") && few.contains("separator=, skip_lines="), "{few}");
}

#[test]
fn a_first_row_is_not_passed_over_as_a_header() {
    let file = "2026-02-01;Miete;-1,50\n2026-02-02;Lohn;20,00\n";
    let map = "account='a',currency='EUR',value_date=#1,memo=#2,amount=#3";
    let told = refusal(file, map);
    assert!(told.contains("its column #3 is \"-1,50\"") && told.contains("header=false"), "{told}");
    assert_eq!(bodies(file, &format!("{map},header=false")).len(), 2);
    assert_eq!(bodies(file, &format!("{map},header=true")).len(), 1);
}

#[test]
fn a_first_row_is_known_by_any_form_of_its_dates_and_amounts() {
    let base = "account='a',currency='INR',value_date=#1,memo=#2";
    for amount in ["12.50 DR", "(12.50)", "Rs.50", "INR 50", "50.00-", "500,-"] {
        let file = format!("x;Shop;{amount}\ny;Pay;100.00\n");
        let told = refusal(&file, &format!("{base},amount=#3"));
        assert!(
            told.contains(&format!("its column #3 is {amount:?}")) && told.contains("header=false"),
            "{told}"
        );
    }
    for date in ["03-Nov-2025", "3 November 2025", "Mon, 3 Nov 2025", "2025年11月3日", "03.11.2025 10:15"]
    {
        let file = format!("{date};Shop;none\n{date};Pay;100.00 CR\n");
        let told = refusal(&file, &format!("{base},amount=#3"));
        assert!(told.contains(&format!("its column #1 is {date:?}")), "{told}");
    }
    // Expressions of every form.
    let file = "x;Shop;;12.50 DR\ny;Pay;;100.00 CR\n";
    for amount in ["#3+#4", "#3|#4", "#3+-#4", "#4|'0'"] {
        let told = refusal(file, &format!("{base},amount={amount}"));
        assert!(told.contains("its column #4 is \"12.50 DR\""), "{told}");
    }
    for expression in
        [r##"{"column":"#4","default":"0"}"##, r##"{"in":"#4","out":"#4"}"##, r##"{"sum":["#3","#4"]}"##]
    {
        let json = format!(
            r##"{{"account":{{"value":"a"}},"currency":{{"value":"INR"}},"memo":"#2","amount":{expression}}}"##
        );
        let told = refusal(file, &json);
        assert!(told.contains("its column #4 is \"12.50 DR\""), "{told}");
    }
    let rows = "03-Nov-2025;Shop;12.50 DR\n04-Nov-2025;Pay;100.00 CR\n";
    assert_eq!(bodies(rows, &format!("{base},amount=#3,header=false")).len(), 2);
    // Names that have figures in them are names.
    let named = "Date 1;Text 2;Amount 1 (INR)\n03-Nov-2025;Shop;12.50 DR\n04-Nov-2025;Pay;100.00 CR\n";
    assert_eq!(bodies(named, &format!("{base},amount=#3")).len(), 2);
}

#[test]
fn two_columns_of_one_field_are_refused() {
    let file = "kind,account,amount,currency,amount\ndeposit,a,10,EUR,99\n";
    let told = refusal(file, "");
    assert!(
        told.contains("several columns \"amount\"") && told.contains("write amount=#3 or amount=#5"),
        "{told}"
    );
    let found = bodies(file, "amount=#3");
    assert_eq!(found[0], json!({"kind":"deposit","account":"a","amount":1000,"currency":"EUR"}));
    assert_eq!(bodies(file, "amount=#5")[0]["amount"], 9900);
}

#[test]
fn a_row_without_an_amount_is_refused_with_the_way_to_leave_it_out() {
    let file = "Datum;Text;Betrag\n31.01.2026;Miete;-1,00\n31.01.2026;Saldo;\n";
    let map = "account='a',amount=Betrag,currency='EUR'";
    let (field, reason) = fault(file, map);
    assert_eq!(field, "amount");
    assert_eq!(reason, "amount is empty; correct it, or leave such rows out with require=Betrag");
    assert_eq!(bodies(file, &format!("{map},require=Betrag")).len(), 1);
    let (field, reason) = fault(
        "Text,Raus,\"Rein, EUR\"\nSaldo,,\n",
        "account='a',amount.out=Raus,amount.in=\"Rein, EUR\",currency='EUR'",
    );
    assert_eq!(field, "amount.in");
    assert!(reason.contains("amount.out are both empty"), "{reason}");
}

#[test]
fn transfers_go_both_ways_by_the_sign_of_one_column() {
    let file = "Datum;Partner;Betrag\n01.02.2026;b;-1,50\n02.02.2026;c;2,00\n";
    let map = "from.in=Partner,from.out='a',to.in='a',to.out=Partner,amount=Betrag,currency='EUR'";
    let expected = [
        json!({"kind":"transfer","from":"a","to":"b","amount":150,"currency":"EUR"}),
        json!({"kind":"transfer","from":"c","to":"a","amount":200,"currency":"EUR"}),
    ];
    assert_eq!(bodies(file, map), expected);
    let (field, reason) = fault(file, "from='a',to=Partner,amount=Betrag,currency='EUR'");
    assert!(field == "amount" && reason.contains("below zero"), "{reason}");
}

#[test]
fn long_names_make_no_long_errors() {
    let names: Vec<String> = (0..100).map(|number| format!("{}{number}", "ä".repeat(300))).collect();
    let file = format!("{};Betrag\n{};1\n", names.join(";"), "x;".repeat(99) + "x");
    for map in ["account='a',amount=Summe", "amount=Betrag,account=#1,memo=Summe", "amount=Betrag,memo=#900"]
    {
        let told = refusal(&file, map);
        assert!(told.len() < 8_000, "{}: {told}", told.len());
    }
    let told = refusal(&file, "account='a',amount=Summe");
    assert!(told.contains("and 61 more") && told.contains("charset="), "{told}");
}

#[test]
fn a_charset_is_found_by_what_people_call_it() {
    let text = "Kwota;Waluta;Opis\n-1,50;PLN;Żółć\n";
    let map = "account='a',amount=Kwota,currency=Waluta,memo=Opis";
    for (label, encoding) in [
        ("windows-1250", encoding_rs::WINDOWS_1250),
        ("Windows1250", encoding_rs::WINDOWS_1250),
        ("CP1250", encoding_rs::WINDOWS_1250),
        ("ISO_8859-2", encoding_rs::ISO_8859_2),
        ("latin-2", encoding_rs::ISO_8859_2),
    ] {
        let file = encoding.encode(text).0.into_owned();
        assert_eq!(bodies(file, &format!("{map},charset={label}"))[0]["memo"], "Żółć", "{label}");
    }
    for (label, to_bytes) in [
        ("utf-16", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ("utf-16", u16::to_be_bytes),
        ("UTF16", u16::to_le_bytes),
        ("utf-16be", u16::to_be_bytes),
        ("unicode", u16::to_le_bytes),
    ] {
        let file: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
        assert_eq!(bodies(file, &format!("{map},charset={label}"))[0]["memo"], "Żółć", "{label}");
    }
    assert_eq!(
        bodies(windows_1252("Kwota;Waluta;Opis\n1,5;PLN;ß\n"), &format!("{map},charset=ANSI"))[0]["memo"],
        "ß"
    );
    let told = rows("a", "charset=klingon").unwrap_err().to_string();
    assert!(told.contains("windows-1250"), "{told}");
}
