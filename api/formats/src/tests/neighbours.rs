//! One bad row never stops or joins its neighbours.

use std::io::Cursor;

use super::corrected::refused_rows;
use super::{PAIN, assert_jobs, blocks, read_all, refusal};
use crate::{Format, Row};

const MAP: &str = "account='q', currency='EUR', value_date=Date, memo=Text, amount=Amount";

fn rows(file: impl Into<Vec<u8>>, map: &str) -> Vec<Row> {
    read_all(Cursor::new(file.into()), Format::Csv, map, &[]).unwrap().0
}

/// Line, and memo or reason, of each row.
fn told(file: impl Into<Vec<u8>>, map: &str) -> Vec<(u64, String)> {
    let told = |row: Row| match row.content {
        Ok(body) => {
            let body: serde_json::Value = serde_json::from_str(body.get()).unwrap();
            (row.line, format!("{} {}", body["memo"].as_str().unwrap_or_default(), body["amount"]))
        }
        Err(error) => (error.line, format!("refused: {}", error.reason)),
    };
    rows(file, map).into_iter().map(told).collect()
}

/// The same, with refused rows as their line alone.
fn brief(file: impl Into<Vec<u8>>, map: &str) -> Vec<(u64, String)> {
    let brief = |(line, text): (u64, String)| (line, text.split(':').next().unwrap().to_owned());
    told(file, map).into_iter().map(brief).collect()
}

fn expected(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
    rows.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
}

const STRAY: &str = "Date,Text,Amount\n2025-11-03,Shop A,-5.00\n2025-11-04,\"Shop Blue,-6.00\n2025-11-05,Shop C,-7.00\n\
                     2025-11-06,Screen 27\",-8.00\n2025-11-07,Shop D,-9.00\n";

#[test]
fn rows_between_two_stray_quotes_are_refused_each_by_itself() {
    let rows = told(STRAY, MAP);
    assert_eq!(
        (rows.len(), &rows[0], &rows[4]),
        (5, &(2, "Shop A 500".to_owned()), &(6, "Shop D 900".to_owned()))
    );
    for (index, line) in [(1, 3), (2, 4), (3, 5)] {
        assert_eq!(rows[index].0, line);
        assert!(
            rows[index].1.contains("a quote that opens in line 3 goes on over the lines to 5"),
            "{rows:?}"
        );
    }
    let two = STRAY.replace("2025-11-05,Shop C,-7.00\n", "").replace('\n', "\r\n");
    assert_eq!(
        brief(two, MAP),
        expected(&[(2, "Shop A 500"), (3, "refused"), (4, "refused"), (5, "Shop D 900")])
    );
}

#[test]
fn what_is_advised_against_a_stray_quote_works() {
    let all = [
        (2, "Shop A 500"),
        (3, "\"Shop Blue 600"),
        (4, "Shop C 700"),
        (5, "Screen 27\" 800"),
        (6, "Shop D 900"),
    ];
    assert_eq!(brief(STRAY, &format!("{MAP}, quote=none")), expected(&all));
    let removed = STRAY.replace('"', "");
    assert!(rows(removed, MAP).iter().all(|row| row.content.is_ok()));
    let doubled =
        STRAY.replace("\"Shop Blue", "\"\"\"Shop Blue\"").replace("Screen 27\"", "\"Screen 27\"\"\"");
    assert_eq!(brief(doubled, MAP), expected(&all));
    // The refused rows can be sent again, mended or not.
    let again = refused_rows(STRAY, Format::Csv, MAP);
    let unmended = [(2, "refused"), (3, "Shop C 700"), (4, "Screen 27\" 800")];
    assert_eq!(brief(again.clone(), MAP), expected(&unmended));
    let once = refused_rows(&again, Format::Csv, MAP);
    assert_eq!(refused_rows(&once, Format::Csv, MAP).lines().count(), 2);
    let mended = again.replacen(",\"Shop", ",Shop", 1).replacen("27\"", "27", 1);
    assert_eq!(
        brief(mended, MAP),
        expected(&[(2, "Shop Blue 600"), (3, "Shop C 700"), (4, "Screen 27 800")])
    );
}

