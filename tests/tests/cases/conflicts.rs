//! The same identity with another body is refused at once, and what slips through costs nobody anything.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

use super::bank::{Bank, WITHIN, at_a_bank_of_its_own, deposit, with_an_account};

/// What a client may wait for the next job of a lane on which a batch of conflicts came in.
const NEXT_JOB_WITHIN: Duration = Duration::from_secs(1);
const MANY: i64 = 10_000;

fn job(account: &str, reference: &str, amount: i64) -> Value {
    let mut job = deposit(account, amount);
    job["reference"] = json!(reference);
    job
}

#[test]
fn another_body_under_a_reference_is_refused_at_once() {
    with_an_account(async |bank, account| {
        let first = bank.send(&[], &job(&account, &account, 100)).await;
        let first: Value = first.json().unwrap();
        for headers in [&[][..], &[("idempotency-key", "another")], &[("prefer", "wait=20")]] {
            let second = bank.send(headers, &job(&account, &account, 200)).await;
            assert_eq!(second.status, 422, "{second:?}");
            assert!(second.body.contains(first["id"].as_str().unwrap()), "it names the first: {second:?}");
        }
        bank.view(first["id"].as_str().unwrap()).await;
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn another_body_under_a_key_is_refused_at_once() {
    with_an_account(async |bank, account| {
        let quoted = format!("\"{account}\"");
        let first = bank.send(&[("idempotency-key", &account)], &deposit(&account, 100)).await;
        assert_eq!(first.status, 202, "{first:?}");
        for key in [&account, &quoted] {
            let second = bank.send(&[("idempotency-key", key)], &deposit(&account, 200)).await;
            assert_eq!(second.status, 422, "{second:?}");
        }
        bank.view(first.json::<Value>().unwrap()["id"].as_str().unwrap()).await;
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn another_body_within_one_batch_is_refused_and_harms_no_neighbour() {
    with_an_account(async |bank, account| {
        let other = format!("other-{account}");
        let jobs = [
            job(&account, &account, 100),
            job(&account, &account, 200),
            job(&account, &other, 7),
            job(&account, &account, 100),
        ];
        let lines: String = jobs.iter().map(|job| format!("{job}\n")).collect();
        let batch = bank.batch(&[], &lines).await;
        let statuses: Vec<_> = batch.results.iter().map(|result| result.status.as_str()).collect();
        assert_eq!(statuses, ["queued", "refused", "queued", "queued"], "{batch:?}");
        assert_eq!(batch.results[1].error.as_ref().unwrap()["status"], 422, "{batch:?}");
        assert_eq!(bank.amounts(&account).await, [100, 7]);
    });
}

#[test]
fn another_body_is_refused_across_a_batch_and_a_single_job() {
    with_an_account(async |bank, account| {
        let other = format!("other-{account}");
        bank.batch(&[], &format!("{}\n", job(&account, &account, 100))).await;
        let single = bank.send(&[], &job(&account, &account, 200)).await;
        assert_eq!(single.status, 422, "{single:?}");
        bank.job(&job(&account, &other, 1)).await;
        let batch = bank.batch(&[], &format!("{}\n", job(&account, &other, 2))).await;
        assert_eq!((batch.accepted, batch.refused), (0, 1), "{batch:?}");
        assert_eq!(bank.amounts(&account).await, [100, 1]);
    });
}

/// No dead letter, no alert, and the next job of the lane is posted soon.
async fn assert_costs_nothing(bank: &Bank, account: &str) {
    let started = Instant::now();
    let next = bank.job(&deposit(account, 7)).await;
    let took = started.elapsed();
    assert_eq!(
        (next.status.as_u16(), &next.json::<Value>().unwrap()["status"]),
        (200, &json!("posted")),
        "{next:?}"
    );
    assert!(took < NEXT_JOB_WITHIN, "the next job took {took:?}");
    assert_eq!(bank.dead_letters().await, json!([]));
    let alerts: Value = bank.monitor().get("/api/scalability/alerts").await.unwrap().json().unwrap();
    assert_eq!(alerts["firing"], json!([]), "{alerts}");
}

#[test]
fn ten_thousand_lines_of_one_reference_cost_nobody_anything() {
    at_a_bank_of_its_own(async |bank| {
        let account = bank.account("EUR").await;
        assert_costs_nothing(bank, &account).await;
        let lines: String = (1..=MANY).map(|amount| format!("{}\n", job(&account, "one", amount))).collect();
        let ndjson = [("content-type", "application/x-ndjson")];
        let answer = bank.client.post_with("/api/jobs/batch", &ndjson, lines).await.unwrap();
        let batch: tests::client::BatchAnswer = answer.json().unwrap();
        assert_eq!((batch.accepted, batch.refused), (1, 9_999), "{:?}", batch.results.first());
        assert_costs_nothing(bank, &account).await;
        assert_eq!(bank.balance(&account).await, 7 + 1 + 7);
    });
}

#[test]
fn ten_thousand_rows_of_one_reference_cost_nobody_anything() {
    at_a_bank_of_its_own(async |bank| {
        let account = bank.account("EUR").await;
        bank.job(&job(&account, "one", 5)).await;
        // What the replica remembers is gone: it cannot know them.
        bank.restart().await;
        let rows: String =
            (1..=MANY).map(|amount| format!("{}\n", job(&account, "one", 10 + amount))).collect();
        let import = bank.import(rows, "application/x-ndjson", &[]).await;
        assert_eq!((&import["posted"], &import["dead"]), (&json!(0), &json!(0)), "{import}");
        assert_costs_nothing(bank, &account).await;
        assert_eq!(bank.balance(&account).await, 5 + 7);
    });
}

#[test]
fn a_conflict_that_slips_through_a_restart_is_shown_on_the_job() {
    at_a_bank_of_its_own(async |bank| {
        let account = bank.account("EUR").await;
        let first: Value = bank.job(&job(&account, "slips", 100)).await.json().unwrap();
        let id = first["id"].as_str().unwrap().to_owned();
        let before = bank.view(&id).await;
        assert_eq!(before["conflicts"]["count"].as_u64().unwrap_or_default(), 0, "{before}");
        bank.restart().await;
        let second = bank.send(&[], &job(&account, "slips", 200)).await;
        if second.status == 202 {
            until("the conflict is shown on the job", WITHIN, async || {
                let view = bank.view(&id).await;
                ensure!(view["conflicts"]["count"].as_u64() >= Some(1), "{view}");
                Ok(())
            })
            .await
            .unwrap();
        } else {
            assert_eq!(second.status, 422, "{second:?}");
        }
        assert_eq!(bank.dead_letters().await, json!([]));
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn a_client_that_waits_learns_of_a_conflict() {
    at_a_bank_of_its_own(async |bank| {
        let account = bank.account("EUR").await;
        bank.job(&job(&account, "waits", 100)).await;
        bank.restart().await;
        let second = bank.job(&job(&account, "waits", 200)).await;
        assert_eq!(second.status, 422, "{second:?}");
        assert_eq!(bank.dead_letters().await, json!([]));
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_that_slips_through_two_replicas_is_shown_on_the_job() {
    let (database, broker) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &broker.url).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let (one, other, _worker) =
        tokio::try_join!(fleet.start(Role::Api), fleet.start(Role::Api), fleet.start(Role::Worker)).unwrap();
    let (one, other) = (Client::new(&one.url("")).unwrap(), Client::new(&other.url("")).unwrap());
    let open = json!({"kind": "open_account", "account": "a", "currency": "EUR"});
    one.outcome(&one.submit(&open).await.unwrap(), WITHIN).await.unwrap();
    let id = one.submit(&job("a", "slips", 100)).await.unwrap();
    one.outcome(&id, WITHIN).await.unwrap();
    let second =
        other.post("/api/jobs", "application/json", job("a", "slips", 200).to_string()).await.unwrap();
    assert!([202, 422].contains(&second.status.as_u16()), "{second:?}");
    if second.status == 202 {
        until("the conflict is shown on the job", WITHIN, async || {
            let view: Value = one.get(&format!("/api/jobs/{id}")).await?.json()?;
            ensure!(view["conflicts"]["count"].as_u64() >= Some(1), "{view}");
            Ok(())
        })
        .await
        .unwrap();
    }
    assert_eq!(fleet.run_ok(&["dead-letters", "list", "--json"]).await.unwrap(), "");
    assert_eq!(one.account("a").await.unwrap()["balance"], 100);
    fleet.run_ok(&["verify"]).await.unwrap();
}
