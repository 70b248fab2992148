//! Patterns end to end: histories are posted over HTTP, analysed by the workers, and read back.

use std::time::Duration;

use anyhow::ensure;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::{Fleet, Role};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(120);

/// Accounts with a history: more than one batch of them.
const PAYERS: usize = 120;
/// Months of rent that each pays.
const MONTHS: usize = 14;

fn payer(n: usize) -> String {
    format!("payer-{n}")
}

/// Opens the accounts and posts their histories: rent on the same day of each month, a withdrawal now and then.
async fn post_histories(client: &Client) -> anyhow::Result<()> {
    let mut jobs = vec![];
    for n in 0..PAYERS {
        let account = payer(n);
        jobs.push(json!({"kind": "open_account", "account": account, "currency": "EUR"}));
        jobs.push(json!({"kind": "deposit", "account": account, "amount": 9_000_000, "currency": "EUR",
            "value_date": "2024-12-01", "memo": "opening"}));
        let landlord = format!("CZ{n:022}");
        for month in 0..MONTHS {
            let (year, month) = (2025 + month / 12, month % 12 + 1);
            jobs.push(json!({"kind": "withdrawal", "account": account, "amount": 90_000 + n, "currency": "EUR",
                "value_date": format!("{year}-{month:02}-{:02}", n % 28 + 1), "memo": format!("rent {month}/{year}"),
                "counterparty": {"account": landlord, "name": "Landlord, \"Ltd\""}}));
        }
        for k in 0..6 {
            jobs.push(json!({"kind": "withdrawal", "account": account, "amount": 1_000 + 937 * (n * k % 11),
                "currency": "EUR", "value_date": format!("2025-{:02}-{:02}", k * k % 12 + 1, (n * 7 + k * 13) % 28 + 1)}));
        }
    }
    post(client, &jobs).await
}

