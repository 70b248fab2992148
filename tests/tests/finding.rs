//! Finding one payment and what became of it, by HTTP, on a fleet of each kind.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers;
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(30);

async fn posted(client: &Client, job: &Value) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let outcome = client.outcome(&id, WITHIN).await?;
    ensure!(outcome.status == "posted", "{job} came out as {outcome:?}");
    Ok(id)
}

/// The ids of a list, through all of its pages.
async fn found(client: &Client, path: &str, list: &str) -> anyhow::Result<Vec<String>> {
    let (mut ids, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let page: Value = client.read(&path).await?;
        let name = if list == "accounts" { "number" } else { "id" };
        let listed = page[list].as_array().context("no list")?;
        ids.extend(listed.iter().filter_map(|item| item[name].as_str()).map(str::to_owned));
        next = page["next"].as_str().map(str::to_owned);
    }
    Ok(ids)
}

fn types(timeline: &Value) -> Vec<&str> {
    let events = timeline["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["event"]["type"].as_str()).collect()
}

/// An amount, a day and a part of a name lead to a payment; its timeline says what became of it.
async fn the_payment_is_found_and_explained(fleet: Fleet, role: &[Role]) -> anyhow::Result<()> {
    let mut replicas = Vec::new();
    for role in role {
        replicas.push(fleet.start(*role).await?);
    }
    let api = &Client::new(&replicas[0].url_as(Role::Api, "").context("no address")?)?;
    for account in ["bank:1", "bank:2"] {
        posted(
            api,
            &json!({"kind": "open_account", "account": account, "currency": "EUR", "holder": "Ann Other"}),
        )
        .await?;
    }
    let deposit = json!({"kind": "deposit", "account": "bank:1", "amount": 90_000, "currency": "EUR"});
    posted(api, &deposit).await?;
    let payment = json!({
        "kind": "transfer", "from": "bank:1", "to": "bank:2", "amount": 12_550, "currency": "EUR",
        "reference": "INV 7", "memo": "Rent May", "counterparty": {"name": "Zoë Müller"}, "metadata": {"order": "A-7"},
    });
    let id = posted(api, &payment).await?;
    let hold = json!({"kind": "hold", "account": "bank:1", "amount": 5_000, "currency": "EUR", "expires_at": "2020-01-01T00:00:00Z"});
    let held = {
        let mut hold = hold.clone();
        hold["expires_at"] = (jiff::Timestamp::now() + Duration::from_secs(86_400)).to_string().into();
        posted(api, &hold).await?
    };
    let late = posted(api, &hold).await?;
    let reversal = posted(api, &json!({"kind": "reversal", "account": "bank:2", "job": id})).await?;

    let shown: Value = api.read(&format!("/api/jobs/{id}")).await?;
    let day = shown["posted_at"].as_str().and_then(|at| at.get(..10)).context("no time")?.to_owned();
    let search = format!("/api/jobs?amount=12550&currency=EUR&counterparty=m%C3%BCll&from={day}&to={day}");
    ensure!(found(api, &search, "jobs").await? == [id.as_str()]);
    for query in [
        "reference=INV%207",
        "reference=%20INV%207&client=anonymous",
        "memo=rent&limit=1",
        "metadata_key=order&metadata_value=A-7",
        "amount_min=12500&amount_max=13000&account=bank:2&kind=transfer&outcome=posted",
        "counterparty=zoë&account=bank:1",
        "reference=INV%207&account=bank:2&kind=transfer",
    ] {
        let path = format!("/api/jobs?{query}");
        ensure!(found(api, &path, "jobs").await? == [id.as_str()], "{query}");
    }
    for query in [
        "reference=INV%208",
        "reference=INV%207&client=other",
        "reference=INV%207&account=bank:3",
        "reference=INV%207&kind=deposit",
        "metadata_key=a",
    ] {
        ensure!(found(api, &format!("/api/jobs?{query}"), "jobs").await?.is_empty(), "{query}");
    }
    ensure!(found(api, "/api/accounts?prefix=bank:&limit=1", "accounts").await? == ["bank:1", "bank:2"]);
    ensure!(found(api, "/api/accounts?prefix=bank:&balance_min=1", "accounts").await? == ["bank:1"]);

    ensure!(shown["reversed_by"] == reversal.as_str(), "{shown}");
    let timeline: Value = api.read(&format!("/api/jobs/{id}/timeline")).await?;
    let expected = ["accepted", "posted", "entry", "entry", "reversed_by"];
    ensure!(types(&timeline) == expected && timeline["status"] == "posted", "{timeline:#}");
    let (accepted, debit) = (&timeline["events"][0], &timeline["events"][2]);
    ensure!(
        accepted["event"]["client"] == "anonymous" && accepted["event"]["reference"] == "INV 7",
        "{accepted}"
    );
    ensure!(accepted["event"]["ingress"].as_str().is_some_and(|replica| !replica.is_empty()), "{accepted}");
    ensure!(
        (&debit["event"]["balance_before"], &debit["event"]["balance_after"])
            == (&json!(90_000), &json!(77_450)),
        "{debit}"
    );
    ensure!(
        debit["text"] == "bank:1 was debited 125.50 EUR: its balance went from 900.00 EUR to 774.50 EUR.",
        "{debit}"
    );
    ensure!(
        timeline["events"][4]["event"]["job"] == reversal.as_str() && timeline["events"][4]["at"].is_string()
    );
    let undone: Value = api.read(&format!("/api/jobs/{reversal}/timeline")).await?;
    ensure!(types(&undone) == ["accepted", "posted", "reversed", "entry", "entry"], "{undone:#}");

    // A hold whose end is in the past is released by the fleet itself, and says so.
    let job: Value = until("the hold has expired", WITHIN, async || {
        let job: Value = api.read(&format!("/api/jobs/{late}")).await?;
        ensure!(job["hold"]["status"] == "released", "{job}");
        Ok(job)
    })
    .await?;
    ensure!(job["hold"]["expired"] == true && job["hold"]["ended_by"].is_string(), "{job}");
    let timeline: Value = api.read(&format!("/api/jobs/{late}/timeline")).await?;
    ensure!(types(&timeline) == ["accepted", "posted", "hold_placed", "hold_expired"], "{timeline:#}");
    ensure!(found(api, "/api/holds?account=bank:1&status=active&limit=1", "holds").await? == [held.as_str()]);
    let release =
        json!({"kind": "capture", "account": "bank:1", "hold": held, "to": "bank:2", "amount": 400});
    let capture = posted(api, &release).await?;
    let job: Value = api.read(&format!("/api/jobs/{held}")).await?;
    ensure!(job["hold"]["captured"] == 400 && job["hold"]["ended_by"] == capture.as_str(), "{job}");

    // A row of a file, and a second body under a known reference.
    let csv =
        "kind,account,amount,currency,reference\ndeposit,bank:2,5,EUR,row-1\ndeposit,bank:2,6,EUR,row-2\n";
    let import = api.post("/api/imports", "text/csv", csv).await?.json::<Value>()?["id"].clone();
    until("the import is done", WITHIN, async || {
        ensure!(api.read::<Value>(&format!("/api/imports/{import}")).await?["state"] == "done");
        Ok(())
    })
    .await?;
    let row = found(api, "/api/jobs?reference=row-2", "jobs").await?;
    let job: Value = api.read(&format!("/api/jobs/{}", row[0])).await?;
    ensure!(
        job["import"] == json!({"import": import, "row": 2, "path": format!("/api/imports/{import}")}),
        "{job}"
    );
    let timeline: Value = api.read(&format!("/api/jobs/{}/timeline", row[0])).await?;
    ensure!(types(&timeline) == ["read_from_import", "accepted", "posted", "entry", "entry"], "{timeline:#}");

    let refused = json!({"kind": "withdrawal", "account": "bank:2", "amount": 99_999, "currency": "EUR"});
    let refused = api.submit(&refused).await?;
    api.outcome(&refused, WITHIN).await?;
    let timeline: Value = api.read(&format!("/api/jobs/{refused}/timeline")).await?;
    ensure!(
        timeline["events"][1]["event"] == json!({"type": "rejected", "reason": "insufficient_funds"}),
        "{timeline:#}"
    );

    for (query, field) in [
        ("amount=0", "amount"),
        ("amount=5&amount_min=1", "amount"),
        ("amount_min=5&amount_max=4", "amount_max"),
        ("metadata_value=a", "metadata_value"),
        ("currency=EURO", "currency"),
        ("reference=%20", "reference"),
        ("accepted_from=2026-11-02&accepted_to=2026-10-31", "accepted_to"),
        ("cursor=AAAA", "cursor"),
    ] {
        let answer = api.get(&format!("/api/jobs?{query}")).await?;
        ensure!(answer.status == 400 && answer.body.contains(&format!("`{field}`")), "{query}: {answer:?}");
    }
    for path in [
        "/api/accounts?status=shut",
        "/api/accounts?cursor=AAAA",
        "/api/accounts?balance_min=2&balance_max=1",
        "/api/holds?status=gone",
        "/api/holds?cursor=AAAA",
    ] {
        ensure!(api.get(path).await?.status == 400, "{path}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_and_explained_on_the_embedded_fleet() -> anyhow::Result<()> {
    the_payment_is_found_and_explained(Fleet::embedded()?, &[Role::Dev]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_and_explained_on_servers() -> anyhow::Result<()> {
    let (database, vhost) = (servers::fresh_database().await?, servers::fresh_vhost().await?);
    let fleet = Fleet::new(&database, &vhost.url)?;
    fleet.run_ok(&["migrate"]).await?;
    the_payment_is_found_and_explained(fleet, &[Role::Api, Role::Worker]).await
}
