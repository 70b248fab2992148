//! Programs write clients from the two OpenAPI documents: without a warning, in types that hold, and so that they drive a
//! fleet.
//!
//! `tests/generators` has the programs that drive it, and the versions of the generators. They come from the registries of
//! Python and npm. Where a registry cannot be reached the last words of the run say what was not tested.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tellers_http::keys::Keys;
use tempfile::TempDir;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::registry::{is_installed, last_words};
use tokio::process::Command;
use tokio::time::timeout;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/generators");
const KEY: &str = "generated-client-key";
/// Some 40 packages, on a slow day.
const STEP_WITHIN: Duration = Duration::from_secs(600);
/// A fleet with a key, and a folder with its documents and what drives it.
struct Workshop {
    folder: TempDir,
    dev: Replica,
    _fleet: Fleet,
}

impl Workshop {
    async fn open() -> anyhow::Result<Workshop> {
        let key = format!("generated:submit+read+operate:{}", Keys::hash(KEY));
        let fleet = Fleet::embedded()?.with("API_KEYS", &key);
        let dev = fleet.start(Role::Dev).await?;
        let folder = tempfile::tempdir()?;
        for file in std::fs::read_dir(FILES)? {
            let file = file?;
            std::fs::copy(file.path(), folder.path().join(file.file_name()))?;
        }
        let workshop = Workshop { folder, dev, _fleet: fleet };
        for (role, file) in [(Role::Api, "api.json"), (Role::Monitor, "monitor.json")] {
            let document = Client::new(&workshop.url(role)?)?.get("/api/openapi.json").await?;
            ensure!(document.status == 200, "{document:?}");
            std::fs::write(workshop.path().join(file), document.body)?;
        }
        Ok(workshop)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self, role: Role) -> anyhow::Result<String> {
        self.dev.url_as(role, "").with_context(|| format!("dev has no {}", role.name()))
    }

    /// Installs packages; `false`: their registry cannot be reached.
    async fn installs(&self, command: &str) -> anyhow::Result<bool> {
        is_installed(self.run(command).await)
    }

    /// Runs a command in the folder, with the programs that were installed there; returns what it said.
    async fn run(&self, command: &str) -> anyhow::Result<String> {
        let mut words = command.split(' ');
        let program = words.next().context("no command")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let own = self.path().display();
        let running = Command::new(program)
            .args(words)
            .current_dir(self.path())
            .env("PATH", format!("{own}/venv/bin:{own}/node_modules/.bin:{path}"))
            .kill_on_drop(true)
            .output();
        let output =
            timeout(STEP_WITHIN, running).await.with_context(|| format!("{command} does not end"))?;
        let output =
            output.with_context(|| format!("{program} cannot be run; ./test --prepare installs it"))?;
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        ensure!(output.status.success(), "{command}: {}\n{said}", output.status);
        Ok(said)
    }

    /// Runs what drives the fleet with the addresses of both services and the key.
    async fn drive(&self, program: &str) -> anyhow::Result<()> {
        let (api, monitor) = (self.url(Role::Api)?, self.url(Role::Monitor)?);
        let said = self.run(&format!("{program} {api} {monitor} {KEY}")).await?;
        ensure!(said.contains("driven"), "{said}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_has_a_name_of_its_own_and_every_problem_a_page_on_both_services() {
    let workshop = Workshop::open().await.unwrap();
    for role in [Role::Api, Role::Monitor] {
        let client = Client::with_key(&workshop.url(role).unwrap(), KEY).unwrap();
        let document: Value = client.read("/api/openapi.json").await.unwrap();
        let mut names = BTreeMap::new();
        let mut problems = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let of = format!("{method} {path}");
                let name =
                    operation["operationId"].as_str().unwrap_or_else(|| panic!("{of} has no operation_id"));
                let before = names.insert(name.to_owned(), of.clone());
                assert_eq!(before, None, "{of} is called {name} too; give it an operation_id of its own");
                assert_eq!(
                    operation["requestBody"].is_object(),
                    operation["responses"]["415"].is_object(),
                    "{of}"
                );
                let said = operation["responses"].to_string();
                let named = said.split('`').filter(|word| word.starts_with("/problems/"));
                problems.extend(named.map(str::to_owned));
            }
        }
        assert!(names.len() > 15 && problems.len() > 10, "{names:?} {problems:?}");
        for problem in problems {
            let page = client.get(&problem).await.unwrap();
            assert!(page.status == 200 && page.body.contains("What to do"), "{problem}: {page:?}");
        }
        // As documented: a body that calls itself something else.
        let path = if role == Role::Api { "/api/jobs" } else { "/api/scalability/optimize" };
        let refused = client.post(path, "text/csv", "{}").await.unwrap();
        assert!(refused.status == 415 && refused.body.contains("text/csv"), "{path}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_are_valid_and_a_generated_python_client_drives_the_fleet() {
    let workshop = Workshop::open().await.unwrap();
    workshop.run("python3 -m venv venv").await.unwrap();
    let install = "venv/bin/pip install --disable-pip-version-check --retries 2 -r requirements.txt";
    if !workshop.installs(install).await.unwrap() {
        return last_words(
            "OpenAPI documents not validated, and no Python client generated: the registry of Python packages cannot be \
             reached",
        )
        .unwrap();
    }
    for (document, package) in [("api.json", "tellers_client"), ("monitor.json", "tellers_monitor_client")] {
        workshop.run(&format!("openapi-spec-validator {document}")).await.unwrap();
        let generate = "openapi-python-client generate --meta none --config python.yaml --fail-on-warning";
        let said = workshop.run(&format!("{generate} --path {document} --output-path {package}")).await;
        let said = said.unwrap();
        assert!(!said.to_lowercase().contains("warning"), "{said}");
    }
    let check = "mypy --config-file mypy.ini drive.py tellers_client tellers_monitor_client";
    workshop.run(check).await.unwrap();
    workshop.drive("venv/bin/python drive.py").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_typescript_client_drives_the_fleet() {
    let workshop = Workshop::open().await.unwrap();
    if !workshop.installs("npm ci --no-audit --no-fund --fetch-retries=1").await.unwrap() {
        return last_words("no TypeScript client generated: the registry of npm cannot be reached").unwrap();
    }
    for document in ["api", "monitor"] {
        let generate = format!("openapi-typescript {document}.json -o {document}.d.ts");
        let said = workshop.run(&generate).await.unwrap();
        assert!(!said.to_lowercase().contains("warn"), "{said}");
    }
    workshop.run("tsc --project .").await.unwrap();
    workshop.drive("node out/drive.js").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_install_that_reaches_nobody_is_told_from_one_that_fails() {
    let workshop = Workshop::open().await.unwrap();
    workshop.run("python3 -m venv venv").await.unwrap();
    let pip = "venv/bin/pip --disable-pip-version-check --retries 1 install";
    let away = format!("{pip} --index-url http://127.0.0.1:9/simple attrs");
    assert!(!workshop.installs(&away).await.unwrap());
    let Err(error) = workshop.installs(&format!("{pip} --no-index attrs")).await else {
        unreachable!("nothing has the package");
    };
    assert!(error.to_string().contains("attrs"), "{error}");
}
