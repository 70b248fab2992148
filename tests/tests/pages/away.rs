//! Where the ingress is: by its report, wherever it runs; and what the page says where there is none.

use tests::browser::Page;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

use super::site::WITHIN;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ingress_is_found_by_its_report_and_the_page_says_what_to_do_where_none_answers() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &vhost.url).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let monitor = fleet.start(Role::Monitor).await.unwrap();
    let client = Client::new(&monitor.url("")).unwrap();
    let unknown = client.get("/api/accounts").await.unwrap();
    assert!(unknown.status == 503 && unknown.body.contains("/problems/no-ingress"), "{unknown:?}");
    let page = Page::open().await.unwrap();
    page.go(&monitor.url("/accounts")).await.unwrap();
    let shown = "document.querySelector('main')?.innerText";
    page.holds(&format!("{shown}?.includes('start one with `tellers api`')"), WITHIN, shown).await.unwrap();

    for _ in 0..2 {
        let mut api = fleet.start(Role::Api).await.unwrap();
        until("the ingress is found", WITHIN, async || {
            let answer = client.get("/api/accounts").await?;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await
        .unwrap();
        page.click("#view button").await.unwrap();
        page.holds("document.body.dataset.view === 'shown'", WITHIN, shown).await.unwrap();
        // It is away without a word, and for a moment the monitor takes it for alive.
        api.kill9().unwrap();
        let lost = client.get("/api/accounts").await.unwrap();
        assert!(lost.status == 503 && lost.body.contains("/problems/ingress-unavailable"), "{lost:?}");
        page.go(&monitor.url("/accounts")).await.unwrap();
        page.holds("document.body?.dataset.view === 'refused'", WITHIN, shown).await.unwrap();
    }
}