#[test]
fn a_quote_that_is_never_closed_is_a_fault_of_its_row() {
    let file = "Date,Text,Amount\n2025-11-03,Shop A,-5.00\n2025-11-04,\"Shop Blue,-6.00\n2025-11-05,Shop C,-7.00\n2025-11-06,Shop D,-8.00\n";
    let ends = expected(&[(2, "Shop A 500"), (3, "refused"), (4, "Shop C 700"), (5, "Shop D 800")]);
    assert_eq!(brief(file, MAP), ends);
    // The opening quote of a later row closes it.
    let quoted = file.replace("Shop D", "\"Shop D\"");
    assert_eq!(brief(quoted, MAP), ends);
    let all_quoted = "\"Date\";\"Text\";\"Amount\"\n\"2025-11-04\";\"Shop\";\"-6,00\n\"2025-11-05\";\"Shop; C\";\"-7,00\"\n";
    assert_eq!(brief(all_quoted, MAP), expected(&[(2, "refused"), (3, "Shop; C 700")]));
    let last = "Date,Text,Amount\n2025-11-03,Shop A,-5.00\n2025-11-04,\"Shop Blue,-6.00";
    assert_eq!(brief(last, MAP), expected(&[(2, "Shop A 500"), (3, "refused")]));
    // A long file is not taken for one row.
    let many: String = (0..5000).map(|row| format!("2025-11-05,Shop {row},-7.00\n")).collect();
    let rows = rows(format!("Date,Text,Amount\n2025-11-04,\"Shop Blue,-6.00\n{many}"), MAP);
    assert_eq!((rows.len(), rows.iter().filter(|row| row.content.is_err()).count()), (5001, 1));
    assert_eq!(rows[5000].line, 5002);
}

#[test]
fn texts_of_several_lines_are_texts() {
    let file = "Date,Text,Amount\n2025-11-03,\"Ann\nStreet 1, 12345 Town\nPaid 2025-11-02, 5.00\",-5.00\n\
                \"2025-11-04\",\"Bob, Inc\nUnit 5\n\",-6.00\n2025-11-05,C,-7.00\n";
    let rows =
        [(2, "Ann Street 1, 12345 Town Paid 2025-11-02, 5.00 500"), (5, "Bob, Inc Unit 5 600"), (8, "C 700")];
    assert_eq!(brief(file, MAP), expected(&rows));
    let first = "Text,Amount,Currency\n\"Ann\nBlock 5\",-5.00,EUR\nBob,-6.00,EUR\n";
    let map = "account='q',currency=Currency,memo=Text,amount=Amount";
    assert_eq!(brief(first, map), expected(&[(2, "Ann Block 5 500"), (4, "Bob 600")]));
}

#[test]
fn a_stray_quote_joins_no_rows_without_dates() {
    let file = "kind,account,currency,holder\nopen_account,a,EUR,\"Ann\nopen_account,b,EUR,Bob\nopen_account,c,EUR,Cy\"\nopen_account,d,EUR,Di\n";
    let rows = rows(file, "");
    assert_eq!(
        rows.iter().map(|row| (row.line, row.content.is_ok())).collect::<Vec<_>>(),
        [(2, false), (3, false), (4, false), (5, true)]
    );
}

const PLAIN: &str =
    "Date;Text;Amount\n2025-11-03;Shop A;-5,00\n2025-11-04;\"B; b\";-6,00\n2025-11-05;C;\"-7,00\"\n";

#[test]
fn line_ends_of_every_kind_end_lines_and_nothing_else() {
    let rows = expected(&[(2, "Shop A 500"), (3, "B; b 600"), (4, "C 700")]);
    for end in ["\n", "\r\n", "\r\r\n", "\r", "\n\r", "\u{c}\n", "\r\r\r\n"] {
        assert_eq!(brief(PLAIN.replace('\n', end), MAP), rows, "{end:?}");
    }
    let quoted = PLAIN.replace("2025-11-04", "\"2025-11-04\"").replace("2025-11-03", "\"2025-11-03\"");
    for end in ["\r\r\n", "\n\r", "\n\u{c}", "\r"] {
        assert_eq!(brief(quoted.replace('\n', end), MAP), rows, "{end:?}");
    }
    for (one, line) in
        [("-5,00\n", "-5,00\r\r\n"), ("-6,00\n", "-6,00\r\n"), ("Shop A", "Shop\u{2028}A"), ("C;", "\u{c}C;")]
    {
        assert_eq!(brief(PLAIN.replace(one, line), MAP), rows, "{line:?}");
    }
    // Some rows end as others do not: in a line that holds two rows both are read.
    let joined = PLAIN.replace("-5,00\n", "-5,00\r");
    assert_eq!(brief(joined, MAP), expected(&[(2, "Shop A 500"), (2, "B; b 600"), (3, "C 700")]));
}

