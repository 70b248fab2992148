//! Accounts and their entries.

use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::money::{Currency, OverdraftLimit};
use serde_json::json;
use store::ledger::EntryRecord;

use crate::harness::World;

async fn world_with_alice(entries: i64) -> World {
    let world = World::new().await;
    let number: AccountNumber = "alice".parse().unwrap();
    let mut alice = Account::new(number.clone(), "EUR".parse().unwrap());
    alice.balance = 700;
    alice.held = 200;
    alice.overdraft_limit = OverdraftLimit::new(50).unwrap();
    alice.seq = entries;
    alice.holder = Some("Alice".to_owned());
    let external = Account::new(AccountNumber::external(Currency::XTS, Lane(3)), Currency::XTS);
    world.ledger.accounts.lock().unwrap().extend([alice, external]);
    let record = |seq| EntryRecord {
        entry: Entry {
            account: number.clone(),
            seq,
            job: JobId::from_chance(1, [0, 0, 0, 0, 0, 1]),
            amount: -5,
            balance_after: 700,
            posted_at: 1_795_453_200_000_000,
        },
        kind: Kind::Transfer,
        body: match seq {
            1 => r#"{"memo":"rent","value_date":"2026-11-01","counterparty":{"name":"Bob"}}"#.to_owned(),
            2 => "spoiled".to_owned(),
            _ => "{}".to_owned(),
        },
        // The evening before it was posted.
        accepted_at: 1_795_453_200_000_000 - 86_400_000_000,
    };
    world.ledger.entries.lock().unwrap().extend((1..=entries).rev().map(record));
    world
}

#[tokio::test]
async fn an_account_is_shown_as_it_stands() {
    let world = world_with_alice(0).await;
    let expected = json!({
        "number": "alice", "currency": "EUR", "balance": 700, "held": 200, "available": 550, "overdraft_limit": 50,
        "status": "open", "entries": 0, "holder": "Alice",
    });
    assert_eq!(world.get("/api/accounts/alice").await.body, expected);
    let external = world.get("/api/accounts/external:XTS:3").await;
    assert_eq!((external.status.as_u16(), external.body.get("available")), (200, None));
    world.get("/api/accounts/bob").await.assert_problem(404, "account-not-found");
    world.get("/api/accounts/bob/entries").await.assert_problem(404, "account-not-found");
}

#[tokio::test]
async fn pages_lead_from_the_newest_entry_to_the_oldest() {
    let world = world_with_alice(7).await;
    let mut path = "/api/accounts/alice/entries?limit=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let seqs: Vec<_> = page.body["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["seq"].as_i64().unwrap())
            .collect();
        pages.push(seqs);
        let Some(next) = page.body["next"].as_str() else { break };
        assert_eq!(page.header("link"), format!("<{next}>; rel=\"next\""));
        path = next.to_owned();
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    let exact = world.get("/api/accounts/alice/entries?limit=7").await;
    assert_eq!((exact.body["entries"].as_array().unwrap().len(), &exact.body["next"]), (7, &json!(null)));
}

#[tokio::test]
async fn an_entry_says_what_its_job_said() {
    let world = world_with_alice(2).await;
    let page = world.get("/api/accounts/alice/entries").await;
    let job = JobId::from_chance(1, [0, 0, 0, 0, 0, 1]);
    let expected = json!({
        "seq": 1, "job": job, "kind": "transfer", "amount": -5, "balance_after": 700,
        "posted_at": "2026-11-23T17:00:00.000000Z", "value_date": "2026-11-01", "memo": "rent",
        "counterparty": {"name": "Bob"},
    });
    assert_eq!(page.body["entries"][1], expected);
    assert_eq!(page.body["entries"][0]["value_date"], "2026-11-22");
}

#[tokio::test]
async fn a_cursor_of_another_account_is_refused() {
    let world = world_with_alice(7).await;
    let next =
        world.get("/api/accounts/alice/entries?limit=3").await.body["next"].as_str().unwrap().to_owned();
    let stolen = next.replace("alice", "external:XTS:3");
    world.get(&stolen).await.assert_problem(400, "invalid-parameter");
}
