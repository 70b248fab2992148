//! A year of standing orders, made up for in minutes: the orders begin a year ago, so each of their dates has been missed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::standing_order::day_of;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{Vhost, fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(60);
/// How long the fleet takes at the most for a part of the year.
const PART_WITHIN: Duration = Duration::from_secs(300);
/// Orders that always have funds.
const ORDERS: i64 = 1_000;
/// Accounts that these draw on.
const ACCOUNTS: i64 = 50;
/// Jobs of one request.
const BATCH: usize = 500;
const MISSING: [&str; 3] = ["last", "next", "skip"];

fn today() -> Date {
    day_of(Timestamp::now().as_microsecond())
}

/// An order with its rule; the dates that it has to come to by a walk through the calendar, day by day.
struct Order {
    job: Value,
    expected: Vec<Date>,
}

fn order(n: i64, from: Date) -> Order {
    let to = format!("in-{}", n % ACCOUNTS);
    let mut job = json!({"kind": "open_standing_order", "account": format!("pays-{}", n % ACCOUNTS), "to": to,
        "amount": 1 + n % 7, "currency": "EUR", "reference": format!("order-{n}"), "memo": "Rent"});
    let days = from.series(1.day()).take_while(|day| *day <= today());
    let nth =
        |day: &Date, apart: i64| (from.until(*day).map_or(1, |span| i64::from(span.get_days()))) % apart == 0;
    let (rule, expected) = match n % 10 {
        8 => (json!({"unit": "weeks", "every": 2, "from": from}), days.filter(|day| nth(day, 14)).collect()),
        9 => (json!({"unit": "days", "every": 20, "from": from}), days.filter(|day| nth(day, 20)).collect()),
        _ => {
            let (day, missing) = (1 + n % 31, MISSING[usize::try_from(n).unwrap_or_default() % 3]);
            let rule = json!({"unit": "months", "day": day, "missing_day": missing, "from": from});
            let is_due = |date: &Date| {
                let lacks = |date: Date| i64::from(date.days_in_month()) < day;
                let before = date.yesterday().unwrap_or(*date);
                match missing {
                    _ if i64::from(date.day()) == day => true,
                    "last" => date.day() == date.days_in_month() && lacks(*date),
                    "next" => date.day() == 1 && before >= from && lacks(before),
                    _ => false,
                }
            };
            (rule, days.filter(is_due).collect())
        }
    };
    job["rule"] = rule;
    Order { job, expected }
}

async fn submit_all(client: &Client, jobs: &[Value]) -> anyhow::Result<()> {
    for batch in jobs.chunks(BATCH) {
        let lines: Vec<_> = batch.iter().map(Value::to_string).collect();
        let answer = client.post("/api/jobs/batch", "application/x-ndjson", lines.join("\n")).await?;
        ensure!(answer.status == 202, "{answer:?}");
    }
    Ok(())
}

/// All that a list has, page by page.
async fn listed(client: &Client, path: &str, of: &str) -> anyhow::Result<Vec<Value>> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let mut page: Value = client.read(&path).await?;
        found.append(page[of].as_array_mut().context("no list")?);
        next = page["next"].as_str().map(str::to_owned);
    }
    Ok(found)
}

async fn orders_of(client: &Client) -> anyhow::Result<Vec<Value>> {
    listed(client, "/api/standing-orders?limit=500", "standing_orders").await
}

fn made(orders: &[Value]) -> u64 {
    orders.iter().filter_map(|order| order["payments_made"].as_u64()).sum()
}

/// Waits until so many payments were made.
async fn come_to(client: &Client, payments: u64) -> anyhow::Result<()> {
    until(&format!("{payments} payments are made"), PART_WITHIN, async || {
        let made = made(&orders_of(client).await?);
        ensure!(made >= payments, "{made}");
        Ok(())
    })
    .await
}

async fn posted(client: &Client, job: &Value) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let view = client.outcome(&id, WITHIN).await?;
    ensure!(view.status == "posted", "{job}: {view:?}");
    Ok(id)
}

