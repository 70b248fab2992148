//! Least rights: a fleet whose roles have the users and the rights of `deploy` does everything that it does otherwise, and
//! each role may do no more than its work.

#[path = "rights/broker.rs"]
mod broker;
#[path = "rights/database.rs"]
mod database;
#[path = "rights/work.rs"]
mod work;

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::rights::Users;
use tests::wait::until;

/// On two cores with a build beside them.
const WITHIN: Duration = Duration::from_secs(60);

/// A fleet in which each role has users of its own.
struct Restricted {
    // Dropped in this order: the fleet before what it stands on.
    api: Replica,
    worker: Replica,
    monitor: Replica,
    /// Where another ingress and the commands of the monitor's user are started from.
    fleets: [Fleet; 2],
    client: Client,
    users: Users,
}

impl Restricted {
    /// Starts the ingress first: it says what it waits for until a worker has declared the queues.
    async fn start() -> anyhow::Result<Restricted> {
        let users = Users::make().await?;
        let [of_api, of_worker, of_monitor] =
            [users.fleet("api")?, users.fleet("worker")?, users.fleet("monitor")?];
        let api = of_api.start(Role::Api).await?;
        let client = Client::new(&api.url(""))?;
        until("the ingress says that a worker declares the queues", WITHIN, async || {
            let ready = client.get("/readyz").await?;
            ensure!(ready.status == 503 && ready.body.contains("start a worker"), "{ready:?}");
            Ok(())
        })
        .await?;
        let worker = of_worker.start(Role::Worker).await?;
        let monitor = of_monitor.start(Role::Monitor).await?;
        until("the ingress is ready", WITHIN, async || {
            let ready = client.get("/readyz").await?;
            ensure!(ready.status == 200, "{ready:?}");
            Ok(())
        })
        .await?;
        // It may be so a moment before the last queue is there; meanwhile it accepts nothing for that.
        let opening =
            json!({ "kind": "open_account", "account": "first", "currency": "EUR", "reference": "first" });
        until("the ingress takes a job", WITHIN, async || client.submit(&opening).await).await?;
        Ok(Restricted { api, worker, monitor, fleets: [of_api, of_monitor], client, users })
    }

    fn monitor_client(&self) -> anyhow::Result<Client> {
        Client::new(&self.monitor.url(""))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_with_the_rights_of_its_roles_does_all_its_work_and_nothing_else() {
    let fleet = Restricted::start().await.unwrap();
    let another = work::everything(&fleet).await.unwrap();
    for replica in [&fleet.api, &fleet.worker, &fleet.monitor, &another] {
        let log = replica.output();
        let refused: Vec<_> = log
            .lines()
            .filter(|line| ["denied", "refused for user", "lacks"].iter().any(|word| line.contains(word)))
            .collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }
    database::each_role_may_do_no_more(&fleet.users.database).await.unwrap();
    Box::pin(broker::each_role_may_do_no_more(&fleet.users.broker)).await.unwrap();
    // Last, for it takes a right away.
    database::a_missing_right_holds_up_those_who_need_it(&fleet).await.unwrap();
    let Restricted { api, worker, monitor, users, .. } = fleet;
    for mut replica in [api, worker, monitor, another] {
        replica.terminate().await.unwrap();
    }
    users.remove().await.unwrap();
}
