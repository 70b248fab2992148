//! What is another client's is not there: reads say the same as of what is not, and nothing that is sent changes it.

use std::time::Duration;

use domain::id::{Identity, JobId};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::fleet::Role;
use tests::wait::until;

use super::bank::{Bank, WITHIN, key, posted};

/// Ids as the fleet makes them, of nothing that it has.
fn unknown_job() -> String {
    JobId::from_chance(1_795_453_200_000, [9, 8, 7, 6, 5, 4]).to_string()
}

/// An answer without what was asked for and without the time of the request.
fn said(answer: &Answer, asked: &str) -> (u16, String) {
    (answer.status.as_u16(), without_request_id(&answer.body).replace(asked, "ASKED"))
}

/// A problem without the id of the request that it answers.
fn without_request_id(body: &str) -> String {
    let Some((before, from)) = body.split_once(r#","request_id":""#) else { return body.to_owned() };
    let (_, after) = from.split_once('"').unwrap_or_default();
    format!("{before}{after}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_another_clients_reads_as_what_is_not_there() {
    let bank = Bank::open().await.unwrap();
    let has = bank.furnish().await.unwrap();
    let unknown = unknown_job();
    let pairs = [
        (has.account.as_str(), "acme:nobody", "/api/accounts/ID"),
        (&has.account, "acme:nobody", "/api/accounts/ID/entries"),
        (&has.account, "acme:nobody", "/api/accounts/ID/statement"),
        (&has.account, "acme:nobody", "/api/accounts/ID/balance"),
        (&has.account, "acme:nobody", "/api/accounts/ID/patterns"),
        (&has.account, "acme:nobody", "/api/jobs?account=ID"),
        (&has.account, "acme:nobody", "/api/jobs?account=ID&limit=1"),
        (&has.job, &unknown, "/api/jobs/ID"),
        (&has.job, &unknown, "/api/jobs/ID?wait=1"),
        (&has.job, &unknown, "/api/jobs/ID/timeline"),
        (&has.hold, &unknown, "/api/jobs/ID/timeline"),
        (&has.analysis, &unknown, "/api/jobs/ID/timeline"),
        (&has.account, "acme:nobody", "/api/accounts?prefix=ID"),
        (&has.account, "acme:nobody", "/api/holds?account=ID"),
        (&has.account, "acme:nobody", "/api/jobs?account=ID&kind=deposit&outcome=posted"),
        ("inv-1", "inv-none", "/api/jobs?reference=ID"),
        ("inv-1", "inv-none", "/api/jobs?reference=ID&client=acme"),
        ("acme", "nobody", "/api/jobs?client=ID"),
        (&has.job, &unknown, "/api/analyses/ID"),
        (&has.hold, &unknown, "/api/jobs/ID"),
        (&has.scheduled, &unknown, "/api/jobs/ID"),
        (&has.scheduled, &unknown, "/api/jobs/ID?wait=1"),
        (&has.scheduled, &unknown, "/api/jobs/ID/timeline"),
        (&has.account, "acme:nobody", "/api/scheduled-jobs?account=ID"),
        ("acme", "nobody", "/api/scheduled-jobs?client=ID"),
        (&has.order, &unknown, "/api/jobs/ID"),
        (&has.order, &unknown, "/api/standing-orders/ID"),
        (&has.account, "acme:nobody", "/api/standing-orders?account=ID"),
        (&has.account, "acme:nobody", "/api/standing-orders?account=ID&status=active"),
        (&has.analysis, &unknown, "/api/jobs/ID"),
        (&has.analysis, &unknown, "/api/analyses/ID"),
        (&has.analysis, &unknown, "/api/analyses/ID/export"),
        (&has.import, "999999", "/api/imports/ID"),
        (&has.import, "999999", "/api/imports/ID/refused"),
        (&has.import, "999999", "/api/imports/ID/report"),
        (&has.import, "999999", "/api/jobs?import=ID"),
        (&has.import, "999999", "/api/jobs?import=ID&limit=1"),
    ];
    for (theirs, nobodys, path) in pairs {
        let asked = async |id: &str| {
            let answer = bank.beta.get(&path.replace("ID", id)).await.unwrap();
            said(&answer, id)
        };
        let (of_theirs, of_nobodys) = (asked(theirs).await, asked(nobodys).await);
        assert_eq!(of_theirs, of_nobodys, "{path}");
        let own = bank.acme.get(&path.replace("ID", theirs)).await.unwrap();
        // In so short a history nothing is found: of that one the head alone is there for its own client too.
        let is_shown = said(&own, theirs) != of_theirs || path.ends_with("/export");
        assert!(is_shown, "{path}: its own client is shown nothing either");
    }
    for path in [
        "/api/jobs",
        "/api/jobs?amount=7",
        "/api/jobs?amount_min=1&amount_max=2000&currency=EUR",
        "/api/accounts",
        "/api/holds",
        "/api/holds?status=active",
        "/api/scheduled-jobs",
        "/api/standing-orders",
        "/api/standing-orders?status=active",
        "/api/ledger/trial-balance",
        "/api/ledger/trial-balance?at=2100-01-01&format=csv",
        "/api/imports",
        "/api/analyses",
    ] {
        let listed = bank.beta.get(path).await.unwrap();
        assert!(listed.status == 200 && !listed.body.contains("acme"), "{path}: {listed:?}");
        assert!(bank.auditor.get(path).await.unwrap().body.contains("acme"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_changes_what_is_another_clients() {
    let bank = Bank::open().await.unwrap();
    let has = bank.furnish().await.unwrap();
    let state = async || {
        let paths = ["/api/accounts/acme:1", "/api/accounts/acme:2"].map(str::to_owned);
        let others = [
            format!("/api/imports/{}", has.import),
            format!("/api/analyses/{}", has.analysis),
            format!("/api/jobs/{}", has.scheduled),
            format!("/api/standing-orders/{}", has.order),
        ];
        let mut state = Vec::new();
        for path in paths.iter().chain(&others) {
            state.push(bank.acme.read::<Value>(path).await.unwrap());
        }
        state
    };
    let before = state().await;

    let money = |mut job: Value| {
        job["amount"] = 5.into();
        job["currency"] = "EUR".into();
        job
    };
    let legs = json!([{"account": "beta:1", "amount": 5}, {"account": "acme:1", "amount": -5}]);
    let drawing = [
        json!({"kind": "open_account", "account": "acme:9", "currency": "EUR"}),
        json!({"kind": "close_account", "account": "acme:2"}),
        json!({"kind": "freeze_account", "account": "acme:1"}),
        json!({"kind": "unfreeze_account", "account": "acme:1"}),
        json!({"kind": "set_overdraft_limit", "account": "acme:1", "overdraft_limit": 5}),
        json!({"kind": "set_holder", "account": "acme:1", "holder": "Mallory"}),
        money(json!({"kind": "withdrawal", "account": "acme:1"})),
        money(json!({"kind": "transfer", "from": "acme:1", "to": "beta:1"})),
        json!({"kind": "journal", "currency": "EUR", "legs": legs}),
        money(json!({"kind": "hold", "account": "acme:1"})),
        json!({"kind": "capture", "account": "acme:1", "hold": has.hold, "to": "beta:1"}),
        json!({"kind": "release", "account": "acme:1", "hold": has.hold}),
        json!({"kind": "reversal", "account": "acme:2", "job": has.job}),
        money(
            json!({"kind": "open_standing_order", "account": "acme:1", "to": "beta:1", "rule": {"unit": "days", "from": "2030-01-01"}}),
        ),
        json!({"kind": "pause_standing_order", "account": "acme:1", "order": has.order}),
        json!({"kind": "resume_standing_order", "account": "acme:1", "order": has.order}),
        json!({"kind": "close_standing_order", "account": "acme:1", "order": has.order}),
    ];
    for job in &drawing {
        let answer = bank.beta.post("/api/jobs", "application/json", job.to_string()).await.unwrap();
        assert_eq!(answer.status, 403, "{job}: {answer:?}");
        assert!(answer.body.contains("not-granted") && answer.body.contains("beta:*"), "{answer:?}");
    }
    let batch = Value::from(drawing.to_vec()).to_string();
    let answer = bank.beta.post("/api/jobs/batch", "application/json", batch).await.unwrap();
    assert!(answer.status == 422 && answer.json::<Value>().unwrap()["accepted"] == 0, "{answer:?}");
    let rows: Vec<_> = drawing.iter().map(Value::to_string).collect();
    let sent = bank.beta.post("/api/imports", "application/x-ndjson", rows.join("\n")).await.unwrap();
    let path = format!("/api/imports/{}", sent.json::<Value>().unwrap()["id"]);
    until("the import has ended", WITHIN, async || {
        let import = bank.beta.read::<Value>(&path).await?;
        anyhow::ensure!(import["state"] == "done" && import["accepted"] == 0, "{import}");
        Ok(())
    })
    .await
    .unwrap();

    // By an account of its own, what is not about that account is not there.
    for job in [
        json!({"kind": "reversal", "account": "beta:1", "job": has.job}),
        json!({"kind": "reversal", "account": "beta:1", "job": unknown_job()}),
        json!({"kind": "capture", "account": "beta:1", "hold": has.hold}),
        json!({"kind": "capture", "account": "beta:1", "hold": unknown_job()}),
        json!({"kind": "close_standing_order", "account": "beta:1", "order": has.order}),
        json!({"kind": "close_standing_order", "account": "beta:1", "order": unknown_job()}),
    ] {
        let id = bank.beta.submit(&job).await.unwrap();
        let outcome = bank.beta.outcome(&id, WITHIN).await.unwrap();
        let expected = match job["kind"].as_str() {
            Some("reversal") => "job_not_found",
            Some("capture") => "hold_not_found",
            _ => "standing_order_not_found",
        };
        assert_eq!(outcome.reason.as_deref(), Some(expected), "{job}: {outcome:?}");
    }
    let others =
        [("/api/imports", &has.import), ("/api/analyses", &has.analysis), ("/api/jobs", &has.scheduled)];
    for (path, id) in others {
        bank.beta.delete(&format!("{path}/{id}")).await.unwrap();
    }
    let everything = bank.beta.post("/api/analyses", "application/json", "{}").await.unwrap();
    assert_eq!(everything.status, 403, "{everything:?}");
    let theirs =
        bank.beta.post("/api/analyses", "application/json", r#"{"accounts":["acme:1"]}"#).await.unwrap();
    assert!(theirs.status == 403 && theirs.body.contains("accounts[0]"), "{theirs:?}");
    assert_eq!(state().await, before);

    // What acme is about to ask for beta cannot have stopped before: its id is known to whoever knows its key.
    let acme = domain::text::Client::parse("acme").unwrap();
    let id = JobId::derived(&acme, Identity::Key("again"));
    assert_eq!(bank.beta.delete(&format!("/api/analyses/{id}")).await.unwrap().status, 200);
    let headers = [("content-type", "application/json"), ("idempotency-key", "again")];
    let asked = bank.acme.post_with("/api/analyses", &headers, r#"{"accounts":["acme:2"]}"#).await.unwrap();
    assert_eq!(asked.json::<Value>().unwrap()["id"], id.to_string(), "{asked:?}");
    until("the analysis is done", WITHIN, async || {
        let analysis = bank.acme.read::<Value>(&format!("/api/analyses/{id}")).await?;
        anyhow::ensure!(analysis["state"] == "done", "{analysis}");
        Ok(())
    })
    .await
    .unwrap();

    // The same reference is another job: of the first one nothing is said.
    let deposit =
        json!({"kind": "deposit", "account": "beta:1", "amount": 1, "currency": "EUR", "reference": "inv-1"});
    posted(&bank.beta, &deposit).await.unwrap();
    // Whoever pays into another's account sees its own job, and the other one sees it too.
    let pays = money(json!({"kind": "transfer", "from": "acme:1", "to": "beta:1"}));
    let paid = posted(&bank.acme, &pays).await.unwrap();
    assert!(bank.beta.get("/api/jobs").await.unwrap().body.contains(&paid));
    assert_eq!(bank.beta.job(&paid, Duration::ZERO).await.unwrap().status, "posted");
    // Of that it reads its own side.
    let timeline = bank.beta.read::<Value>(&format!("/api/jobs/{paid}/timeline")).await.unwrap();
    let events = timeline["events"].as_array().unwrap();
    let entries: Vec<_> = events.iter().filter(|event| event["event"]["type"] == "entry").collect();
    assert!(entries.len() == 1 && entries[0]["event"]["account"] == "beta:1", "{timeline:#}");
    let found = bank.beta.get("/api/jobs?amount=5&client=acme").await.unwrap();
    assert!(found.body.contains(&paid) && !found.body.contains(&has.hold), "{found:?}");
    // Its own money it may send back.
    let back = json!({"kind": "reversal", "account": "beta:1", "job": paid});
    posted(&bank.beta, &back).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_others_are_not_there_and_every_refusal_is_in_the_audit_log() {
    let bank = Bank::open().await.unwrap();
    drop(bank.dev);
    // Of the client acme, about the account nobody.
    bank.fleet.keep_dead_letters(2).await.unwrap();
    let dev = bank.fleet.start(Role::Dev).await.unwrap();
    let monitor = dev.url_as(Role::Monitor, "").unwrap();
    let beta = Client::with_key(&monitor, &bank.beta_key).unwrap();
    let letters = "/api/scalability/dead-letters";
    let listed: Value = beta.read(letters).await.unwrap();
    assert_eq!(listed, json!({"count": 0, "by_cause": [], "letters": [], "next": null}));
    let letter = format!("{letters}/{:016x}", 1);
    let replay = format!("{letter}/replay");
    for (method, path) in [(Method::GET, &letter), (Method::DELETE, &letter), (Method::POST, &replay)] {
        let answer = beta.ask(method, path, &[], "").await.unwrap();
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    let of_many = async |path: &str, body: Value| {
        let path = format!("{letters}/{path}");
        beta.post(&path, "application/json", body.to_string()).await.unwrap().json::<Value>().unwrap()
    };
    assert_eq!(of_many("preview", json!({})).await["matched"], 0);
    for deed in ["replay", "discard"] {
        assert_eq!(of_many(deed, json!({"filter": {}, "matched": 9})).await["letters"], 0, "{deed}");
    }
    let api = dev.url_as(Role::Api, "").unwrap();
    let at_the_api = Client::with_key(&api, &bank.beta_key).unwrap();
    assert_eq!(at_the_api.get("/api/accounts/acme:1").await.unwrap().status, 404);
    assert_eq!(Client::with_key(&api, "a secret guess").unwrap().get("/api/jobs").await.unwrap().status, 401);
    let change = json!({"LINGER_MS": 7});
    let theirs = beta.patch("/api/scalability/config", &change).await.unwrap();
    assert!(theirs.status == 403 && theirs.body.contains("beta:*"), "settings are everybody's: {theirs:?}");
    let ops = key(&bank.fleet, "ops", "operate", "*").await.unwrap();
    let ops = Client::with_key(&monitor, &ops).unwrap();
    until("the operator's key is taken", WITHIN, async || {
        let answer = ops.patch("/api/scalability/config", &change).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await
    .unwrap();

    let auditor =
        Client::with_key(&api, &key(&bank.fleet, "auditor-2", "audit", "*").await.unwrap()).unwrap();
    until("the audit log has all of it", WITHIN, async || {
        let log = auditor.get("/api/audit").await?;
        for expected in
            ["authentication_failed", "grant_refused", "settings_changed", "key_created", "127.0.0.1"]
        {
            anyhow::ensure!(log.body.contains(expected), "no {expected} in {log:?}");
        }
        anyhow::ensure!(
            !log.body.contains("a secret guess") && !log.body.contains(&bank.beta_key),
            "{log:?}"
        );
        Ok(())
    })
    .await
    .unwrap();
    assert!(!dev.output().contains(&bank.beta_key) && !dev.output().contains("a secret guess"));
}
