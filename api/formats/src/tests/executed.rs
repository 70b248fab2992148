//! When payments are to be made, and what is said of them beside the money.

use std::io::Cursor;

use serde_json::{Value, json};

use super::{PAIN, blocks, read_with};
use crate::{Format, Options, Row, was_ahead};

fn read_at(file: String, now: &str) -> Vec<Row> {
    let options = Options { iban_prefixes: vec!["DE".to_owned()], now: Some(now.parse().unwrap()) };
    read_with(Cursor::new(file), Format::Pain001, "", &options).unwrap().0
}

fn body(row: &Row) -> Value {
    let body = row.content.as_ref().unwrap().get();
    contract::submission::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_payment_waits_for_its_day_whenever_its_message_is_read() {
    let file = blocks(PAIN, "xml")[0];
    for now in ["2026-01-30T23:59:59Z", "2026-01-31T00:00:00Z", "2026-06-30T00:00:00Z"] {
        let rows = read_at(file.to_owned(), now);
        let is_due =
            |body: &Value| body["value_date"] == "2026-01-31" && body["execute_at"] == "2026-01-31T00:00:00Z";
        assert_eq!(rows.iter().map(body).filter(is_due).count(), 2, "{now}");
    }
    // One that was made on its day says nothing: it is executed at once.
    let made = file.replace("2026-01-30T10:00:00Z", "2026-01-31T10:00:00Z");
    assert_eq!(body(&read_at(made, "2026-01-31T12:00:00Z")[0])["execute_at"], Value::Null);
}

#[test]
fn a_payment_of_a_day_that_no_bank_can_mean_is_refused() {
    let file = blocks(PAIN, "xml")[0].replace("<Dt>2026-01-31</Dt>", "<Dt>2036-01-31</Dt>");
    let row = &read_at(file, "2026-01-30T12:00:00Z")[0];
    let error = row.content.as_ref().unwrap_err();
    assert_eq!(error.field.as_deref(), Some("ReqdExctnDt"));
    assert!(error.reason.contains("until 2036-01-30 at the latest"), "{error}");
    assert!(was_ahead(&row.raw, "2026-01-30T12:00:00Z".parse().unwrap()));
    assert!(!was_ahead(&row.raw, "2036-01-31T00:00:00Z".parse().unwrap()));
}

#[test]
fn every_form_of_an_execution_date_is_read_or_refused() {
    let file = blocks(PAIN, "xml")[0];
    let with = |element: &str| file.replace("<ReqdExctnDt><Dt>2026-01-31</Dt></ReqdExctnDt>", element);
    for element in [
        "<ReqdExctnDt>2026-01-31</ReqdExctnDt>",
        "<ReqdExctnDt><DtTm>2026-01-31T10:00:00+01:00</DtTm></ReqdExctnDt>",
        "<ReqdExctnDt><Dt>2026-01-31Z</Dt></ReqdExctnDt>",
    ] {
        assert_eq!(body(&read_at(with(element), "2026-01-31T12:00:00Z")[0])["value_date"], "2026-01-31");
    }
    for element in
        ["<ReqdExctnDt><Dt>31.01.2026</Dt></ReqdExctnDt>", "<ReqdExctnDt><Dt>1826-01-31</Dt></ReqdExctnDt>"]
    {
        let rows = read_at(with(element), "2026-01-31T12:00:00Z");
        let error = rows[0].content.as_ref().unwrap_err();
        assert_eq!(error.field.as_deref(), Some("ReqdExctnDt"), "{error}");
        assert!(!was_ahead(&rows[0].raw, "2026-01-31T12:00:00Z".parse().unwrap()));
    }
    // No date at all commands nothing.
    assert_eq!(body(&read_at(with(""), "2026-01-31T12:00:00Z")[0])["value_date"], Value::Null);
}

#[test]
fn what_a_payment_is_called_is_kept_as_it_came() {
    let structured = "<Strd><RfrdDocInf><Nb>INV-7</Nb></RfrdDocInf><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>\
         <Ref>RF18539007547034</Ref></CdtrRefInf></Strd>";
    let file = blocks(PAIN, "xml")[0]
        .replace("<PmtId><EndToEndId>RENT-1", "<PmtId><InstrId>I 1</InstrId><EndToEndId>RENT/1")
        .replace(
            "RENT/1</EndToEndId>",
            "RENT/1</EndToEndId><UETR>8a562c67-ca16-48ba-b074-65581be6f001</UETR>",
        )
        .replace("<Ustrd>Rent January</Ustrd>", structured);
    let job = body(&read_at(file.clone(), "2026-01-31T12:00:00Z")[0]);
    let expected = json!({
        "message_id": "MSG-1", "payment_information_id": "PAY-1", "instruction_id": "I 1", "end_to_end_id": "RENT/1",
        "uetr": "8a562c67-ca16-48ba-b074-65581be6f001", "debtor_name": "Ann", "creditor_name": "Brown & Sons",
        "creditor_reference": "RF18539007547034", "creditor_reference_type": "SCOR",
    });
    assert_eq!(job["payment"], expected);
    assert_eq!(
        (&job["memo"], &job["reference"], &job["metadata"]),
        (&json!("INV-7"), &Value::Null, &Value::Null)
    );
    // Of two references without a type for each, whose the type is is not known.
    let two = "<Strd><CdtrRefInf><Ref>SECOND</Ref></CdtrRefInf></Strd></RmtInf>";
    let job = body(&read_at(file.replacen("</RmtInf>", two, 1), "2026-01-31T12:00:00Z")[0]);
    assert_eq!(job["payment"]["creditor_reference"], "RF18539007547034");
    assert_eq!(
        (&job["payment"]["creditor_reference_type"], &job["memo"]),
        (&Value::Null, &json!("SECOND INV-7"))
    );
}

#[test]
fn an_id_that_is_too_long_refuses_its_payment_by_name() {
    let file = blocks(PAIN, "xml")[0].replace("RENT-1", &"R".repeat(36));
    let rows = read_at(file, "2026-01-31T12:00:00Z");
    let body = rows[0].content.as_ref().unwrap().get();
    let invalid = contract::submission::parse(body.as_bytes()).unwrap_err();
    assert_eq!(invalid.field, "payment.end_to_end_id", "{invalid}");
}
