use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn normal_of(json: &str) -> Result<String, NotExact> {
    normal(&RawValue::from_string(json.to_owned()).unwrap())
}

#[test]
fn blanks_escapes_and_the_order_of_members_are_no_difference() {
    let one = r#"{"b":[1,{"d":true,"c":null}],"a":"Gr\u00fc\u00dfe\/"}"#;
    let other = " { \"a\" : \"Grüße/\",\n\t\"b\" : [ 1 , { \"c\" : null, \"d\" : true } ] } ";
    assert_eq!(normal_of(one).unwrap(), r#"{"a":"Grüße/","b":[1,{"c":null,"d":true}]}"#);
    assert_eq!(normal_of(one), normal_of(other));
    assert_eq!(normal_of(r#"{"z":1,"\u0061":2}"#).unwrap(), r#"{"a":2,"z":1}"#);
}

#[test]
fn numbers_stay_as_they_were_written() {
    let numbers = r#"{"a":123456789012345678901234567890,"b":18446744073709551616,"c":1.10,"d":-0,"e":0.1000000000000000000001,"f":1e5,"g":1E+400}"#;
    assert_eq!(normal_of(numbers).unwrap(), numbers);
    assert_ne!(normal_of("[1.0]"), normal_of("[1]"), "other digits are another body");
}

#[test]
fn what_has_two_readings_is_named() {
    let path = |json: &str| normal_of(json).unwrap_err().path().to_owned();
    assert_eq!(path(r#"{"a":1,"b":2,"a":1}"#), ".a");
    assert_eq!(path(r#"{"a":[0,{"x":1,"\u0078":2}]}"#), ".a[1].x");
    assert_eq!(path(r#"{"a":["\ud800"]}"#), ".a[0]");
    assert_eq!(path(r#"{"a":{"\udfff":1}}"#), ".a");
    assert!(normal_of(r#""\ud83d\ude00""#).is_ok(), "a whole pair is a character");
}

#[test]
fn a_member_that_is_there_twice_is_found() {
    assert_eq!(repeated(r#"{"a":1,"b":{"x":1,"x":2},"c":3}"#), None, "what is within is another object");
    assert_eq!(repeated(r#"{"b":1,"a":1,"\u0062":2}"#).as_deref(), Some("b"));
    assert_eq!(repeated("[1,1]"), None);
}

#[test]
fn what_stands_at_a_path_is_found_as_it_was_written() {
    let json = r#" {"legs":[{"amount":1.0},{"amount":1e400}],"a":1,"a":2} "#;
    assert_eq!(find(json, "legs[1].amount"), Some("1e400"));
    assert_eq!(find(json, "a"), Some("2"));
    for nowhere in ["legs[2]", "legs.amount", "legs[0].amount.x", "b", ""] {
        assert_eq!(find(json, nowhere), None, "{nowhere}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(normal_of(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(normal_of(&nested(DEPTH_MAX + 1)), Err(NotExact::TooDeep));
    assert_eq!(normal_of(&nested(100_000)), Err(NotExact::TooDeep));
}

#[test]
fn only_the_metadata_of_a_body_is_put_in_order() {
    let body =
        r#"{"kind":"close_account","account":"a","memo":"\"metadata\":{ }","metadata":{ "b":1.0, "a":2 }}"#;
    let expected =
        r#"{"kind":"close_account","account":"a","memo":"\"metadata\":{ }","metadata":{"a":2,"b":1.0}}"#;
    assert_eq!(with_normal_metadata(body), expected);
    for same in [r#"{"metadata":null}"#, r#"{"metadata":{}}"#, "{}", "\"metadata\"", "", expected] {
        assert_eq!(with_normal_metadata(same), same);
    }
}

#[test]
fn what_is_no_json_is_distinguished_from_what_is_no_job() {
    for json in ["{}", "[]", "null", " 1e400 ", r#""\ud800""#, r#"{"a":1,"a":2}"#] {
        assert_eq!(check(json.as_bytes()), Ok(()), "{json}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(check(deep.as_bytes()), Ok(()));
    for none in [&b""[..], b" \n", b"{", b"{} {}", b"{\"a\":\"\xff\"}", b"nope", b"{'a':1}", b"[1,]", b"01"] {
        assert!(check(none).is_err(), "{none:?}");
    }
}

/// Values as the release before wrote them: numbers that every reader has.
fn any_plain_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_release_before_hashed_is_the_normal_form(value in any_plain_value()) {
        let sorted = value.to_string();
        prop_assert_eq!(normal_of(&sorted).unwrap(), sorted);
        prop_assert_eq!(normal_of(&serde_json::to_string_pretty(&value).unwrap()).unwrap(), value.to_string());
    }

    #[test]
    fn a_normal_form_is_its_own(digits in "-?(0|[1-9][0-9]{0,40})([.][0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", name in any::<String>()) {
        let json = format!("{{ {} : [ {digits} ] }}", Value::from(name.as_str()));
        let once = normal_of(&json).unwrap();
        let kept = format!(":[{digits}]}}");
        prop_assert!(once.ends_with(&kept));
        prop_assert_eq!(normal_of(&once).unwrap(), once);
    }
}
