//! Webhook endpoints: which there are, what came back, a test, and an event that is sent again.

use serde_json::{Value, json};
use tests::fleet::Fleet;
use tests::wait::until;
use tokio::net::TcpListener;

use super::site::{Site, WITHIN, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_is_seen_tested_and_sent_an_event_again() {
    // Nobody listens there any more.
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let fleet = Fleet::embedded().unwrap().with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8");
    let site = Site::open(fleet).await.unwrap();
    let client = site.client(None).unwrap();
    site.go("webhooks").await.unwrap();
    site.says("There is no webhook endpoint").await.unwrap();
    site.is_fine("webhooks-none").await.unwrap();

    let body =
        json!({"url": format!("http://127.0.0.1:{port}/hooks/tellers?token=5"), "name": "Acme <b>ERP</b>"});
    let made = client.post("/api/webhooks", "application/json", body.to_string()).await.unwrap();
    let id = made.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
    outcome(&client, &json!({"kind": "open_account", "account": "a", "currency": "EUR"}), "posted")
        .await
        .unwrap();
    until("an attempt failed", WITHIN, async || {
        let page: Value = client.read(&format!("/api/webhooks/{id}/attempts")).await?;
        anyhow::ensure!(page["attempts"][0]["result"] == "retry", "{page}");
        Ok(())
    })
    .await
    .unwrap();

    site.go("webhooks").await.unwrap();
    site.says("! Fails since").await.unwrap();
    site.is_fine("webhooks").await.unwrap();
    site.click("tbody a").await.unwrap();
    site.is_at(&format!("webhook?id={id}")).await.unwrap();
    site.says("Acme <b>ERP</b>").await.unwrap();
    site.says("… Comes again").await.unwrap();
    site.is_fine("webhook").await.unwrap();
    // By the keyboard: the first button sends a test.
    site.page.evaluate("document.querySelector('.buttons button').focus()").await.unwrap();
    site.page.press("Enter").await.unwrap();
    site.says("! The endpoint did not take the test").await.unwrap();
    site.click("td button").await.unwrap();
    site.says("It comes again within seconds").await.unwrap();

    // Stopped by its client, and enabled here.
    let stop = client.patch(&format!("/api/webhooks/{id}"), &json!({"enabled": false})).await.unwrap();
    assert_eq!(stop.status, 200, "{stop:?}");
    site.go(&format!("webhook?id={id}")).await.unwrap();
    site.says("– Disabled: its client stopped it").await.unwrap();
    site.click(".buttons button:last-child").await.unwrap();
    site.click("dialog button.primary").await.unwrap();
    until("it is enabled", WITHIN, async || {
        let shown: Value = client.read(&format!("/api/webhooks/{id}")).await?;
        anyhow::ensure!(shown["state"] == "active", "{shown}");
        Ok(())
    })
    .await
    .unwrap();
}
