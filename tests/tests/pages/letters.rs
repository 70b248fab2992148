//! On call: dead letters of two causes, one of them mended.

use std::time::Duration;

use serde_json::{Value, json};
use tests::fleet::Fleet;
use tests::refusing::Database;
use tests::wait::until;

use tellers_http::keys::Keys;

use super::site::{Site, WITHIN, outcome};

const LETTERS: usize = 60;

async fn has(site: &Site, letters: usize) -> anyhow::Result<()> {
    let operator = tests::client::Client::with_key(&site.monitor, "ops-key")?;
    until(&format!("there are {letters} dead letters"), WITHIN, async || {
        let listed: Value = operator.read("/api/scalability/dead-letters?limit=1").await?;
        anyhow::ensure!(listed["count"] == letters, "{}", listed["count"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_whose_cause_is_mended_are_replayed_by_filter_and_the_others_discarded() {
    let [acme, ops, auditor] = ["acme-key", "ops-key", "auditor-key"].map(Keys::hash);
    let keys = format!("acme:submit+read:{acme},ann:operate+read:{ops},auditor:audit:{auditor}");
    let site = Site::open(Fleet::embedded().unwrap().with("API_KEYS", &keys)).await.unwrap();
    let acme = site.client(Some("acme-key")).unwrap();
    outcome(&acme, &json!({"kind": "open_account", "account": "a", "currency": "EUR"}), "posted")
        .await
        .unwrap();
    let database = Database::Sqlite(site.fleet.data_dir().join("ledger.sqlite"));
    for word in ["gold", "silver"] {
        database.refuse(word).await.unwrap();
        let job = |number: usize| json!({"kind": "deposit", "account": "a", "amount": 1, "currency": "EUR", "memo": word, "reference": format!("{word}-{number}")});
        let jobs: Vec<_> = (0..LETTERS).map(job).collect();
        let answer = acme.batch(&jobs).await.unwrap();
        assert_eq!(answer.refused, 0, "{answer:?}");
    }
    has(&site, 2 * LETTERS).await.unwrap();
    database.allow("silver").await.unwrap();

    site.page.go(&format!("{}/dead-letters", site.monitor)).await.unwrap();
    site.give_key("ops-key").await.unwrap();
    site.is_shown().await.unwrap();
    site.says(&format!("{} dead letters", 2 * LETTERS)).await.unwrap();
    site.holds("!document.querySelector('dialog')", "document.querySelector('dialog')?.innerText")
        .await
        .unwrap();
    site.is_fine("dead-letters").await.unwrap();
    // A job says that it is dead, why, and where its letter is.
    site.click("td a[href^='job?']").await.unwrap();
    site.says("Not posted: it was given up on").await.unwrap();
    site.is_fine("dead-job").await.unwrap();
    site.click("a[href^='dead-letters?job=']").await.unwrap();
    site.is_at("dead-letters?job=").await.unwrap();
    site.says("1 dead letter").await.unwrap();

    // Which would pass now is tried first.
    site.go("dead-letters").await.unwrap();
    site.click("#preview").await.unwrap();
    site.holds(
        "document.querySelector('#tried[data-done]') !== null",
        "document.getElementById('many').innerText",
    )
    .await
    .unwrap();
    for answer in ["Would be posted", "Would fail again"] {
        site.says(answer).await.unwrap();
    }
    site.is_fine("preview").await.unwrap();
    site.write("#field-cause_contains", "no silver").await.unwrap();
    site.page.press("Enter").await.unwrap();
    site.is_at("dead-letters?cause_contains=no silver").await.unwrap();
    site.says(&format!("{LETTERS} dead letters")).await.unwrap();
    site.click("#preview").await.unwrap();
    site.click("#replay-tried").await.unwrap();
    site.holds(
        "document.querySelector('dialog')?.innerText.includes('60 dead letters')",
        "document.querySelector('dialog')?.innerText",
    )
    .await
    .unwrap();
    site.is_fine("replay").await.unwrap();
    site.click("dialog .primary").await.unwrap();
    site.says(&format!("Replayed: {LETTERS} dead letters")).await.unwrap();
    has(&site, LETTERS).await.unwrap();
    until("they are posted", WITHIN, async || {
        let account = acme.account("a").await?;
        anyhow::ensure!(account["balance"] == LETTERS, "{account}");
        Ok(())
    })
    .await
    .unwrap();

    // One by one: two of a page.
    site.go("dead-letters").await.unwrap();
    for row in [1, 2] {
        site.click(&format!("tbody tr:nth-child({row}) input[type=checkbox]")).await.unwrap();
    }
    site.click("#discard-chosen").await.unwrap();
    site.click("dialog .danger").await.unwrap();
    has(&site, LETTERS - 2).await.unwrap();
    site.is_shown().await.unwrap();
    site.says(&format!("{} dead letters", LETTERS - 2)).await.unwrap();
    // And the rest, by filter.
    site.click("#discard-all").await.unwrap();
    site.click("dialog .danger").await.unwrap();
    site.says(&format!("Discarded: {} dead letters", LETTERS - 2)).await.unwrap();
    has(&site, 0).await.unwrap();

    // The audit log names who, for a key that may read it. The monitor writes it beside the deeds.
    let log = tests::client::Client::with_key(&site.monitor, "auditor-key").unwrap();
    until("the last deed is in the audit log", WITHIN, async || {
        let log: Value = log.read("/api/audit").await?;
        anyhow::ensure!(log.to_string().contains("dead_letters_discarded"), "{log}");
        Ok(())
    })
    .await
    .unwrap();
    site.page.go(&format!("{}/audit?text=dead_letters", site.monitor)).await.unwrap();
    site.says("lacks the scope").await.unwrap();
    site.is_fine("refused").await.unwrap();
    site.click("#view button").await.unwrap();
    site.give_key("auditor-key").await.unwrap();
    site.is_shown().await.unwrap();
    for text in ["Dead letters replayed", "Dead letters discarded", "ann", "no silver"] {
        site.says(text).await.unwrap();
    }
    site.is_fine("audit").await.unwrap();
    site.go("alerts").await.unwrap();
    site.page
        .holds(
            "document.querySelector('main').innerText.includes('Dead letters')",
            Duration::from_secs(60),
            "document.querySelector('main').innerText",
        )
        .await
        .unwrap();
    site.is_fine("alerts").await.unwrap();
}
