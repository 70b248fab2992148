//! Payments: the example of the documentation, wrong totals, hostile XML.

use std::io::Cursor;

use super::{PAIN, assert_jobs, blocks, read_all, refusal};
use crate::{Format, refused};

#[test]
fn the_example_of_pain_001_is_read_as_it_says() {
    let file = blocks(PAIN, "xml")[0];
    let (rows, _) = read_all(Cursor::new(file), Format::Pain001, "", &["DE"]).unwrap();
    assert_jobs(rows, blocks(PAIN, "json")[0]);
    let prefixed = file
        .replace("</", "</p:")
        .replace("<", "<p:")
        .replace("<p:/p:", "</p:")
        .replace("<p:?", "<?")
        .replace("xmlns=", "xmlns:p=");
    let (rows, _) = read_all(Cursor::new(prefixed), Format::Pain001, "", &["DE"]).unwrap();
    assert_jobs(rows, blocks(PAIN, "json")[0]);
}

#[test]
fn totals_that_differ_refuse_the_message_and_name_both_figures() {
    let file = blocks(PAIN, "xml")[0];
    let group = refusal(file.replacen("1300.05", "1300.04", 1), Format::Pain001);
    assert!(group.contains("group header says CtrlSum 1300.04, but the payments sum to 1300.05"), "{group}");
    let count = refusal(file.replacen("<NbOfTxs>2", "<NbOfTxs>3", 1), Format::Pain001);
    assert!(count.contains("NbOfTxs 3, but there are 2"), "{count}");
    let (before, inner) = file.split_once("<PmtInf>").unwrap();
    let inner = refusal(format!("{before}<PmtInf>{}", inner.replacen("1300.05", "9", 1)), Format::Pain001);
    assert!(inner.contains("payment information \"PAY-1\""), "{inner}");
}

#[test]
fn refused_payments_make_a_message_with_totals_of_its_own() {
    let file = blocks(PAIN, "xml")[0].replace("CH9300762011623852957", "CH9300762011623852958");
    let (rows, reader) = read_all(Cursor::new(file), Format::Pain001, "", &["DE"]).unwrap();
    let error = rows[1].content.as_ref().unwrap_err();
    assert!(error.reason.contains("CH9300762011623852958"), "{error}");
    let row = reader.refused(&rows[1].raw, "check -- digits");
    let mut totals = refused::Totals::default();
    totals.add(&row);
    let format = Format::Pain001;
    let again =
        [refused::start(format, reader.header(), &totals), row, refused::end(format, reader.header())]
            .concat();
    let again = String::from_utf8(again).unwrap();
    assert!(again.contains("<NbOfTxs>1</NbOfTxs><CtrlSum>65.55</CtrlSum>"), "{again}");
    let corrected = again.replace("CH9300762011623852958", "CH9300762011623852957");
    let (rows, _) = read_all(Cursor::new(corrected), format, "", &["DE"]).unwrap();
    assert_jobs(rows, blocks(PAIN, "json")[0].lines().nth(1).unwrap());
}

#[test]
fn hostile_xml_is_refused() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\">]><Document>&b;</Document>";
    assert!(refusal(laughs, Format::Pain001).contains("DTD"));
    let external = "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Document>&x;</Document>";
    assert!(refusal(external, Format::Pain001).contains("DTD"));
    let file = blocks(PAIN, "xml")[0];
    assert!(refusal(file.replace("&amp;", "&x;"), Format::Pain001).contains("entity &x;"));
    let cut = file.split("</CdtTrfTxInf>").next().unwrap();
    assert!(refusal(cut, Format::Pain001).contains("ends within CdtTrfTxInf"));
    assert!(refusal(file.replace("</Cdtr>", "</Dbtr>"), Format::Pain001).contains("not well formed"));
    assert!(refusal("<a>".repeat(100_000), Format::Pain001).contains("no part of pain.001"));
    let deep = format!("<Document><CstmrCdtTrfInitn><GrpHdr>{}", "<a>".repeat(100_000));
    assert!(refusal(deep, Format::Pain001).contains("deep"));
    let long = file.replace("Rent January", &"x".repeat(2_000_000));
    assert!(refusal(long, Format::Pain001).contains("more than 65536 bytes"));
}

