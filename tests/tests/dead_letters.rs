//! On-call with thousands of dead letters: found, tried, replayed and discarded by what they have in common.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contract::envelope::{self, Enclosed, Failed};
use contract::message;
use domain::id::{Identity, JobId};
use domain::lane::{Lane, Lanes};
use jiff::Timestamp;
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use queue::{DeadLetter, Queue};
use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::refusing::Database;
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const LETTERS: &str = "/api/scalability/dead-letters";
const SOON: Duration = Duration::from_secs(60);
/// What one look, one discard of a single letter, may take with thousands of letters.
const QUICK: Duration = Duration::from_secs(5);
/// What the database refuses.
const CAUSES: [&str; 2] = ["gold", "silver"];

fn job(word: &str, number: usize) -> Value {
    json!({
        "kind": "deposit", "account": "a", "amount": 1, "currency": "EUR", "memo": word, "reference": format!("{word}-{number}")
    })
}

/// Letters as workers keep them, without the minutes that a debug build takes to give up thousands of jobs.
async fn keep(queue: &dyn Queue, letters: usize) -> anyhow::Result<()> {
    let client = domain::text::Client::parse("acme")?;
    for number in 0..letters {
        for word in CAUSES {
            let body = job(word, number).to_string();
            let id = JobId::derived(&client, Identity::Key(&format!("{word}-{number}")));
            let json = message::write(id, &client, None, &[], None, &body)?;
            let at = Timestamp::now();
            let failed = Some(Failed { attempts: 1, first_at: at.as_microsecond() });
            let enclosed = Enclosed { accepted_at: at, origin: None, failed, trace: None, job: &json };
            queue
                .dead_letter(DeadLetter {
                    id: id.to_string()[..16].replace('-', ""),
                    lane: Lane(0),
                    cause: format!("no {word} today"),
                    at,
                    payload: envelope::write("api-1", [enclosed]),
                })
                .await?;
        }
    }
    Ok(())
}

/// A fleet whose database refuses two kinds of jobs.
struct OnCall {
    fleet: Fleet,
    database: Database,
    // Dropped before what they stand on.
    _replicas: Vec<Replica>,
    api: String,
    monitor: String,
}

/// Keys of a client, an operator and an auditor.
fn keys() -> String {
    let [acme, ops, auditor] = ["acme-key", "ops-key", "auditor-key"].map(Keys::hash);
    format!("acme:submit+read:{acme},ann:operate+read:{ops},auditor:audit:{auditor}")
}

impl OnCall {
    fn client(&self, url: &str, key: &str) -> anyhow::Result<Client> {
        Client::with_key(url, key)
    }

    /// The database refuses jobs for two reasons.
    async fn refuses(&self) -> anyhow::Result<()> {
        let acme = self.client(&self.api, "acme-key")?;
        let open = json!({"kind": "open_account", "account": "a", "currency": "EUR"});
        ensure!(acme.outcome(&acme.submit(&open).await?, SOON).await?.status == "posted");
        for word in CAUSES {
            self.database.refuse(word).await?;
        }
        Ok(())
    }

    /// `letters` jobs of each cause are given up.
    async fn gives_up(&self, letters: usize) -> anyhow::Result<()> {
        self.refuses().await?;
        let acme = self.client(&self.api, "acme-key")?;
        for word in CAUSES {
            let jobs: Vec<_> = (0..letters).map(|number| job(word, number)).collect();
            let answer = acme.batch(&jobs).await?;
            ensure!(answer.refused == 0, "{answer:?}");
        }
        self.has(2 * letters, SOON).await
    }

    async fn has(&self, letters: usize, within: Duration) -> anyhow::Result<()> {
        let operator = self.client(&self.monitor, "ops-key")?;
        until(&format!("there are {letters} dead letters"), within, async || {
            let status: Value = operator.read("/api/scalability/status").await?;
            ensure!(status["dead_letters"] == letters, "{} of them", status["dead_letters"]);
            Ok(())
        })
        .await?;
        let listed = self.listed("?limit=1").await?;
        ensure!(listed["count"] == letters, "{} of {letters} are listed", listed["count"]);
        Ok(())
    }

