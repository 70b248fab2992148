//! TLS at the listeners of the real binary, and to its broker and its database, with an authority of one's own.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::authority::{Authority, Pair, text};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{MariaDb, MariaDbOptions, RabbitMq};
use tests::wait::until;
use tokio::sync::OnceCell;

const WITHIN: Duration = Duration::from_secs(60);
const LOAD_TEST: &str = "/api/scalability/load-test";
const OPEN: &str = r#"{"kind":"open_account","account":"alice","currency":"EUR"}"#;

/// The authority that this process trusts.
async fn trusted() -> anyhow::Result<&'static Authority> {
    static AUTHORITY: OnceCell<Authority> = OnceCell::const_new();
    let make = async || {
        let authority = Authority::new("Authority of the tests")?;
        runtime::tls::trust(&authority.file())?;
        anyhow::Ok(authority)
    };
    AUTHORITY.get_or_try_init(make).await
}

fn with_tls(fleet: Fleet, pair: &Pair) -> Fleet {
    fleet.with("TLS_CERT", &text(&pair.certificate)).with("TLS_KEY", &text(&pair.key))
}

fn client(replica: &Replica, role: Role) -> anyhow::Result<Client> {
    let url = replica.url_as(role, "").context("it does not listen")?;
    ensure!(url.starts_with("https://"), "{url}");
    Client::new(&url)
}

