//! What the users of the database may not do.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::{Value, json};
use tests::rights::DatabaseUsers;
use tests::wait::until;

use super::{Restricted, WITHIN};

/// Tables in which no row is ever changed or removed, each with a column of it.
const FOR_EVER: &[(&str, &str)] = &[("entries", "amount"), ("audit_log", "action")];

/// What else nobody may do: which job is which, and what an account is, stay as they were written.
const NOBODY: &[&str] = &[
    "UPDATE jobs SET id = x'00'",
    "UPDATE cancellations SET client = 'x'",
    "UPDATE scheduled_jobs SET message = 'x', due_at = 0, lane = 0",
    "UPDATE standing_orders SET id = x'00', account_id = 0, lane = 0",
    "DELETE FROM standing_orders",
    "UPDATE sweeps SET amount = 1",
    "DELETE FROM sweeps",
    "DELETE FROM cancellations",
    "UPDATE accounts SET number = 'x'",
    "UPDATE accounts SET currency = 'XXX'",
    "DELETE FROM accounts",
    "UPDATE holds SET amount = 1",
    "DELETE FROM holds",
    "DELETE FROM reversals",
    "DELETE FROM settings",
    "DELETE FROM job_conflicts",
    "UPDATE webhook_attempts SET status = 200",
    "UPDATE webhook_endpoints SET client = 'x'",
    "ALTER TABLE entries DROP PARTITION era_0",
    "DROP TABLE entries",
    "DROP TABLE jobs",
    "CREATE USER 'intruder'@'%'",
    "SET GLOBAL max_connections = 1",
];

/// What the roles that run all the time may not do, but whoever migrates may.
const NOT_WHILE_RUNNING: &[&str] = &[
    "ALTER TABLE entries DROP COLUMN amount",
    "CREATE TABLE another (a INT)",
    "CREATE INDEX another ON jobs (client)",
    "DROP PROCEDURE add_era",
];

/// Who alone writes to which table.
const WRITERS: &[(&str, &[&str])] = &[
    ("INSERT INTO entries SELECT * FROM entries", &["worker", "migrate"]),
    ("INSERT INTO accounts (number) VALUES ('x')", &["worker", "migrate"]),
    ("INSERT INTO jobs (client) VALUES ('x')", &["worker", "migrate", "api"]),
    ("INSERT INTO cancellations (client) VALUES ('x')", &["api", "migrate"]),
    // The row that says scheduled, as another takes its place.
    ("DELETE FROM jobs", &["worker"]),
    ("INSERT INTO scheduled_jobs (message) VALUES ('x')", &["worker", "migrate"]),
    ("UPDATE scheduled_jobs SET release_at = release_at", &["api", "worker"]),
    ("UPDATE scheduled_jobs SET releases = releases", &["worker"]),
    ("DELETE FROM scheduled_jobs", &["worker"]),
    ("INSERT INTO standing_orders (status) VALUES ('x')", &["worker", "migrate"]),
    ("UPDATE standing_orders SET status = status, next_due = next_due, paid = paid", &["worker"]),
    ("INSERT INTO sweeps (amount) VALUES (1)", &["worker", "migrate"]),
    ("UPDATE jobs SET body = body, client = client", &["worker"]),
    ("UPDATE accounts SET balance = balance", &["worker"]),
    ("UPDATE accounts SET overdraft_limit = overdraft_limit, holder = holder", &["worker"]),
    ("UPDATE jobs SET outcome = outcome, cause = cause", &["worker"]),
    ("UPDATE lane_totals SET posted = posted", &["worker"]),
    ("UPDATE settings SET value = value", &["worker"]),
    ("CALL add_era()", &["worker", "migrate"]),
    ("DELETE FROM records WHERE number = 0", &["monitor"]),
    ("UPDATE imports SET state = state", &["api"]),
    ("INSERT INTO webhook_endpoints (id) VALUES ('x')", &["api", "migrate"]),
    ("UPDATE webhook_endpoints SET secret = secret", &["api"]),
    ("SELECT secret FROM webhook_endpoints", &["api", "worker", "migrate"]),
    ("DELETE FROM webhook_deliveries", &["worker"]),
    ("INSERT INTO webhook_attempts (endpoint) VALUES ('x')", &["worker", "migrate"]),
];

