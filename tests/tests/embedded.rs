//! One process on files of its own keeps the promises of the fleet.

use std::time::Duration;

use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::load::{Chance, Load};
use tests::oracle;
use tests::servers::free_port;
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_in_one_process_keeps_what_it_accepted_when_it_is_killed() {
    // The clients find it where it was.
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", &address);
    let client = Client::new(&format!("http://{address}")).unwrap();
    let load = Load {
        name: "embedded".to_owned(),
        accounts: 40,
        clients: 2,
        batch_jobs: 20,
        batch_every: Duration::from_millis(40),
        seed: Chance::seed(),
    };
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let mut record = load.open(&client).await.unwrap();
    let running = load.start(&client);
    for _ in 0..3 {
        let before = running.accepted();
        until("500 more transfers are accepted", WITHIN, async || {
            let more = running.accepted() - before;
            anyhow::ensure!(more >= 500, "{more} are");
            Ok(())
        })
        .await
        .unwrap();
        dev.kill9().unwrap();
        dev = fleet.start(Role::Dev).await.unwrap();
    }
    record.join(running.stop().await.unwrap());
    oracle::hold_seen(&fleet, &client, "XTS", &record, WITHIN).await.unwrap();
    dev.terminate().await.unwrap();
}
