//! Every outcome arrives at least once, verified and in the order of its account, though the workers that deliver are killed.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

use super::receiver::{Receiver, are_in_order, endpoint};

const ACCOUNTS: usize = 20;
const JOBS: usize = 2_000;
/// A delivery that a killed worker had in hand is free after half a minute.
const ARRIVE_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_arrives_in_order_though_workers_are_killed() -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database, &vhost.url)?.with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8");
    fleet.run_ok(&["migrate"]).await?;
    let mut api = fleet.start(Role::Api).await?;
    let mut workers = vec![fleet.start(Role::Worker).await?, fleet.start(Role::Worker).await?];
    let client = Client::new(&api.url(""))?;
    // Two endpoints: about one for each worker.
    let mut made = Vec::new();
    for path in ["/one", "/two", "/three"] {
        made.push((path, endpoint(&client, &receiver.url(path), &json!({})).await?));
    }
    let open = |n| json!({"kind": "open_account", "account": format!("a{n}"), "currency": "EUR"}).to_string();
    let accounts: Vec<_> = (0..ACCOUNTS).map(open).collect();
    let mut ids = client.post_batch(&accounts).await?;
    let mut killed = 0;
    for batch in 0..JOBS / 100 {
        let job = |n: usize| {
            let account = format!("a{}", n % ACCOUNTS);
            json!({"kind": "deposit", "account": account, "amount": 1, "currency": "EUR"}).to_string()
        };
        ids.extend(client.post_batch(&(0..100).map(job).collect::<Vec<_>>()).await?);
        // While the first events arrive, and while the last ones do.
        if [4, 16].contains(&batch) {
            let arrived = (batch - 2) * 10;
            receiver.receives("/one", arrived).await?;
            workers.remove(0).kill9()?;
            killed += 1;
            workers.push(fleet.start(Role::Worker).await?);
        }
    }
    ensure!(killed == 2);
    let expected: BTreeSet<_> = ids.iter().map(|id| format!("{id}.posted")).collect();
    ensure!(expected.len() == ACCOUNTS + JOBS);
    for (path, (_, secret)) in &made {
        let received = until(&format!("{path} has every outcome"), ARRIVE_WITHIN, async || {
            let received = receiver.received(path);
            let arrived: BTreeSet<_> = received.iter().map(|received| received.id.clone()).collect();
            let missing = expected.difference(&arrived).count();
            ensure!(missing == 0, "{missing} are missing");
            Ok(received)
        })
        .await?;
        ensure!(received.iter().all(|received| received.is_signed_with(secret)), "{path} was sent forgeries");
        are_in_order(&received)?;
        eprintln!("{path} received {} messages for {} events", received.len(), expected.len());
    }
    for worker in &mut workers {
        worker.terminate().await?;
    }
    api.terminate().await
}