#[test]
fn marks_of_the_end_are_no_rows() {
    let rows = expected(&[(2, "Shop A 500"), (3, "B; b 600"), (4, "C 700")]);
    for end in ["\u{1a}", "\r\n\u{1a}", "\0\0\0", "\u{1a}\0\0\0\0"] {
        assert_eq!(brief(format!("{PLAIN}{end}"), MAP), rows, "{end:?}");
        assert_eq!(
            brief(format!("{}{end}", PLAIN.trim_end().trim_end_matches('"').replace("\"-7", "-7")), MAP),
            rows,
            "{end:?}"
        );
    }
}

#[test]
fn a_zero_byte_is_a_fault_of_its_row() {
    let file = PLAIN.replace("Shop A", "Shop\0A");
    let told = told(file, MAP);
    assert!(told[0].0 == 2 && told[0].1.contains("zero byte"), "{told:?}");
    assert_eq!(told[1..], expected(&[(3, "B; b 600"), (4, "C 700")]));
    assert!(refusal(PLAIN.replace("Shop A", &"\0".repeat(20)), Format::Csv).contains("line 2 is not text"));
}

/// Latin-1, byte by byte: `é` for two bytes of UTF-8 is written `\u{c3}\u{a9}`.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn a_foreign_byte_is_a_fault_of_its_row() {
    let file = [
        "Date;Text;Amount\n2025-11-03;Müller;-5,00\n2025-11-04;B".as_bytes(),
        b"\xe4cker;-6,00\n",
        "2025-11-05;Größe;-7,00\n".as_bytes(),
    ]
    .concat();
    for (mark, map) in
        [("", MAP.to_owned()), ("\u{feff}", MAP.to_owned()), ("", format!("{MAP}, charset=utf-8"))]
    {
        let told = told([mark.as_bytes(), &file].concat(), &map);
        assert_eq!((&told[0].1, &told[2].1), (&"Müller 500".to_owned(), &"Größe 700".to_owned()));
        assert!(
            told[1].0 == 3 && told[1].1.contains("the byte 0xe4") && !told[1].1.contains("charset="),
            "{told:?}"
        );
    }
    let rows = rows(file, MAP);
    assert_eq!(rows[1].content.as_ref().unwrap_err().column, Some(13));
    // Sent again it is refused again, and the mended letter is taken.
    let (_, reader) = read_all(Cursor::new(PLAIN), Format::Csv, MAP, &[]).unwrap();
    let again = String::from_utf8(
        [b"\xEF\xBB\xBF".as_slice(), reader.header(), &reader.refused(&rows[1].raw, "why")].concat(),
    )
    .unwrap();
    assert!(told(again.clone(), MAP)[0].1.contains("the byte 0xe4"));
    assert_eq!(brief(again.replace('\u{f7e4}', "ä"), MAP), expected(&[(2, "Bäcker 600")]));
}

#[test]
fn rows_of_two_charsets_are_each_read_in_their_own() {
    let latin: Vec<u8> =
        (3..20).flat_map(|day| bytes(&format!("2025-11-{day:02};Bäcker é;-6,00\n"))).collect();
    let file = [
        "Date;Text;Amount\n2025-11-02;Größe – 5 €;-5,00\n".as_bytes(),
        &latin,
        &bytes("2025-11-21;MÃ¼ller é;-7,00\n"),
    ]
    .concat();
    let told = told(file.clone(), MAP);
    assert_eq!((told[0].1.as_str(), told[1].1.as_str()), ("Größe – 5 € 500", "Bäcker é 600"));
    assert!(told[18].0 == 20 && told[18].1.contains("the byte 0xe9"), "{told:?}");
    // Two letters of one charset look like one of the other that nobody writes there.
    let chance = [file, bytes("2025-11-22;CAFÉ\u{a0};-7,00\n")].concat();
    let told = super::neighbours::told(chance, MAP);
    assert!(told[19].0 == 21 && told[19].1.contains("Windows-1252"), "{told:?}");
}