    async fn listed(&self, query: &str) -> anyhow::Result<Value> {
        self.client(&self.monitor, "ops-key")?.read(&format!("{LETTERS}{query}")).await.map_err(Into::into)
    }

    async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let monitor = ["dead-letters", "--url", &self.monitor];
        self.fleet.run_ok(&[&monitor[..], arguments].concat()).await
    }

    /// What the issue asks of on-call: 5,000 letters of two causes, one of them mended.
    async fn mends_one_of_two_causes(&self, letters: usize) -> anyhow::Result<()> {
        let operator = self.client(&self.monitor, "ops-key")?;
        let began = Instant::now();
        let listed = self.listed("?cause_contains=NO+GOLD&limit=3").await?;
        eprintln!("a page of {} dead letters took {:?}", 2 * letters, began.elapsed());
        ensure!(began.elapsed() < QUICK, "a page took {:?}", began.elapsed());
        let letter = &listed["letters"][0];
        ensure!(
            listed["count"] == letters && listed["by_cause"].as_array().is_some_and(|all| all.len() == 1)
        );
        ensure!(
            letter["client"] == "acme"
                && letter["kind"] == "deposit"
                && letter["accounts"] == json!(["a"])
                && letter["amount"] == 1
                && letter["currency"] == "EUR"
                && letter["attempts"] == 1
                && letter["first_failed_at"] == letter["at"],
            "{letter}"
        );
        // Every letter is on one page, whatever goes meanwhile.
        let first = letter["id"].as_str().context("no id")?;
        let began = Instant::now();
        let discarded = operator.delete(&format!("{LETTERS}/{first}")).await?;
        eprintln!("a discard among {} dead letters took {:?}", 2 * letters, began.elapsed());
        ensure!(discarded.status == 200 && began.elapsed() < QUICK, "{discarded:?} {:?}", began.elapsed());
        let cursor = listed["next"].as_str().context("no next page")?;
        let next = self.listed(&format!("?cause_contains=NO+GOLD&limit=1&cursor={cursor}")).await?;
        ensure!(
            next["count"] == letters - 1 && next["letters"][0]["at"].as_str() >= letter["at"].as_str(),
            "{next}"
        );
        let own =
            self.listed(&format!("?job={}", next["letters"][0]["job"].as_str().context("no job")?)).await?;
        ensure!(own["count"] == 1 && own["letters"][0]["id"] == next["letters"][0]["id"], "{own}");

        // Nothing is mended: the preview says so, and why.
        let post = async |path: &str, body: Value| {
            operator.post(&format!("{LETTERS}/{path}"), "application/json", body.to_string()).await
        };
        let unmended: Value = post("preview", json!({"limit": 20})).await?.json()?;
        ensure!(unmended["by_answer"] == json!({"still_fails": 20}), "{unmended}");
        ensure!(
            unmended["letters"][0]["why"].as_str().is_some_and(|why| why.contains("today")),
            "{unmended}"
        );
        self.database.allow("silver").await?;
        let limit = letters.min(500);
        let silver = json!({"filter": {"cause_contains": "no silver"}, "limit": limit});
        let began = Instant::now();
        let silver: Value = post("preview", silver).await?.json()?;
        eprintln!("a preview of {limit} that would be posted took {:?}", began.elapsed());
        ensure!(
            silver["by_answer"] == json!({"would_post": limit}) && silver["matched"] == letters,
            "{silver}"
        );
        let gold: Value =
            post("preview", json!({"filter": {"cause_contains": "no gold"}, "limit": 20})).await?.json()?;
        ensure!(gold["by_answer"] == json!({"still_fails": 20}), "{gold}");
        ensure!(self.balance().await? == 0, "a preview writes nothing");

        // Fewer were previewed than there are: nothing is done.
        let too_few = post("replay", json!({"filter": silver["filter"], "matched": 1})).await?;
        ensure!(too_few.status == 409, "{too_few:?}");
        let began = Instant::now();
        let said = self.command(&["replay", "--cause-contains", "no silver", "--yes"]).await?;
        eprintln!("a replay of {letters} took {:?}", began.elapsed());
        ensure!(said.contains(&format!("replayed {letters} dead letters, {letters} jobs")), "{said}");
        ensure!(said.contains("would_post") && !said.contains("still_fails"), "{said}");
        self.has(letters - 1, SOON).await?;
        until("what was replayed is posted", SOON, async || {
            let balance = self.balance().await?;
            ensure!(balance == letters, "{balance} are");
            Ok(())
        })
        .await?;

        // One fails again: it says how often it did.
        let failing = self.listed("?limit=1").await?["letters"][0]["id"].as_str().context("none")?.to_owned();
        let replayed = operator.post(&format!("{LETTERS}/{failing}/replay"), "application/json", "").await?;
        ensure!(replayed.status == 200, "{replayed:?}");
        until("it is a dead letter again", SOON, async || {
            let again = self.newest().await?;
            ensure!(again["attempts"] == 2, "{again}");
            ensure!(again["first_failed_at"].as_str() < again["at"].as_str(), "{again}");
            Ok(())
        })
        .await?;
        self.has(letters - 1, SOON).await?;

        let began = Instant::now();
        let said = self.command(&["discard", "--cause-contains", "no gold", "--yes"]).await?;
        eprintln!("a discard of {} took {:?}", letters - 1, began.elapsed());
        ensure!(said.contains(&format!("discarded {} dead letters", letters - 1)), "{said}");
        self.has(0, SOON).await?;
        self.is_told_who(letters).await
    }

    async fn newest(&self) -> anyhow::Result<Value> {
        let mut query = "?limit=1000".to_owned();
        loop {
            let page = self.listed(&query).await?;
            match page["next"].as_str() {
                Some(next) => query = format!("?limit=1000&cursor={next}"),
                None => {
                    return page["letters"].as_array().and_then(|all| all.last()).cloned().context("none");
                }
            }
        }
    }

    async fn balance(&self) -> anyhow::Result<usize> {
        let account = self.client(&self.api, "acme-key")?.account("a").await?;
        Ok(usize::try_from(account["balance"].as_i64().context("no balance")?)?)
    }

    /// The audit log has the operator, the filters, and each job.
    async fn is_told_who(&self, letters: usize) -> anyhow::Result<()> {
        let auditor = self.client(&self.api, "auditor-key")?;
        until("the audit log says who", SOON, async || {
            let mut named = [0, 0];
            let mut all = Vec::new();
            let mut path = "/api/audit?limit=1000".to_owned();
            loop {
                let page: Value = auditor.read(&path).await?;
                all.extend(page["events"].as_array().cloned().unwrap_or_default());
                match page["next"].as_str() {
                    Some(next) => path = next.to_owned(),
                    None => break,
                }
            }
            let of = |action: &str| all.iter().filter(|event| event["action"] == action).collect::<Vec<_>>();
            for (place, deed) in ["replayed", "discarded"].into_iter().enumerate() {
                let many = of(&format!("dead_letters_{deed}"));
                let [event] = many.as_slice() else { anyhow::bail!("{deed}: {many:?}") };
                ensure!(event["client"] == "ann" && event.to_string().contains("cause_contains"), "{event}");
                for event in of(&format!("dead_letter_{deed}")) {
                    ensure!(event["client"] == "ann", "{event}");
                    let jobs = event["detail"]["jobs"].as_str().with_context(|| event.to_string())?;
                    named[place] += jobs.split(' ').count();
                }
            }
            // One was discarded and one replayed by its id.
            ensure!(named == [letters + 1, letters], "{named:?} jobs are named");
            Ok(())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_5_000_dead_letters_those_are_replayed_whose_cause_is_mended_and_the_others_discarded() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet =
        Fleet::new(&database, &vhost.url).unwrap().with("API_KEYS", &keys()).with("API_KEY", "ops-key");
    fleet.run_ok(&["migrate"]).await.unwrap();
    let mut replicas = Vec::new();
    for role in [Role::Api, Role::Monitor, Role::Worker, Role::Worker] {
        replicas.push(fleet.start(role).await.unwrap());
    }
    let (api, monitor) = (replicas[0].url(""), replicas[1].url(""));
    let on_call = OnCall { fleet, database: Database::MySql(database), _replicas: replicas, api, monitor };
    on_call.refuses().await.unwrap();
    let queue = RabbitMq::new(&vhost.url, RabbitMqSettings::new(Lanes::DEFAULT)).unwrap();
    keep(&queue, 2_500).await.unwrap();
    queue.close().await;
    on_call.has(5_000, SOON).await.unwrap();
    on_call.mends_one_of_two_causes(2_500).await.unwrap();
    on_call.fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_beside_a_running_fleet_in_one_process_are_handled_by_its_url() {
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys()).with("API_KEY", "ops-key");
    let dev = fleet.start(Role::Dev).await.unwrap();
    let [api, monitor] = [Role::Api, Role::Monitor].map(|role| dev.url_as(role, "").unwrap());
    let database = Database::Sqlite(fleet.data_dir().join("ledger.sqlite"));
    let on_call = OnCall { fleet, database, _replicas: vec![dev], api, monitor };
    on_call.gives_up(40).await.unwrap();
    // The queue itself is the process' own, and the command says how to go on.
    let refused = on_call.fleet.run(&["dead-letters", "list"]).await.unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("--url"), "{told}");
    // Nothing is done to all that was not asked for by name, and nobody is there to ask.
    for arguments in [&["discard"][..], &["discard", "--all"]] {
        let refused =
            on_call.fleet.run(&[&["dead-letters", "--url", &on_call.monitor], arguments].concat()).await;
        assert!(!refused.unwrap().status.success());
    }
    on_call.has(80, SOON).await.unwrap();
    on_call.mends_one_of_two_causes(40).await.unwrap();
}

/// What is dead was accepted; sent again it was accepted twice, and there is one job of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_of_jobs_adds_up_after_a_dead_job_was_discarded_and_sent_again() {
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys()).with("API_KEY", "ops-key");
    let dev = fleet.start(Role::Dev).await.unwrap();
    let [api, monitor] = [Role::Api, Role::Monitor].map(|role| dev.url_as(role, "").unwrap());
    let database = Database::Sqlite(fleet.data_dir().join("ledger.sqlite"));
    let on_call = OnCall { fleet, database, _replicas: vec![dev], api, monitor };
    let operator = on_call.client(&on_call.monitor, "ops-key").unwrap();
    let adds_up = async |duplicates: u64| {
        until("the line is closed and adds up", SOON, async || {
            let status: Value = operator.read("/api/scalability/status").await?;
            let line = &status["reconciliation"];
            ensure!(line["unaccounted"].is_number() && line["duplicates"] == duplicates, "{line}");
            ensure!(line["unaccounted"] == 0 && line["holds"] == true && line["missing_jobs"] == 0, "{line}");
            Ok(())
        })
        .await
        .unwrap();
    };
    adds_up(0).await;
    on_call.gives_up(1).await.unwrap();
    adds_up(0).await;
    on_call.command(&["discard", "--all", "--yes"]).await.unwrap();
    on_call.database.allow("gold").await.unwrap();
    let acme = on_call.client(&on_call.api, "acme-key").unwrap();
    let again = async |word: &str, status: &str| {
        let id = acme.submit(&job(word, 0)).await.unwrap();
        until(&format!("it is {status}"), SOON, async || {
            let job = acme.job(&id, Duration::ZERO).await?;
            ensure!(job.status == status, "{job:?}");
            Ok(())
        })
        .await
        .unwrap();
    };
    again("gold", "posted").await;
    adds_up(1).await;
    // This one is refused still, and dies once more.
    again("silver", "dead").await;
    on_call.has(1, SOON).await.unwrap();
    adds_up(2).await;
    on_call.database.allow("silver").await.unwrap();
    // Sent again beside its letter, which is replayed then: a replay is no job more.
    again("silver", "posted").await;
    on_call.command(&["replay", "--all", "--yes"]).await.unwrap();
    on_call.has(0, SOON).await.unwrap();
    adds_up(3).await;
}
