//! What no waiting mends ends soon, and says what to do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};

use super::called::{Running, said};

const AT_ONCE: Duration = Duration::from_secs(5);
/// A server that comes back may refuse at first: a service gives it ten seconds.
const SOON: Duration = Duration::from_secs(20);

/// The same URL with other words behind its last slash.
fn renamed(url: &str, name: &str) -> anyhow::Result<String> {
    let (server, _) = url.rsplit_once('/').context("a URL has a slash")?;
    Ok(format!("{server}/{name}"))
}

/// The same URL for a user whom nobody knows.
fn of_a_stranger(url: &str) -> anyhow::Result<String> {
    of_user(url, "stranger")
}

/// The same URL for another user, with the password `wrong`.
fn of_user(url: &str, user: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url.split_once("://").context("a URL has a scheme")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    Ok(format!("{scheme}://{user}:wrong@{host}"))
}

async fn ends_within(
    most: Duration,
    fleet: &Fleet,
    arguments: &[&str],
    remedy: &[&str],
) -> anyhow::Result<()> {
    let began = Instant::now();
    let ended =
        tokio::time::timeout(4 * most, said(fleet, arguments)).await.context("it goes on and on")??;
    let took = began.elapsed();
    ensure!(ended.status == 1, "{arguments:?} ended with {}: {}", ended.status, ended.err);
    for part in remedy {
        ensure!(ended.err.contains(part), "{arguments:?} does not say {part}: {}", ended.err);
    }
    ensure!(!ended.err.contains("wrong@"), "{}", ended.err);
    ensure!(took < most, "{arguments:?} took {took:?}: {}", ended.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_ends_where_nobody_is_let_in() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let amqp = &vhost.url;
    Fleet::new(&database, amqp).unwrap().run_ok(&["migrate"]).await.unwrap();
    let wrong = [
        (renamed(&database, "nothing_here").unwrap(), amqp.clone(), ["make the database", "DATABASE_URL"]),
        (
            of_a_stranger(&database).unwrap(),
            amqp.clone(),
            ["check the user and the password", "of the database"],
        ),
        (database.clone(), renamed(amqp, "nothing-here").unwrap(), ["make the virtual host", "AMQP_URL"]),
        (database.clone(), of_a_stranger(amqp).unwrap(), ["check the user and the password", "AMQP_URL"]),
        (
            "postgres://u:p@127.0.0.1/x".to_owned(),
            amqp.clone(),
            ["does not start with mysql://", "DATABASE_URL"],
        ),
        (database.clone(), "kafka://127.0.0.1".to_owned(), ["does not start with amqp://", "AMQP_URL"]),
    ];
    for (place, (database, amqp, remedy)) in wrong.iter().enumerate() {
        // The last two are no URLs of ours.
        let most = if place < 4 { SOON } else { AT_ONCE };
        let ended = ["api", "worker", "monitor", "dev"].map(async |role| {
            let fleet = Fleet::new(database, amqp)?;
            ends_within(most, &fleet, &[role], remedy).await
        });
        for role in join_all(ended).await {
            role.unwrap();
        }
    }
    for (database, amqp, remedy) in &wrong[..2] {
        let fleet = Fleet::new(database, amqp).unwrap();
        for command in [&["migrate"][..], &["keys", "list"], &["verify"]] {
            ends_within(AT_ONCE, &fleet, command, remedy).await.unwrap();
        }
    }
    for (database, amqp, remedy) in &wrong[2..4] {
        let fleet = Fleet::new(database, amqp).unwrap();
        ends_within(AT_ONCE, &fleet, &["dead-letters", "list"], remedy).await.unwrap();
    }
    for (database, amqp, remedy) in &wrong[..4] {
        let running = Fleet::new(database, amqp).unwrap();
        let doctor = said(&running, &["doctor"]).await.unwrap();
        assert_eq!(doctor.status, 1);
        assert!(doctor.out.contains(remedy[0]), "{doctor:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_at_first_is_waited_for() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    Fleet::new(&database, &vhost.url).unwrap().run_ok(&["migrate"]).await.unwrap();
    let (_, name) = database.rsplit_once('/').unwrap();
    let user = format!("late_{name}");
    let fleet = Fleet::new(&of_user(&database, &user).unwrap(), &vhost.url).unwrap();
    let log = fleet.data_dir().with_file_name("api-0.log");
    let let_in = async {
        tests::wait::until("the database refuses", super::WITHIN, async || {
            let log = std::fs::read_to_string(&log)?;
            ensure!(log.contains("a server refuses"), "{log}");
            Ok(())
        })
        .await?;
        let mut administrator = MySqlConnection::connect(&database).await?;
        for statement in [
            format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'wrong'"),
            format!("GRANT ALL ON {name}.* TO '{user}'@'%'"),
        ] {
            administrator.execute(AssertSqlSafe(statement)).await?;
        }
        anyhow::Ok(administrator)
    };
    let (api, administrator) = tokio::join!(fleet.start(Role::Api), let_in);
    let mut administrator = administrator.unwrap();
    let ready = async {
        let replica = api?;
        let api = Client::new(&replica.url(""))?;
        tests::wait::until("the ingress is ready", super::WITHIN, async || api.ready().await).await
    };
    let ready = ready.await;
    administrator.execute(AssertSqlSafe(format!("DROP USER '{user}'@'%'"))).await.unwrap();
    ready.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_looks_at_both_servers_and_changes_nothing() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &vhost.url).unwrap();
    let before = said(&fleet, &["doctor"]).await.unwrap();
    assert!(before.out.contains("database/schema") && before.out.contains("tellers migrate"), "{before:?}");
    fleet.run_ok(&["migrate"]).await.unwrap();
    let api = fleet.start(Role::Api).await.unwrap();
    let _worker = fleet.start(Role::Worker).await.unwrap();
    let monitor = fleet.start(Role::Monitor).await.unwrap();
    let fleet = fleet.with("API_URL", &api.url("")).with("MONITOR_URL", &monitor.url(""));
    tests::wait::until("the doctor finds nothing", super::WITHIN, async || {
        let found = said(&fleet, &["doctor"]).await?;
        ensure!(found.status == 0, "{found:?}");
        for check in [
            "database/durability",
            "database/rights",
            "broker/reachable",
            "broker/policies",
            "fleet/versions",
        ] {
            ensure!(found.out.contains(check), "no {check} in {}", found.out);
        }
        Ok(())
    })
    .await
    .unwrap();
    let json = said(&fleet, &["doctor", "--json"]).await.unwrap();
    let findings: Vec<serde_json::Value> = serde_json::from_str(&json.out).unwrap();
    assert!(findings.len() > 10 && findings.iter().all(|finding| finding["level"].is_string()), "{json:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_a_command_says_what_to_do() {
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", "ops:read+operate:00");
    let nobody = said(&fleet, &["status", "--monitor-url", "http://127.0.0.1:1"]).await.unwrap();
    assert_eq!(nobody.status, 1);
    assert!(
        nobody.err.contains("the monitor at http://127.0.0.1:1 does not answer")
            && nobody.err.contains("MONITOR_URL"),
        "{nobody:?}"
    );
    for wrong in [
        &["jobs", "find", "--amount", "125.50"][..],
        &["jobs", "find", "--amount", "1 EUR", "--currency", "USD"],
        &["jobs", "find", "--limit", "0"],
        &["status", "--api-key", "secret"],
        &["config", "set", "LINGER_MS"],
    ] {
        let refused = said(&fleet, wrong).await.unwrap();
        assert_eq!(refused.status, 2, "{wrong:?}: {refused:?}");
        assert!(!refused.err.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_in_a_file_or_in_the_environment() {
    let hash = tellers_http::keys::Keys::hash("ops-key");
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &format!("ops:read+operate:{hash}"));
    let running = Running::start(fleet).await.unwrap();
    let refused = running.call(&["status"]).await.unwrap();
    assert_eq!(refused.status, 1);
    for part in ["An API key is needed (401)", "API_KEY", "--api-key-file", "(request "] {
        assert!(refused.err.contains(part), "no {part} in {}", refused.err);
    }
    let file = running.file("key", "ops-key\n").unwrap();
    running.ok(&["accounts", "list", "--api-key-file", &file]).await.unwrap();
    let doctor = running.call(&["doctor"]).await.unwrap();
    assert!(doctor.status == 1 && doctor.out.contains("FAIL  ingress/key"), "{doctor:?}");
    let running = running.with("API_KEY", "ops-key");
    running.is_well().await.unwrap();
    let scope = running
        .call(&[
            "jobs",
            "post",
            &running
                .file("job", "{\"kind\":\"open_account\",\"account\":\"a\",\"currency\":\"EUR\"}")
                .unwrap(),
        ])
        .await
        .unwrap();
    assert!(
        scope.status == 1 && scope.err.contains("Not allowed (403)") && scope.err.contains("submit"),
        "{scope:?}"
    );
}