#[test]
fn a_foreign_byte_in_a_message_is_a_fault_of_its_payment() {
    let text = blocks(PAIN, "xml")[0];
    let text = text.replacen("Rent January", "Miete März", 1);
    let at = text.rfind("</Cdtr>").and_then(|end| text[..end].rfind("</Nm>")).unwrap();
    let file = [&text.as_bytes()[..at], b"\xfc", &text.as_bytes()[at..]].concat();
    let (rows, reader) = read_all(Cursor::new(file), Format::Pain001, "", &["DE"]).unwrap();
    assert!(rows[0].content.as_ref().unwrap().get().contains("Miete März"));
    let error = rows[1].content.as_ref().unwrap_err();
    let line = text[..at].matches('\n').count() as u64 + 1;
    assert!(error.line == line && error.reason.contains("the byte 0xfc"), "{error:?}");
    let again = String::from_utf8(reader.refused(&rows[1].raw, &error.reason)).unwrap();
    assert!(again.contains('\u{f7fc}'));
}

#[test]
fn what_is_advised_for_a_text_that_seems_to_be_none_works() {
    let file: Vec<u8> =
        "Date;Text;Amount\n2025-11-03;Оплата за услуги по договору поставки оборудования;-5,00\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .skip(34)
            .collect();
    let map = "header=false, account='q', currency='EUR', value_date=#1, memo=#2, amount=#3";
    let error = read_all(Cursor::new(file.clone()), Format::Csv, map, &[]).err().unwrap().to_string();
    assert!(error.contains("line 1 is not text") && error.contains("state charset=utf-16le"), "{error}");
    let told = told(file, &format!("{map}, charset=utf-16le"));
    assert_eq!(told, expected(&[(1, "Оплата за услуги по договору поставки оборудования 500")]));
}

#[test]
fn what_is_advised_against_something_behind_a_closing_quote_works() {
    let file = PLAIN.replace("Shop A", "\"Shop\" A");
    let told = told(file.clone(), MAP);
    assert!(told[0].1.contains("double quotes") && told[0].1.contains("quote=none"), "{told:?}");
    assert_eq!(super::neighbours::told(file.clone(), &format!("{MAP}, quote=none"))[0].1, "\"Shop\" A 500");
    let doubled = file.replace("\"Shop\" A", "\"\"\"Shop\"\" A\"");
    assert_eq!(super::neighbours::told(doubled, MAP)[0].1, "\"Shop\" A 500");
}

/// Rows that others leave in doubt are no clearer without those others: the file of refused rows is refused again, and
/// is read once it says what is meant.
#[track_caller]
fn assert_doubt_stays(file: &str, map: &str, more: &str, corrected: (&str, &str), job: &str) {
    let again = refused_rows(file, Format::Csv, map);
    assert_eq!(refused_rows(&again, Format::Csv, map).lines().count(), again.lines().count(), "{again}");
    for (file, map) in
        [(again.clone(), format!("{map}{more}")), (again.replace(corrected.0, corrected.1), map.into())]
    {
        let (rows, _) = read_all(Cursor::new(file), Format::Csv, &map, &[]).unwrap();
        assert_jobs(rows, job);
    }
}

#[test]
fn a_doubt_that_others_raised_stays_where_the_refused_rows_come_alone() {
    let map = "account='a',currency='EUR',amount=Betrag";
    let out = r#"{"kind":"withdrawal","account":"a","amount":700,"currency":"EUR"}"#;
    let marked = "Betrag;Text\n10,00 CR;a\n7,00;b\n12,00 CR;c\n";
    assert_doubt_stays(marked, map, ",sign=positive_out", ("7,00;", "-7,00;"), out);
    let plus = "Betrag;Text\n+10,00;a\n7,00;b\n+12,00;c\n";
    assert_doubt_stays(plus, map, ",sign=positive_out", ("7,00;", "-7,00;"), out);
    let dated = "Datum;Betrag\n01.02.2026;10,00\n;-7,00\n";
    let map = "account='a',currency='EUR',amount=Betrag,value_date=Datum";
    let again = refused_rows(dated, Format::Csv, map);
    assert_eq!(refused_rows(&again, Format::Csv, map), again);
    let (rows, _) = read_all(Cursor::new(again), Format::Csv, &format!("{map},require=Datum"), &[]).unwrap();
    assert_jobs(rows, "");
}

#[test]
fn a_fee_with_a_mark_is_not_added_to_an_amount_without_one() {
    let map = "account='a',currency='EUR',amount=Gross+Fee";
    let (rows, _) = read_all(Cursor::new("Gross,Fee\n100.00,2.90 DR\n"), Format::Csv, map, &[]).unwrap();
    let reason = rows.into_iter().next().unwrap().content.unwrap_err().reason;
    assert!(reason.contains("write such amounts with a sign"), "{reason}");
}
