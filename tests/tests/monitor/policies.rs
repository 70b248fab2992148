//! Policies of the broker that undo what the queues promise: refused at a start, and an alert while the fleet runs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{RabbitMq, fresh_database};
use tests::wait::until;

use crate::status;

const LOOKED_AT_WITHIN: Duration = Duration::from_secs(30);
const FIRES_WITHIN: Duration = Duration::from_secs(30);
const RESOLVED_WITHIN: Duration = Duration::from_secs(40);

/// What the monitor knows of the policies, and whether the alert fires.
async fn told(monitor: &Client) -> anyhow::Result<(String, String, bool)> {
    let status = status(monitor).await?;
    let policies = &status["queue_policies"];
    let text = |name: &str| policies[name].as_str().unwrap_or_default().to_owned();
    let firing = status["alerts_firing"].as_array().context("no alerts")?;
    Ok((text("state"), text("sentence"), firing.iter().any(|alert| alert == "queue_policy")))
}

async fn fires_about(monitor: &Client, key: &str, policy: &str) -> anyhow::Result<()> {
    let set = Instant::now();
    until("the alert names policy and key", FIRES_WITHIN, async || {
        let (state, sentence, fires) = told(monitor).await?;
        ensure!(state == "harmful" && fires, "{state} {sentence}");
        for named in [key, policy, "tellers."] {
            ensure!(sentence.contains(named), "{named} is not in: {sentence}");
        }
        let status = status(monitor).await?;
        ensure!(status["problems"][0]["kind"] == "queue_policy", "{}", status["verdict"]);
        Ok(())
    })
    .await?;
    eprintln!("{key} showed within {:?}", set.elapsed());
    Ok(())
}

async fn is_refused(replica: &Replica) -> anyhow::Result<()> {
    let client = Client::new(&replica.url(""))?;
    until("the replica refuses the broker", LOOKED_AT_WITHIN, async || {
        let ready = client.get("/readyz").await?;
        ensure!(ready.status == 503, "{ready:?}");
        ensure!(
            ready.body.contains("message-ttl=600000") && ready.body.contains("clear the policy"),
            "{ready:?}"
        );
        Ok(())
    })
    .await
}

async fn is_ready(replica: &Replica) -> anyhow::Result<()> {
    let client = Client::new(&replica.url(""))?;
    until("the replica is ready", LOOKED_AT_WITHIN, async || {
        let ready = client.get("/readyz").await?;
        ensure!(ready.status == 200, "{ready:?}");
        Ok(())
    })
    .await
}

async fn are_harmless(what: &str, watcher: &Client, within: Duration) -> anyhow::Result<()> {
    until(what, within, async || {
        let (state, sentence, fires) = told(watcher).await?;
        ensure!(state == "harmless" && !fires, "{state} {sentence}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_may_lose_jobs_is_refused_at_a_start_and_an_alert_while_the_fleet_runs() {
    let broker = RabbitMq::start_managed().await.unwrap();
    let fleet = Fleet::new(&fresh_database().await.unwrap(), &broker.url()).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let unmanaged = fleet.start(Role::Monitor).await.unwrap();
    let fleet = fleet.with("AMQP_MANAGEMENT_URL", &broker.management_url().unwrap());
    let monitor = fleet.start(Role::Monitor).await.unwrap();
    let running = fleet.start(Role::Worker).await.unwrap();
    is_ready(&running).await.unwrap();
    let watcher = Client::new(&monitor.url("")).unwrap();
    are_harmless("the policies are looked at, and there are none", &watcher, LOOKED_AT_WITHIN).await.unwrap();
    let blind = Client::new(&unmanaged.url("")).unwrap();
    until("who does not know where to look says so", LOOKED_AT_WITHIN, async || {
        let (state, sentence, _) = told(&blind).await?;
        ensure!(state == "not_looked_at" && sentence.contains("AMQP_MANAGEMENT_URL"), "{state} {sentence}");
        ensure!(unmanaged.output().contains("AMQP_MANAGEMENT_URL"), "the log says nothing");
        Ok(())
    })
    .await
    .unwrap();

    let set = async |command: &[&str]| drop(broker.control(command).await.unwrap());
    set(&["set_policy", "ttl", ".*", r#"{"message-ttl":600000}"#, "--apply-to", "queues"]).await;
    fires_about(&watcher, "message-ttl=600000", "ttl").await.unwrap();
    let (worker, api) = (fleet.start(Role::Worker).await.unwrap(), fleet.start(Role::Api).await.unwrap());
    is_refused(&worker).await.unwrap();
    is_refused(&api).await.unwrap();
    set(&["clear_policy", "ttl"]).await;
    is_ready(&worker).await.unwrap();
    is_ready(&api).await.unwrap();

    // A lower limit refuses more, and loses nothing; what an operator policy sets is looked at too.
    set(&["set_policy", "low", r"^tellers\.lane\.", r#"{"max-length":50}"#, "--apply-to", "queues"]).await;
    set(&["set_operator_policy", "tidy", "dead", r#"{"expires":3600000}"#, "--apply-to", "queues"]).await;
    fires_about(&watcher, "expires=3600000", "tidy").await.unwrap();
    set(&["clear_operator_policy", "tidy"]).await;
    let diverts = r#"{"alternate-exchange":"amq.fanout"}"#;
    set(&["set_policy", "unrouted", ".*", diverts, "--apply-to", "exchanges"]).await;
    fires_about(&watcher, "alternate-exchange=amq.fanout", "unrouted").await.unwrap();
    set(&["clear_policy", "unrouted"]).await;
    are_harmless("all is well with the lower limit", &watcher, RESOLVED_WITHIN).await.unwrap();
}
