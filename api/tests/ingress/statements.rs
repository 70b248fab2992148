//! Statements in every form, and pages of jobs. The examples are those of the documentation.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use shared::domain::account::{Account, AccountNumber};
use shared::domain::entry::Entry;
use shared::domain::id::JobId;
use shared::domain::job::Kind;
use shared::domain::outcome::Verdict;
use shared::keys::Keys;
use shared::ledger::EntryRecord;

use crate::harness::{Answer, DEPOSIT, World};

const CAMT_053: &str = include_str!("../../../docs/formats/camt-053.md");
const CSV: &str = include_str!("../../../docs/formats/statement-csv.md");
/// 2026-11-01T09:30:00Z.
const FIRST_POSTED: i64 = 1_793_525_400_000_000;
const DAY_US: i64 = 86_400_000_000;
const IBAN: &str = "DE89370400440532013000";

async fn world() -> World {
    let world = World::new().await;
    let number: AccountNumber = IBAN.parse().unwrap();
    let mut account = Account::new(number.clone(), "EUR".parse().unwrap());
    (account.seq, account.balance, account.holder) = (3, 89_550, Some("Müller & Söhne".to_owned()));
    world.ledger.accounts.lock().unwrap().push(account);
    let entries = [
        (
            100_000,
            Kind::Deposit,
            r#"{"kind":"deposit","reference":"SALARY-11","memo":"Salary","counterparty":{"name":"ACME <Ltd>","account":"GB82WEST12345698765432"}}"#,
        ),
        (
            -12_000,
            Kind::Transfer,
            r#"{"kind":"transfer","from":"DE89370400440532013000","to":"landlord","memo":"=rent, flat 7","value_date":"2026-11-03"}"#,
        ),
        (1_550, Kind::Reversal, "{}"),
    ];
    let mut balance = 0;
    let record = |(seq, (amount, kind, body)): (i64, (i64, Kind, &str))| {
        balance += amount;
        let posted_at = FIRST_POSTED + (seq - 1) * DAY_US;
        let job = JobId::from_chance(1_793_525_400_000, [0, 0, 0, 0, 0, u8::try_from(seq).unwrap()]);
        let entry = Entry { account: number.clone(), seq, job, amount, balance_after: balance, posted_at };
        EntryRecord { entry, kind, body: body.to_owned(), accepted_at: posted_at }
    };
    let mut records: Vec<_> = (1..).zip(entries).map(record).collect();
    records.reverse();
    *world.ledger.entries.lock().unwrap() = records;
    world
}

async fn accepting(world: &World, path: &str, accept: &str) -> Answer {
    world.ask(Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await
}

/// The example of a page: what stands between the lines ``` of this kind.
fn example<'a>(page: &'a str, kind: &str) -> &'a str {
    let start = format!("```{kind}\n");
    page.split_once(&start).and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

/// Blanks what differs from one statement to the next: when it was written, and the message's id.
fn timeless(text: &str) -> String {
    let mut text = text.replace('\r', "");
    for element in ["CreDtTm", "MsgId"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let parts: Vec<_> =
            text.split(&open).map(|part| part.split_once(&close).map_or(part, |(_, rest)| rest)).collect();
        text = parts.join(&format!("{open}{close}"));
    }
    text
}

#[tokio::test]
async fn camt_053_is_as_documented() {
    let world = world().await;
    let path = format!("/api/accounts/{IBAN}/statement?from=2026-11-01&to=2026-11-30");
    let answer = accepting(&world, &path, "application/xml").await;
    assert_eq!(answer.header("content-type"), "application/xml; charset=utf-8");
    assert_eq!(answer.header("vary"), "Accept");
    let text = answer.body.as_str().unwrap();
    assert_eq!(timeless(text), timeless(example(CAMT_053, "xml")), "{text}");
}

#[tokio::test]
async fn csv_is_as_documented() {
    let world = world().await;
    let path = format!("/api/accounts/{IBAN}/statement?from=2026-11-01&to=2026-11-30&format=csv");
    let answer = world.get(&path).await;
    assert!(answer.header("content-type").starts_with("text/csv"), "{answer:?}");
    let text = answer.body.as_str().unwrap();
    assert!(text.lines().count() == 6 && text.ends_with("\r\n"), "{text}");
    assert_eq!(text.replace('\r', ""), example(CSV, "csv"), "{text}");
}