/// # Errors
/// A role may do what it has no need to do.
pub(super) async fn each_role_may_do_no_more(users: &DatabaseUsers) -> anyhow::Result<()> {
    let roles = ["migrate", "api", "worker", "monitor", "read"];
    for role in roles {
        for (table, column) in FOR_EVER {
            users.refuses(role, &format!("UPDATE {table} SET {column} = {column}")).await?;
            users.refuses(role, &format!("DELETE FROM {table}")).await?;
            users.refuses(role, &format!("TRUNCATE TABLE {table}")).await?;
        }
        for sql in NOBODY {
            users.refuses(role, sql).await?;
        }
        for (sql, writers) in WRITERS {
            if !writers.contains(&role) {
                users.refuses(role, sql).await?;
            }
        }
    }
    for role in roles.into_iter().filter(|role| *role != "migrate") {
        for sql in NOT_WHILE_RUNNING {
            users.refuses(role, sql).await?;
        }
    }
    users.refuses("read", "INSERT INTO settings (name, value) VALUES ('x', 'y')").await
}

/// Jobs that need the right wait, others are posted, none is a dead letter, and what is missing is said.
///
/// # Errors
/// It is otherwise.
pub(super) async fn a_missing_right_holds_up_those_who_need_it(fleet: &Restricted) -> anyhow::Result<()> {
    let (client, users) = (&fleet.client, &fleet.users.database);
    let worker = users.account("worker");
    let deposit =
        |account: &str| json!({ "kind": "deposit", "account": account, "amount": 1, "currency": "EUR" });
    users.as_admin(&format!("REVOKE INSERT ON holds FROM {worker}")).await?;
    let hold = json!({ "kind": "hold", "account": "a", "amount": 1, "currency": "EUR" });
    let (held, behind) = (client.submit(&hold).await?, client.submit(&deposit("a")).await?);
    until("the worker says which right it lacks", WITHIN, async || {
        let log = fleet.worker.output();
        ensure!(log.contains("lacks INSERT on the table holds"), "not yet");
        ensure!(log.contains("GRANT INSERT ON holds TO"), "{log}");
        Ok(())
    })
    .await?;
    // `b` is on another lane.
    let beside = client.submit(&deposit("b")).await?;
    ensure!(client.outcome(&beside, WITHIN).await?.status == "posted", "another lane waits too");
    for id in [&held, &behind] {
        let job: Value = client.get(&format!("/api/jobs/{id}")).await?.json()?;
        ensure!(job["status"] == "pending", "{job}");
    }
    let kept: Value = fleet.monitor_client()?.get("/api/scalability/dead-letters").await?.json()?;
    ensure!(kept["letters"].as_array().is_some_and(Vec::is_empty), "{kept}");

    users.as_admin(&format!("GRANT INSERT ON holds TO {worker}")).await?;
    let statuses =
        [client.outcome(&held, WITHIN).await?.status, client.outcome(&behind, WITHIN).await?.status];
    ensure!(BTreeSet::from(statuses) == BTreeSet::from(["posted".to_owned()]), "they are not posted");

    // Without the procedure posting goes on.
    users.as_admin(&format!("REVOKE EXECUTE ON PROCEDURE add_era FROM {worker}")).await?;
    until("the worker says that it may not add an era", WITHIN, async || {
        let id = client.submit(&deposit("b")).await?;
        ensure!(client.outcome(&id, WITHIN).await?.status == "posted", "posting waits for an era");
        let log = fleet.worker.output();
        let said = log.lines().find(|line| line.contains("lacks EXECUTE on the procedure"));
        ensure!(said.is_some_and(|said| said.contains("GRANT EXECUTE ON PROCEDURE")), "not yet");
        Ok(())
    })
    .await
}
