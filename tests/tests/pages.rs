//! The pages for one job, account, file or dead letter in a real browser, on the embedded fleet: what the back office and
//! whoever is on call do there.
//!
//! `PAGE_PICTURES=folder` keeps pictures of what they looked like.

#[path = "pages/away.rs"]
mod away;
#[path = "pages/cancelled.rs"]
mod cancelled;
#[path = "pages/keys.rs"]
mod keys;
#[path = "pages/letters.rs"]
mod letters;
#[path = "pages/scheduled.rs"]
mod scheduled;
#[path = "pages/site.rs"]
mod site;
#[path = "pages/webhooks.rs"]
mod webhooks;

use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::Fleet;
use tests::wait::until;

use self::site::{Site, WITHIN, outcome};

/// Two accounts, a payment from one to the other that says who is paid, and one that was too large.
struct Furnished {
    payment: String,
    rejected: String,
    hold: String,
    day: String,
}

async fn furnish(client: &Client) -> anyhow::Result<Furnished> {
    for (account, holder) in [("bank:1", "Ann Other"), ("bank:2", "<b>Bob</b>")] {
        let open = json!({"kind": "open_account", "account": account, "currency": "EUR", "holder": holder});
        outcome(client, &open, "posted").await?;
    }
    let deposit = json!({"kind": "deposit", "account": "bank:1", "amount": 90_000, "currency": "EUR"});
    outcome(client, &deposit, "posted").await?;
    let payment = json!({
        "kind": "transfer", "from": "bank:1", "to": "bank:2", "amount": 12_550, "currency": "EUR", "reference": "INV 7",
        "memo": "Rent May", "counterparty": {"name": "Zoë Müller"}, "payment": {"end_to_end_id": "E2E-7"},
        "metadata": {"order": "<img src=x onerror=alert(1)>"},
    });
    let payment = outcome(client, &payment, "posted").await?;
    let too_large = json!({
        "kind": "withdrawal", "account": "bank:2", "amount": 125_000, "currency": "EUR", "counterparty": {"name": "Max Muster"},
    });
    let rejected = outcome(client, &too_large, "rejected").await?;
    let hold = json!({"kind": "hold", "account": "bank:1", "amount": 5_000, "currency": "EUR"});
    let hold = outcome(client, &hold, "posted").await?;
    let shown: Value = client.read(&format!("/api/jobs/{payment}")).await?;
    let day = shown["posted_at"].as_str().and_then(|at| at.get(..10)).unwrap_or_default().to_owned();
    Ok(Furnished { payment, rejected, hold, day })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_by_its_amount_day_and_a_part_of_a_name_and_explained_within_three_steps() {
    let site = Site::open(Fleet::embedded().unwrap()).await.unwrap();
    let client = site.client(None).unwrap();
    let Furnished { payment, rejected, hold, day } = furnish(&client).await.unwrap();
    site.page.go(&site.monitor).await.unwrap();
    site.holds("document.body?.dataset.feed === 'live'", "document.body?.innerText").await.unwrap();

    // One: to the search. Two: what is known. Three: the one that was found.
    site.click("nav a[href=find]").await.unwrap();
    site.is_shown().await.unwrap();
    site.is_fine("find").await.unwrap();
    site.write("#field-amount", "125,50").await.unwrap();
    site.write("#field-name", "müll").await.unwrap();
    for field in ["from", "to"] {
        site.choose(&format!("#field-{field}"), &day).await.unwrap();
    }
    site.page.press("Enter").await.unwrap();
    site.is_at("find?amount=125,50&currency=EUR&name=müll").await.unwrap();
    site.says("1 job").await.unwrap();
    site.is_fine("found").await.unwrap();
    site.click("#found tbody a").await.unwrap();
    site.is_at(&format!("job?id={payment}")).await.unwrap();
    let explained = "document.getElementById('explained').innerText";
    let said = site.page.evaluate(explained).await.unwrap().to_string();
    for part in ["Posted on", "125.50 EUR", "from bank:1", "to bank:2 (Zoë Müller)"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    site.says("774.50 EUR").await.unwrap();
    site.is_fine("job").await.unwrap();

    // Back, and what was asked for is there again; a colleague who gets the address sees the same.
    site.page.evaluate("history.back()").await.unwrap();
    site.is_at("find?amount=125,50").await.unwrap();
    site.says("1 job").await.unwrap();
    site.page.evaluate("delete document.body.dataset.view; location.reload()").await.unwrap();
    site.says("1 job").await.unwrap();
    let kept = site.page.evaluate("document.getElementById('field-name').value").await.unwrap();
    assert_eq!(kept, "müll");

    // An amount that may be two is asked about, before anything is looked for.
    site.go("find").await.unwrap();
    site.write("#field-amount", "1.250").await.unwrap();
    site.page.press("Enter").await.unwrap();
    site.says("may be 1.25 EUR or 1,250.00 EUR").await.unwrap();
    site.click("[data-field=amount] a:last-of-type").await.unwrap();
    site.is_at("amount=1250.00").await.unwrap();
    site.says("Rejected: insufficient funds").await.unwrap();
    site.click("#found tbody a").await.unwrap();
    site.is_at(&format!("job?id={rejected}")).await.unwrap();
    site.says("Rejected on").await.unwrap();
    site.says("does not have enough funds").await.unwrap();
    site.says("Nothing was moved").await.unwrap();

    // By what it is called: a reference, an end-to-end id, its id.
    for name in ["INV 7", "E2E-7"] {
        site.go("find").await.unwrap();
        site.write("#field-q", name).await.unwrap();
        site.page.press("Enter").await.unwrap();
        site.says("125.50 EUR").await.unwrap();
    }
    site.go("find").await.unwrap();
    site.write("#field-q", &hold).await.unwrap();
    site.page.press("Enter").await.unwrap();
    site.is_at(&format!("job?id={hold}")).await.unwrap();
    site.says("The funds are still reserved").await.unwrap();
    site.go("find?name=nobody").await.unwrap();
    site.says("No job").await.unwrap();
    // What a client wrote is text.
    assert_eq!(site.page.evaluate("document.querySelectorAll('main img, main b').length").await.unwrap(), 0);
    site.assert_no_complaint();
    site.page.go(&format!("{}/job?id=nonsense", site.monitor)).await.unwrap();
    site.says("Not found").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_is_read_as_it_is_typed_or_asked_about_where_it_may_be_two() {
    let site = Site::open(Fleet::embedded().unwrap()).await.unwrap();
    site.go("find").await.unwrap();
    for (typed, currency, read) in [
        ("125.50", "EUR", json!({"minor": 12_550})),
        ("125,5", "EUR", json!({"minor": 12_550})),
        ("1 250,00", "EUR", json!({"minor": 125_000})),
        ("1.250,00", "EUR", json!({"minor": 125_000})),
        ("1,250.00", "EUR", json!({"minor": 125_000})),
        ("1'250", "CHF", json!({"minor": 125_000})),
        ("1,25,000.50", "INR", json!({"minor": 12_500_050})),
        ("-12.5", "EUR", json!({"minor": 1_250})),
        (".5", "EUR", json!({"minor": 50})),
        ("1,250,000", "EUR", json!({"minor": 125_000_000})),
        ("1.255", "EUR", json!({"minor": 125_500})),
        ("1.250", "EUR", json!({"readings": [125, 125_000]})),
        ("1,250", "KWD", json!({"readings": [1_250, 1_250_000]})),
        ("1.250", "JPY", json!({"minor": 1_250})),
        ("1250", "JPY", json!({"minor": 1_250})),
    ] {
        let asked = format!(
            "import('{}/page/money.js').then((money) => money.parseAmount({}, {}))",
            site.monitor,
            json!(typed),
            json!(currency)
        );
        assert_eq!(site.page.evaluate(&asked).await.unwrap(), read, "{typed} {currency}");
    }
    for typed in ["", "abc", "1.2.3", "12,50.00", "1.250,000.00", "0", "0.125", "1e3", "99999999999999999"] {
        let asked = format!(
            "import('{}/page/money.js').then((money) => money.parseAmount({}, 'EUR').wrong ?? '')",
            site.monitor,
            json!(typed)
        );
        assert_ne!(site.page.evaluate(&asked).await.unwrap(), "", "{typed}");
    }
    for (minor, currency, shown) in [
        (125_000, "EUR", "1,250.00 EUR"),
        (-5, "EUR", "−0.05 EUR"),
        (1_234_567, "JPY", "1,234,567 JPY"),
        (7, "KWD", "0.007 KWD"),
        (1_000, "XTS", "1,000 XTS"),
    ] {
        let asked = format!(
            "import('{}/page/money.js').then((money) => money.money({minor}, {}))",
            site.monitor,
            json!(currency)
        );
        assert_eq!(site.page.evaluate(&asked).await.unwrap(), shown);
    }
    // A journal moves more than a number of the page holds exactly.
    let legs =
        [9_007_199_254_740_991_i64, 2].map(|amount| json!({"account": "a", "amount": amount})).to_vec();
    let journal = json!({"kind": "journal", "currency": "EUR", "legs": legs});
    let asked = format!(
        "Promise.all(['explain', 'money'].map((name) => import(`{}/page/${{name}}.js`))).then(([explain, money]) => \
         money.money(explain.amountOf({journal}).minor, 'EUR'))",
        site.monitor
    );
    assert_eq!(site.page.evaluate(&asked).await.unwrap(), "90,071,992,547,409.93 EUR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_shows_its_entries_statements_holds_and_patterns() {
    let site = Site::open(Fleet::embedded().unwrap()).await.unwrap();
    let client = site.client(None).unwrap();
    let Furnished { payment, hold, .. } = furnish(&client).await.unwrap();
    for number in 0..60 {
        let deposit =
            json!({"kind": "deposit", "account": "bank:1", "amount": 100 + number, "currency": "EUR"});
        outcome(&client, &deposit, "posted").await.unwrap();
    }
    site.go("accounts?prefix=bank:").await.unwrap();
    site.says("<b>Bob</b>").await.unwrap();
    site.is_fine("accounts").await.unwrap();
    site.click("tbody a").await.unwrap();
    site.is_at("account?number=bank:1").await.unwrap();
    for text in ["Ann Other", "Held", "50.00 EUR", "+1.59 EUR"] {
        site.says(text).await.unwrap();
    }
    site.is_fine("account").await.unwrap();
    site.click("a[rel=next]").await.unwrap();
    site.is_at("cursor=").await.unwrap();
    site.says("−125.50 EUR").await.unwrap();
    let links = "[...document.querySelectorAll('main a')].map((link) => link.getAttribute('href'))";
    let links = site.page.evaluate(links).await.unwrap().to_string();
    assert!(links.contains(&payment) && links.contains(&hold), "{links}");

    for format in ["csv", "camt.053", "json"] {
        let way = format!("document.querySelector('[data-format=\"{format}\"]').href");
        let asked =
            format!("fetch({way}).then(async (answer) => `${{answer.status}} ${{await answer.text()}}`)");
        let statement = site.page.evaluate(&asked).await.unwrap().to_string();
        assert!(statement.starts_with("\"200 ") && statement.contains("E2E-7"), "{format}: {statement}");
    }
    let patterns = "[...document.querySelectorAll('main button')].find((one) => one.innerText.includes";
    for (button, then) in [("'latest analysis'", "has not been analysed"), ("'Analyse'", "Analysed on")] {
        site.page.evaluate(&format!("{patterns}({button})).click()")).await.unwrap();
        site.says(then).await.unwrap();
    }
    site.is_fine("patterns").await.unwrap();
    // One that was answered "not analysed yet".
    let unexpected: Vec<_> =
        site.page.complaints().into_iter().filter(|said| !said.contains("/patterns")).collect();
    assert_eq!(unexpected, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_shows_its_refused_rows_and_leads_to_the_jobs_of_the_others() {
    let site = Site::open(Fleet::embedded().unwrap()).await.unwrap();
    let client = site.client(None).unwrap();
    furnish(&client).await.unwrap();
    let good: String = (1..=60).map(|row| format!("deposit,bank:2,{row}.00,EUR,row-{row}\n")).collect();
    let bad = "nonsense,,,,\n".repeat(60);
    let csv = format!("kind,account,amount,currency,reference\n{good}{bad}deposit,nobody,5.00,EUR,last\n");
    let sent = client.post("/api/imports?name=march.csv", "text/csv", csv).await.unwrap();
    let number = sent.json::<Value>().unwrap()["id"].to_string();
    until("the import has ended", WITHIN, async || {
        let import: Value = client.read(&format!("/api/imports/{number}")).await?;
        anyhow::ensure!(import["state"] == "done", "{import}");
        Ok(())
    })
    .await
    .unwrap();

    site.go("imports").await.unwrap();
    site.says("march.csv").await.unwrap();
    site.is_fine("imports").await.unwrap();
    site.click("tbody a").await.unwrap();
    site.is_at(&format!("import?number={number}")).await.unwrap();
    site.says("Refused rows").await.unwrap();
    site.is_fine("import").await.unwrap();
    site.click("nav a[href*='refused=']").await.unwrap();
    site.is_at("refused=").await.unwrap();
    let rows = "document.querySelectorAll('main section:first-of-type tbody tr').length";
    site.holds(&format!("{rows} === 10"), rows).await.unwrap();
    site.go(&format!("import?number={number}&outcome=rejected")).await.unwrap();
    site.says("account not found").await.unwrap();
    site.page.evaluate("[...document.querySelectorAll('main tbody a')].find((link) => link.href.includes('job?')).click()").await.unwrap();
    site.is_at("job?id=").await.unwrap();
    site.says(&format!("import {number}, row 121")).await.unwrap();
    site.assert_no_complaint();
}