#[tokio::test]
async fn json_says_the_same() {
    let world = world().await;
    let path = format!("/api/accounts/{IBAN}/statement?from=2026-11-02&to=2026-11-03T00:00:00Z");
    let mut statement = world.get(&path).await.body;
    let entries = statement.as_object_mut().unwrap().remove("entries").unwrap();
    let expected = json!({
        "account": IBAN, "holder": "Müller & Söhne", "currency": "EUR", "from": "2026-11-02T00:00:00.000000Z",
        "to": "2026-11-03T00:00:00.000000Z", "opening_balance": 100_000, "closing_balance": 88_000, "count": 1,
    });
    assert_eq!(statement, expected);
    let job = JobId::from_chance(1_793_525_400_000, [0, 0, 0, 0, 0, 2]);
    let expected = json!([{
        "seq": 2, "booking_date": "2026-11-02", "value_date": "2026-11-03", "posted_at": "2026-11-02T09:30:00.000000Z",
        "amount": -12_000, "balance_after": 88_000, "kind": "transfer", "job": job, "memo": "=rent, flat 7",
        "counterparty": {"account": "landlord"},
    }]);
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn an_empty_period_has_balances_and_no_entry() {
    let world = world().await;
    for (period, balance) in [("from=2026-12-01&to=2026-12-31", 89_550), ("to=2026-10-31", 0)] {
        let statement = world.get(&format!("/api/accounts/{IBAN}/statement?{period}")).await.body;
        assert_eq!(statement["opening_balance"], balance, "{statement}");
        assert_eq!((&statement["closing_balance"], &statement["entries"]), (&json!(balance), &json!([])));
    }
    let ahead = world.get(&format!("/api/accounts/{IBAN}/statement?from=2999-01-01")).await.body;
    assert_eq!((&ahead["from"], &ahead["to"]), (&json!("2999-01-01T00:00:00.000000Z"), &ahead["from"]));
}

#[tokio::test]
async fn what_can_not_be_had_is_refused_by_name() {
    let world = world().await;
    let statement = format!("/api/accounts/{IBAN}/statement");
    accepting(&world, &statement, "image/png").await.assert_problem(406, "not-acceptable");
    for query in [
        "format=pdf",
        "from=2026-02-30",
        "to=never",
        "from=2026-11-02&to=2026-11-01T00:00:00Z",
        "fresh=1",
        "till=x",
    ] {
        let answer = world.get(&format!("{statement}?{query}")).await;
        answer.assert_problem(400, "invalid-parameter");
        let field = query.split('&').next_back().and_then(|pair| pair.split('=').next()).unwrap();
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{answer:?}");
    }
    world.get("/api/accounts/nobody/statement").await.assert_problem(404, "account-not-found");
    world.get("/api/jobs?outcome=queued").await.assert_problem(400, "invalid-parameter");
    world.get("/api/jobs?limit=501").await.assert_problem(400, "invalid-parameter");
    world.get("/api/jobs?cursor=7").await.assert_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_client_lists_its_own_jobs_and_an_operator_all() {
    let keys = format!("acme:read:{},ops:read+operate:{}", Keys::hash("a"), Keys::hash("o"));
    let config = api::Config { keys: Keys::parse(&keys).unwrap(), ..api::Config::default() };
    let world = World::with(config).await;
    world.record(JobId::from_chance(1, [0; 6]), DEPOSIT, Verdict::Posted);
    for (key, client) in [("a", Some("acme")), ("o", None)] {
        let request = Request::get("/api/jobs?kind=deposit&limit=5").header("x-api-key", key);
        let answer = world.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.body["jobs"][0]["kind"], "deposit", "{answer:?}");
        let asked = world.ledger.asked.lock().unwrap().clone().unwrap();
        assert_eq!((asked.client.as_deref(), asked.kind), (client, Some(Kind::Deposit)));
        let next = answer.body["next"].as_str().unwrap();
        assert!(next.starts_with("/api/jobs?kind=deposit&limit=5&cursor="), "{next}");
        assert_eq!(answer.header("link"), format!("<{next}>; rel=\"next\""));
        let again = world.ask(Request::get(next).header("x-api-key", key).body(Body::empty()).unwrap()).await;
        assert_eq!(again.body["next"], next, "the fake has one place");
        let other = next.replace("deposit", "transfer");
        let stolen =
            world.ask(Request::get(other).header("x-api-key", key).body(Body::empty()).unwrap()).await;
        stolen.assert_problem(400, "invalid-parameter");
    }
}