#[test]
fn totals_do_not_grow_without_end() {
    let (before, after) = blocks(PAIN, "xml")[0].split_once("<NbOfTxs>2").unwrap();
    for (total, piece) in [
        ("NbOfTxs", format!("<![CDATA[{}]]>", "2".repeat(1 << 10))),
        ("CtrlSum", "2<!-- -->".repeat(1 << 10)),
        ("NbOfTxs", format!("<a{} Ccy=\"{}\"/>", "b".repeat(1 << 10), "c".repeat(1 << 10))),
    ] {
        // The element is never closed, so it is known before its end.
        let told = refusal(format!("{before}<{total}>{}", piece.repeat(100)), Format::Pain001);
        assert!(told.contains(&format!("{total} is no number")), "{told}");
    }
    let nested = format!("<{0}>{1}</{0}>", "n".repeat(30_000), "<a/>".repeat(3_000));
    let told = refusal(format!("{before}{nested}<NbOfTxs>2{after}"), Format::Pain001);
    assert!(told.contains("more than 4000 elements"), "{told}");
    let prefix = "p".repeat(30_000);
    let marks = format!("<{prefix}:NbOfTxs>2</{prefix}:NbOfTxs>").repeat(3_000);
    let told = refusal(format!("{before}{marks}{after}"), Format::Pain001);
    assert!(told.contains("more than 65536 bytes"), "{told}");
}

#[test]
fn an_iban_in_small_letters_is_an_account_here() {
    let file = blocks(PAIN, "xml")[0].replace("DE02120300000000202051", "de02 1203 0000 0000 2020 51");
    for prefix in ["DE", "de"] {
        let (rows, _) = read_all(Cursor::new(file.clone()), Format::Pain001, "", &[prefix]).unwrap();
        assert_jobs(rows, blocks(PAIN, "json")[0]);
    }
    let (rows, _) = read_all(
        Cursor::new(file.replace("CH9300762011623852957", "DE543704004405320130001")),
        Format::Pain001,
        "",
        &["DE"],
    )
    .unwrap();
    let error = rows[1].content.as_ref().unwrap_err();
    assert!(error.reason.contains("length"), "{error}");
}

#[test]
fn a_transfer_with_advice_is_a_transfer_and_a_cheque_is_none() {
    let file = blocks(PAIN, "xml")[0];
    let advised = file.replace("<PmtMtd>TRF", "<PmtMtd>TRA");
    let (rows, _) = read_all(Cursor::new(advised), Format::Pain001, "", &["DE"]).unwrap();
    assert_jobs(rows, blocks(PAIN, "json")[0]);
    let cheque = file.replace("<PmtMtd>TRF", "<PmtMtd>CHK");
    let (rows, _) = read_all(Cursor::new(cheque), Format::Pain001, "", &["DE"]).unwrap();
    assert!(rows[0].content.as_ref().unwrap_err().reason.contains("PmtMtd is CHK"));
}

#[test]
fn a_message_says_its_charset_and_may_be_wrong_about_utf_16() {
    let text = blocks(PAIN, "xml")[0].replace("Rent January", "Miete für Zoë");
    let jobs = blocks(PAIN, "json")[0].replace("Rent January", "Miete für Zoë");
    let declared = |charset: &str| text.replacen("UTF-8", charset, 1);
    let utf_16: Vec<u8> =
        [0xFEFF].into_iter().chain(declared("UTF-16").encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let files = [
        encoding_rs::ISO_8859_15.encode(&declared("ISO-8859-15")).0.into_owned(),
        encoding_rs::WINDOWS_1252.encode(&declared("windows-1252")).0.into_owned(),
        utf_16,
        // Written by a program that names the form of its own strings, and is UTF-8.
        declared("utf-16").into_bytes(),
    ];
    for file in files {
        let (rows, _) = read_all(Cursor::new(file), Format::Pain001, "", &["DE"]).unwrap();
        assert_jobs(rows, &jobs);
    }
}
