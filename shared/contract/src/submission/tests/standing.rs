//! Standing orders: one reading of each, or a refusal that says what to write.

use jiff::ToSpan as _;
use jiff::civil::date;

use super::*;

const FROM: &str = r#""from":"2027-01-31""#;

fn order(rule: &str, more: &str) -> String {
    format!(
        r#"{{"kind":"open_standing_order","account":"a","to":"b","currency":"EUR","rule":{{{rule}}}{more}}}"#
    )
}

fn monthly(rule: &str) -> String {
    order(&format!(r#""unit":"months",{FROM}{rule}"#), r#","amount":5"#)
}

#[test]
fn what_decides_nothing_makes_no_other_job() {
    let body = |text: &str| canonical(&parse(text.as_bytes()).unwrap());
    let plain = body(&monthly(r#","day":28"#));
    assert_eq!(plain, body(&monthly(r#","day":28,"every":1,"missing_day":"skip""#)));
    let with_no_retries = monthly(r#","day":28"#).replace(r#""amount":5"#, r#""amount":5,"retry_days":0"#);
    assert_eq!(plain, body(&with_no_retries));
    assert_ne!(
        body(&monthly(r#","day":29,"missing_day":"next""#)),
        body(&monthly(r#","day":29,"missing_day":"last""#))
    );
}

#[test]
fn a_rule_with_two_readings_or_none_is_refused_with_its_field_and_a_remedy() {
    let days = |more: &str, job: &str| order(&format!(r#""unit":"days","every":3,{FROM}{more}"#), job);
    let amount = r#","amount":5"#;
    for (body, field, remedy) in [
        (monthly(""), "rule.day", "from 1 to 31"),
        (monthly(r#","day":32,"missing_day":"last""#), "rule.day", "from 1 to 31"),
        (monthly(r#","day":0"#), "rule.day", "from 1 to 31"),
        (monthly(r#","day":29"#), "rule.missing_day", "last (its last day), next"),
        (monthly(r#","day":29,"missing_day":"first""#), "rule.missing_day", "last"),
        (days(r#","day":3"#, amount), "rule.day", "months alone"),
        (days(r#","missing_day":"skip""#, amount), "rule.missing_day", "months alone"),
        (days(r#","until":"2027-03-01","count":3"#, amount), "rule.count", "remove one"),
        (days(r#","count":0"#, amount), "rule.count", "1 or more"),
        (days(r#","until":"2027-01-30""#, amount), "rule.until", "must be 2027-01-31"),
        (days(r#","until":"31.01.2027""#, amount), "rule.until", "2026-11-24"),
        (days("", ""), "amount", "or keep"),
        (days("", r#","amount":5,"keep":5"#), "keep", "remove one"),
        (days("", r#","keep":-1"#), "keep", "from 0 to"),
        (days("", r#","amount":5,"retry_days":3"#), "retry_days", "less than the 3 days"),
        (days("", r#","keep":5,"retry_days":1"#), "retry_days", "never lacks funds"),
        (days("", r#","amount":5,"retry_days":-1"#), "retry_days", "u16"),
        (days("", amount).replace(r#""to":"b""#, r#""to":"a""#), "to", "another one"),
        (days("", amount).replace(r#""every":3"#, r#""every":0"#), "rule.every", "nonzero"),
        (days("", amount).replace(r#""unit":"days","#, ""), "rule.unit", "missing"),
        (order(r#""unit":"days""#, amount), "rule.from", "missing"),
        (days(r#","weekday":1"#, amount), "rule.weekday", "unknown"),
        (
            r#"{"kind":"open_standing_order","account":"a","to":"b","amount":1,"currency":"EUR"}"#.into(),
            "rule",
            "is missing",
        ),
        (r#"{"kind":"pause_standing_order","account":"a"}"#.into(), "order", "is missing"),
        (
            r#"{"kind":"transfer","from":"a","to":"b","amount":1,"currency":"EUR","keep":1}"#.into(),
            "keep",
            "remove it",
        ),
    ] {
        let invalid = refused(&body);
        assert_eq!(invalid.field, field, "{body}: {invalid}");
        assert!(invalid.remedy.contains(remedy), "{body}: {invalid}");
    }
    // Every other day that the rule may have is told apart by its months alone.
    let never = order(
        r#""unit":"months","every":12,"day":31,"missing_day":"skip","from":"2027-02-01","until":"2027-02-28""#,
        amount,
    );
    assert_eq!(refused(&never).field, "rule.until");
}

#[test]
fn a_beginning_is_near_and_a_payment_is_the_fleets_alone() {
    let today = date(2027, 6, 1);
    let from = |day: jiff::civil::Date| order(&format!(r#""unit":"weeks","from":"{day}""#), r#","keep":0"#);
    let ten_years = today.saturating_add(10.years());
    for day in [today.saturating_sub(366.days()), today, ten_years] {
        accept(from(day).as_bytes(), today).unwrap();
    }
    for day in [today.saturating_sub(367.days()), ten_years.saturating_add(1.day())] {
        let invalid = accept(from(day).as_bytes(), today).unwrap_err();
        assert_eq!(invalid.field, "rule.from");
        assert!(invalid.remedy.contains("paid at once"), "{invalid}");
        // What was taken once is read for ever.
        parse(from(day).as_bytes()).unwrap();
    }
    let uetr = r#","keep":0,"payment":{"uetr":"8a562c67-ca16-48ba-b074-65581be6f001"}"#;
    let body = order(&format!(r#""unit":"weeks","from":"{today}""#), uetr);
    assert_eq!(accept(body.as_bytes(), today).unwrap_err().field, "payment.uetr");

    let id = JobId::from_chance(1, [0; 6]);
    let payment = format!(
        r#"{{"kind":"standing_payment","account":"a","to":"b","amount":5,"currency":"EUR","order":"{id}","due":"2027-01-31","attempt":1}}"#
    );
    parse(payment.as_bytes()).unwrap();
    let invalid = accept(payment.as_bytes(), today).unwrap_err();
    assert_eq!(invalid.field, "kind");
    assert!(invalid.remedy.contains("open_standing_order") && !invalid.remedy.contains("standing_payment"));
}
