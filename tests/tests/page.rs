//! The dashboard page in a real browser: real clicks and keys, on the embedded fleet.
//!
//! `PAGE_PICTURES=folder` keeps pictures of what it looked like.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::browser::Page;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::load::{Chance, Load};
use tests::proxy::Proxy;

const WITHIN: Duration = Duration::from_secs(20);
/// A load test of 100 requests, with its proof.
const LOAD_TEST_WITHIN: Duration = Duration::from_secs(60);

struct Dashboard {
    page: Page,
    dev: Replica,
    _fleet: Fleet,
    client: Client,
}

impl Dashboard {
    async fn open() -> anyhow::Result<Dashboard> {
        Dashboard::of(Fleet::embedded()?).await
    }

    async fn of(fleet: Fleet) -> anyhow::Result<Dashboard> {
        let dashboard = Dashboard::unseen(fleet).await?;
        dashboard.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await?;
        Ok(dashboard)
    }

    /// Before it shows anything.
    async fn unseen(fleet: Fleet) -> anyhow::Result<Dashboard> {
        // Other tests keep the processors busy, which is nothing that these are about.
        let fleet = fleet.with("ALERT_CPU_PERCENT", "100");
        let dev = fleet.start(Role::Dev).await?;
        let client = Client::new(&dev.url_as(Role::Api, "").context("dev has no ingress")?)?;
        let page = Page::open().await?;
        page.resize(1440, 900, "light").await?;
        page.go(&dev.url_as(Role::Monitor, "/").context("dev has no monitor")?).await?;
        Ok(Dashboard { page, dev, _fleet: fleet, client })
    }

    /// Types a key into the dialog, which has the keyboard, and sends it off.
    async fn give_key(&self, key: &str) -> anyhow::Result<()> {
        let asked = "document.getElementById('key') === document.activeElement";
        self.holds(asked, "document.querySelector('dialog')?.innerText").await?;
        self.page.evaluate(&format!("document.getElementById('key').value = {}", json!(key))).await?;
        self.page.press("Enter").await
    }

    async fn holds(&self, expression: &str, otherwise: &str) -> anyhow::Result<()> {
        self.page.holds(expression, WITHIN, otherwise).await
    }

    async fn has_text(&self, id: &str, text: &str) -> anyhow::Result<()> {
        let shown = format!("document.getElementById('{id}').innerText");
        self.holds(&format!("{shown}.includes({})", json!(text)), &shown).await
    }

    async fn fits(&self, width: u32, scheme: &str, name: &str) -> anyhow::Result<()> {
        self.page.resize(width, 844, scheme).await?;
        // Charts are drawn anew for the width.
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        self.holds(&format!("innerWidth === {width} && {fits}"), "document.documentElement.scrollWidth")
            .await?;
        if let Some(folder) = std::env::var_os("PAGE_PICTURES") {
            let file = PathBuf::from(folder).join(format!("{name}-{width}-{scheme}.png"));
            self.page.picture(&file).await?;
        }
        Ok(())
    }

    async fn fits_everywhere(&self, name: &str) -> anyhow::Result<()> {
        for (width, scheme) in [(390, "light"), (390, "dark"), (1440, "dark"), (1440, "light")] {
            self.fits(width, scheme, name).await?;
        }
        Ok(())
    }

