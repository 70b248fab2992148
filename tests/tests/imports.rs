//! Files of jobs: every row takes effect once, whatever happens, and every one is counted.

#[path = "imports/faults.rs"]
mod faults;
#[path = "imports/hostile.rs"]
mod hostile;
#[path = "imports/payments.rs"]
mod payments;
#[path = "imports/payroll.rs"]
mod payroll;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::ensure;
use domain::id::{Identity, JobId};
use domain::text::{Client as Name, Reference};
use serde_json::Value;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::load::Record;
use tests::wait::until;

/// A broker that was killed takes its time to come back where other tests keep the machine busy.
const WITHIN: Duration = Duration::from_secs(120);

/// A file, and what it promises: the id of each row is that of its reference.
struct File {
    csv: String,
    rows: u64,
    record: Record,
}

/// Opens accounts, pays money in, and moves it about; whoever has nothing left is rejected.
fn file(name: &str, accounts: u64, transfers: u64) -> anyhow::Result<File> {
    let mut file = File {
        csv: "kind,account,from,to,amount,currency,reference,memo\n".to_owned(),
        rows: 0,
        record: Record::default(),
    };
    let account = |number: u64| format!("{name}-{}", number % accounts);
    for number in 0..accounts {
        let one = account(number);
        file.add(name, &one, &format!("open_account,{one},,,,XTS"))?;
        file.add(name, &one, &format!("deposit,{one},,,1000,XTS"))?;
    }
    for number in 0..transfers {
        let (from, to) = (account(number * 7), account(number * 7 + 1 + number % (accounts - 1)));
        file.add(name, &from, &format!("transfer,,{from},{to},{},XTS", 1 + number % 90))?;
    }
    Ok(file)
}

impl File {
    fn add(&mut self, name: &str, account: &str, cells: &str) -> anyhow::Result<()> {
        self.rows += 1;
        let reference = format!("{name}/{}", self.rows);
        let _ = writeln!(self.csv, "{cells},{reference},\"row {}, said \"\"so\"\"\"", self.rows);
        let (client, reference) = (Name::parse("anonymous")?, Reference::parse(reference)?);
        let id = JobId::derived(&client, Identity::Reference(&reference)).to_string();
        self.record.accept_in_order(std::iter::once((account, id)));
        Ok(())
    }
}

async fn dev() -> anyhow::Result<(Fleet, Replica, Client)> {
    let fleet = Fleet::embedded()?;
    let dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap_or_default())?;
    Ok((fleet, dev, client))
}

async fn send(
    client: &Client,
    query: &str,
    media_type: &str,
    body: impl Into<Vec<u8>>,
) -> anyhow::Result<Value> {
    let answer = client.post(&format!("/api/imports{query}"), media_type, body.into()).await?;
    ensure!(answer.status == 202, "{answer:?}");
    Ok(answer.json()?)
}

async fn look(client: &Client, id: &Value) -> anyhow::Result<Value> {
    Ok(client.get(&format!("/api/imports/{id}")).await?.json()?)
}

async fn ended(client: &Client, id: &Value) -> anyhow::Result<Value> {
    until("the import ends", WITHIN, async || {
        let import = look(client, id).await?;
        let state = import["state"].as_str().unwrap_or_default();
        ensure!(!["queued", "reading", "draining", ""].contains(&state), "{import}");
        Ok(import)
    })
    .await
}

#[track_caller]
fn assert_counts(import: &Value, expected: &[(&str, u64)]) {
    for (name, count) in expected {
        assert_eq!(import[*name], *count, "{name} of {import}");
    }
}

