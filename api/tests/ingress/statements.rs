//! Statements in every form, and pages of jobs. The examples are those of the documentation.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::Kind;
use domain::outcome::RecordedOutcome;
use serde_json::json;
use store::ledger::EntryRecord;
use tellers_http::keys::Keys;

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
    // What it starts with is not seen in the document.
    let text = text.strip_prefix('\u{feff}').expect("a spreadsheet takes it for another charset");
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

/// Alice pays Bob 5.00 as it stands in `payment`, and both accounts are here; the statements of either.
async fn payment(payment: &str) -> World {
    let world = World::new().await;
    let [alice, bob]: [AccountNumber; 2] = ["alice", "bob"].map(|number| number.parse().unwrap());
    let mut records = Vec::new();
    for (number, holder, amount) in [(&alice, "Alice Holder", -500), (&bob, "Bob Holder", 500)] {
        let mut account = Account::new(number.clone(), "EUR".parse().unwrap());
        (account.seq, account.balance, account.holder) = (1, amount, Some(holder.to_owned()));
        world.ledger.accounts.lock().unwrap().push(account);
        let job = JobId::from_chance(1_793_525_400_000, [0, 0, 0, 0, 0, 7]);
        let entry = Entry {
            account: number.clone(),
            seq: 1,
            job,
            amount,
            balance_after: amount,
            posted_at: FIRST_POSTED,
        };
        let body = format!(
            r#"{{"kind":"transfer","from":"alice","to":"bob","amount":500,"currency":"EUR"{payment}}}"#
        );
        records.push(EntryRecord { entry, kind: Kind::Transfer, body, accepted_at: FIRST_POSTED });
    }
    *world.ledger.entries.lock().unwrap() = records;
    world
}

const NAMED: &str = r#","memo":"Rent","payment":{"message_id":"MSG/1","payment_information_id":"PAY-1","instruction_id":"I-1","end_to_end_id":"RENT & 1","uetr":"8A562C67-ca16-48ba-b074-65581be6f001","debtor_name":"Example Ltd","creditor_name":"Brown & Sons","creditor_reference":"RF18539007547034","creditor_reference_type":"SCOR"}"#;

/// The entry of one side.
async fn told(world: &World, account: &str, format: &str) -> String {
    world.ledger.entries.lock().unwrap().sort_by_key(|record| record.entry.account.as_str() != account);
    world.ledger.entries.lock().unwrap().truncate(1);
    let answer = accepting(world, &format!("/api/accounts/{account}/statement"), format).await;
    match answer.body.as_str() {
        Some(text) => text.to_owned(),
        None => answer.body["entries"][0].to_string(),
    }
}

#[tokio::test]
async fn a_payment_comes_out_as_it_came_in_on_both_sides() {
    let job = "01a19671c1c0800080000007";
    let camt = |text: &str| {
        let (_, rest) = text.split_once("<TxDtls><Refs>").unwrap();
        let details = rest.split_once("</TxDtls>").unwrap().0.to_owned();
        let (start, rest) = details.split_once(job).unwrap();
        format!("{start}JOB{}", &rest[8..])
    };
    let rest = "<RltdPties><Dbtr><Pty><Nm>Example Ltd</Nm></Pty></Dbtr>PAYER<Cdtr><Pty><Nm>Brown &amp; Sons</Nm></Pty></Cdtr>PAYEE</RltdPties>\
                <RmtInf><Ustrd>Rent</Ustrd><Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>";
    let account =
        |name: &str, number: &str| format!("<{name}><Id><Othr><Id>{number}</Id></Othr></Id></{name}>");
    let common = "<InstrId>I-1</InstrId><EndToEndId>RENT &amp; 1</EndToEndId><UETR>8a562c67-ca16-48ba-b074-65581be6f001</UETR></Refs>";
    let payer = camt(&told(&payment(NAMED).await, "alice", "application/xml").await);
    let parties = rest.replace("PAYER", "").replace("PAYEE", &account("CdtrAcct", "bob"));
    let ids = "<MsgId>MSG/1</MsgId><AcctSvcrRef>JOB</AcctSvcrRef><PmtInfId>PAY-1</PmtInfId>";
    assert_eq!(
        payer,
        format!("{ids}{common}<Amt Ccy=\"EUR\">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>{parties}")
    );
    let payee = camt(&told(&payment(NAMED).await, "bob", "application/xml").await);
    let parties = rest.replace("PAYER", &account("DbtrAcct", "alice")).replace("PAYEE", "");
    let ids = "<AcctSvcrRef>JOB</AcctSvcrRef>";
    assert_eq!(
        payee,
        format!("{ids}{common}<Amt Ccy=\"EUR\">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>{parties}")
    );

    let csv = told(&payment(NAMED).await, "alice", "text/csv").await;
    let columns = ",RENT & 1,I-1,8A562C67-ca16-48ba-b074-65581be6f001,MSG/1,PAY-1,RF18539007547034,SCOR\r\n";
    assert!(csv.contains(columns) && csv.contains(",Brown & Sons,bob,Rent,"), "{csv}");
    let csv = told(&payment(NAMED).await, "bob", "text/csv").await;
    let columns = ",RENT & 1,I-1,8A562C67-ca16-48ba-b074-65581be6f001,,,RF18539007547034,SCOR\r\n";
    assert!(csv.contains(columns) && csv.contains(",Example Ltd,alice,Rent,"), "{csv}");
}

