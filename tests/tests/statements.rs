//! Statements and reads end to end: on real servers, from a replica, and when a pool is exhausted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use domain::lane::Lanes;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};
use store::ledger::{Admin as _, Posting as _};
use store::mysql::{MySqlConfig, MySqlLedger};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::ledger_conformance::Jobs;
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(30);
const ENTRIES: usize = 100_000;
/// What a statement of that many entries may take.
const STATEMENT_WITHIN: Duration = Duration::from_secs(2);
const STATEMENT_MIB_MAX: u64 = 32;

const OPEN: &str = r#"{"kind":"open_account","account":"alice","currency":"EUR","holder":"Alice"}"#;

fn deposit(amount: usize) -> String {
    format!(
        r#"{{"kind":"deposit","account":"alice","amount":{amount},"currency":"EUR","memo":"Deposit no. {amount}"}}"#
    )
}

async fn books(url: &str, amounts: impl IntoIterator<Item = usize>) -> anyhow::Result<MySqlLedger> {
    let ledger = MySqlLedger::connect(&MySqlConfig::new(url))?;
    ledger.migrate(Lanes::DEFAULT).await?;
    let jobs = Jobs::default();
    ledger.post(&[jobs.job(OPEN)]).await?;
    let deposits: Vec<_> = amounts.into_iter().map(|amount| jobs.job(&deposit(amount))).collect();
    for batch in deposits.chunks(1_000) {
        ledger.post(batch).await?;
    }
    Ok(ledger)
}

async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    statement.execute(&mut MySqlConnection::connect(url).await?).await?;
    Ok(())
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(replica: &Replica) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", replica.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_of_100_000_entries_streams_in_constant_memory_and_agrees_with_the_books() {
    let (database, broker) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let ledger = books(&database, 1..=ENTRIES).await.unwrap();
    let fleet = Fleet::new(&database, &broker.url).unwrap();
    let api = fleet.start(Role::Api).await.unwrap();
    let client = Client::new(&api.url("")).unwrap();
    // Whatever the first request needs for good is not the statement's.
    let account = client.account("alice").await.unwrap();
    let newest: Value = client.get("/api/accounts/alice/entries?limit=1").await.unwrap().json().unwrap();
    let posted_at = newest["entries"][0]["posted_at"].as_str().unwrap();
    let last_batch = format!("/api/accounts/alice/statement?from={posted_at}");
    let last_batch: Value = client.get(&last_batch).await.unwrap().json().unwrap();
    assert_eq!(last_batch["count"], 1_000);

    for format in ["camt.053", "csv", "json"] {
        let before = peak_kib(&api).unwrap();
        let started = Instant::now();
        let answer = client.get(&format!("/api/accounts/alice/statement?format={format}")).await.unwrap();
        let took = started.elapsed();
        let grown_mib = (peak_kib(&api).unwrap() - before) / 1024;
        eprintln!("{format}: {} bytes in {took:?}, {grown_mib} MiB more at the peak", answer.body.len());
        assert!(grown_mib < STATEMENT_MIB_MAX, "{grown_mib} MiB");
        // A build without optimisations is slower, and nobody runs one.
        let within = if cfg!(debug_assertions) { 10 * STATEMENT_WITHIN } else { STATEMENT_WITHIN };
        assert!(took < within, "{took:?}");
        agrees(format, &answer.body, account["balance"].as_i64().unwrap()).unwrap();
    }
    fleet.run_ok(&["verify"]).await.unwrap();
    ledger.close().await;
}

