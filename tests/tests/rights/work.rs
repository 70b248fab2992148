//! Everything that a fleet does.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use domain::id::{Identity, JobId};
use domain::job::Kind;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Replica, Role};
use tests::wait::until;

use super::{Restricted, WITHIN};

/// Does all of it, and returns the second ingress that it started.
pub(super) async fn everything(fleet: &Restricted) -> anyhow::Result<Replica> {
    every_kind_of_job(fleet).await?;
    a_file_and_a_dead_letter(fleet).await?;
    an_analysis(&fleet.client).await?;
    a_webhook(&fleet.client).await?;
    let monitor = fleet.monitor_client()?;
    let changed = monitor.patch("/api/scalability/config", &json!({ "BATCH_PROCESSING_SIZE": 50 })).await?;
    ensure!(changed.status == 200, "{changed:?}");
    for path in ["dashboard", "status", "metrics/realtime", "config", "alerts", "dead-letters"] {
        reads(&monitor, &format!("/api/scalability/{path}")).await?;
    }
    until("the worker adds an era", WITHIN, async || {
        ensure!(fleet.worker.output().contains("added an era of entries"), "not yet");
        Ok(())
    })
    .await?;
    let marks = fleet.users.database.texts("SELECT name FROM settings WHERE name = 'present'").await?;
    ensure!(marks.len() == 1, "the worker sets no mark for replicas");
    until("the monitor keeps its history", WITHIN, async || {
        let kept = fleet.users.database.texts("SELECT kind FROM records").await?;
        ensure!(kept.iter().any(|kind| kind == "seconds"), "{kept:?}");
        Ok(())
    })
    .await?;
    until("the monitor knows the policies and the books", WITHIN, async || {
        let status: Value = monitor.get("/api/scalability/status").await?.json()?;
        ensure!(status["queue_policies"]["state"] == "harmless", "{status}");
        ensure!(status["reconciliation"]["missing_jobs"] == 0, "{status}");
        Ok(())
    })
    .await?;
    let another = a_conflict(fleet).await?;
    fleet.users.fleet("read")?.run_ok(&["verify"]).await?;
    Ok(another)
}

async fn posted(client: &Client, job: &Value) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let view = client.outcome(&id, WITHIN).await?;
    ensure!(view.status == "posted", "{job}: {view:?}");
    Ok(id)
}

/// An order whose one payment is made by the worker, and another one that is changed.
async fn a_standing_order(client: &Client) -> anyhow::Result<()> {
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    for account in ["swept", "savings"] {
        posted(client, &json!({ "kind": "open_account", "account": account, "currency": "EUR" })).await?;
    }
    posted(client, &json!({ "kind": "deposit", "account": "swept", "amount": 5, "currency": "EUR" })).await?;
    let mut order = json!({"kind": "open_standing_order", "account": "swept", "to": "savings", "keep": 0,
        "currency": "EUR"});
    order["rule"] = json!({"unit": "days", "from": today, "count": 1});
    let id = posted(client, &order).await?;
    until("the payment is made", WITHIN, async || {
        let order: Value = client.read(&format!("/api/standing-orders/{id}")).await?;
        ensure!(order["status"] == "ended" && order["last_payment"]["outcome"] == "posted", "{order}");
        Ok(())
    })
    .await?;
    order["rule"] = json!({"unit": "months", "day": 1, "from": "2030-01-01"});
    let id = posted(client, &order).await?;
    for kind in ["pause", "resume", "close"] {
        let kind = format!("{kind}_standing_order");
        posted(client, &json!({ "kind": kind, "account": "swept", "order": id })).await?;
    }
    reads(client, "/api/standing-orders?account=swept").await
}

