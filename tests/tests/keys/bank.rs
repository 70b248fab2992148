//! A fleet with two clients who have keys for accounts of their own, and what the first of them has in it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;

pub const WITHIN: Duration = Duration::from_secs(30);

/// Makes a key at the database.
pub async fn key(fleet: &Fleet, client: &str, scopes: &str, accounts: &str) -> anyhow::Result<String> {
    let arguments = ["keys", "create", "--client", client, "--scopes", scopes, "--accounts", accounts];
    Ok(fleet.run_ok(&arguments).await?.trim().to_owned())
}

/// A fleet, and its clients at the ingress.
pub struct Bank {
    pub fleet: Fleet,
    pub dev: Replica,
    pub api: String,
    pub monitor: String,
    pub acme: Client,
    pub beta: Client,
    pub auditor: Client,
    pub beta_key: String,
}

/// What acme has, by the names under which routes ask for it.
pub struct Belongings {
    pub account: String,
    pub job: String,
    pub hold: String,
    pub scheduled: String,
    pub order: String,
    pub import: String,
    pub analysis: String,
}

impl Bank {
    pub async fn open() -> anyhow::Result<Bank> {
        let fleet = Fleet::embedded()?;
        let acme_key = key(&fleet, "acme", "submit,read", "acme:*").await?;
        let beta_key = key(&fleet, "beta", "submit,read,operate", "beta:*").await?;
        let audit_key = key(&fleet, "auditor", "audit", "*").await?;
        let dev = fleet.start(Role::Dev).await?;
        let [api, monitor] = [Role::Api, Role::Monitor].map(|role| dev.url_as(role, "").unwrap_or_default());
        let [acme, beta, auditor] = [&acme_key, &beta_key, &audit_key].map(|key| Client::with_key(&api, key));
        Ok(Bank { acme: acme?, beta: beta?, auditor: auditor?, fleet, dev, api, monitor, beta_key })
    }

    /// Acme's account with money, a job, a hold, a scheduled job, a standing order, an import and an analysis.
    pub async fn furnish(&self) -> anyhow::Result<Belongings> {
        for account in ["acme:1", "acme:2"] {
            posted(&self.acme, &json!({"kind": "open_account", "account": account, "currency": "EUR"}))
                .await?;
        }
        let own = json!({"kind": "open_account", "account": "beta:1", "currency": "EUR"});
        posted(&self.beta, &own).await?;
        let deposit = json!({"kind": "deposit", "account": "acme:1", "amount": 1_000, "currency": "EUR", "reference": "inv-1"});
        posted(&self.acme, &deposit).await?;
        let transfer =
            json!({"kind": "transfer", "from": "acme:1", "to": "acme:2", "amount": 7, "currency": "EUR"});
        let job = posted(&self.acme, &transfer).await?;
        let hold = json!({"kind": "hold", "account": "acme:1", "amount": 100, "currency": "EUR"});
        let hold = posted(&self.acme, &hold).await?;
        let rent = json!({"kind": "transfer", "from": "acme:1", "to": "acme:2", "amount": 3, "currency": "EUR", "execute_at": "2030-01-01"});
        let scheduled = self.acme.submit(&rent).await?;
        ensure!(self.acme.outcome(&scheduled, WITHIN).await?.status == "scheduled", "{rent}");

        let order = json!({"kind": "open_standing_order", "account": "acme:1", "to": "acme:2", "amount": 3, "currency": "EUR",
            "rule": {"unit": "days", "from": "2030-01-01"}});
        let order = posted(&self.acme, &order).await?;

        let csv = "kind,account,amount,currency\ndeposit,acme:2,5,EUR\nnonsense,,,\n";
        let sent = self.acme.post("/api/imports", "text/csv", csv).await?;
        let import = sent.json::<Value>()?["id"].to_string();
        until("the import has ended", WITHIN, async || {
            let import = self.acme.read::<Value>(&format!("/api/imports/{import}")).await?;
            ensure!(import["state"] == "done", "{import}");
            Ok(())
        })
        .await?;
        let sent = self.acme.post("/api/analyses", "application/json", r#"{"accounts":["acme:1"]}"#).await?;
        let analysis = sent.json::<Value>()?["id"].as_str().context("no id")?.to_owned();
        until("the analysis is done", WITHIN, async || {
            let analysis = self.acme.read::<Value>(&format!("/api/analyses/{analysis}")).await?;
            ensure!(analysis["state"] == "done", "{analysis}");
            Ok(())
        })
        .await?;
        Ok(Belongings { account: "acme:1".to_owned(), job, hold, scheduled, order, import, analysis })
    }
}

/// Submits a job that has to be posted; returns its id.
pub async fn posted(client: &Client, job: &Value) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let outcome = client.outcome(&id, WITHIN).await?;
    ensure!(outcome.status == "posted", "{job} came out as {outcome:?}");
    Ok(id)
}