/// Every entry is on the statement, and the closing balance is their sum.
fn agrees(format: &str, text: &str, balance: i64) -> anyhow::Result<()> {
    let sum = i64::try_from(ENTRIES * (ENTRIES + 1) / 2)?;
    ensure!(balance == sum, "{balance}");
    let closing = format!("{}.{:02}", sum / 100, sum % 100);
    match format {
        "json" => {
            let statement: Value = serde_json::from_str(text)?;
            ensure!(statement["opening_balance"] == 0 && statement["closing_balance"] == sum);
            let entries = statement["entries"].as_array().context("no entries")?;
            ensure!(entries.len() == ENTRIES && statement["count"] == ENTRIES);
            for (seq, entry) in (1_i64..).zip(entries) {
                ensure!(entry["seq"] == seq && entry["amount"] == seq, "{entry}");
                ensure!(entry["balance_after"] == seq * (seq + 1) / 2, "{entry}");
            }
        }
        "csv" => {
            let rows: Vec<_> = text.lines().collect();
            let last = rows.last().context("nothing")?;
            ensure!(rows.len() == ENTRIES + 3 && last.starts_with("closing_balance,"), "{last}");
            ensure!(last.contains(&format!(",{closing},")), "{last}");
        }
        _ => {
            ensure!(text.matches("<Ntry>").count() == ENTRIES);
            let amount = format!(
                "<Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
            );
            ensure!(text.contains(&amount), "{amount} is not there");
            ensure!(text.ends_with("</Stmt>\n</BkToCstmrStmt></Document>\n"), "it was cut off");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_fleet_writes_statements_and_lists_jobs() {
    let fleet = Fleet::embedded().unwrap();
    let dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    for body in [OPEN, &OPEN.replace("alice", "bob"), &deposit(500)] {
        let id = client.submit(&serde_json::from_str(body).unwrap()).await.unwrap();
        assert_eq!(client.outcome(&id, WITHIN).await.unwrap().status, "posted");
    }
    let transfer = |amount: i64| json!({"kind": "transfer", "from": "alice", "to": "bob", "amount": amount, "currency": "EUR", "memo": "<rent> & more"});
    let posted = client.submit(&transfer(120)).await.unwrap();
    let rejected = client.submit(&transfer(501)).await.unwrap();
    assert_eq!(client.outcome(&rejected, WITHIN).await.unwrap().status, "rejected");

    let statement: Value = client.get("/api/accounts/bob/statement").await.unwrap().json().unwrap();
    assert_eq!((&statement["opening_balance"], &statement["closing_balance"]), (&json!(0), &json!(120)));
    let entry = &statement["entries"][0];
    assert_eq!(
        (&entry["job"], &entry["counterparty"]["account"]),
        (&json!(posted), &json!("alice")),
        "{entry}"
    );
    let camt = client.get("/api/accounts/bob/statement?format=camt.053").await.unwrap();
    assert!(camt.body.contains("<Ustrd>&lt;rent&gt; &amp; more</Ustrd>"), "{camt:?}");

    for (query, expected) in [
        ("account=alice&outcome=rejected", vec![&rejected]),
        ("account=bob&kind=transfer", vec![&posted]),
        ("reason=insufficient_funds", vec![&rejected]),
        ("kind=transfer&limit=1", vec![&rejected, &posted]),
    ] {
        let mut found = Vec::new();
        let mut next = Some(format!("/api/jobs?{query}"));
        while let Some(path) = next {
            let page: Value = client.get(&path).await.unwrap().json().unwrap();
            found.extend(
                page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
            );
            next = page["next"].as_str().map(str::to_owned);
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    fleet.run_ok(&["verify"]).await.unwrap();
}

/// Asks for `path`: what the header says of freshness, and the answer.
async fn freshness(api: &Replica, path: &str) -> anyhow::Result<(Option<String>, Value)> {
    let answer = Client::new(&api.url(""))?.get(path).await?.good()?;
    let told = answer.headers.get("tellers-fresh-as-of").map(|told| told.to_str().map(str::to_owned));
    Ok((told.transpose()?, answer.json()?))
}

/// A database that got no more than its first deposit stands for a replica that is far behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_says_how_fresh_it_is_and_the_primary_can_be_asked() {
    let (primary, replica) = (fresh_database().await.unwrap(), fresh_database().await.unwrap());
    let broker = fresh_vhost().await.unwrap();
    books(&primary, [5, 7]).await.unwrap().close().await;
    books(&replica, [5]).await.unwrap().close().await;
    let fleet = Fleet::new(&primary, &broker.url).unwrap().with("DATABASE_READONLY_URL", &replica);
    let api = fleet.start(Role::Api).await.unwrap();

    let (told, account) = freshness(&api, "/api/accounts/alice").await.unwrap();
    assert_eq!(
        (told.as_deref(), &account["balance"]),
        (Some("unknown"), &json!(5)),
        "nothing has marked the present"
    );
    execute(&replica, "INSERT INTO settings (name, value) VALUES ('present', '1795453200000000')")
        .await
        .unwrap();
    for path in
        ["/api/accounts/alice", "/api/accounts/alice/entries", "/api/accounts/alice/statement", "/api/jobs"]
    {
        let (told, old) = freshness(&api, path).await.unwrap();
        assert_eq!(told.as_deref(), Some("2026-11-23T17:00:00.000000Z"), "{path}");
        let (told, new) = freshness(&api, &format!("{path}?fresh=true")).await.unwrap();
        assert_eq!(told, None, "{path}: the primary is as it is");
        assert_ne!(old, new, "{path}");
    }
    assert_eq!(freshness(&api, "/api/accounts/alice?fresh=true").await.unwrap().1["balance"], 12);

    let _worker = fleet.start(Role::Worker).await.unwrap();
    until("a worker marks the present on the primary", WITHIN, async || {
        let mut connection = MySqlConnection::connect(&primary).await?;
        let mark: String = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'present'")
            .fetch_one(&mut connection)
            .await?;
        ensure!(runtime::clock::now_us() - mark.parse::<i64>()? < 5_000_000, "{mark}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_pool_is_named_to_clients_and_to_operators() {
    let (database, broker) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    books(&database, [5]).await.unwrap().close().await;
    let fleet = Fleet::new(&database, &broker.url).unwrap();
    let fleet = fleet.with("DB_READONLY_POOL_SIZE", "1").with("DB_POOL_TIMEOUT", "1");
    let (api, monitor) = tokio::try_join!(fleet.start(Role::Api), fleet.start(Role::Monitor)).unwrap();
    let (client, monitor) = (Client::new(&api.url("")).unwrap(), Client::new(&monitor.url("")).unwrap());
    assert_eq!(client.account("alice").await.unwrap()["balance"], 5);

    let mut locking = MySqlConnection::connect(&database).await.unwrap();
    sqlx::raw_sql("LOCK TABLES accounts WRITE").execute(&mut locking).await.unwrap();
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                loop {
                    let _ = client.get("/api/accounts/alice").await;
                }
            })
        })
        .collect();
    let refused = until("a read is refused since the pool is exhausted", WITHIN, async || {
        let answer = client.get("/api/accounts/alice").await?;
        ensure!(answer.body.contains("/problems/pool-exhausted"), "{answer:?}");
        Ok(answer)
    })
    .await
    .unwrap();
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"), "{refused:?}");
    assert!(
        refused.body.contains("`reads`") && refused.body.contains("DB_READONLY_POOL_SIZE"),
        "{refused:?}"
    );

    until("the alert fires with the pool's name", WITHIN, async || {
        let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
        let firing = alerts["firing"].as_array().context("no list of alerts")?;
        let alert = firing.iter().find(|alert| alert["alert"] == "pool_exhausted");
        let alert = alert.with_context(|| alerts.to_string())?;
        ensure!(alert.to_string().contains("pool reads"), "{alert}");
        Ok(())
    })
    .await
    .unwrap();
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut locking).await.unwrap();
    until("reads go on", WITHIN, async || client.account("alice").await).await.unwrap();
}
