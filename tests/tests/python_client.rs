//! The Python client in `clients/python`: as it is published, it passes its own tests, which start fleets of this binary, run the
//! examples of its README, and kill it among 10,000 jobs.
//!
//! Its tools come from the registry of Python packages, in the versions of `clients/python/requirements.txt`. Where the registry
//! cannot be reached the last words of the run say what was not tested.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tests::client::Client;
use tests::fleet::{self, Fleet, Role};
use tests::registry::{is_installed, last_words};
use tests::sandbox::Sandbox;
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python");
/// What the client is: all but what its tools leave beside it.
const PARTS: [&str; 7] =
    ["src", "tests", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "pyproject.toml", "requirements.txt"];
/// Some 20 packages on a slow day, or all tests on two cores with a build beside them.
const STEP_WITHIN: Duration = Duration::from_secs(600);
/// A folder with a copy of the client and an environment of its own.
struct Workshop {
    sandbox: Arc<Sandbox>,
}

impl Workshop {
    async fn open() -> anyhow::Result<Workshop> {
        let workshop = Workshop { sandbox: Sandbox::new("python")? };
        for part in PARTS {
            workshop.run_words(&["cp", "-R", &format!("{CLIENT}/{part}"), "."]).await?;
        }
        workshop.run("python3 -m venv venv").await?;
        Ok(workshop)
    }

    /// Installs packages; `false`: their registry cannot be reached.
    async fn installs(&self, what: &str) -> anyhow::Result<bool> {
        let pip = format!("venv/bin/pip install --disable-pip-version-check --retries 2 {what}");
        is_installed(self.run(&pip).await)
    }

    async fn run(&self, command: &str) -> anyhow::Result<String> {
        self.run_words(&command.split(' ').collect::<Vec<_>>()).await
    }

    /// Runs a command in the folder, with the binary that the fleets are to be of; returns what it said.
    async fn run_words(&self, words: &[&str]) -> anyhow::Result<String> {
        let (program, arguments) = words.split_first().context("no command")?;
        let program = program
            .strip_prefix("venv/")
            .map_or_else(|| program.into(), |own| self.sandbox.path().join("venv").join(own));
        let mut starting = Command::new(program);
        starting.args(arguments).current_dir(self.sandbox.path()).env("TELLERS_BIN", fleet::binary().await?);
        // Settings of the machine that runs the tests are none of the client's.
        for setting in ["TELLERS_URL", "TELLERS_API_KEY", "TELLERS_CA"] {
            starting.env_remove(setting);
        }
        let mut process = self.sandbox.spawn("step", starting)?;
        let status =
            until(&words.join(" "), STEP_WITHIN, async || process.exited()?.context("it still runs")).await;
        let said = process.output();
        let status = status.with_context(|| said.clone())?;
        ensure!(status.success(), "{}: {status}\n{said}", words.join(" "));
        Ok(said)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_client_passes_its_tests_on_fleets_of_this_binary() {
    let workshop = Workshop::open().await.unwrap();
    if !workshop.installs("-r requirements.txt").await.unwrap() {
        return last_words(
            "the Python client was not tested: the registry of Python packages cannot be reached",
        )
        .unwrap();
    }
    // As it is published: what is not in the package is missing here.
    workshop.run("venv/bin/python -m build --no-isolation").await.unwrap();
    assert!(workshop.installs("--no-index --no-deps --find-links dist tellers").await.unwrap());
    workshop.run("venv/bin/ruff check .").await.unwrap();
    workshop.run("venv/bin/ruff format --check .").await.unwrap();
    workshop.run("venv/bin/mypy").await.unwrap();
    let said = workshop.run("venv/bin/pytest --tb=short -ra").await.unwrap();
    assert!(said.contains(" passed"), "{said}");
    assert!(!said.contains("SKIPPED"), "{said}");
}

/// The consumer of docs/events.md, which knows nothing of Tellers but the broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_the_broker_reads_every_event_while_workers_are_killed() {
    const JOBS: usize = 300;
    let workshop = Workshop::open().await.unwrap();
    if !workshop.installs("pika==1.4.4").await.unwrap() {
        return last_words(
            "the consumer of the event stream was not tested: the registry of Python packages cannot be reached",
        )
        .unwrap();
    }
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &vhost.url).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    let (api, mut worker) = (fleet.start(Role::Api).await.unwrap(), fleet.start(Role::Worker).await.unwrap());
    let client = Client::new(&api.url("")).unwrap();
    let docs = include_str!("../../docs/events.md");
    let example = docs.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let url = "amqp://guest:guest@localhost:5672/%2f";
    assert!(example.contains(url), "{example}");
    std::fs::write(workshop.sandbox.path().join("consumer.py"), example.replace(url, &vhost.url)).unwrap();
    client.submit(&json!({"kind": "open_account", "account": "a", "currency": "EUR"})).await.unwrap();
    let mut ids = BTreeSet::new();
    for number in 0..JOBS {
        let job = json!({"kind": "deposit", "account": "a", "amount": 1, "currency": "EUR", "reference": number.to_string()});
        ids.insert(client.submit(&job).await.unwrap());
        if number % 100 == 50 {
            worker.kill9().unwrap();
            worker = fleet.start(Role::Worker).await.unwrap();
        }
    }
    let mut consuming = Command::new(workshop.sandbox.path().join("venv/bin/python"));
    consuming.args(["-u", "consumer.py"]).current_dir(workshop.sandbox.path());
    let consumer = workshop.sandbox.spawn("consumer", consuming).unwrap();
    until("the consumer has every event", STEP_WITHIN, async || {
        let said = consumer.output();
        let seen: Vec<&str> = said
            .lines()
            .filter(|line| line.contains(" tellers.job.posted "))
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        let missing = ids.iter().filter(|id| !seen.contains(&id.as_str())).count();
        ensure!(missing == 0, "{missing} of {JOBS} are missing: {said}");
        Ok(())
    })
    .await
    .unwrap();
}
