//! The page at `/docs/` in a real browser: what *Execute* sends is the operation above it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::browser::Page;
use tests::fleet::{Fleet, Role};

const WITHIN: Duration = Duration::from_secs(20);
const JOB: &str = "0192f0c1-2f5b-7c44-8d2b-3a1e5f6a7b8c";

/// An operation: its tag and id, a parameter that it asks for with a value, and the request that it is.
struct Operation(&'static str, &'static str, Option<(&'static str, &'static str)>, &'static str);

const OPERATIONS: [Operation; 12] = [
    Operation("jobs", "submit_job", None, "POST /api/jobs"),
    Operation("jobs", "submit_batch", None, "POST /api/jobs/batch"),
    Operation("jobs", "list_jobs", None, "GET /api/jobs"),
    Operation("jobs", "show_job", Some(("id", JOB)), "GET /api/jobs/0192f0c1-2f5b-7c44-8d2b-3a1e5f6a7b8c"),
    Operation("accounts", "show_account", Some(("number", "alice")), "GET /api/accounts/alice"),
    Operation("accounts", "list_entries", Some(("number", "alice")), "GET /api/accounts/alice/entries"),
    Operation("imports", "list_imports", None, "GET /api/imports"),
    Operation("imports", "cancel_import", Some(("number", "7")), "DELETE /api/imports/7"),
    Operation("analyses", "start_analysis", None, "POST /api/analyses"),
    Operation("keys", "list_keys", None, "GET /api/keys"),
    Operation("keys", "revoke_key", Some(("id", "none")), "DELETE /api/keys/none"),
    Operation("operations", "show_readiness", None, "GET /readyz"),
];

/// Notes what the page sends from now on.
const NOTE: &str = "window.sent = []; const before = window.fetch; window.fetch = (asked, options) => {
    const request = new Request(asked, options);
    sent.push(`${request.method} ${new URL(request.url).pathname}`);
    return before(asked, options); }; true";

impl Operation {
    /// Opens it, fills in what it asks for, and presses *Execute*; returns what went out.
    async fn execute(&self, page: &Page) -> anyhow::Result<Value> {
        let Operation(tag, id, parameter, _) = self;
        let block = format!("#operations-{tag}-{id}");
        page.click(&format!("{block} .opblock-summary-control")).await?;
        let shows = async |selector: &str| {
            let there = format!("document.querySelector({}) !== null", json!(format!("{block} {selector}")));
            page.holds(&there, WITHIN, "document.body.innerText").await
        };
        shows(".try-out__btn").await?;
        page.click(&format!("{block} .try-out__btn")).await?;
        shows("button.execute").await?;
        if let Some((name, value)) = parameter {
            page.click(&format!("{block} tr[data-param-name={name}] input")).await?;
            page.write(value).await?;
        }
        page.evaluate("sent.length = 0").await?;
        page.click(&format!("{block} button.execute")).await?;
        page.holds("sent.length > 0", WITHIN, &format!("document.querySelector('{block}').innerText"))
            .await?;
        shows(".live-responses-table .response-col_status").await?;
        let sent = page.evaluate("sent.join()").await?;
        // Out of the way of the next.
        page.click(&format!("{block} .opblock-summary-control")).await?;
        Ok(sent)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn execute_sends_the_operation_that_it_belongs_to() {
    let fleet = Fleet::embedded().unwrap();
    let dev = fleet.start(Role::Dev).await.unwrap();
    let page = Page::open().await.unwrap();
    page.resize(1280, 900, "light").await.unwrap();
    page.go(&dev.url_as(Role::Api, "/docs/").context("dev has no ingress").unwrap()).await.unwrap();
    let there = "document.querySelector('#operations-jobs-submit_job') !== null";
    page.holds(there, WITHIN, "document.body?.innerText").await.unwrap();
    page.evaluate(NOTE).await.unwrap();
    for operation in &OPERATIONS {
        let sent = operation.execute(&page).await;
        let sent = sent.unwrap_or_else(|error| panic!("{}: {error:#}", operation.1));
        assert_eq!(sent, operation.3, "{}", operation.1);
    }
}