/// What a command of the binary says that has to fail.
async fn told(fleet: &Fleet, arguments: &[&str]) -> anyhow::Result<String> {
    let output = fleet.run(arguments).await?;
    ensure!(!output.status.success(), "{arguments:?} goes well");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An operator learns of it weeks before the fleet is not reached any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_warns_before_a_certificate_ends() -> anyhow::Result<()> {
    let authority = trusted().await?;
    let in_days = |days: i64| {
        jiff::tz::Offset::UTC
            .to_datetime(jiff::Timestamp::now())
            .date()
            .saturating_add(jiff::Span::new().days(days))
    };
    for (days, expected) in [(10, "warn  ingress/encryption"), (90, "ok    ingress/encryption")] {
        let pair = authority.issue_until(&format!("days-{days}"), &["127.0.0.1"], in_days(days))?;
        let dev = with_tls(Fleet::embedded()?, &pair).start(Role::Dev).await?;
        let trusting = Fleet::embedded()?
            .with("TLS_CA", &text(&authority.file()))
            .with("API_URL", client(&dev, Role::Api)?.base())
            .with("MONITOR_URL", client(&dev, Role::Monitor)?.base());
        let output = trusting.run(&["doctor"]).await?;
        let found = String::from_utf8_lossy(&output.stdout);
        ensure!(found.contains(expected), "{days} days: no `{expected}` in {found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_with_a_certificate_speaks_tls_alone_and_its_commands_reach_it() -> anyhow::Result<()> {
    let authority = trusted().await?;
    let pair = authority.issue("fleet", &["127.0.0.1"])?;
    let fleet = with_tls(Fleet::embedded()?, &pair);
    let mut dev = fleet.start(Role::Dev).await?;
    let (api, monitor) = (client(&dev, Role::Api)?, client(&dev, Role::Monitor)?);
    let accepted = api.post("/api/jobs?wait=10", "application/json", OPEN).await?;
    ensure!(accepted.json::<Value>()?["status"] == "posted", "{accepted:?}");
    ensure!(monitor.get("/api/scalability/status").await?.status == 200);
    for role in [Role::Api, Role::Monitor] {
        let url = dev.url_as(role, "").context("it listens")?.replace("https://", "http://");
        ensure!(Client::new(&url)?.get("/livez").await.is_err(), "{role:?} answers without TLS");
    }
    let probes = dev.url_as(Role::Worker, "").context("the worker listens")?;
    ensure!(Client::new(&probes)?.get("/readyz").await?.status == 200, "its probes are plain");

    // The commands trust the authority by either name of it, and nobody else.
    let ready = format!("{}/readyz", api.base());
    let refused = told(&fleet, &["health", "--url", &ready]).await?;
    ensure!(refused.contains("does not answer"), "{refused}");
    for name in ["TLS_CA", "SSL_CERT_FILE"] {
        let trusting = Fleet::embedded()?.with(name, &text(&authority.file()));
        trusting.run_ok(&["health", "--url", &ready]).await?;
    }
    let trusting = Fleet::embedded()?.with("TLS_CA", &text(&authority.file())).with("API_URL", api.base());
    let file = fleet.data_dir().join("jobs.ndjson");
    std::fs::write(
        &file,
        r#"{"kind":"deposit","account":"alice","amount":5,"currency":"EUR","reference":"r1"}"#,
    )?;
    let imported = trusting.run_ok(&["import", &text(&file), "--json"]).await?;
    ensure!(serde_json::from_str::<Value>(&imported)?["posted"] == 1, "{imported}");
    let arguments = ["load-test", "--accounts", "2", "--json", "--monitor", monitor.base()];
    let report: Value = serde_json::from_str(&trusting.run_ok(&arguments).await?)?;
    ensure!(report["verdict"]["passed"] == true, "{report}");
    dev.terminate().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_reaches_its_own_fleet_whatever_names_the_certificate_has() -> anyhow::Result<()> {
    // One that this process does not trust, and that names no address of the fleet.
    let authority = Authority::new("Another authority")?;
    let fleet = with_tls(Fleet::embedded()?, &authority.issue("fleet", &["bank.example"])?);
    let dev = fleet.start(Role::Dev).await?;
    let refused = client(&dev, Role::Monitor)?.get("/livez").await;
    ensure!(refused.is_err(), "its certificate is for others: {refused:?}");

    let monitor = Browser::new(&dev, &authority)?;
    let run: Value = monitor.ask(reqwest::Method::POST, LOAD_TEST, &json!({"accounts": 2})).await?;
    let number = run["id"].as_u64().with_context(|| run.to_string())?;
    let done = until("the load test is done", WITHIN, async || {
        let run = monitor.ask(reqwest::Method::GET, &format!("{LOAD_TEST}/{number}"), &Value::Null).await?;
        ensure!(run["state"] != "running", "{run}");
        Ok(run)
    })
    .await?;
    ensure!(done["result"]["verdict"]["passed"] == true, "{done}");
    Ok(())
}

/// A client that knows the fleet by the name of its certificate.
struct Browser {
    http: reqwest::Client,
    base: String,
}

impl Browser {
    fn new(dev: &Replica, authority: &Authority) -> anyhow::Result<Browser> {
        let url = dev.url_as(Role::Monitor, "").context("no monitor")?;
        let address = url.trim_start_matches("https://").parse()?;
        let root = reqwest::Certificate::from_pem(&std::fs::read(authority.file())?)?;
        // It asks for the process's default where it is not given whole.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http =
            reqwest::Client::builder().no_proxy().tls_certs_only([root]).resolve("bank.example", address);
        Ok(Browser { http: http.build()?, base: format!("https://bank.example:{}", address.port()) })
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = self.http.request(method, url).header("host", "localhost");
        let request = if body.is_null() { request } else { request.json(body) };
        Ok(request.send().await?.json().await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_in_use_without_a_restart() -> anyhow::Result<()> {
    let authority = trusted().await?;
    let pair = authority.issue("replaced", &["bank.example"])?;
    let fleet = with_tls(Fleet::embedded()?, &pair);
    let dev = fleet.start(Role::Dev).await?;
    let api = client(&dev, Role::Api)?;
    ensure!(api.get("/livez").await.is_err(), "it is for another name");
    std::fs::write(&pair.key, "no key")?;
    until("the log says what is wrong", WITHIN, async || {
        let output = dev.output();
        ensure!(output.contains("TLS_KEY: ") && output.contains("holds no private key"), "{output}");
        Ok(())
    })
    .await?;
    authority.issue("replaced", &["127.0.0.1"])?;
    until("the new certificate is in use", WITHIN, async || Ok(api.get("/livez").await?)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_tls_that_cannot_be_used_are_refused_at_the_start() -> anyhow::Result<()> {
    let pair = trusted().await?.issue("odd", &["127.0.0.1"])?;
    let other = trusted().await?.issue("other", &["127.0.0.1"])?;
    let mixed = Pair { key: other.key, ..pair.clone() };
    let missing = Pair { certificate: pair.certificate.with_extension("nowhere.pem"), ..pair.clone() };
    for (fleet, said) in [
        (with_tls(Fleet::embedded()?, &mixed), "TLS_KEY: "),
        (with_tls(Fleet::embedded()?, &missing), "TLS_CERT: "),
        (Fleet::embedded()?.with("TLS_CERT", &text(&pair.certificate)), "TLS_KEY is not set"),
        (Fleet::embedded()?.with("TLS_CA", &text(&pair.key)), "TLS_CA: "),
    ] {
        let told = told(&fleet, &["dev"]).await?;
        ensure!(told.contains(said) && told.contains(".pem"), "{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_verified_where_an_authority_is_given() -> anyhow::Result<()> {
    let (authority, stranger) = (trusted().await?, Authority::new("A stranger")?);
    let start = async |names: &[&str]| {
        let tls = Some(authority.issue(names[0], names)?);
        MariaDb::start_with(MariaDbOptions { tls, ..MariaDbOptions::default() }).await
    };
    let (named, unnamed) = (start(&["127.0.0.1"]).await?, start(&["db.example"]).await?);
    let migrate = async |url: &str, authority: Option<&Authority>| {
        let mut fleet = Fleet::embedded()?.with("DATABASE_URL", url).with("DB_POOL_TIMEOUT", "2");
        if let Some(authority) = authority {
            fleet = fleet.with("TLS_CA", &text(&authority.file()));
        }
        let output = fleet.run(&["migrate"]).await?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::Ok(if output.status.success() { Ok(()) } else { Err(complaint) })
    };
    let (named, unnamed) = (named.url(), unnamed.url());
    ensure!(migrate(&named, Some(authority)).await? == Ok(()));
    ensure!(migrate(&unnamed, None).await? == Ok(()), "without an authority nothing is verified");
    let untrusted = migrate(&named, Some(&stranger)).await?.err().context("a stranger issued it")?;
    ensure!(untrusted.contains("not trusted") && untrusted.contains("TLS_CA"), "{untrusted}");
    let misnamed = migrate(&unnamed, Some(authority)).await?.err().context("it is for another name")?;
    ensure!(misnamed.contains("other names") && misnamed.contains("ssl-mode=VERIFY_CA"), "{misnamed}");
    ensure!(migrate(&format!("{unnamed}?ssl-mode=VERIFY_CA"), Some(authority)).await? == Ok(()));
    let plain = format!("{named}?ssl-ca={}", stranger.file().display());
    ensure!(migrate(&plain, None).await?.is_err(), "authorities in the URL verify the server");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_verified_by_the_given_authority() -> anyhow::Result<()> {
    let (authority, stranger) = (trusted().await?, Authority::new("A stranger")?);
    let broker = RabbitMq::start_tls(authority.issue("broker", &["127.0.0.1"])?).await?;
    let url = broker.tls_url().context("it speaks TLS")?;
    let fleet = |authority: &Authority| {
        anyhow::Ok(Fleet::embedded()?.with("AMQP_URL", &url).with("TLS_CA", &text(&authority.file())))
    };
    let fleet_here = fleet(authority)?;
    let mut dev = fleet_here.start(Role::Dev).await?;
    let api = Client::new(&dev.url_as(Role::Api, "").context("it listens")?)?;
    let accepted = api.post("/api/jobs?wait=30", "application/json", OPEN).await?;
    ensure!(accepted.json::<Value>()?["status"] == "posted", "{accepted:?}");
    dev.terminate().await?;
    let untrusted = told(&fleet(&stranger)?, &["dead-letters", "list"]).await?;
    ensure!(untrusted.contains("not trusted") && untrusted.contains("TLS_CA"), "{untrusted}");
    Ok(())
}
