//! The document and the page made of it.

use std::collections::BTreeSet;

use contract::submission::{self, fields_of};
use domain::job::Kind;
use domain::outcome::Rejection;
use serde_json::Value;

use crate::harness::World;

async fn document() -> Value {
    World::new().await.get("/api/openapi.json").await.body
}

/// Follows a reference.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}"))
        }
        None => schema,
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => (),
    }
}

#[tokio::test]
async fn every_route_is_described() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/api/accounts",
        "/api/accounts/{number}",
        "/api/accounts/{number}/balance",
        "/api/accounts/{number}/entries",
        "/api/accounts/{number}/patterns",
        "/api/accounts/{number}/statement",
        "/api/analyses",
        "/api/analyses/{id}",
        "/api/analyses/{id}/export",
        "/api/audit",
        "/api/events",
        "/api/holds",
        "/api/imports",
        "/api/imports/{number}",
        "/api/imports/{number}/refused",
        "/api/imports/{number}/report",
        "/api/jobs",
        "/api/jobs/batch",
        "/api/jobs/{id}",
        "/api/jobs/{id}/timeline",
        "/api/keys",
        "/api/keys/self",
        "/api/keys/{id}",
        "/api/keys/{id}/rotate",
        "/api/ledger/trial-balance",
        "/api/scheduled-jobs",
        "/api/standing-orders",
        "/api/standing-orders/{id}",
        "/api/webhooks",
        "/api/webhooks/{id}",
        "/api/webhooks/{id}/attempts",
        "/api/webhooks/{id}/enable",
        "/api/webhooks/{id}/resend",
        "/api/webhooks/{id}/rotate",
        "/api/webhooks/{id}/test",
        "/livez",
        "/metrics",
        "/readyz",
    ];
    assert_eq!(paths, expected);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn the_described_kinds_are_those_that_are_taken() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    let body = &schemas["JobBody"];
    let actions = body["oneOf"].as_array().unwrap();
    // Beside them an analysis, which is no job of the ledger.
    assert_eq!(actions.len(), Kind::ALL.len() + 1);
    assert_eq!(body["discriminator"]["propertyName"], "kind");
    for (action, kind) in actions.iter().zip(Kind::ALL.iter().copied()) {
        assert_eq!(action["$ref"], body["discriminator"]["mapping"][kind.name()], "{kind}");
        let action = resolved(&document, action);
        assert_eq!(action["additionalProperties"], false, "{kind}");
        let described: BTreeSet<_> =
            action["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let taken = fields_of(kind).split(", ").map(|field| field.trim_end_matches(" (optional)"));
        let common =
            ["kind", "reference", "memo", "value_date", "counterparty", "metadata", "payment", "execute_at"];
        let taken: BTreeSet<_> = taken.chain(common).collect();
        assert_eq!(described, taken, "{kind}");
        let named = &action["properties"]["kind"]["enum"][0];
        assert_eq!(named, kind.name(), "{action}");
    }
    let names = |schema: &Value| -> Vec<String> {
        schema["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&schemas["Kind"]), Kind::ALL.iter().copied().map(Kind::name).collect::<Vec<_>>());
    assert_eq!(
        names(&schemas["Rejection"]),
        Rejection::ALL.iter().copied().map(Rejection::name).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn the_described_members_of_a_payment_are_those_that_are_taken() {
    let document = document().await;
    let described: BTreeSet<String> = document["components"]["schemas"]["Payment"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let name = |limit| Some("x".repeat(limit));
    let members: serde_json::Map<String, Value> =
        described.iter().map(|member| (member.clone(), name(35).into())).collect();
    let body = serde_json::json!({"kind": "close_account", "account": "a", "payment": members});
    let taken = submission::parse(body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let taken: Value = serde_json::from_str(&submission::canonical(&taken)).unwrap();
    assert_eq!(taken["payment"].as_object().unwrap().len(), described.len());
    let unknown = r#"{"kind":"close_account","account":"a","payment":{"colour":1}}"#;
    let remedy = submission::parse(unknown.as_bytes()).unwrap_err().remedy;
    assert_eq!(remedy.matches('`').count() / 2 - 1, described.len(), "{remedy}");
}

#[tokio::test]
async fn what_is_answered_is_what_is_described() {
    let document = document().await;
    let job = &document["components"]["schemas"]["Job"];
    assert_eq!(job["required"], serde_json::json!(["id", "status"]), "a queued job has no more: {job}");
    let refused = &document["paths"]["/api/jobs/batch"]["post"]["responses"]["422"]["content"];
    let types: Vec<_> = refused.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(types, ["application/json", "application/problem+json"]);
    let accepted = &document["paths"]["/api/jobs"]["post"]["responses"];
    assert!(accepted["202"]["headers"]["Location"].is_object() && accepted["503"].is_object(), "{accepted}");
}

/// Each operation: its method and path, and what the document says of it.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_how_it_refuses() {
    let document = document().await;
    let mut names = std::collections::BTreeMap::new();
    for (of, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{of} has no operation_id"));
        let before = names.insert(name, of.clone());
        assert_eq!(before, None, "{of} is called {name} too; give it an operation_id of its own");
        assert!(name.contains('_'), "{of} is called {name}: say what it does with what, as in submit_job");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.contains_key("500"), "{of}");
        // A route that is new has a line in `openapi::problems`.
        let takes_parameters = operation["parameters"].as_array().is_some_and(|taken| !taken.is_empty());
        let is_listed = !takes_parameters || answers.contains_key("400");
        assert!(is_listed, "{of}: openapi::problems does not say how {name} refuses");
        let takes_body = operation["requestBody"].is_object();
        for status in ["408", "413", "415", "422"] {
            assert_eq!(answers.contains_key(status), takes_body, "{of}: {status}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            assert!(!schema.to_string().contains("null"), "{of}: a parameter is never null: {parameter}");
            if parameter["name"] == "limit" {
                assert_eq!(schema["minimum"], 1, "{of}");
                assert!(schema["maximum"].as_u64() >= schema["default"].as_u64(), "{of}: {schema}");
            }
        }
    }
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let world = World::new().await;
    let refused = world.get("/api/accounts/nobody/entries?limit=0").await;
    let kind = refused.body["type"].as_str().unwrap().to_owned();
    // From where the client asked, whatever path a proxy has put before it.
    let help = refused.header("link").to_owned();
    assert_eq!(help, format!("<../../..{kind}>; rel=\"help\""));
    let page = world.get(&kind).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none';"));
    assert!(page.body.as_str().unwrap().contains("What to do"), "{:?}", page.body);
}

#[tokio::test]
async fn the_example_is_a_job() {
    let document = document().await;
    let example = document["components"]["schemas"]["JobBody"]["example"].to_string();
    submission::parse(example.as_bytes()).unwrap_or_else(|error| panic!("{example}: {error}"));
}

#[tokio::test]
async fn there_is_a_page_to_try_it() {
    let world = World::new().await;
    let page = world.get("/docs/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.status, 200);
    assert!(page.body.as_str().unwrap().contains("swagger-ui"));
}

#[tokio::test]
async fn the_ways_to_the_page_and_from_it_are_relative() {
    let world = World::new().await;
    for (path, status) in [("/", 307), ("/docs", 303)] {
        let answer = world.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (status, "docs/"), "{path}");
    }
    let page = world.get("/docs/swagger-initializer.js").await;
    assert!(page.body.as_str().unwrap().contains("\"url\": \"../api/openapi.json\""), "{:?}", page.body);
    // From where the document is (OpenAPI 3.1.1, 4.8.5), not from the root.
    assert_eq!(document().await["servers"][0]["url"], "..");
}
