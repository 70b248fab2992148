//! What others put on our queues, or ask for, harms nothing.

use std::time::Duration;

use anyhow::ensure;
use contract::{envelope, message, submission};
use domain::id::{Identity, JobId};
use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{Vhost, fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(10);

/// A fleet of one ingress and one worker on one lane, with a channel of our own beside it.
struct Beset {
    _vhost: Vhost,
    worker: Replica,
    _api: Replica,
    fleet: Fleet,
    client: Client,
    channel: Channel,
}

impl Beset {
    async fn start() -> anyhow::Result<Beset> {
        let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
        let fleet = Fleet::new(&database, &vhost.url)?.with("LANES", "1");
        fleet.run_ok(&["migrate"]).await?;
        let (api, worker) = tokio::try_join!(fleet.start(Role::Api), fleet.start(Role::Worker))?;
        let client = Client::new(&api.url(""))?;
        let connection = Connection::connect(&vhost.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let beset = Beset { _vhost: vhost, worker, _api: api, fleet, client, channel };
        // A fleet that works has declared everything that others may misuse.
        beset.open("before").await?;
        Ok(beset)
    }

    /// Publishes what no ingress of ours has written; it has to arrive in a queue.
    async fn publish(&self, exchange: &str, key: &str, payload: &[u8]) -> anyhow::Result<()> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let sent = self.channel.basic_publish(exchange.into(), key.into(), mandatory, payload, persistent);
        let confirmed = sent.await?.await?;
        ensure!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
        Ok(())
    }

    /// Submits the opening of an account and waits until it is there.
    async fn open(&self, account: &str) -> anyhow::Result<()> {
        let opening = json!({"kind": "open_account", "account": account, "currency": "EUR"});
        let id = self.client.submit(&opening).await?;
        let view = self.client.outcome(&id, WITHIN).await?;
        ensure!(view.status == "posted", "{view:?}");
        Ok(())
    }

    /// The dead letters as the command line lists them, once there are `count`.
    async fn letters(&self, count: usize) -> anyhow::Result<Vec<Value>> {
        until(&format!("{count} dead letters are listed"), WITHIN, async || {
            let listed = self.fleet.run_ok(&["dead-letters", "list", "--json"]).await?;
            let letters = listed.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
            ensure!(letters.len() == count, "the list is {listed}");
            Ok(letters)
        })
        .await
    }
}

#[tokio::test]
async fn a_message_that_is_no_envelope_is_kept_with_its_cause_and_harms_nothing() {
    let beset = Beset::start().await.unwrap();
    let strangers = [
        (&b"not an envelope"[..], "no envelope"),
        (b"", "no envelope"),
        (b"\xff\xfe", "no envelope"),
        (b"{\"version\":99}", "version 99"),
        (br#"{"version":1,"ingress":"i","jobs":[{"no":"job"}]}"#, "no queued job"),
    ];
    for (stranger, _) in strangers {
        beset.publish("", "tellers.lane.00", stranger).await.unwrap();
    }
    beset.open("after").await.unwrap();

    let letters = beset.letters(strangers.len()).await.unwrap();
    for (letter, (_, cause)) in letters.iter().zip(strangers) {
        assert!(letter["cause"].as_str().is_some_and(|said| said.contains(cause)), "{cause}: {letter}");
        assert_eq!(letter["lane"], json!(0));
    }
    let said = beset.fleet.run_ok(&["dead-letters", "list"]).await.unwrap();
    assert!(said.contains("5 of 5 dead letters"), "{said}");
    // None of them can be replayed; each can be looked at and thrown away, and no other goes with it.
    let replayed = beset.fleet.run(&["dead-letters", "replay", "--all"]).await.unwrap();
    assert!(!replayed.status.success(), "{replayed:?}");
    let id = |letter: &Value| letter["id"].as_str().unwrap().to_owned();
    let shown = beset.fleet.run_ok(&["dead-letters", "show", &id(&letters[0])]).await.unwrap();
    assert!(shown.contains("not an envelope"), "{shown}");
    beset.fleet.run_ok(&["dead-letters", "discard", &id(&letters[0])]).await.unwrap();
    let gone = beset.fleet.run(&["dead-letters", "discard", &id(&letters[0])]).await.unwrap();
    assert!(!gone.status.success(), "{gone:?}");
    assert_eq!(beset.letters(strangers.len() - 1).await.unwrap(), letters[1..]);
    beset.fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn an_envelope_of_the_next_release_waits_on_its_lane_for_a_worker_that_reads_it() {
    let beset = Beset::start().await.unwrap();
    let next = format!(r#"{{"version":{},"jobs":"in another form"}}"#, envelope::VERSION + 1);
    beset.publish("", "tellers.lane.00", next.as_bytes()).await.unwrap();
    let opening = json!({"kind": "open_account", "account": "behind", "currency": "EUR"});
    beset.client.submit(&opening).await.unwrap();
    until("the worker says what it waits for", WITHIN, async || {
        let log = beset.worker.output();
        ensure!(log.contains("lane 00") && log.contains("upgrade the workers"), "{log}");
        Ok(())
    })
    .await
    .unwrap();
    beset.letters(0).await.unwrap();
    assert!(beset.client.account("behind").await.is_err(), "nothing overtakes it");
}

#[tokio::test]
async fn a_stranger_among_the_analyses_is_kept_with_its_cause() {
    let beset = Beset::start().await.unwrap();
    beset.publish("tellers.jobs", "tellers.analysis", b"{\"work\": \"make tea\"}").await.unwrap();
    let letters = beset.letters(1).await.unwrap();
    assert!(letters[0]["lane"].is_null(), "{letters:?}");
    assert!(letters[0]["cause"].as_str().unwrap().contains("make tea"), "{letters:?}");
    // Put back it is given up again, as the same letter; what comes after it is done meanwhile.
    beset.fleet.run_ok(&["dead-letters", "replay", "--all"]).await.unwrap();
    assert_eq!(beset.letters(1).await.unwrap()[0]["id"], letters[0]["id"]);
    beset.open("patient").await.unwrap();
    let body = r#"{"accounts": ["patient"]}"#;
    let run = beset.client.post("/api/analyses", "application/json", body).await.unwrap();
    let id = run.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
    until("the analysis is done", WITHIN, async || {
        let run: Value = beset.client.get(&format!("/api/analyses/{id}")).await?.json()?;
        ensure!(run["state"] == "done", "{run}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_dead_letter_is_replayed_once_its_cause_is_gone() {
    let beset = Beset::start().await.unwrap();
    let client = domain::text::Client::parse("acme").unwrap();
    let (id, body) = (
        JobId::derived(&client, Identity::Key("mended")),
        r#"{"kind":"deposit","account":"mended","amount":700,"currency":"EUR"}"#,
    );
    let job = message::write(id, &client, None, &[], None, body).unwrap();
    let letter = envelope::write("a stranger", [(Timestamp::now(), job.as_slice())]);
    // Twice, as after a crash between keeping the letter and acknowledging its job.
    for _ in 0..2 {
        beset.publish("tellers.dead", "", &letter).await.unwrap();
    }
    beset.letters(2).await.unwrap();
    beset.open("mended").await.unwrap();
    beset.fleet.run_ok(&["dead-letters", "replay", "--all"]).await.unwrap();
    beset.letters(0).await.unwrap();
    until("the deposit is there once", WITHIN, async || {
        let account = beset.client.account("mended").await?;
        ensure!(account["balance"] == json!(700), "{account}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(beset.client.job(&id.to_string(), WITHIN).await.unwrap().status, "posted");
    beset.fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn another_job_under_a_used_identity_is_noted_with_the_first_and_changes_nothing() {
    let beset = Beset::start().await.unwrap();
    beset.open("a").await.unwrap();
    let deposit = |amount: u32| json!({"kind": "deposit", "account": "a", "amount": amount, "currency": "EUR", "reference": "r"});
    let first = beset.client.submit(&deposit(1)).await.unwrap();
    assert_eq!(beset.client.outcome(&first, WITHIN).await.unwrap().status, "posted");
    let refused = beset.client.post("/api/jobs", "application/json", deposit(2).to_string()).await.unwrap();
    assert_eq!(refused.status, 422, "{refused:?}");
    // An ingress that never heard of the first one accepts the others; one of them twice.
    let client = domain::text::Client::parse("anonymous").unwrap();
    let id = first.parse().unwrap();
    for amount in [3, 3, 4] {
        let spec = submission::parse(deposit(amount).to_string().as_bytes()).unwrap();
        let job = message::write(id, &client, None, &[], None, &submission::canonical(&spec)).unwrap();
        let envelope = envelope::write("another ingress", [(Timestamp::now(), job.as_slice())]);
        beset.publish("", "tellers.lane.00", &envelope).await.unwrap();
    }
    until("both bodies are noted", WITHIN, async || {
        let job: Value = beset.client.get(&format!("/api/jobs/{first}")).await?.json()?;
        ensure!(job["conflicts"]["count"] == 2 && job["conflicts"]["last_body"]["amount"] == 4, "{job}");
        ensure!(job["status"] == "posted" && job["body"]["amount"] == 1, "{job}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(beset.client.account("a").await.unwrap()["balance"], json!(1));
    beset.letters(0).await.unwrap();
    beset.fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test]
async fn a_role_that_has_no_servers_says_so() {
    let fleet = Fleet::embedded().unwrap();
    for role in ["api", "worker"] {
        let output = fleet.run(&[role]).await.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains("AMQP_URL"), "{role}: {complaint}");
    }
}

#[tokio::test]
async fn nobody_listens_to_everyone_without_keys() {
    let fleet = Fleet::embedded().unwrap().with("API_LISTEN", "0.0.0.0:0");
    let output = fleet.run(&["dev"]).await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complaint.contains("API_KEYS"), "{complaint}");
}
