//! The operators' commands: the real binary, as people call it, against a running fleet.

#[path = "commands/called.rs"]
mod called;
#[path = "commands/mistakes.rs"]
mod mistakes;
#[path = "commands/posting.rs"]
mod posting;

use anyhow::ensure;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::Fleet;

use self::called::{Running, WITHIN, said};

/// Two accounts, a payment between them, and one that is turned down.
async fn some_jobs(api: &Client) -> anyhow::Result<[String; 2]> {
    for account in ["bank:1", "bank:2"] {
        let open =
            json!({"kind": "open_account", "account": account, "currency": "EUR", "holder": "Ann Other"});
        ensure!(api.outcome(&api.submit(&open).await?, WITHIN).await?.status == "posted");
    }
    let deposit = json!({"kind": "deposit", "account": "bank:1", "amount": 90_000, "currency": "EUR"});
    ensure!(api.outcome(&api.submit(&deposit).await?, WITHIN).await?.status == "posted");
    let payment = json!({
        "kind": "transfer", "from": "bank:1", "to": "bank:2", "amount": 12_550, "currency": "EUR", "reference": "INV 7",
        "memo": "Rent May", "counterparty": {"name": "Zoë Müller"},
    });
    let payment = api.submit(&payment).await?;
    ensure!(api.outcome(&payment, WITHIN).await?.status == "posted");
    let refused = json!({"kind": "transfer", "from": "bank:2", "to": "bank:1", "amount": 99_999_900, "currency": "EUR"});
    let refused = api.submit(&refused).await?;
    ensure!(api.outcome(&refused, WITHIN).await?.status == "rejected");
    Ok([payment, refused])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_and_explained_from_a_terminal() {
    let running = Running::start(Fleet::embedded().unwrap()).await.unwrap();
    let [payment, refused] = some_jobs(&running.client().unwrap()).await.unwrap();

    let found =
        running.ok(&["jobs", "find", "--amount", "125.50 EUR", "--counterparty", "müll"]).await.unwrap();
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    for part in [
        payment.as_str(),
        "transfer",
        "posted",
        "125.50 EUR",
        "bank:1, bank:2",
        "Zoë Müller",
        "INV 7",
        "Rent May",
    ] {
        assert!(lines[1].contains(part), "no {part} in {found}");
    }
    let at = |part: &str| lines[0].find(part).unwrap();
    assert_eq!(lines[1].find("transfer"), Some(at("KIND")), "columns stand in line: {found}");

    let rejected = running.ok(&["jobs", "find", "--outcome", "rejected"]).await.unwrap();
    assert!(rejected.contains(&refused) && rejected.contains("rejected: insufficient_funds"), "{rejected}");
    assert!(!rejected.contains("COUNTERPARTY"), "a column without anything in it is left out: {rejected}");

    let shown = running.ok(&["jobs", "show", "INV 7"]).await.unwrap();
    assert!(shown.contains(&payment) && shown.contains("amount") && shown.contains("125.50 EUR"), "{shown}");
    let json = running.ok(&["jobs", "show", &payment, "--json"]).await.unwrap();
    let by_http = running.client().unwrap().get(&format!("/api/jobs/{payment}")).await.unwrap().body;
    assert_eq!(json.trim_end(), by_http.trim_end(), "as it came");
    let timeline = running.ok(&["jobs", "timeline", &payment]).await.unwrap();
    assert!(timeline.contains("774.50 EUR") && timeline.contains("accepted"), "{timeline}");

    let page = running.ok(&["jobs", "find", "--limit", "2", "--json"]).await.unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    assert!(page["jobs"].as_array().unwrap().len() == 2 && page["next"].is_string(), "{page}");
    let all = running.ok(&["jobs", "find", "--all", "--json"]).await.unwrap();
    let all: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all.len(), 5, "{all:?}");
    assert!(all.iter().all(|job| job["id"].is_string()));
    let few = running.call(&["jobs", "find", "--limit", "2"]).await.unwrap();
    assert_eq!(few.out.lines().count(), 3, "{}", few.out);
    assert!(few.err.contains("--all shows more"), "{}", few.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_entries_holds_and_statements_are_shown_in_major_units() {
    let running = Running::start(Fleet::embedded().unwrap()).await.unwrap();
    some_jobs(&running.client().unwrap()).await.unwrap();
    let listed =
        running.ok(&["accounts", "list", "--prefix", "bank:", "--balance-min", "700 EUR"]).await.unwrap();
    assert!(
        listed.contains("bank:1") && listed.contains("774.50 EUR") && !listed.contains("bank:2"),
        "{listed}"
    );
    let shown = running.ok(&["accounts", "show", "bank:2"]).await.unwrap();
    assert!(
        shown.contains("balance") && shown.contains("125.50 EUR") && shown.contains("Ann Other"),
        "{shown}"
    );
    let entries = running.ok(&["accounts", "entries", "bank:1"]).await.unwrap();
    assert!(entries.contains("-125.50 EUR") && entries.contains("774.50 EUR"), "{entries}");
    let exact = running.ok(&["accounts", "entries", "bank:1", "--all", "--json"]).await.unwrap();
    assert!(exact.lines().any(|entry| entry.contains("\"amount\":-12550")), "{exact}");
    let statement = running.ok(&["accounts", "statement", "bank:1"]).await.unwrap();
    assert!(statement.contains("closing balance") && statement.contains("Zoë Müller"), "{statement}");
    let camt = running.ok(&["accounts", "statement", "bank:1", "--format", "camt.053"]).await.unwrap();
    assert!(camt.contains("<Document") && camt.trim_end().ends_with("</Document>"), "{camt}");
    let holds = running.call(&["accounts", "holds"]).await.unwrap();
    assert!(holds.status == 0 && holds.out.is_empty() && holds.err.contains("no holds"), "{holds:?}");
    let none = running.call(&["accounts", "show", "bank:3"]).await.unwrap();
    assert_eq!(none.status, 1);
    assert!(none.err.contains("there is no account bank:3"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_file_are_posted_once_however_often_it_is_sent() {
    let running = Running::start(Fleet::embedded().unwrap()).await.unwrap();
    let lines = "{\"kind\":\"open_account\",\"account\":\"a\",\"currency\":\"EUR\"}\n{\"kind\":\"deposit\",\"account\":\"a\",\"amount\":500,\"currency\":\"EUR\"}\n";
    let file = running.file("jobs.ndjson", lines).unwrap();
    let post = ["jobs", "post", &file, "--wait", "--idempotency-key", "k1"];
    for _ in 0..2 {
        let posted = running.ok(&post).await.unwrap();
        assert_eq!(posted.matches("posted").count(), 2, "{posted}");
    }
    let account = running.ok(&["accounts", "show", "a"]).await.unwrap();
    assert!(account.contains("5.00 EUR"), "{account}");

    let wrong = running
        .file("wrong.json", "{\"kind\":\"deposit\",\"account\":\"a\",\"amount\":-5,\"currency\":\"EUR\"}")
        .unwrap();
    let refused = running.call(&["jobs", "post", &wrong]).await.unwrap();
    assert_eq!(refused.status, 1);
    assert!(refused.out.contains("amount") && refused.out.contains("minor units"), "{refused:?}");
    let broken = running.file("broken.json", "{\"kind\":\"deposit\"\n").unwrap();
    let refused = running.call(&["jobs", "post", &broken]).await.unwrap();
    assert!(refused.status == 1 && refused.err.contains("nothing was sent"), "{refused:?}");
    let short = running
        .file(
            "short.json",
            "[{\"kind\":\"withdrawal\",\"account\":\"a\",\"amount\":90000,\"currency\":\"EUR\"}]",
        )
        .unwrap();
    let short = running.call(&["jobs", "post", &short, "--wait", "20", "--json"]).await.unwrap();
    let answer: Value = serde_json::from_str(&short.out).unwrap();
    assert!(short.status == 1 && answer["results"][0]["reason"] == "insufficient_funds", "{short:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_settings_alerts_and_the_fleet_are_looked_after() {
    let running = Running::start(Fleet::embedded().unwrap()).await.unwrap();
    let rows = "kind,account,amount,currency\nopen_account,a,,EUR\ndeposit,a,1.50,EUR\ndeposit,a,much,EUR\n";
    let file = running.file("rows.csv", rows).unwrap();
    let sent = running.call(&["import", &file]).await.unwrap();
    assert_eq!(sent.status, 1, "a row is refused: {sent:?}");
    let listed = running.ok(&["imports", "list"]).await.unwrap();
    assert!(listed.contains("rows.csv") && listed.contains("done"), "{listed}");
    let shown = running.ok(&["imports", "show", "1"]).await.unwrap();
    assert!(shown.contains("rows.csv") && shown.contains("amount"), "{shown}");
    let refused = running.ok(&["imports", "refused", "1"]).await.unwrap();
    assert!(refused.contains("much"), "{refused}");
    let report = running.call(&["imports", "report", "1"]).await.unwrap();
    assert!(report.status == 1 && report.err.contains("pain.001"), "{report:?}");
    let cancel = running.call(&["imports", "cancel", "1"]).await.unwrap();
    assert!(cancel.status <= 1 && !(cancel.out.is_empty() && cancel.err.is_empty()), "{cancel:?}");

    let set =
        ["config", "set", "BATCH_PROCESSING_SIZE=50", "LINGER_MS=10", "--reason", "try smaller batches"];
    let changed = running.ok(&set).await.unwrap();
    assert!(changed.contains("version 1 of the settings") && changed.contains("runtime"), "{changed}");
    let history = running.ok(&["config", "history"]).await.unwrap();
    assert!(
        history.contains("try smaller batches") && history.contains("BATCH_PROCESSING_SIZE unset to 50"),
        "{history}"
    );
    running.ok(&["config", "reset", "LINGER_MS"]).await.unwrap();
    let shown = running.ok(&["config", "show", "BATCH_PROCESSING_SIZE", "linger_ms"]).await.unwrap();
    assert!(shown.lines().count() == 3 && shown.contains("50"), "{shown}");
    running.ok(&["config", "undo", "1"]).await.unwrap();
    let wrong = running.call(&["config", "set", "BATCH_PROCESSING_SIZE=5000"]).await.unwrap();
    assert!(wrong.status == 1 && wrong.err.contains("BATCH_PROCESSING_SIZE"), "{wrong:?}");
    let unknown = running.call(&["config", "show", "NOTHING"]).await.unwrap();
    assert!(unknown.status == 1 && unknown.err.contains("there is no setting NOTHING"), "{unknown:?}");

    let paused = running.ok(&["lanes", "pause", "3", "--reason", "a bad file"]).await.unwrap();
    assert!(
        paused.starts_with("lane 3: paused since ") && paused.trim_end().ends_with(": a bad file"),
        "{paused}"
    );
    let lanes = running.ok(&["lanes", "list"]).await.unwrap();
    assert!(
        lanes.lines().any(|line| line.trim_start().starts_with("3 ") && line.contains("a bad file")),
        "{lanes}"
    );
    assert_eq!(running.ok(&["lanes", "resume", "3"]).await.unwrap().trim_end(), "lane 3: goes on");
    let unknown = running.call(&["lanes", "resume", "99"]).await.unwrap();
    assert!(unknown.status == 1 && unknown.err.contains("99"), "{unknown:?}");

    let rules = running.ok(&["alerts", "rules"]).await.unwrap();
    assert!(rules.contains("ledger_away") && rules.contains("ALERT_RESPONSE_SECONDS"), "{rules}");
    let history: Value =
        serde_json::from_str(&running.ok(&["alerts", "history", "--json"]).await.unwrap()).unwrap();
    assert!(history["history"].is_array(), "{history}");

    running.is_well().await.unwrap();
    let status = running.ok(&["status"]).await.unwrap();
    for part in ["health", "jobs without an outcome", "debits equal credits", "worker-", "REPLICA"] {
        assert!(status.contains(part), "no {part} in {status}");
    }
    let status: Value = serde_json::from_str(&running.ok(&["status", "--json"]).await.unwrap()).unwrap();
    assert!(status["status"]["replicas"].as_array().is_some_and(|replicas| replicas.len() == 3), "{status}");
    let doctor = running.call(&["doctor"]).await.unwrap();
    assert!(
        doctor.status == 0 && !doctor.out.contains("FAIL") && doctor.out.contains("ingress/reachable"),
        "{doctor:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_ends_a_command_in_silence() {
    let running = Running::start(Fleet::embedded().unwrap()).await.unwrap();
    some_jobs(&running.client().unwrap()).await.unwrap();
    let of_old = ["keys", "list"];
    for arguments in [
        &["jobs", "find", "--all"][..],
        &["jobs", "find", "--all", "--json"],
        &["accounts", "list"],
        &["accounts", "statement", "bank:1", "--format", "csv"],
        &["config", "show"],
        &["alerts", "rules"],
        &["status"],
        &["doctor"],
        &["dead-letters", "list"],
        &["verify"],
        &["--help"],
        &of_old,
    ] {
        let ended = running.call_without_a_reader(arguments).await.unwrap();
        assert!(
            ended.status == 0 && !ended.err.contains("tellers:") && !ended.err.contains("panicked"),
            "{arguments:?}: {ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_is_as_long_as_what_a_command_uses() {
    let fleet = Fleet::embedded().unwrap();
    for (arguments, lines_max) in [
        (&["--help"][..], 90),
        (&["status", "--help"], 60),
        (&["jobs", "--help"], 70),
        (&["jobs", "show", "--help"], 60),
        (&["config", "set", "--help"], 60),
        (&["health", "--help"], 50),
        (&["keys", "list", "--help"], 60),
    ] {
        let help = said(&fleet, arguments).await.unwrap().out;
        assert!(!help.contains("DB_POOL_SIZE"), "{help}");
        assert!(
            help.lines().count() <= lines_max,
            "{arguments:?} has {} lines: {help}",
            help.lines().count()
        );
    }
    let worker = said(&fleet, &["worker", "--help"]).await.unwrap().out;
    assert!(worker.contains("DB_POOL_SIZE"), "{worker}");
}