/// Opens the accounts and the orders.
async fn furnish(client: &Client, orders: &[Order], from: Date) -> anyhow::Result<()> {
    let mut jobs = Vec::new();
    for account in (0..ACCOUNTS).flat_map(|n| [format!("pays-{n}"), format!("in-{n}")]) {
        jobs.push(json!({"kind": "open_account", "account": account, "currency": "EUR"}));
    }
    for (account, funds) in [("poor", 35), ("swept", 1_000)] {
        jobs.push(json!({"kind": "open_account", "account": account, "currency": "EUR"}));
        jobs.push(json!({"kind": "deposit", "account": account, "amount": funds, "currency": "EUR"}));
    }
    for n in 0..ACCOUNTS {
        jobs.push(json!({"kind": "deposit", "account": format!("pays-{n}"), "amount": 1_000_000, "currency": "EUR"}));
    }
    submit_all(client, &jobs).await?;
    until("the accounts are there", WITHIN, async || {
        ensure!(client.account(&format!("pays-{}", ACCOUNTS - 1)).await?["balance"] == 1_000_000);
        ensure!(listed(client, "/api/jobs?kind=deposit&outcome=posted&limit=500", "jobs").await?.len() == 52);
        Ok(())
    })
    .await?;
    let rule = json!({"unit": "weeks", "from": from});
    let poor = json!({"kind": "open_standing_order", "account": "poor", "to": "in-0", "amount": 10, "currency": "EUR",
        "reference": "poor", "rule": rule});
    let swept = json!({"kind": "open_standing_order", "account": "swept", "to": "in-0", "keep": 100, "currency": "EUR",
        "reference": "swept", "rule": rule});
    let opened: Vec<_> = orders.iter().map(|order| order.job.clone()).chain([poor, swept]).collect();
    submit_all(client, &opened).await
}

/// The year is over: each date of each order has one job that was posted, in the order of the dates, and no other has.
async fn each_date_was_paid_once(client: &Client, orders: &[Order]) -> anyhow::Result<()> {
    let today = today();
    let shown = until("every date has come", PART_WITHIN, async || {
        let shown = orders_of(client).await?;
        ensure!(shown.len() == orders.len() + 2);
        let is_through = |order: &Value| {
            let next = order["next_dates"][0].as_str().and_then(|date| date.parse::<Date>().ok());
            next.is_some_and(|date| date > today)
        };
        let left = shown.iter().filter(|order| !is_through(order)).count();
        ensure!(left == 0, "{left} orders are not through");
        Ok(shown)
    })
    .await?;
    let mut jobs = listed(client, "/api/jobs?kind=standing_payment&limit=500", "jobs").await?;
    jobs.reverse();
    let mut by_order: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for job in &jobs {
        by_order.entry(job["body"]["order"].as_str().unwrap_or_default().to_owned()).or_default().push(job);
    }
    let of = |reference: &str| -> anyhow::Result<(&Value, Vec<(Date, String)>)> {
        let order = shown.iter().find(|order| order["reference"] == reference).context("no such order")?;
        let jobs = by_order.get(order["id"].as_str().unwrap_or_default()).into_iter().flatten();
        let outcome =
            |job: &Value| job["reason"].as_str().or(job["status"].as_str()).unwrap_or_default().to_owned();
        let dates =
            jobs.map(|job| Ok((job["body"]["due"].as_str().unwrap_or_default().parse()?, outcome(job))));
        Ok((order, dates.collect::<anyhow::Result<_>>()?))
    };
    for (n, expected) in orders.iter().enumerate() {
        let (order, dates) = of(&format!("order-{n}"))?;
        let posted = |date: &Date| (*date, "posted".to_owned());
        let expected: Vec<_> = expected.expected.iter().map(posted).collect();
        ensure!(dates == expected, "{order}: {dates:?}, not {expected:?}");
        ensure!(order["payments_made"] == dates.len(), "{order}");
    }
    let outcomes =
        |dates: &[(Date, String)], outcome: &str| dates.iter().filter(|(_, found)| found == outcome).count();
    let (poor, dates) = of("poor")?;
    ensure!(
        outcomes(&dates, "posted") == 3 && outcomes(&dates, "insufficient_funds") == dates.len() - 3,
        "{dates:?}"
    );
    ensure!(dates.len() == 53 && poor["last_payment"]["reason"] == "insufficient_funds", "{poor}");
    let (swept, dates) = of("swept")?;
    ensure!(
        outcomes(&dates, "posted") == 1 && outcomes(&dates, "nothing_to_sweep") == 52,
        "{swept}: {dates:?}"
    );
    ensure!(client.account("swept").await?["balance"] == 100);
    ensure!(client.account("poor").await?["balance"] == 5);
    Ok(())
}