    #[track_caller]
    fn assert_no_complaint(&self) {
        assert_eq!(self.page.complaints(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_how_the_fleet_is_and_runs_a_load_test() {
    let dashboard = Dashboard::open().await.unwrap();
    dashboard.has_text("verdict-word", "Well").await.unwrap();
    dashboard.has_text("next", "Nothing").await.unwrap();
    dashboard.has_text("books", "debits = credits").await.unwrap();
    dashboard.fits_everywhere("idle").await.unwrap();

    let load = Load {
        name: "page".to_owned(),
        accounts: 20,
        clients: 2,
        batch_jobs: 10,
        batch_every: Duration::from_millis(50),
        seed: Chance::seed(),
    };
    load.open(&dashboard.client).await.unwrap();
    let running = load.start(&dashboard.client);
    let settled =
        "[...document.querySelectorAll('[data-key=throughput] .now')].map((now) => now.textContent).join()";
    let flows = format!("{settled}.split(',').every((now) => Number.parseFloat(now) > 10)");
    dashboard.holds(&flows, settled).await.unwrap();
    dashboard.fits_everywhere("load").await.unwrap();
    running.stop().await.unwrap();

    // With the keyboard alone: to the first field of the load test, on to its button, and go.
    let page = &dashboard.page;
    page.evaluate("document.getElementById('load-mode').focus()").await.unwrap();
    for _ in 0..3 {
        page.press("Tab").await.unwrap();
    }
    let focused = page.evaluate("document.activeElement.id").await.unwrap();
    assert_eq!(focused, "load-start", "the button follows the fields");
    page.press("Enter").await.unwrap();
    let result = "document.querySelector('#load-result .result')?.dataset.state ?? ''";
    let shown = "document.getElementById('load-test').innerText";
    page.holds(&format!("({result}) !== ''"), LOAD_TEST_WITHIN, shown).await.unwrap();
    dashboard.has_text("load-result", "100 posted, 0 lost, 0 doubled").await.unwrap();
    dashboard.fits_everywhere("load-test").await.unwrap();
    // And with the mouse.
    page.click("#load-start").await.unwrap();
    dashboard.holds("document.getElementById('load-start').disabled", shown).await.unwrap();
    page.holds(&format!("({result}) !== ''"), LOAD_TEST_WITHIN, shown).await.unwrap();
    dashboard.assert_no_complaint();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_shown_and_discarded_after_a_question() {
    let fleet = Fleet::embedded().unwrap();
    fleet.keep_dead_letters(2).await.unwrap();
    let dashboard = Dashboard::of(fleet).await.unwrap();
    let page = &dashboard.page;
    let letters = "document.querySelectorAll('[data-discard]').length";
    dashboard.holds(&format!("{letters} === 2"), letters).await.unwrap();
    dashboard
        .holds("document.getElementById('verdict').dataset.state !== 'well'", "document.title")
        .await
        .unwrap();
    dashboard.fits_everywhere("dead-letter").await.unwrap();

    page.click("[data-discard]").await.unwrap();
    dashboard
        .holds("document.querySelector('dialog').contains(document.activeElement)", "document.title")
        .await
        .unwrap();
    page.press("Escape").await.unwrap();
    dashboard
        .holds("!document.querySelector('dialog')", "document.querySelector('dialog')?.innerText")
        .await
        .unwrap();
    dashboard
        .holds("document.activeElement.matches('[data-discard]')", "document.activeElement.outerHTML")
        .await
        .unwrap();
    // What is open of the second stays open when the first is gone.
    page.evaluate("document.querySelectorAll('#letters-list details')[1].open = true").await.unwrap();
    page.click("[data-discard]").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    dashboard.holds(&format!("{letters} === 1"), letters).await.unwrap();
    let open = "document.querySelector('#letters-list details').open";
    assert_eq!(page.evaluate(open).await.unwrap(), true);
    page.click("[data-discard]").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    dashboard.has_text("letters-list", "None.").await.unwrap();
    dashboard.assert_no_complaint();
    let monitor = Client::new(&dashboard.dev.url_as(Role::Monitor, "").unwrap()).unwrap();
    let listed = monitor.get("/api/scalability/dead-letters").await.unwrap().json::<Value>().unwrap();
    assert_eq!(listed["count"], 0, "it is gone from the queue: {listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_theme_is_remembered_settings_are_checked_and_the_end_of_a_monitor_shows() {
    let mut dashboard = Dashboard::open().await.unwrap();
    let page = &dashboard.page;
    let colour = "getComputedStyle(document.body).backgroundColor";
    let light = page.evaluate(colour).await.unwrap();
    page.click("#theme").await.unwrap();
    let dark = page.evaluate(colour).await.unwrap();
    assert_ne!(light, dark);
    // The page that goes away is live too, for a moment.
    page.evaluate("window.goesAway = true; location.reload()").await.unwrap();
    let is_back = "!window.goesAway && document.body?.dataset.feed === 'live'";
    dashboard.holds(is_back, "document.readyState").await.unwrap();
    assert_eq!(page.evaluate(colour).await.unwrap(), dark, "it is remembered");

    dashboard.has_text("settings-list", "LINGER_MS").await.unwrap();
    dashboard.assert_no_complaint();
    let field = "document.getElementById('setting-LINGER_MS')";
    page.evaluate(&format!("{field}.value = '-5'")).await.unwrap();
    page.click("[data-setting=LINGER_MS] button").await.unwrap();
    let beside = "document.getElementById('setting-LINGER_MS-refusal').textContent";
    dashboard.holds(&format!("{beside} !== ''"), beside).await.unwrap();
    page.evaluate(&format!("{field}.value = '30'")).await.unwrap();
    page.click("[data-setting=LINGER_MS] button").await.unwrap();
    dashboard.has_text("settings-list", "runtime").await.unwrap();

    page.evaluate("window.scrollTo(0, 0)").await.unwrap();
    dashboard.dev.terminate().await.unwrap();
    dashboard.has_text("badge", "does not answer").await.unwrap();
    dashboard.has_text("verdict-word", "Not known").await.unwrap();
    dashboard.fits_everywhere("away").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_key_sees_nothing_and_a_change_asks_for_one_that_may() {
    let keys = [
        ("dashboard:read", "reader-key"),
        ("acme:submit", "submit-key"),
        ("ops:operate+read", "operator-key"),
    ];
    let keys = keys.map(|(key, secret)| format!("{key}:{}", Keys::hash(secret))).join(",");
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys);
    fleet.keep_dead_letters(1).await.unwrap();
    let dashboard = Dashboard::unseen(fleet).await.unwrap();
    let page = &dashboard.page;
    dashboard.has_text("badge", "A key is needed").await.unwrap();
    dashboard.has_text("verdict-word", "Waiting").await.unwrap();
    dashboard.give_key("guess").await.unwrap();
    dashboard.has_text("key-refused", "not known").await.unwrap();
    dashboard.fits_everywhere("locked").await.unwrap();
    // One that is for something else.
    dashboard.give_key("submit-key").await.unwrap();
    dashboard.has_text("key-why", "lacks the scope").await.unwrap();
    dashboard.give_key("reader-key").await.unwrap();
    dashboard.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await.unwrap();
    dashboard.has_text("letters-list", "Discard").await.unwrap();
    let kept = "document.cookie + JSON.stringify(sessionStorage) + JSON.stringify(localStorage)";
    let kept = page.evaluate(kept).await.unwrap().to_string();
    assert!(!kept.contains("reader-key") && !kept.contains("session"), "{kept}");

    // The login lasts when the page is loaded again; a change asks for a key that may.
    page.evaluate("location.reload()").await.unwrap();
    dashboard.has_text("settings-list", "LINGER_MS").await.unwrap();
    page.evaluate("document.getElementById('setting-LINGER_MS').value = '30'").await.unwrap();
    page.click("[data-setting=LINGER_MS] button").await.unwrap();
    dashboard.give_key("operator-key").await.unwrap();
    dashboard.has_text("settings-list", "runtime").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_and_its_stream_stand_behind_a_path_that_a_proxy_strips() {
    let dashboard = Dashboard::open().await.unwrap();
    let page = &dashboard.page;
    let proxy = Proxy::start("/tellers", &dashboard.dev.url_as(Role::Monitor, "").unwrap()).await.unwrap();
    page.go(&proxy.url("/tellers/#fleet")).await.unwrap();
    dashboard.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await.unwrap();
    dashboard.has_text("verdict-word", "Well").await.unwrap();
    dashboard.has_text("settings-list", "LINGER_MS").await.unwrap();
    dashboard.fits(1440, "light", "behind-a-path").await.unwrap();
    // The stream goes on: the plain requests before it bring one time only.
    let taken = "document.getElementById('taken').innerText";
    for _ in 0..2 {
        let before = page.evaluate(taken).await.unwrap();
        dashboard.holds(&format!("{taken} !== {before}"), taken).await.unwrap();
    }
    let links = "[...document.querySelectorAll('footer a')].map((link) => link.href)";
    for link in page.evaluate(links).await.unwrap().as_array().unwrap() {
        let status = page.evaluate(&format!("fetch({link}).then((answer) => answer.status)")).await.unwrap();
        assert_eq!(status, 200, "{link}");
    }
    assert_eq!(proxy.astray(), Vec::<String>::new());
    dashboard.assert_no_complaint();

    // Without its last slash as well, although its links lead nowhere from there.
    page.go(&proxy.url("/tellers?from=bookmark#fleet")).await.unwrap();
    dashboard.holds("location.pathname === '/tellers/'", "location.href").await.unwrap();
    dashboard.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await.unwrap();
    let whole = page.evaluate("location.search + location.hash").await.unwrap();
    assert_eq!(whole, "?from=bookmark#fleet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_docs_try_the_api_behind_a_path_that_a_proxy_strips() {
    let dashboard = Dashboard::open().await.unwrap();
    let page = &dashboard.page;
    let proxy = Proxy::start("/bank", &dashboard.dev.url_as(Role::Api, "").unwrap()).await.unwrap();
    for way in ["/bank/", "/bank/docs"] {
        page.go(&proxy.url(way)).await.unwrap();
        dashboard.holds("location.pathname === '/bank/docs/'", "location.href").await.unwrap();
        let shown = "document.querySelector('#swagger-ui')?.innerText";
        dashboard.holds("document.querySelector('.opblock') !== null", shown).await.unwrap();
    }
    let operation =
        "[...document.querySelectorAll('.opblock')].find((one) => one.innerText.includes('/readyz'))";
    page.evaluate(&format!("{operation}.querySelector('.opblock-summary-control').click()")).await.unwrap();
    for button in [".try-out__btn", ".execute"] {
        let there = format!("{operation}.querySelector('{button}') !== null");
        dashboard.holds(&there, &format!("{operation}.innerText")).await.unwrap();
        page.evaluate(&format!("{operation}.querySelector('{button}').click()")).await.unwrap();
    }
    let status =
        format!("{operation}.querySelector('.live-responses-table tbody .response-col_status')?.innerText");
    dashboard
        .holds(&format!("{status}?.startsWith('200')"), &format!("{operation}.innerText"))
        .await
        .unwrap();
    let asked = format!("{operation}.querySelector('.request-url pre').innerText.trim()");
    assert_eq!(page.evaluate(&asked).await.unwrap(), proxy.url("/bank/readyz").as_str());
    dashboard.fits(1440, "light", "docs-behind-a-path").await.unwrap();
    assert_eq!(proxy.astray(), Vec::<String>::new());
}
