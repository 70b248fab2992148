//! A database that may forget at a power cut what it has committed is posted to by nobody, unless that is allowed.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::Replica;
use tests::wait::until;

use crate::status;

const POSTED_WITHIN: Duration = Duration::from_secs(20);
/// A look every 10 s, and the time that an alert needs.
const SEEN_WITHIN: Duration = Duration::from_secs(40);

async fn set_flush(cluster: &Cluster, value: u8) -> anyhow::Result<()> {
    let mut connection = MySqlConnection::connect(&cluster.database.url()).await?;
    let set = format!("SET GLOBAL innodb_flush_log_at_trx_commit = {value}");
    connection.execute(AssertSqlSafe(set)).await?;
    Ok(())
}

async fn open(client: &Client, account: &str) -> anyhow::Result<String> {
    let job = json!({ "kind": "open_account", "account": account, "currency": "EUR" });
    client.submit(&job).await
}

async fn is_posted(client: &Client, id: &str) -> anyhow::Result<()> {
    let job: serde_json::Value = client.get(&format!("/api/jobs/{id}")).await?.json()?;
    ensure!(job["status"] == "posted", "{job}");
    Ok(())
}

async fn is_refused(replica: &Replica) -> anyhow::Result<()> {
    let ready = Client::new(&replica.url(""))?.get("/readyz").await?;
    ensure!(ready.status == 503, "{ready:?}");
    for said in ["innodb_flush_log_at_trx_commit is 2", "ALLOW_WEAK_DURABILITY=true"] {
        ensure!(ready.body.contains(said), "{ready:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_may_forget_is_refused_unless_it_is_allowed_and_then_an_alert_stands() {
    let mut cluster = Cluster::start(1).await.unwrap();
    let (client, monitor) = (cluster.client.clone(), cluster.monitor_client().unwrap());
    let before = open(&client, "before").await.unwrap();
    until("a durable server is posted to", POSTED_WITHIN, async || is_posted(&client, &before).await)
        .await
        .unwrap();

    // While it runs, and behind connections that are there already.
    set_flush(&cluster, 2).await.unwrap();
    until("the worker refuses it", SEEN_WITHIN, async || is_refused(&cluster.workers[0]).await)
        .await
        .unwrap();
    assert_eq!(client.get("/readyz").await.unwrap().status, 200, "what is queued waits safely");
    let refused = open(&client, "refused").await.unwrap();
    until("an alert stands", SEEN_WITHIN, async || {
        let status = status(&monitor).await?;
        let firing = status["alerts_firing"].as_array().context("no alerts")?;
        ensure!(firing.iter().any(|alert| alert == "weak_durability"), "{firing:?}");
        ensure!(status["state"] == "attention", "{}", status["verdict"]);
        Ok(())
    })
    .await
    .unwrap();
    assert!(is_posted(&client, &refused).await.is_err(), "it was posted to a server that was refused");

    cluster.workers.remove(0).terminate().await.unwrap();
    // From the start.
    cluster.add_worker().await.unwrap();
    until("a worker that starts refuses it", SEEN_WITHIN, async || is_refused(&cluster.workers[0]).await)
        .await
        .unwrap();
    cluster.workers.remove(0).terminate().await.unwrap();
    assert!(is_posted(&client, &refused).await.is_err(), "it was posted to a server that was refused");

    cluster.fleet = cluster.fleet.with("ALLOW_WEAK_DURABILITY", "true");
    cluster.add_worker().await.unwrap();
    until("it is posted where that is allowed", POSTED_WITHIN, async || is_posted(&client, &refused).await)
        .await
        .unwrap();
    let log = cluster.workers[0].output();
    assert!(log.contains("innodb_flush_log_at_trx_commit is 2"), "the worker says nothing of it: {log}");

    set_flush(&cluster, 1).await.unwrap();
    until("all is well again", SEEN_WITHIN, async || {
        let status = status(&monitor).await?;
        let firing = status["alerts_firing"].as_array().context("no alerts")?;
        ensure!(!firing.iter().any(|alert| alert == "weak_durability"), "{firing:?}");
        Ok(())
    })
    .await
    .unwrap();
}