/// An order through the API, from its opening to its end.
async fn an_order_is_opened_shown_and_closed(client: &Client) -> anyhow::Result<()> {
    let today = today();
    let mut job = json!({"kind": "open_standing_order", "account": "poor", "to": "in-0", "amount": 10, "currency": "EUR", "memo": "Gym",
        "retry_days": 3, "rule": {"unit": "months", "day": 1, "from": today}});
    let id = posted(client, &job).await?;
    let path = format!("/api/standing-orders/{id}");
    let order: Value = client.read(&path).await?;
    let dates: Vec<Date> = serde_json::from_value(order["next_dates"].clone())?;
    ensure!(dates.len() == 5 && dates.iter().all(|date| date.day() == 1 && *date >= today), "{order}");
    ensure!(
        order["status"] == "active" && order["rule"]["unit"] == "months" && order["memo"] == "Gym",
        "{order}"
    );
    let change =
        |kind: &str| json!({"kind": format!("{kind}_standing_order"), "account": "poor", "order": id});
    posted(client, &change("pause")).await?;
    let order: Value = client.read(&path).await?;
    ensure!(order["status"] == "paused" && order["next_dates"] == json!([]), "{order}");
    posted(client, &change("resume")).await?;
    posted(client, &change("close")).await?;
    let refused = client.outcome(&client.submit(&change("pause")).await?, WITHIN).await?;
    ensure!(refused.reason.as_deref() == Some("standing_order_ended"), "{refused:?}");
    ensure!(client.get("/api/standing-orders/0").await?.status == 404);

    // What lacks funds is put off to tomorrow.
    job["rule"] = json!({"unit": "weeks", "from": today});
    let id = posted(client, &job).await?;
    until("the payment is put off", WITHIN, async || {
        let order: Value = client.read(&format!("/api/standing-orders/{id}")).await?;
        let tomorrow = today.tomorrow()?.to_string();
        ensure!(order["next_attempt_on"] == tomorrow.as_str(), "{order}");
        ensure!(order["next_dates"][0] == today.to_string(), "{order}");
        ensure!(order["last_payment"]["reason"] == "insufficient_funds", "{order}");
        Ok(())
    })
    .await?;
    let id = json!({"kind": "standing_payment", "account": "poor", "to": "in-0", "amount": 1, "currency": "EUR", "order": id,
        "due": today, "attempt": 1});
    let answer = client.post("/api/jobs", "application/json", id.to_string()).await?;
    ensure!(answer.status == 422 && answer.body.contains("the fleet alone submits"), "{answer:?}");
    Ok(())
}

fn the_year() -> (Date, Vec<Order>) {
    let from = today().saturating_sub(1.year());
    (from, (0..ORDERS).map(|n| order(n, from)).collect())
}

fn payments(orders: &[Order]) -> u64 {
    orders.iter().map(|order| order.expected.len() as u64).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_standing_orders_is_made_up_for_on_one_machine() -> anyhow::Result<()> {
    let (from, orders) = the_year();
    let fleet = Fleet::embedded()?;
    let mut dev = fleet.start(Role::Dev).await?;
    furnish(&Client::new(&dev.url(""))?, &orders, from).await?;
    for part in 1..=2 {
        come_to(&Client::new(&dev.url(""))?, payments(&orders) * part / 3).await?;
        dev.kill9()?;
        fleet.run_ok(&["verify"]).await?;
        dev = fleet.start(Role::Dev).await?;
    }
    let client = Client::new(&dev.url(""))?;
    each_date_was_paid_once(&client, &orders).await?;
    an_order_is_opened_shown_and_closed(&client).await?;
    dev.terminate().await?;
    fleet.run_ok(&["verify"]).await.map(drop)
}

/// Kills the worker that is at it, in the midst; `loses`: the broker comes back with nothing of what was on its way.
async fn kill(fleet: &Fleet, worker: &mut Replica, loses: Option<&Vhost>) -> anyhow::Result<()> {
    worker.kill9()?;
    if let Some(vhost) = loses {
        vhost.empty().await?;
    }
    *worker = fleet.start(Role::Worker).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_standing_orders_is_made_up_for_on_servers() -> anyhow::Result<()> {
    let (from, orders) = the_year();
    let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database, &vhost.url)?.with("SCHEDULE_RETRY_SECONDS", "5");
    fleet.run_ok(&["migrate"]).await?;
    let mut api = fleet.start(Role::Api).await?;
    let mut workers = [fleet.start(Role::Worker).await?, fleet.start(Role::Worker).await?];
    let client = Client::new(&api.url(""))?;
    furnish(&client, &orders, from).await?;
    for part in 1..=4 {
        come_to(&client, payments(&orders) * part / 6).await?;
        kill(&fleet, &mut workers[usize::try_from(part % 2)?], (part > 2).then_some(&vhost)).await?;
    }
    each_date_was_paid_once(&client, &orders).await?;
    an_order_is_opened_shown_and_closed(&client).await?;
    for worker in &mut workers {
        worker.terminate().await?;
    }
    api.terminate().await?;
    fleet.run_ok(&["verify"]).await.map(drop)
}
