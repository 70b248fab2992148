//! Refused rows that were corrected, and are sent again.

use std::io::Cursor;

use super::{PAIN, assert_jobs, blocks, read_all};
use crate::{Format, refused};

/// The refused rows of a file, in a file.
pub(super) fn refused_rows(file: &str, format: Format, map: &str) -> String {
    let (rows, reader) = read_all(Cursor::new(file.to_owned()), format, map, &["DE"]).unwrap();
    let mut totals = refused::Totals::default();
    let mut text = Vec::new();
    for row in rows {
        let Err(error) = row.content else { continue };
        let row = reader.refused(&row.raw, &error.reason);
        totals.add(&row);
        text.extend(row);
    }
    let again =
        [refused::start(format, reader.header(), &totals), text, refused::end(format, reader.header())]
            .concat();
    String::from_utf8(again).unwrap()
}

fn assert_corrected(file: &str, map: &str, wrong: &str, right: &str, jobs: &str) {
    let mut again = refused_rows(file, Format::Csv, map);
    // Refused once more, as it was, it is the same.
    for _ in 0..2 {
        let (rows, _) = read_all(Cursor::new(again.replace(wrong, right)), Format::Csv, map, &[]).unwrap();
        assert_jobs(rows, jobs);
        let twice = refused_rows(&again, Format::Csv, map);
        assert_eq!(again, twice);
        again = twice;
    }
}

#[test]
fn a_reason_stands_below_its_name_whatever_separators_the_rows_end_in() {
    let chase = "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n\
                 DEBIT,01/31/2026,\"STORE, INC\",-12x.50,DEBIT_CARD,100.00,,\nDEBIT,01/31/2026,OK,-1.50,DEBIT_CARD,100.00,,\n";
    let map = "account='1',value_date=Posting Date,amount=Amount,currency='USD',memo=Description";
    let job = r#"{"kind":"withdrawal","account":"1","amount":1250,"currency":"USD","value_date":"2026-01-31","memo":"STORE, INC"}"#;
    assert_corrected(chase, map, "12x.50", "12.50", job);
    let closed = "Datum;Betrag;Text;\n01.02.2026;1,5x;Miete;\n";
    let map = "account='a',currency='EUR',value_date=Datum,amount=Betrag,memo=Text";
    let job = r#"{"kind":"deposit","account":"a","amount":150,"currency":"EUR","value_date":"2026-02-01","memo":"Miete"}"#;
    assert_corrected(closed, map, "1,5x", "1,5", job);
    let short = "Datum;Betrag;Text;Notiz\n01.02.2026;1,5;\n";
    let again = refused_rows(short, Format::Csv, map);
    assert!(again.ends_with("Notiz;refused_because\r\n01.02.2026;1,5;;;\"the row has 3 columns and the header 4; check its separators and quotes\"\r\n"), "{again}");
    let stray = "Datum;Betrag;Text\n01.02.2026;1,5;\"Mie\"te\n";
    assert_corrected(stray, map, "\"Mie\"te", "Miete", job);
    let long = "Datum;Betrag;Text\n01.02.2026;1,5;Mie;te\n";
    assert_corrected(long, map, "Mie;te", "Miete", job);
}

#[test]
fn a_reason_stands_behind_columns_without_a_name() {
    let counted = "Datum;Umsatz\n01.02.2026;1,5x;S\n02.02.2026;2,00;H\n";
    let map = "account='a',currency='EUR',value_date=Datum,amount=Umsatz,direction=#3";
    let job =
        r#"{"kind":"withdrawal","account":"a","amount":150,"currency":"EUR","value_date":"2026-02-01"}"#;
    assert_corrected(counted, map, "1,5x", "1,5", job);
    let blank = "Datum;Umsatz;\" \"\n01.02.2026;1,5x;\"S\"\n";
    assert_corrected(blank, map, "1,5x", "1,5", job);
    let bare = "02.02.2026;1,50;;;\n01.02.2026;1,5x;;S;\n";
    let map = "header=false,account='a',currency='EUR',value_date=#1,amount=#2,direction=#4|'H'";
    assert_corrected(bare, map, "1,5x", "1,5", job);
    // The corrected row may have lost its reason, and the cell for it.
    let again = refused_rows(
        blank,
        Format::Csv,
        "account='a',currency='EUR',value_date=Datum,amount=Umsatz,direction=#3",
    );
    let (header, row) = again.split_once("\r\n").unwrap();
    assert!(row.starts_with("01.02.2026;1,5x;\"S\";"), "{row}");
    let file = format!("{header}\r\n01.02.2026;1,5;S\r\n");
    let (rows, _) = read_all(
        Cursor::new(file),
        Format::Csv,
        "account='a',currency='EUR',value_date=Datum,amount=Umsatz,direction=#3",
        &[],
    )
    .unwrap();
    assert_jobs(rows, job);
}

#[test]
fn payments_whose_amount_is_at_fault_are_in_the_sum_of_the_refused() {
    let file = blocks(PAIN, "xml")[0];
    let fine = file.replace("1234.5<", "1234.505<").replace("1300.05", "1300.055");
    let again = refused_rows(&fine, Format::Pain001, "");
    assert!(again.contains("InstdAmt is 1234.505"), "{again}");
    assert!(again.contains("<NbOfTxs>1</NbOfTxs><CtrlSum>1234.505</CtrlSum>"), "{again}");
    let equivalent = file.replace(
        "<InstdAmt Ccy=\"EUR\">1234.5</InstdAmt>",
        "<EqvtAmt><Amt Ccy=\"EUR\">1234.5</Amt><CcyOfTrf>USD</CcyOfTrf></EqvtAmt>",
    );
    let again = refused_rows(&equivalent, Format::Pain001, "");
    assert!(again.contains("<NbOfTxs>1</NbOfTxs><CtrlSum>1234.50</CtrlSum>"), "{again}");
    // It can be sent again: its totals are right.
    assert_eq!(refused_rows(&again, Format::Pain001, ""), again);
}
