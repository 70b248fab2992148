//! Who sees what: without a key nothing, with one what it is for, behind a proxy the same; and the way out.

use serde_json::json;
use tellers_http::keys::Keys;
use tests::fleet::Fleet;
use tests::proxy::Proxy;

use super::site::{Site, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_asks_for_a_key_and_shows_what_the_key_is_for_behind_a_path_of_a_proxy() {
    let [acme, beta] = ["acme-key", "beta-key"].map(Keys::hash);
    let keys = format!("acme:submit+read:{acme}:acme:*,beta:submit+read:{beta}:beta:*");
    let site = Site::open(Fleet::embedded().unwrap().with("API_KEYS", &keys)).await.unwrap();
    let client = site.client(Some("acme-key")).unwrap();
    let open = json!({"kind": "open_account", "account": "acme:1", "currency": "EUR"});
    outcome(&client, &open, "posted").await.unwrap();
    let deposit = json!({"kind": "deposit", "account": "acme:1", "amount": 500, "currency": "EUR"});
    let job = outcome(&client, &deposit, "posted").await.unwrap();

    let proxy = Proxy::start("/tellers", &site.monitor).await.unwrap();
    site.page.go(&proxy.url(&format!("/tellers/job?id={job}"))).await.unwrap();
    site.give_key("guess").await.unwrap();
    site.holds(
        "document.getElementById('key-refused')?.innerText.includes('not known')",
        "document.body.innerText",
    )
    .await
    .unwrap();
    site.page.evaluate("document.getElementById('key').select()").await.unwrap();
    site.give_key("acme-key").await.unwrap();
    site.is_shown().await.unwrap();
    site.holds("!document.querySelector('dialog')", "document.querySelector('dialog')?.innerText")
        .await
        .unwrap();
    site.says("5.00 EUR").await.unwrap();
    site.holds(
        "document.getElementById('who').innerText.includes('acme')",
        "document.getElementById('who').innerText",
    )
    .await
    .unwrap();
    site.is_fine("own-job").await.unwrap();
    // Every link stays behind the path.
    for page in ["find", "accounts", "imports", "dead-letters", "alerts"] {
        site.click(&format!("nav a[href={page}]")).await.unwrap();
        site.holds(&format!("location.pathname === '/tellers/{page}'"), "location.href").await.unwrap();
        site.is_shown().await.unwrap();
    }
    assert_eq!(proxy.astray(), Vec::<String>::new());

    // Out, and in as another, for whom it is not there.
    site.page.go(&proxy.url("/tellers/account?number=acme:1")).await.unwrap();
    site.is_shown().await.unwrap();
    site.click("#log-out").await.unwrap();
    site.give_key("beta-key").await.unwrap();
    site.says("Not found").await.unwrap();
    site.says("there is no account acme:1").await.unwrap();
    site.page.go(&proxy.url(&format!("/tellers/job?id={job}"))).await.unwrap();
    site.is_shown().await.unwrap();
    site.says("No outcome is known for this id").await.unwrap();
    site.page.go(&proxy.url("/tellers/")).await.unwrap();
    site.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await.unwrap();
    site.holds(
        "document.getElementById('who').innerText.includes('beta')",
        "document.getElementById('who').innerText",
    )
    .await
    .unwrap();
}