async fn post(client: &Client, jobs: &[Value]) -> anyhow::Result<()> {
    let mut last = String::new();
    for some in jobs.chunks(1_000) {
        let batch = client.batch(some).await?;
        ensure!(batch.accepted == some.len(), "{:?}", batch.results.iter().find(|line| line.error.is_some()));
        last = batch.results.last().and_then(|line| line.id.clone()).unwrap_or(last);
    }
    // Lanes end at different times; what matters is that all accounts have their entries.
    client.outcome(&last, WITHIN).await?;
    for job in jobs.iter().filter(|job| job["kind"] == "open_account") {
        let account = job["account"].as_str().unwrap_or_default();
        let entries = jobs.iter().filter(|job| job["account"] == account).count() - 1;
        until("all entries are posted", WITHIN, async || {
            let stands = client.account(account).await?;
            ensure!(stands["entries"] == entries, "{stands} of {entries}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn start(client: &Client, body: &Value) -> anyhow::Result<String> {
    let answer = client.post("/api/analyses", "application/json", body.to_string()).await?;
    ensure!(answer.status == StatusCode::ACCEPTED, "{answer:?}");
    let run: Value = answer.json()?;
    ensure!(run["state"] == "queued", "{run}");
    Ok(run["id"].as_str().unwrap_or_default().to_owned())
}

async fn ends(client: &Client, id: &str) -> anyhow::Result<Value> {
    until("the analysis ends", WITHIN, async || {
        let run: Value = client.get(&format!("/api/analyses/{id}")).await?.json()?;
        ensure!(run["state"] == "done" || run["state"] == "cancelled", "{run}");
        Ok(run)
    })
    .await
}

async fn patterns(client: &Client, account: &str) -> anyhow::Result<Value> {
    let answer = client.get(&format!("/api/accounts/{account}/patterns")).await?;
    ensure!(answer.status == StatusCode::OK, "{answer:?}");
    Ok(answer.json()?)
}

async fn problem(client: &Client, path: &str) -> anyhow::Result<Value> {
    let answer = client.get(path).await?;
    ensure!(answer.header("content-type") == "application/problem+json", "{answer:?}");
    Ok(answer.json()?)
}

/// All that an analyst does, on any fleet.
async fn an_analyst_works(client: &Client) -> anyhow::Result<()> {
    post_histories(client).await?;
    let nobody = problem(client, "/api/accounts/nobody/patterns").await?;
    ensure!(nobody["type"] == "/problems/account-not-found", "{nobody}");
    let early = problem(client, "/api/accounts/payer-7/patterns").await?;
    ensure!(
        early["type"] == "/problems/not-analysed" && early["detail"].to_string().contains("/api/analyses"),
        "{early}"
    );

    let id = start(client, &json!({})).await?;
    let run = ends(client, &id).await?;
    ensure!(run["state"] == "done" && run["accounts_failed"] == 0, "{run}");
    ensure!(run["accounts"] == PAYERS && run["accounts_done"] == PAYERS, "{run}");
    for n in [0, 7, 60, PAYERS - 1] {
        let found = patterns(client, &payer(n)).await?;
        ensure!(found["analysis"] == *id, "{found}");
        let rents: Vec<&Value> = found["patterns"]["recurring"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|found| found["period"] == "monthly")
            .collect();
        ensure!(rents.len() == 1, "{found}");
        ensure!(rents[0]["count"] == MONTHS && rents[0]["amount"]["fixed"] == true, "{found}");
        ensure!(rents[0]["day_of_month"] == n % 28 + 1, "{found}");
        ensure!(rents[0]["party"]["account"] == format!("CZ{n:022}"), "{found}");
        ensure!(found["patterns"]["from"] == "2024-12-01", "by value date: {found}");
    }

    let csv = client.get(&format!("/api/analyses/{id}/export?what=recurring")).await?;
    ensure!(
        csv.status == StatusCode::OK && csv.header("content-type").starts_with("text/csv"),
        "{:?}",
        csv.header("content-type")
    );
    let rents = csv.body.lines().filter(|line| line.contains(",monthly,out,CZ")).count();
    ensure!(
        rents == PAYERS && csv.body.contains("\"Landlord, \"\"Ltd\"\"\""),
        "{rents} of {PAYERS}\n{}",
        csv.body
    );
    ensure!(!csv.body.contains("\nanomaly,"), "{}", csv.body);

    let id = start(client, &json!({"accounts": ["payer-1", "nobody", "payer-1"]})).await?;
    let run = ends(client, &id).await?;
    ensure!(run["accounts"] == 2 && run["accounts_done"] == 2 && run["accounts_failed"] == 1, "{run}");
    ensure!(run["cause"] == "there is no account nobody", "{run}");

    let job =
        json!({"kind": "analyse_patterns", "account": "payer-2", "from": "2025-06-01", "to": "2025-09-30"});
    let id = client.submit(&job).await?;
    ensure!(ends(client, &id).await?["state"] == "done");
    let job: Value = client.get(&format!("/api/jobs/{id}")).await?.json()?;
    ensure!(job["status"] == "done" && job["analysis"] == format!("/api/analyses/{id}"), "{job}");
    let found = patterns(client, "payer-2").await?;
    ensure!(found["analysis"] == *id && found["patterns"]["cash_flow"][0]["month"] == "2025-06", "{found}");
    ensure!(found["patterns"]["recurring"][0]["count"] == 4, "{found}");

    let again = client.delete(&format!("/api/analyses/{id}")).await?;
    ensure!(again.json::<Value>()?["state"] == "done", "what is done cannot be cancelled: {again:?}");
    let list: Value = client.get("/api/analyses?limit=2").await?.json()?;
    ensure!(list["analyses"][0]["id"] == *id && list["next"].is_string(), "{list}");

    // A name of the client's own: the same request is the same run, another one is none.
    let named = json!({"accounts": ["payer-3"], "reference": "march"});
    let id = start(client, &named).await?;
    ends(client, &id).await?;
    ensure!(start(client, &named).await? == id);
    let other = json!({"accounts": ["payer-4"], "reference": "march"}).to_string();
    let refused = client.post("/api/analyses", "application/json", other).await?;
    ensure!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains(&id), "{refused:?}");

    let bad = client.post("/api/analyses", "application/json", r#"{"accounts": []}"#).await?;
    ensure!(bad.status == StatusCode::UNPROCESSABLE_ENTITY && bad.body.contains("accounts"), "{bad:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analyst_works_on_a_fleet_in_one_process() {
    let fleet = Fleet::embedded().unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    an_analyst_works(&client).await.unwrap();
    dev.terminate().await.unwrap();
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analyst_works_on_real_servers_and_a_killed_worker_costs_nothing() {
    let mut cluster = Cluster::start(2).await.unwrap();
    let client = cluster.client.clone();
    an_analyst_works(&client).await.unwrap();

    let many: Vec<Value> = (0..3_000)
        .map(|n| json!({"kind": "open_account", "account": format!("idle-{n}"), "currency": "EUR"}))
        .collect();
    for some in many.chunks(1_000) {
        client.batch(some).await.unwrap();
    }
    until("the accounts are open", WITHIN, async || {
        // The last of each lane.
        for n in 2_850..3_000 {
            client.account(&format!("idle-{n}")).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
    let id = start(&client, &json!({})).await.unwrap();
    let begun = until("some batches are done", WITHIN, async || {
        let run: Value = client.get(&format!("/api/analyses/{id}")).await?.json()?;
        ensure!(run["accounts_done"].as_u64() >= Some(1), "{run}");
        Ok(run)
    });
    begun.await.unwrap();
    let mut worker = cluster.workers.remove(0);
    worker.kill9().unwrap();
    let run = ends(&client, &id).await.unwrap();
    let accounts = run["accounts"].as_u64().unwrap();
    assert!(accounts > 3_000, "{run}");
    assert_eq!(
        (run["accounts_done"].as_u64(), run["accounts_failed"].as_u64()),
        (Some(accounts), Some(0)),
        "{run}"
    );

    // Nobody is there to take it: it is cancelled before it begins, and stays so.
    for worker in &mut cluster.workers {
        worker.terminate().await.unwrap();
    }
    let id = start(&client, &json!({})).await.unwrap();
    let cancelled: Value = client.delete(&format!("/api/analyses/{id}")).await.unwrap().json().unwrap();
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    cluster.workers.clear();
    cluster.add_worker().await.unwrap();
    let next = start(&client, &json!({"accounts": ["payer-1"]})).await.unwrap();
    assert_eq!(ends(&client, &next).await.unwrap()["state"], "done");
    assert_eq!(ends(&client, &id).await.unwrap()["state"], "cancelled");
    cluster.workers[0].terminate().await.unwrap();
    cluster.fleet.run_ok(&["verify"]).await.unwrap();
}
