//! What is sent is verified by the public library of Standard Webhooks for Python, in the version of
//! `tests/webhooks/requirements.txt`. Where the registry cannot be reached the last words of the run say what was not tested.

use std::path::Path;

use anyhow::ensure;
use serde_json::json;
use tests::registry::{is_installed, last_words};
use tokio::process::Command;

use super::endpoints::fleet;
use super::receiver::{Receiver, deposits, endpoint};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/webhooks");

/// Runs a command in the folder; returns what it said.
async fn run(folder: &Path, command: &str) -> anyhow::Result<String> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let program =
        program.strip_prefix("venv/").map_or_else(|| program.into(), |own| folder.join("venv").join(own));
    let output = Command::new(program).args(words).current_dir(folder).kill_on_drop(true).output().await?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{command}: {}\n{said}", output.status);
    Ok(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_of_another_language_verifies_what_is_sent() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for file in ["requirements.txt", "verify.py"] {
        std::fs::copy(Path::new(FILES).join(file), folder.path().join(file))?;
    }
    run(folder.path(), "python3 -m venv venv").await?;
    let install =
        "venv/bin/pip install --disable-pip-version-check --retries 2 --require-hashes -r requirements.txt";
    if !is_installed(run(folder.path(), install).await)? {
        return last_words(
            "webhooks were not verified by a library of another language: the registry of Python packages cannot be reached",
        );
    }
    let receiver = Receiver::start().await?;
    let (_fleet, _dev, client) = fleet(&[]).await?;
    let (_, secret) = endpoint(&client, &receiver.url("/hook"), &json!({"name": "Köln 🦀"})).await?;
    deposits(&client, "a", 3).await?;
    let messages = receiver.receives("/hook", 4).await?.into_iter().map(|received| {
        json!({
            "headers": {
                "webhook-id": received.id,
                "webhook-timestamp": received.timestamp.to_string(),
                "webhook-signature": received.signature,
            },
            "body": String::from_utf8_lossy(&received.body),
        })
    });
    let sent = json!({ "secret": secret, "messages": messages.collect::<Vec<_>>() });
    std::fs::write(folder.path().join("sent.json"), sent.to_string())?;
    let said = run(folder.path(), "venv/bin/python verify.py sent.json").await?;
    ensure!(said.trim() == "4 messages are verified", "{said}");
    Ok(())
}
