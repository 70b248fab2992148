//! What no waiting mends ends at once, and says what to do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tests::fleet::{Fleet, Role};
use tests::servers::{fresh_database, fresh_vhost};

use super::called::{Running, said};

/// What the issue asks for.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The same URL with other words behind its last slash.
fn renamed(url: &str, name: &str) -> anyhow::Result<String> {
    let (server, _) = url.rsplit_once('/').context("a URL has a slash")?;
    Ok(format!("{server}/{name}"))
}

/// The same URL for a user whom nobody knows.
fn of_a_stranger(url: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url.split_once("://").context("a URL has a scheme")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    Ok(format!("{scheme}://stranger:wrong@{host}"))
}

async fn ends_at_once(fleet: &Fleet, arguments: &[&str], remedy: &[&str]) -> anyhow::Result<()> {
    let began = Instant::now();
    let ended =
        tokio::time::timeout(4 * AT_ONCE, said(fleet, arguments)).await.context("it goes on and on")??;
    let took = began.elapsed();
    ensure!(ended.status == 1, "{arguments:?} ended with {}: {}", ended.status, ended.err);
    for part in remedy {
        ensure!(ended.err.contains(part), "{arguments:?} does not say {part}: {}", ended.err);
    }
    ensure!(!ended.err.contains("wrong@"), "{}", ended.err);
    ensure!(took < AT_ONCE, "{arguments:?} took {took:?}: {}", ended.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_ends_at_once_where_nobody_is_let_in() {
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
    for (database, amqp, remedy) in &wrong {
        let fleet = Fleet::new(database, amqp).unwrap();
        for role in ["api", "worker", "monitor", "dev"] {
            ends_at_once(&fleet, &[role], remedy).await.unwrap();
        }
    }
    for (database, amqp, remedy) in &wrong[..2] {
        let fleet = Fleet::new(database, amqp).unwrap();
        for command in [&["migrate"][..], &["keys", "list"], &["verify"]] {
            ends_at_once(&fleet, command, remedy).await.unwrap();
        }
    }
    for (database, amqp, remedy) in &wrong[2..4] {
        let fleet = Fleet::new(database, amqp).unwrap();
        ends_at_once(&fleet, &["dead-letters", "list"], remedy).await.unwrap();
    }
    for (database, amqp, remedy) in &wrong[..4] {
        let running = Fleet::new(database, amqp).unwrap();
        let doctor = said(&running, &["doctor"]).await.unwrap();
        assert_eq!(doctor.status, 1);
        assert!(doctor.out.contains(remedy[0]), "{doctor:?}");
    }
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
