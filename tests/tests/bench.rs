//! `tellers bench` measures what it says, on servers and without, and leaves nothing behind.
//!
//! It measures for a second each, or for `TEST_BENCH_SECONDS`.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sqlx::{Connection as _, MySqlConnection};
use tests::fleet::Fleet;
use tests::servers::{fresh_database, fresh_vhost};

async fn bench(fleet: &Fleet, more: &[&str]) -> anyhow::Result<Value> {
    let seconds = std::env::var("TEST_BENCH_SECONDS").unwrap_or_else(|_| "1".to_owned());
    let arguments = [&["bench", "--seconds", &seconds, "--accounts", "1000", "--json"], more].concat();
    let printed = fleet.run_ok(&arguments).await?;
    let measured: Value = serde_json::from_str(&printed).with_context(|| printed.clone())?;
    ensure!(measured["books_in_order"] == true, "{printed}");
    Ok(measured)
}

fn is_positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

fn names<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    list.as_array().into_iter().flatten().filter_map(|item| item[name].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_is_measured_beside_the_naive_loop_stage_by_stage() -> anyhow::Result<()> {
    let (database_url, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database_url, &vhost.url)?;
    let measured = bench(&fleet, &["--hot", "--distance", "5ms", "--tls"]).await?;
    let figures = &measured["figures"];

    let runs = figures["floor"]["runs"].as_array().context("no floor")?;
    ensure!(runs.len() == 3 && runs.iter().all(|run| is_positive(&run["per_second"])), "{figures}");
    ensure!(is_positive(&measured["ratios"]["batches_of_floor"]), "{measured}");
    let stages = names(&figures["stages"], "stage");
    for stage in
        ["HTTP", "line", "confirm", "delivery", "batch", "lock", "write, commit", "event", "acknowledge"]
    {
        ensure!(stages.contains(&stage), "no {stage} among {stages:?}");
    }
    let of_singles = &figures["cpu"][1]["parts"];
    ensure!(
        names(of_singles, "part") == ["ingress", "worker", "broker", "database", "load generator"],
        "{of_singles}"
    );
    for part in of_singles.as_array().into_iter().flatten() {
        // Servers that are given may be elsewhere, or another user's.
        let is_of_bench = !["broker", "database"].contains(&part["part"].as_str().unwrap_or_default());
        ensure!(is_positive(&part["us_per_job"]) || !is_of_bench && part["us_per_job"].is_null(), "{part}");
    }
    let scenarios = figures["scenarios"].as_array().context("no scenarios")?;
    ensure!(scenarios.len() == 3, "{scenarios:?}");
    let [hot, distance, tls] = [0, 1, 2].map(|number| &scenarios[number]);
    ensure!(is_positive(&hot["rows"][1]["ratio"]), "{hot}");
    ensure!(distance["rows"].as_array().is_some_and(|rows| rows.len() == 3), "{distance}");
    // MariaDB as Debian has it takes no TLS.
    ensure!(is_positive(&tls["rows"][1]["ratio"]) || tls["note"].is_string(), "{tls}");
    ensure!(
        figures["machine"]["database"].is_string() && figures["machine"]["broker"].is_string(),
        "{figures}"
    );

    let (machine, ratios) = (&figures["machine"], &measured["ratios"]);
    eprintln!(
        "bench: on {} and {}, optimised: {}",
        machine["database"], machine["broker"], machine["optimised"]
    );
    eprintln!(
        "bench: batches of bare {}, of the naive loop {}; bare of the naive loop {}",
        ratios["batches_of_bare"], ratios["batches_of_floor"], ratios["bare_of_floor"]
    );
    eprintln!("bench: half of all to one account {}", hot["rows"][1]["ratio"]);
    eprintln!("bench: with TLS of without {}", tls["rows"][1]["ratio"]);

    let mut database = MySqlConnection::connect(&database_url).await?;
    let left = "SELECT COUNT(*) FROM information_schema.tables \
                WHERE table_schema = DATABASE() AND table_name LIKE 'bench%'";
    ensure!(sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await? == 0, "tables are left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_has_no_naive_loop_and_says_so() -> anyhow::Result<()> {
    let measured = bench(&Fleet::embedded()?, &["--distance", "5ms"]).await?;
    ensure!(measured["figures"]["floor"].is_null(), "{measured}");
    ensure!(measured["ratios"]["batches_of_floor"].is_null(), "{measured}");
    let distance = measured["figures"]["scenarios"][0]["note"].as_str().unwrap_or_default();
    ensure!(distance.contains("not measured: the database is embedded"), "{measured}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_presents_keys_and_a_client_is_measured_beside_one_that_sends_too_much() -> anyhow::Result<()>
{
    let (database_url, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database_url, &vhost.url)?;
    let measured = bench(&fleet, &["--keys", "20", "--fair"]).await?;
    let mut database = MySqlConnection::connect(&database_url).await?;
    let clients = "SELECT COUNT(DISTINCT jobs.client) FROM api_keys JOIN jobs USING (client)";
    let clients = sqlx::query_scalar::<_, i64>(clients).fetch_one(&mut database).await?;
    ensure!(clients >= 20 + 3, "{clients} clients with a key sent jobs");
    let rows = measured["figures"]["scenarios"][0]["rows"].as_array().context("no rows")?;
    ensure!(rows.len() == 6, "{rows:?}");
    for row in rows {
        ensure!(is_positive(&row["latency"]["p99_ms"]), "{row}");
        eprintln!("bench: single jobs {}: p99 {} ms", row["what"], row["latency"]["p99_ms"]);
    }
    Ok(())
}
