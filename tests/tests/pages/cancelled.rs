//! What was stopped: a row of a file whose job was cancelled before the file came, and lanes that were paused.

use domain::id::{Identity, JobId};
use reqwest::Method;
use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::Fleet;
use tests::wait::until;

use super::site::{Site, WITHIN, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_cancelled_row_is_not_plainly_well_and_the_audit_log_says_who_stopped_what() {
    let [acme, ann] = ["acme-key", "ann-key"].map(Keys::hash);
    let keys = format!("acme:submit+read:{acme},ann:operate+read+audit:{ann}");
    let site = Site::open(Fleet::embedded().unwrap().with("API_KEYS", &keys)).await.unwrap();
    let acme = site.client(Some("acme-key")).unwrap();
    outcome(&acme, &json!({"kind": "open_account", "account": "a", "currency": "EUR"}), "posted")
        .await
        .unwrap();
    // By the id that the row will have.
    let name = domain::text::Client::parse("acme").unwrap();
    let id = JobId::derived(&name, Identity::Reference(&"row-2".parse().unwrap())).to_string();
    let cancelled = acme.delete(&format!("/api/jobs/{id}?reason=wrong%20file")).await.unwrap();
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    let csv = "kind,account,amount,currency,reference\ndeposit,a,1.00,EUR,row-1\ndeposit,a,2.00,EUR,row-2\n";
    let sent = acme.post("/api/imports?name=april.csv", "text/csv", csv.to_owned()).await.unwrap();
    let number = sent.json::<Value>().unwrap()["id"].to_string();
    until("the import has ended", WITHIN, async || {
        let import: Value = acme.read(&format!("/api/imports/{number}")).await?;
        anyhow::ensure!(import["state"] == "done" && import["cancelled"] == 1, "{import}");
        Ok(())
    })
    .await
    .unwrap();
    let operator = Client::with_key(&site.monitor, "ann-key").unwrap();
    let (lane, why) = ("/api/scalability/lanes/0/pause", json!({"reason": "an audit"}).to_string());
    let paused = operator.ask(Method::PUT, lane, &[("content-type", "application/json")], why).await.unwrap();
    assert_eq!(paused.status, 200, "{paused:?}");
    assert_eq!(operator.delete(lane).await.unwrap().status, 200);
    until("the audit log has it", WITHIN, async || {
        let log = operator.get("/api/audit").await?;
        for action in ["job_cancelled", "lane_paused", "lane_resumed"] {
            anyhow::ensure!(log.body.contains(action), "{action}: {log:?}");
        }
        Ok(())
    })
    .await
    .unwrap();

    site.page.go(&format!("{}/imports", site.monitor)).await.unwrap();
    site.give_key("ann-key").await.unwrap();
    site.is_shown().await.unwrap();
    site.says("! Done").await.unwrap();
    site.is_fine("imports-cancelled").await.unwrap();
    site.click("tbody a").await.unwrap();
    site.is_at(&format!("import?number={number}")).await.unwrap();
    site.says("! Done").await.unwrap();
    site.holds("document.querySelector('#progress .result.lacks-rows') !== null", "document.body.innerHTML")
        .await
        .unwrap();
    site.click("a[href*='outcome=cancelled']").await.unwrap();
    site.is_at("outcome=cancelled").await.unwrap();
    site.says("– Cancelled").await.unwrap();
    site.is_fine("import-cancelled").await.unwrap();
    // Who cancelled a job is a client, and no job.
    site.go(&format!("job?id={id}")).await.unwrap();
    site.says("acme cancelled it before it was posted: wrong file").await.unwrap();
    let astray = "document.querySelectorAll(\"a[href='job?id=acme']\").length";
    assert_eq!(site.page.evaluate(astray).await.unwrap(), 0);

    for (action, said) in
        [("job_cancelled", "Job cancelled"), ("lane_paused", "Lane paused"), ("lane_resumed", "Lane resumed")]
    {
        site.go(&format!("audit?action={action}")).await.unwrap();
        site.says(said).await.unwrap();
        let chosen = site.page.evaluate("document.getElementById('field-action').value").await.unwrap();
        assert_eq!(chosen, action);
    }
    site.go("audit?action=job_cancelled").await.unwrap();
    site.click(&format!("td a[href='job?id={id}']")).await.unwrap();
    site.is_at(&format!("job?id={id}")).await.unwrap();
}