#[tokio::test]
async fn statements_and_entries_in_json_say_the_same_of_a_payment() {
    for (account, other, other_name) in [("alice", "bob", "Brown & Sons"), ("bob", "alice", "Example Ltd")] {
        let world = payment(NAMED).await;
        let statement: serde_json::Value =
            serde_json::from_str(&told(&world, account, "application/json").await).unwrap();
        let entries = world.get(&format!("/api/accounts/{account}/entries")).await.body;
        for entry in [&statement, &entries["entries"][0]] {
            assert_eq!(entry["counterparty"], json!({"name": other_name, "account": other}), "{entry}");
            assert_eq!(
                (&entry["end_to_end_id"], &entry["instruction_id"]),
                (&json!("RENT & 1"), &json!("I-1"))
            );
            assert_eq!(
                (&entry["debtor_name"], &entry["creditor_name"]),
                (&json!("Example Ltd"), &json!("Brown & Sons"))
            );
            assert_eq!(
                (&entry["creditor_reference"], &entry["creditor_reference_type"]),
                (&json!("RF18539007547034"), &json!("SCOR"))
            );
            assert_eq!(entry["uetr"], "8A562C67-ca16-48ba-b074-65581be6f001");
            let of_the_payer =
                (entry.get("message_id").is_some(), entry.get("payment_information_id").is_some());
            assert_eq!(of_the_payer, (account == "alice", account == "alice"), "{entry}");
        }
    }
}

#[tokio::test]
async fn what_a_payment_does_not_say_is_taken_from_the_accounts() {
    let camt = told(&payment("").await, "bob", "application/xml").await;
    let parties = "<Dbtr><Pty><Nm>Alice Holder</Nm></Pty></Dbtr><DbtrAcct><Id><Othr><Id>alice</Id></Othr></Id></DbtrAcct>\
                   <Cdtr><Pty><Nm>Bob Holder</Nm></Pty></Cdtr></RltdPties>";
    assert!(camt.contains(parties) && !camt.contains("EndToEndId"), "{camt}");
    let csv = told(&payment("").await, "alice", "text/csv").await;
    assert!(csv.contains(",Bob Holder,bob,"), "{csv}");
    let entries = payment("").await.get("/api/accounts/bob/entries").await.body;
    assert!(entries.to_string().contains(r#""counterparty":{"account":"#), "{entries}");

    for (said, expected) in [
        (r#","payment":{"end_to_end_id":"NOTPROVIDED"}"#, "<EndToEndId>NOTPROVIDED</EndToEndId>"),
        (r#","payment":{"message_id":"M"}"#, "<EndToEndId>NOTPROVIDED</EndToEndId>"),
        (r#","payment":{},"reference":"R-1""#, "<EndToEndId>R-1</EndToEndId>"),
        (r#","reference":"R-1""#, "<EndToEndId>R-1</EndToEndId>"),
        // No UUID: its own element takes nothing else.
        (r#","payment":{"uetr":"u-1"}"#, "<Prtry><Tp>UETR</Tp><Ref>u-1</Ref></Prtry></Refs>"),
        (
            r#","payment":{"creditor_reference":"7","creditor_reference_type":"QRR"}"#,
            "<Prtry>QRR</Prtry></CdOrPrtry></Tp><Ref>7</Ref>",
        ),
        // As a release before wrote it.
        (
            r#","reference":"M/P/E","metadata":{"message_id":"M","payment_information_id":"P","end_to_end_id":"E"}"#,
            "<EndToEndId>E</EndToEndId>",
        ),
        (
            r#","reference":"other","metadata":{"message_id":"M","payment_information_id":"P","end_to_end_id":"E"}"#,
            "<EndToEndId>other</EndToEndId>",
        ),
    ] {
        let camt = told(&payment(said).await, "bob", "application/xml").await;
        assert!(camt.contains(expected), "{said}: {camt}");
    }
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
    let config = api::Config { keys: Arc::new(Keys::parse(&keys).unwrap().into()), ..api::Config::default() };
    let world = World::with(config).await;
    world.record(JobId::from_chance(1, [0; 6]), DEPOSIT, RecordedOutcome::Posted);
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