/// All rows are read, and each has one outcome.
#[track_caller]
fn assert_whole(import: &Value, rows: u64) {
    assert_eq!(import["state"], "done", "{import}");
    assert_counts(
        import,
        &[("rows_read", rows), ("accepted", rows), ("refused", 0), ("conflicts", 0), ("dead", 0)],
    );
    let count = |name: &str| import[name].as_u64().unwrap_or_default();
    assert_eq!(count("posted") + count("rejected") + count("duplicates"), rows, "{import}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_comes_back_with_its_reason_and_can_be_sent_again() {
    let (fleet, _dev, client) = dev().await.unwrap();
    let csv = "kind,account,amount,currency\n\
               open_account,alice,,EUR\n\
               deposit,alice,-5,EUR\n\
               deposit,alice,7,EUR\n\
               deposit,alice\n\
               gift,alice,1,EUR\n";
    let dry = send(&client, "?dry_run=true", "text/csv", csv).await.unwrap();
    let dry = ended(&client, &dry["id"]).await.unwrap();
    assert_eq!((&dry["state"], &dry["dry_run"]), (&"done".into(), &true.into()), "{dry}");
    assert_counts(&dry, &[("accepted", 2), ("refused", 3), ("posted", 0)]);
    assert_eq!(client.get("/api/accounts/alice").await.unwrap().status, 404, "a dry run does nothing");

    let import = send(&client, "", "text/csv", csv).await.unwrap();
    let import = ended(&client, &import["id"]).await.unwrap();
    assert_counts(&import, &[("accepted", 2), ("refused", 3), ("posted", 2)]);
    let refusals = import["first_refusals"].as_array().unwrap();
    let lines: Vec<_> = refusals.iter().map(|refusal| refusal["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 5, 6], "{import}");
    assert_eq!(refusals[0]["field"], "amount", "{import}");

    let refused = client.get(import["refused_rows"].as_str().unwrap()).await.unwrap();
    assert!(refused.header("content-type").starts_with("text/csv"), "{refused:?}");
    let lines: Vec<_> = refused.body.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 4, "{refused:?}");
    assert_eq!(lines[0], "kind,account,amount,currency,refused_because");
    assert!(lines[1].starts_with("deposit,alice,-5,EUR,") && lines[1].contains("amount"), "{refused:?}");
    let corrected = refused.body.replace("-5", "5").replace("gift", "deposit");
    let again = send(&client, "", "text/csv", corrected).await.unwrap();
    let again = ended(&client, &again["id"]).await.unwrap();
    assert_eq!(again["posted"], 2, "{again}");
    assert_eq!(
        client.account("alice").await.unwrap()["balance"],
        1_300,
        "7.00 and, corrected, 5.00 and 1.00"
    );
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_can_be_listed_followed_and_stopped() {
    let (_fleet, _dev, client) = dev().await.unwrap();
    let file = file("stopped", 50, 40_000).unwrap();
    let import = send(&client, "", "text/csv", file.csv.as_str()).await.unwrap();
    let path = format!("/api/imports/{}", import["id"]);
    until("some rows are queued", WITHIN, async || {
        let import = look(&client, &import["id"]).await?;
        ensure!(import["accepted"].as_u64() > Some(0), "{import}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(client.delete(&path).await.unwrap().status, 202);
    let events = client.get_as(&path, "text/event-stream").await.unwrap();
    let last = events.body.lines().rfind(|line| line.starts_with("data:")).unwrap();
    let stopped: Value = serde_json::from_str(last.trim_start_matches("data:")).unwrap();
    assert_eq!(stopped["state"], "cancelled", "{events:?}");
    assert!(stopped["rows_read"].as_u64() < Some(file.rows), "{stopped}");
    let settled = until("what is queued has its outcome", WITHIN, async || {
        let import = look(&client, &import["id"]).await?;
        let count = |name: &str| import[name].as_u64().unwrap_or_default();
        ensure!(count("posted") + count("rejected") == count("accepted"), "{import}");
        Ok(import)
    });
    assert_eq!(settled.await.unwrap()["state"], "cancelled");
    let listed: Value = client.get("/api/imports?limit=1").await.unwrap().json().unwrap();
    assert_eq!(listed["imports"][0]["id"], import["id"], "{listed}");
    assert_eq!(client.get("/api/imports/99").await.unwrap().status, 404);
    assert_eq!(client.delete("/api/imports/x").await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_taken_and_what_is_too_large_is_not() {
    let fleet = Fleet::embedded().unwrap().with("MAX_UPLOAD_MB", "1");
    let dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    let ndjson = "{\"kind\":\"open_account\",\"account\":\"a\",\"currency\":\"EUR\"}\n\n{\"kind\":\n";
    let form = format!(
        "--B\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\nndjson\r\n\
         --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"jobs.txt\"\r\n\r\n{ndjson}\r\n--B--\r\n"
    );
    let import = send(&client, "", "multipart/form-data; boundary=B", form).await.unwrap();
    let import = ended(&client, &import["id"]).await.unwrap();
    assert_eq!(import["name"], "jobs.txt");
    assert_counts(&import, &[("posted", 1), ("refused", 1)]);
    let refused = client.get(import["refused_rows"].as_str().unwrap()).await.unwrap();
    assert!(refused.body.contains("refused_because") && refused.body.contains("line 3"), "{refused:?}");

    let large = "x".repeat((1 << 20) + 1);
    let answer = client.post("/api/imports", "text/csv", large).await.unwrap();
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.body.contains("MAX_UPLOAD_MB"), "{answer:?}");
    let huge = client.post("/api/imports", "text/csv", "x".repeat(20 << 20)).await.unwrap();
    assert_eq!(huge.status, 413, "{huge:?}");
    for (query, body) in [("", ""), ("?dry_run=maybe", "a"), ("?colour=red", "a")] {
        let answer = client.post(&format!("/api/imports{query}"), "text/csv", body).await.unwrap();
        assert!(answer.status.is_client_error(), "{query}: {answer:?}");
    }
    let listed: Value = client.get("/api/imports").await.unwrap().json().unwrap();
    assert_eq!(listed["imports"].as_array().unwrap().len(), 1, "nothing half done is left: {listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_an_end_is_refused_whole() {
    let (_fleet, _dev, client) = dev().await.unwrap();
    let mut endless = "{\"kind\":\"open_account\",\"account\":\"a\",\"currency\":\"EUR\"}\n".repeat(2_000);
    endless.push_str(&"x".repeat(300_000));
    let import = send(&client, "?format=ndjson", "text/plain", endless).await.unwrap();
    let import = ended(&client, &import["id"]).await.unwrap();
    assert_eq!(import["state"], "refused", "{import}");
    assert!(import["error"]["detail"].as_str().unwrap().contains("line 2001"), "{import}");
    assert_counts(&import, &[("accepted", 0), ("posted", 0)]);
    assert_eq!(client.get("/api/accounts/a").await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_see_their_own_imports_only() {
    use tellers_http::keys::Keys;
    let hash = Keys::hash;
    let keys = format!(
        "acme:submit+read:{},other:submit+read:{},ops:operate+read:{}",
        hash("acme-key"),
        hash("other-key"),
        hash("ops-key")
    );
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys);
    let dev = fleet.start(Role::Dev).await.unwrap();
    let url = dev.url_as(Role::Api, "").unwrap();
    let [acme, other, ops] =
        ["acme-key", "other-key", "ops-key"].map(|key| Client::with_key(&url, key).unwrap());
    let csv = "kind,account,currency\nopen_account,a,EUR\n";
    let import = send(&acme, "", "text/csv", csv).await.unwrap();
    let path = format!("/api/imports/{}", import["id"]);
    assert_eq!(other.get(&path).await.unwrap().status, 404);
    assert_eq!(other.delete(&path).await.unwrap().status, 404);
    assert_eq!(ops.get(&path).await.unwrap().status, 200);
    assert_eq!(
        ops.delete(&path).await.unwrap().status,
        202,
        "whoever operates a fleet may stop what runs away"
    );
    assert_eq!(Client::new(&url).unwrap().get(&path).await.unwrap().status, 401);
    let theirs = send(&other, "", "text/csv", csv).await.unwrap();
    assert_ne!(theirs["id"], import["id"], "the same file of another client is another import");
    assert_eq!(ended(&acme, &import["id"]).await.unwrap()["client"], "acme");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_shows_what_came_of_a_file_by_its_exit_status() {
    let (fleet, dev, _client) = dev().await.unwrap();
    let url = dev.url_as(Role::Api, "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let import = async |name: &str, text: &str, more: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let path = path.to_string_lossy().into_owned();
        let output = fleet.run(&[&["import", &path, "--api-url", &url], more].concat()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
    };
    let good = "kind,account,currency\nopen_account,a,EUR\n";
    let (code, said) = import("good.csv", good, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = import("good.csv", good, &["--json"]).await;
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &json["duplicates"]), (Some(0), &1.into()), "{said}");
    let (code, said) =
        import("bad.csv", "kind,account,currency\nopen_account,b,euro\n", &["--dry-run"]).await;
    assert!(code == Some(1) && said.contains("currency") && said.contains("dry run"), "{code:?} {said}");
    let (code, said) = import("long.ndjson", &"x".repeat(100_000), &[]).await;
    assert!(code == Some(2) && said.contains("65536"), "{code:?} {said}");
    let (code, said) = import("good.csv", good, &["--api-url", "http://127.0.0.1:1"]).await;
    assert!(code == Some(2), "{code:?} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_file_in_another_dialect_is_read_and_one_that_is_cut_off_is_refused() {
    use base64::Engine as _;
    // kind;account;currency;amount / open_account;zoe;EUR; / deposit;zoe;EUR;1.234,56
    let packed = "H4sIAAAAAAACA8vOzEuxTkxOzi/NK7FOLi0qSs1LrrROzAXxufILUvPiYZJV+anWrqFB1lwpqQX5xZkIAUM9I2MTHVMzLgByarGqTAAAAA==";
    let packed = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
    let (_fleet, _dev, client) = dev().await.unwrap();
    let cut = send(&client, "?name=a.csv.gz", "application/gzip", &packed[..packed.len() - 9]).await.unwrap();
    let cut = ended(&client, &cut["id"]).await.unwrap();
    assert_eq!(cut["state"], "refused", "{cut}");
    assert!(cut["error"]["detail"].as_str().unwrap().contains("gzip"), "{cut}");
    assert_counts(&cut, &[("accepted", 0)]);
    let import = send(&client, "?name=a.csv.gz", "application/gzip", packed).await.unwrap();
    let import = ended(&client, &import["id"]).await.unwrap();
    assert_counts(&import, &[("posted", 2), ("refused", 0)]);
    assert_eq!(client.account("zoe").await.unwrap()["balance"], 123_456);
    let bad = client.post("/api/imports?map=colour%3Dred", "text/csv", "a").await.unwrap();
    assert!(bad.status == 400 && bad.body.contains("colour"), "{bad:?}");
}
