//! Jobs that wait for their day.

use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use tests::fleet::Fleet;

use super::site::{Site, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_found_by_its_day_and_says_so() {
    let site = Site::open(Fleet::embedded().unwrap()).await.unwrap();
    let client = site.client(None).unwrap();
    outcome(&client, &json!({"kind": "open_account", "account": "a", "currency": "EUR"}), "posted")
        .await
        .unwrap();
    let at = Timestamp::now() + 72.hours();
    let rent = json!({
        "kind": "transfer", "from": "a", "to": "landlord", "amount": 95_000, "currency": "EUR", "memo": "Rent", "execute_at": at.to_string(),
    });
    let id = outcome(&client, &rent, "scheduled").await.unwrap();
    site.page.go(&format!("{}/scheduled", site.monitor)).await.unwrap();
    site.is_shown().await.unwrap();
    site.says("950.00 EUR").await.unwrap();
    site.is_fine("scheduled").await.unwrap();
    site.click("tbody a").await.unwrap();
    site.is_at(&format!("job?id={id}")).await.unwrap();
    site.says("… Scheduled").await.unwrap();
    site.says("Nothing was moved yet").await.unwrap();
    site.is_fine("job-scheduled").await.unwrap();
    site.go("scheduled?to=2001-01-01").await.unwrap();
    site.says("Nothing is scheduled that is like that").await.unwrap();
}
