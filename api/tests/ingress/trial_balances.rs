//! Trial balances, and balances at a moment.

use domain::account::{Account, AccountNumber};
use domain::lane::Lane;
use domain::money::Currency;
use serde_json::json;

use crate::harness::World;

async fn world() -> World {
    let world = World::new().await;
    let account = |number: AccountNumber, currency: Currency, seq, balance| Account {
        seq,
        balance,
        ..Account::new(number, currency)
    };
    let (eur, xts): (Currency, _) = ("EUR".parse().unwrap(), Currency::XTS);
    world.ledger.accounts.lock().unwrap().extend([
        account("alice".parse().unwrap(), eur, 2, 700),
        account("bob".parse().unwrap(), eur, 1, -200),
        account(AccountNumber::external(eur, Lane(3)), eur, 3, -500),
        account("carol".parse().unwrap(), xts, 0, 0),
    ]);
    world
}

#[tokio::test]
async fn a_trial_balance_has_debits_credits_and_their_sums() {
    let world = world().await;
    let answer = world.get("/api/ledger/trial-balance?at=2026-11-30").await;
    let expected = json!({
        "at": "2026-12-01T00:00:00.000000Z",
        "accounts": [
            {"number": "alice", "currency": "EUR", "entries": 2, "debit": 0, "credit": 700},
            {"number": "bob", "currency": "EUR", "entries": 1, "debit": 200, "credit": 0},
            {"number": "external:EUR:3", "currency": "EUR", "entries": 3, "debit": 500, "credit": 0},
            {"number": "carol", "currency": "XTS", "entries": 0, "debit": 0, "credit": 0},
        ],
        "totals": [
            {"currency": "EUR", "accounts": 3, "entries": 6, "debit": 700, "credit": 700},
            {"currency": "XTS", "accounts": 1, "entries": 0, "debit": 0, "credit": 0},
        ],
    });
    assert_eq!(answer.body, expected);
    let csv = world.get("/api/ledger/trial-balance?format=csv").await;
    let lines = "account,currency,entries,debit,credit\r\nalice,EUR,2,0,700\r\nbob,EUR,1,200,0\r\n\
                 external:EUR:3,EUR,3,500,0\r\ncarol,XTS,0,0,0\r\n";
    assert_eq!(csv.body, json!(lines));
    *world.ledger.away.lock().unwrap() = true;
    world.get("/api/ledger/trial-balance").await.assert_problem(503, "ledger-unavailable");
}

#[tokio::test]
async fn a_ledger_without_accounts_has_a_trial_balance() {
    let world = World::new().await;
    let answer = world.get("/api/ledger/trial-balance?at=2026-11-30").await;
    assert_eq!(answer.body, json!({"at": "2026-12-01T00:00:00.000000Z", "accounts": [], "totals": []}));
}

#[tokio::test]
async fn what_is_no_moment_or_no_form_is_named() {
    let world = world().await;
    for (query, field) in [("at=yesterday", "at"), ("format=xml", "format"), ("on=2026-11-30", "on")] {
        let answer = world.get(&format!("/api/ledger/trial-balance?{query}")).await;
        answer.assert_problem(400, "invalid-parameter");
        assert_eq!(answer.body["errors"][0]["field"], field, "{answer:?}");
    }
    world.get("/api/accounts/alice/balance?at=now").await.assert_problem(400, "invalid-parameter");
    world.get("/api/accounts/nobody/balance").await.assert_problem(404, "account-not-found");
}