/// An endpoint that nobody may call: the attempt is kept all the same.
async fn a_webhook(client: &Client) -> anyhow::Result<()> {
    let body = json!({ "url": "https://localhost:9/" }).to_string();
    let made = client.post("/api/webhooks", "application/json", body).await?;
    ensure!(made.status == 201, "{made:?}");
    let path = format!("/api/webhooks/{}", made.json::<Value>()?["id"].as_str().context("no id")?);
    posted(client, &json!({ "kind": "open_account", "account": "hooked", "currency": "EUR" })).await?;
    until("the worker tries to deliver", WITHIN, async || {
        let page: Value = client.get(&format!("{path}/attempts")).await?.json()?;
        ensure!(page["attempts"][0]["result"] == "retry", "{page}");
        Ok(())
    })
    .await?;
    for (action, body) in [("rotate", ""), ("enable", ""), ("resend", r#"{"since":"2026-01-01T00:00:00Z"}"#)]
    {
        let done = client.post(&format!("{path}/{action}"), "application/json", body).await?;
        ensure!(done.status.is_success(), "{action}: {done:?}");
    }
    let changed = client.patch(&path, &json!({ "enabled": false, "name": "none" })).await?;
    ensure!(changed.status == 200, "{changed:?}");
    let removed = client.delete(&path).await?;
    ensure!(removed.status == 200, "{removed:?}");
    Ok(())
}

async fn reads(client: &Client, path: &str) -> anyhow::Result<()> {
    let answer = client.get(path).await?;
    ensure!(answer.status == 200, "{path}: {answer:?}");
    Ok(())
}

async fn every_kind_of_job(fleet: &Restricted) -> anyhow::Result<()> {
    let client = &fleet.client;
    let money = |kind: &str, account: &str, amount: u32| json!({ "kind": kind, "account": account, "amount": amount, "currency": "EUR" });
    for account in ["a", "b", "c"] {
        let opening =
            json!({ "kind": "open_account", "account": account, "currency": "EUR", "overdraft_limit": 5 });
        posted(client, &opening).await?;
    }
    posted(client, &money("deposit", "a", 100)).await?;
    posted(client, &money("withdrawal", "a", 10)).await?;
    let transfer = json!({ "kind": "transfer", "from": "a", "to": "b", "amount": 20, "currency": "EUR", "memo": "rent" });
    let transferred = posted(client, &transfer).await?;
    posted(client, &json!({ "kind": "reversal", "account": "b", "job": transferred })).await?;
    let legs = json!([{ "account": "a", "amount": -3 }, { "account": "b", "amount": 3 }]);
    posted(client, &json!({ "kind": "journal", "currency": "EUR", "legs": legs })).await?;
    for kind in ["capture", "release"] {
        let hold = posted(client, &money("hold", "a", 5)).await?;
        posted(client, &json!({ "kind": kind, "account": "a", "hold": hold })).await?;
    }
    for kind in ["freeze_account", "unfreeze_account", "close_account"] {
        posted(client, &json!({ "kind": kind, "account": "c" })).await?;
    }
    posted(client, &json!({ "kind": "set_overdraft_limit", "account": "b", "overdraft_limit": 7 })).await?;
    posted(client, &json!({ "kind": "set_holder", "account": "b", "holder": "Bo" })).await?;
    a_standing_order(client).await?;
    let kinds = fleet.users.database.texts("SELECT DISTINCT kind FROM jobs").await?;
    let all: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    ensure!(kinds.into_iter().collect::<BTreeSet<_>>() == all, "a kind of job is missing here");

    // By the id that it will have, before it comes.
    let id =
        JobId::derived(&domain::text::Client::parse("anonymous")?, Identity::Reference(&"never".parse()?));
    ensure!(client.delete(&format!("/api/jobs/{id}")).await?.status == 200);
    let mut never = money("deposit", "a", 1_000);
    never["reference"] = "never".into();
    let cancelled = client.outcome(&client.submit(&never).await?, WITHIN).await?;
    ensure!(cancelled.id == id.to_string() && cancelled.status == "cancelled", "{cancelled:?}");

    let mut expiring = money("hold", "a", 7);
    expiring["expires_at"] = Timestamp::now().checked_add(2.seconds())?.to_string().into();
    posted(client, &expiring).await?;
    until("the hold is released as it expires", WITHIN, async || {
        let account = client.account("a").await?;
        ensure!(account["held"] == 0, "{account}");
        Ok(())
    })
    .await?;
    for path in ["accounts/a", "accounts/a/entries", "accounts/a/statement", "jobs?account=a", "jobs"] {
        reads(client, &format!("/api/{path}")).await?;
    }
    Ok(())
}

/// A row of the file is refused by the database for a reason of its own. Then it is not, and its letter is replayed.
async fn a_file_and_a_dead_letter(fleet: &Restricted) -> anyhow::Result<()> {
    let (client, database) = (&fleet.client, &fleet.users.database);
    let poison = "CREATE TRIGGER poison BEFORE INSERT ON jobs FOR EACH ROW \
                  IF NEW.outcome <> 'dead' AND NEW.body LIKE '%poison%' THEN \
                  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison'; END IF";
    database.as_admin(poison).await?;
    let csv = "kind,account,amount,currency,reference,memo\n\
               deposit,a,1.00,EUR,row-1,\n\
               deposit,b,2.00,EUR,row-2,poison\n\
               deposit,b,-2.00,EUR,row-3,\n";
    let sent = client.post("/api/imports", "text/csv", csv).await?;
    ensure!(sent.status == 202, "{sent:?}");
    let number = sent.json::<Value>()?["id"].clone();
    counts(client, &number, 1, 1).await?;
    database.as_admin("DROP TRIGGER poison").await?;

    let commands = &fleet.fleets[1];
    let listed = commands.run_ok(&["dead-letters", "list"]).await?;
    ensure!(listed.contains("1 of 1 dead letters"), "{listed}");
    commands.run_ok(&["dead-letters", "replay", "--all"]).await?;
    counts(client, &number, 2, 0).await?;
    for path in ["", "/refused"] {
        reads(client, &format!("/api/imports/{number}{path}")).await?;
    }
    reads(client, "/api/imports").await?;
    reads(client, &format!("/api/jobs?import={number}")).await?;
    let cancelled = client.delete(&format!("/api/imports/{number}")).await?;
    ensure!(cancelled.status.as_u16() < 500, "{cancelled:?}");
    Ok(())
}

async fn counts(client: &Client, number: &Value, posted: u64, dead: u64) -> anyhow::Result<()> {
    until(&format!("{posted} rows are posted and {dead} dead"), WITHIN, async || {
        let import: Value = client.get(&format!("/api/imports/{number}")).await?.json()?;
        ensure!(import["posted"] == posted && import["dead"] == dead && import["refused"] == 1, "{import}");
        Ok(())
    })
    .await
}

async fn an_analysis(client: &Client) -> anyhow::Result<()> {
    let started = async || -> anyhow::Result<String> {
        let answer = client.post("/api/analyses", "application/json", "{}").await?;
        ensure!(answer.status == 202, "{answer:?}");
        Ok(answer.json::<Value>()?["id"].as_str().context("no id")?.to_owned())
    };
    let done = started().await?;
    until("the analysis ends", WITHIN, async || {
        let run: Value = client.get(&format!("/api/analyses/{done}")).await?.json()?;
        ensure!(run["state"] == "done" && run["accounts_failed"] == 0, "{run}");
        Ok(())
    })
    .await?;
    reads(client, "/api/accounts/a/patterns").await?;
    reads(client, &format!("/api/analyses/{done}/export?what=recurring")).await?;
    let cancelled = client.delete(&format!("/api/analyses/{}", started().await?)).await?;
    ensure!(cancelled.status.is_success(), "{cancelled:?}");
    reads(client, "/api/analyses").await
}

/// Another ingress does not remember the first body, so the ledger notes the second one.
async fn a_conflict(fleet: &Restricted) -> anyhow::Result<Replica> {
    let job = |amount: u32| json!({ "kind": "deposit", "account": "a", "amount": amount, "currency": "EUR", "reference": "once" });
    let id = posted(&fleet.client, &job(1)).await?;
    let another = fleet.fleets[0].start(Role::Api).await?;
    let client = Client::new(&another.url(""))?;
    until("the second ingress takes the job", WITHIN, async || {
        let answer = client.post("/api/jobs", "application/json", job(2).to_string()).await?;
        ensure!(answer.status == 202, "{answer:?}");
        Ok(())
    })
    .await?;
    until("the ledger notes the conflict", WITHIN, async || {
        let noted = fleet.users.database.texts("SELECT body FROM job_conflicts").await?;
        ensure!(noted.len() == 1, "{noted:?}");
        Ok(())
    })
    .await?;
    reads(&client, &format!("/api/jobs/{id}")).await?;
    Ok(another)
}
