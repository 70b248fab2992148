mod standing;

use super::*;
use domain::fingerprint::Fingerprint;

fn refused(json: &str) -> Invalid {
    parse(json.as_bytes()).unwrap_err()
}

#[test]
fn every_kind_survives_the_canonical_form() {
    let id = JobId::from_chance(1, [0; 6]);
    let bodies = [
        r#"{"kind":"open_account","account":"a","currency":"EUR","overdraft_limit":5,"holder":"Ada"}"#.to_owned(),
        r#"{"kind":"close_account","account":"a"}"#.to_owned(),
        r#"{"kind":"freeze_account","account":"a"}"#.to_owned(),
        r#"{"kind":"unfreeze_account","account":"a"}"#.to_owned(),
        r#"{"kind":"set_overdraft_limit","account":"a","currency":"EUR","overdraft_limit":5}"#.to_owned(),
        r#"{"kind":"set_holder","account":"a","holder":"Ada"}"#.to_owned(),
        r#"{"kind":"deposit","account":"a","amount":1,"currency":"EUR","value_date":"2026-11-23"}"#.to_owned(),
        r#"{"kind":"withdrawal","account":"a","amount":1,"currency":"JPY","counterparty":{"name":"Bo","account":"X 1"}}"#.to_owned(),
        r#"{"kind":"transfer","from":"a","to":"b","amount":9007199254740991,"currency":"XTS","reference":"r","memo":"m","metadata":{"a":[1]}}"#.to_owned(),
        r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-3},{"account":"b","amount":3}]}"#.to_owned(),
        r#"{"kind":"hold","account":"a","amount":1,"currency":"EUR","expires_at":"2026-11-23T00:00:00Z"}"#.to_owned(),
        format!(r#"{{"kind":"capture","account":"a","to":"b","amount":2,"hold":"{id}"}}"#),
        format!(r#"{{"kind":"release","account":"a","hold":"{id}"}}"#),
        format!(r#"{{"kind":"reversal","account":"a","job":"{id}"}}"#),
        r#"{"kind":"open_standing_order","account":"a","to":"b","amount":5,"currency":"EUR","memo":"m","rule":{"unit":"months","every":1,"day":31,"missing_day":"last","from":"2027-01-31","until":"2028-01-31"},"retry_days":3}"#.to_owned(),
        format!(r#"{{"kind":"pause_standing_order","account":"a","order":"{id}"}}"#),
        format!(r#"{{"kind":"resume_standing_order","account":"a","order":"{id}"}}"#),
        format!(r#"{{"kind":"close_standing_order","account":"a","order":"{id}"}}"#),
        format!(r#"{{"kind":"standing_payment","account":"a","to":"b","currency":"EUR","keep":0,"order":"{id}","due":"2027-01-31","attempt":1}}"#),
    ];
    assert_eq!(bodies.len(), Kind::ALL.len());
    for (body, kind) in bodies.iter().zip(Kind::ALL.iter().copied()) {
        let spec = parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(spec.action.kind(), kind);
        assert_eq!(
            &canonical(&spec),
            body,
            "the canonical form is part of every fingerprint: never change it"
        );
    }
}

#[test]
fn no_holder_is_left_out_and_no_limit_is_guessed() {
    let (written, canonical_form) =
        (r#"{"kind":"set_holder","account":"a","holder":null}"#, r#"{"kind":"set_holder","account":"a"}"#);
    for form in [written, canonical_form] {
        assert_eq!(canonical(&parse(form.as_bytes()).unwrap()), canonical_form);
    }
    let none = r#"{"kind":"set_overdraft_limit","account":"a","overdraft_limit":0}"#;
    assert_eq!(canonical(&parse(none.as_bytes()).unwrap()), none);
    for missing in ["", r#","overdraft_limit":null"#] {
        let body = format!(r#"{{"kind":"set_overdraft_limit","account":"a"{missing}}}"#);
        assert_eq!(parse(body.as_bytes()).unwrap_err().field, "overdraft_limit");
    }
}

#[test]
fn an_amount_that_is_none_is_named_as_it_stands() {
    for (amount, remedy) in [
        ("-5", "positive integer"),
        ("1.5", "positive integer"),
        ("18446744073709551616", "at most 9007199254740991"),
        ("1e2", "digits alone"),
        ("100.0", "no point"),
        ("-0", "positive integer"),
        ("1e400", "digits alone"),
    ] {
        let json = format!(r#"{{"kind":"deposit","account":"a","amount":{amount},"currency":"EUR"}}"#);
        let invalid = refused(&json);
        assert_eq!(invalid.field, "amount", "{json}: {invalid}");
        assert!(invalid.value.contains(amount), "{json}: {invalid}");
        assert!(invalid.remedy.contains(remedy), "{json}: {invalid}");
    }
}

#[test]
fn the_field_the_value_and_the_remedy_are_named() {
    let cases = [
        (
            r#"{"kind":"deposit","account":"a","amount":"5","currency":"EUR"}"#,
            "amount",
            "\"5\"",
            "positive integer",
        ),
        (
            r#"{"kind":"open_account","account":"a","currency":"EUR","overdraft_limit":1.0}"#,
            "overdraft_limit",
            "1.0",
            "digits alone",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":1,"amount":2,"currency":"EUR"}"#,
            "amount",
            "2",
            "duplicate field",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":1,"currency":"EUR","metadata":{"n":{"x":1,"x":2}}}"#,
            "metadata.n.x",
            "2",
            "more than once",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":1,"currency":"EUR","metadata":{"n":["\udc00"]}}"#,
            "metadata.n[0]",
            r#""\udc00""#,
            "is no text",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":1,"currency":"EUR","metadata":[1]}"#,
            "metadata",
            "[1]",
            "must be a JSON object",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":5,"currency":"ABC"}"#,
            "currency",
            "\"ABC\"",
            "ISO 4217",
        ),
        (
            r#"{"kind":"deposit","account":"a b","amount":5,"currency":"EUR"}"#,
            "account",
            "\"a b\"",
            "1 to 34",
        ),
        (
            r#"{"kind":"deposit","account":"external:EUR:1","amount":5,"currency":"EUR"}"#,
            "account",
            "external",
            "system",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","colour":1}"#,
            "colour",
            "1",
            "unknown field",
        ),
        (
            r#"{"kind":"deposit","account":"a","amount":5}"#,
            "currency",
            "",
            "is missing; deposit takes account, amount",
        ),
        (r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","to":"b"}"#, "to", "", "remove it"),
        (r#"{"kind":"tea"}"#, "kind", "\"tea\"", "unknown variant"),
        (r#"{"account":"a"}"#, "kind", "", "is missing; there are open_account, "),
        (
            r#"{"kind":"transfer","from":"a","to":"a","amount":5,"currency":"EUR"}"#,
            "to",
            "\"a\"",
            "same account",
        ),
        (
            r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-3},{"account":"b","amount":4}]}"#,
            "legs",
            "",
            "they sum to 1",
        ),
        (
            r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-3},{"account":"b","amount":0}]}"#,
            "legs[1].amount",
            "0",
            "other than 0",
        ),
        (
            r#"{"kind":"release","account":"a","hold":"d9428888-122b-11e1-b85c-61cd3cbb3210"}"#,
            "hold",
            "d9428888",
            "not the id",
        ),
        ("[1]", "body", "[1]", "must be a JSON object"),
        ("{", "body", "", "EOF"),
    ];
    for (json, field, value, remedy) in cases {
        let invalid = refused(json);
        assert_eq!(invalid.field, field, "{json}: {invalid}");
        assert!(invalid.value.contains(value), "{json}: {invalid}");
        assert!(invalid.remedy.contains(remedy), "{json}: {invalid}");
    }
}

#[test]
fn hostile_bodies_are_refused_in_little_space() {
    let deep = |brackets: usize| {
        let (open, close) = ("[".repeat(brackets), "]".repeat(brackets));
        format!(r#"{{"kind":"close_account","account":"a","metadata":{{"a":{open}{close}}}}}"#)
    };
    assert!(refused(&deep(200)).remedy.contains("nested more than"));
    assert!(refused(&deep(100_000)).remedy.contains("1024 bytes"));
    assert!(refused(&deep(100_000).replace(']', "")).remedy.contains("expected"));
    let long = format!(r#"{{"kind":"close_account","account":"{}"}}"#, "a".repeat(100_000));
    assert!(refused(&long).to_string().len() < 500);
    let large =
        format!(r#"{{"kind":"close_account","account":"a","metadata":{{"a":"{}"}}}}"#, "a".repeat(2_000));
    assert_eq!(refused(&large).field, "metadata");
    // A name, a value and a kind as serde tells them back.
    let name = "🦀".repeat(50_000);
    for (json, told) in [
        (format!(r#"{{"kind":"close_account","account":"a","{name}":1}}"#), "`account`, `from`"),
        (format!(r#"{{"kind":"{name}"}}"#), "`reversal`"),
        (format!(r#"{{"kind":"close_account","account":{{"{name}":1}}}}"#), ""),
        (format!(r#"{{"kind":"close_account","account":"a","overdraft_limit":"{name}"}}"#), ""),
    ] {
        let invalid = refused(&json);
        assert!(invalid.to_string().chars().count() < 700, "{invalid}");
        assert!(invalid.field.chars().count() <= 101 && invalid.remedy.contains(told), "{invalid}");
    }
    assert!(parse(b"{\"kind\":\"\xff\"}").unwrap_err().remedy.contains("UTF-8"));
}

#[test]
fn metadata_comes_back_byte_for_byte_and_is_one_job_however_it_is_written() {
    let body = |metadata: &str| format!(r#"{{"kind":"close_account","account":"a","metadata":{metadata}}}"#);
    let canonical_of = |metadata: &str| canonical(&parse(body(metadata).as_bytes()).unwrap());
    let sent = "{ \"rate\" : 1.10,\n\t\"neg\":-0, \"big\":18446744073709551616,\"t\":\"\\u00e9\\/\" }";
    assert_eq!(canonical_of(sent), body(sent));
    let again = r#"{"big":18446744073709551616,"neg":-0,"rate":1.10,"t":"é/"}"#;
    assert_eq!(Fingerprint::of(&canonical_of(sent)), Fingerprint::of(&canonical_of(again)));
    assert_eq!(
        Fingerprint::of(&canonical_of(again)),
        Fingerprint::of_text(&body(again)),
        "as releases before"
    );
    assert_ne!(Fingerprint::of(&body(again)), Fingerprint::of(&body(&again.replace("1.10", "1.1"))));
    assert_eq!(canonical_of("null"), body("null").replace(r#","metadata":null"#, ""));
    assert_eq!(canonical_of("{}"), body("{}"));
}

#[test]
fn what_comes_in_has_days_that_a_bank_can_mean() {
    let today = jiff::civil::date(2026, 11, 24);
    let deposit = |day: &str| {
        format!(r#"{{"kind":"deposit","account":"a","amount":1,"currency":"EUR","value_date":"{day}"}}"#)
    };
    let hold = |end: &str| {
        format!(r#"{{"kind":"hold","account":"a","amount":1,"currency":"EUR","expires_at":"{end}"}}"#)
    };
    for day in ["2568-11-05", "0001-01-01", "0000-01-01", "9999-12-31", "-000001-01-01", "1899-12-30"] {
        let invalid = accept(deposit(day).as_bytes(), today).unwrap_err();
        assert_eq!(invalid.field, "value_date");
        assert_eq!(invalid.value, format!("\"{day}\""));
        assert!(invalid.remedy.contains("1926-11-24 to 2036-11-24"), "{invalid}");
        assert!(parse(deposit(day).as_bytes()).is_ok(), "what was recorded once can be read for ever");
    }
    for end in ["9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let invalid = accept(hold(end).as_bytes(), today).unwrap_err();
        assert_eq!(invalid.field, "expires_at");
        assert!(invalid.remedy.contains("does not expire"), "{invalid}");
    }
    for fine in [deposit("1999-12-31"), deposit("2027-01-01"), hold("2026-11-23T23:59:59Z")] {
        assert!(accept(fine.as_bytes(), today).is_ok(), "{fine}");
    }
}

#[test]
fn when_a_job_is_to_be_executed_stands_last_in_the_canonical_form() {
    let body =
        |at: &str| format!(r#"{{"kind":"close_account","account":"a","payment":{{}},"execute_at":"{at}"}}"#);
    let canonical_form = body("2026-12-01T00:00:00Z");
    for written in ["2026-12-01", "2026-12-01T01:00:00+01:00", "2026-12-01T00:00:00.0000001Z"] {
        let spec = parse(body(written).as_bytes()).unwrap();
        assert_eq!(canonical(&spec), canonical_form, "it is part of every fingerprint: never change it");
    }
    for (wrong, shown) in [("tomorrow", "\"tomorrow\""), ("2026-12-01T00:00", "\"2026-12-01T00:00\"")] {
        let invalid = refused(&body(wrong));
        assert_eq!((invalid.field.as_str(), invalid.value.as_str()), ("execute_at", shown));
        assert!(invalid.remedy.contains("2026-11-24T17:00:00Z"), "{invalid}");
    }
}

#[test]
fn a_day_to_come_is_taken_up_to_ten_years_ahead() {
    let today = jiff::civil::date(2026, 11, 24);
    let body = |rest: &str| format!(r#"{{"kind":"hold","account":"a","amount":1,"currency":"EUR",{rest}}}"#);
    for fine in ["\"execute_at\":\"2036-11-24\"", "\"execute_at\":\"1990-01-01\""] {
        assert!(accept(body(fine).as_bytes(), today).is_ok(), "{fine}");
    }
    let invalid = accept(body("\"execute_at\":\"2036-11-25\"").as_bytes(), today).unwrap_err();
    assert_eq!((invalid.field.as_str(), invalid.value.as_str()), ("execute_at", "\"2036-11-25T00:00:00Z\""));
    assert!(invalid.remedy.contains("2036-11-24 at the latest"), "{invalid}");
    let over = body("\"execute_at\":\"2026-12-01\",\"expires_at\":\"2026-12-01T00:00:00Z\"");
    let invalid = accept(over.as_bytes(), today).unwrap_err();
    assert_eq!(invalid.field, "expires_at");
    assert!(invalid.remedy.contains("after execute_at"), "{invalid}");
}

const PAID: &str = r#"{"kind":"transfer","from":"a","to":"b","amount":1,"currency":"EUR","metadata":{"k":1},"payment":{"message_id":"M/1","payment_information_id":"P","instruction_id":"I","end_to_end_id":"NOTPROVIDED","uetr":"8a562c67-ca16-48ba-b074-65581be6f001","debtor_name":"Example Ltd","creditor_name":"Brown & Sons","creditor_reference":"RF18539007547034","creditor_reference_type":"SCOR"}}"#;

#[test]
fn what_a_payment_is_called_stands_last_in_the_canonical_form() {
    let spec = parse(PAID.as_bytes()).unwrap();
    assert_eq!(canonical(&spec), PAID, "it is part of every fingerprint: never change it");
    let payment = spec.payment.unwrap();
    assert_eq!(payment.end_to_end_id.unwrap().as_str(), "NOTPROVIDED");
    let empty = r#"{"kind":"close_account","account":"a","payment":{}}"#;
    assert_eq!(canonical(&parse(empty.as_bytes()).unwrap()), empty);
}

#[test]
fn a_member_of_a_payment_that_is_wrong_is_named() {
    let cases = [
        ("\"I\"", "\"\"", "payment.instruction_id", "1 to 35 characters"),
        ("\"M/1\"", "7", "payment.message_id", "string"),
        ("NOTPROVIDED", "123456789012345678901234567890123456", "payment.end_to_end_id", "1 to 35"),
        ("8a562c67-", "8a562c67--", "payment.uetr", "1 to 36"),
        ("Brown & Sons", "a\\u0007b", "payment.creditor_name", "control characters"),
        ("\"SCOR\"", "\"SCOR\",\"colour\":1", "payment.colour", "unknown field"),
    ];
    for (right, wrong, field, remedy) in cases {
        let invalid = refused(&PAID.replace(right, wrong));
        assert_eq!(invalid.field, field, "{invalid}");
        assert!(invalid.remedy.contains(remedy), "{invalid}");
    }
}
