//! A real browser without a window: Chromium, driven by the Chrome DevTools Protocol over pipes.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use crate::sandbox::find_program;
use crate::wait::until;

/// Programs that speak the protocol, by the names of their packages.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// For two cores with a build beside it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One page of a browser of its own, which ends with it.
#[derive(Debug)]
pub struct Page {
    to_browser: tokio::sync::Mutex<ChildStdin>,
    received: Arc<Received>,
    calls: AtomicU64,
    session: String,
    _browser: Child,
    _profile: TempDir,
}

#[derive(Debug, Default)]
struct Received {
    answers: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    complaints: Mutex<Vec<String>>,
}

impl Page {
    /// Starts a browser with an empty page.
    ///
    /// # Errors
    /// There is none on this machine, or it does not answer.
    pub async fn open() -> anyhow::Result<Page> {
        let program = PROGRAMS.iter().find_map(|program| find_program(program, &[]));
        let program =
            program.context("there is no Chromium; install the package `chromium`, or run ./test")?;
        let profile = tempfile::tempdir()?;
        // The protocol is spoken on the descriptors 3 and 4; the browser ends when they are closed.
        let mut browser = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >&2", "sh"])
            .arg(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start Chromium")?;
        let to_browser = browser.stdin.take().context("no pipe to Chromium")?;
        let from_browser = browser.stdout.take().context("no pipe from Chromium")?;
        let received = Arc::new(Received::default());
        tokio::spawn(receive(from_browser, received.clone()));
        let mut page = Page {
            to_browser: tokio::sync::Mutex::new(to_browser),
            received,
            calls: AtomicU64::new(1),
            session: String::new(),
            _browser: browser,
            _profile: profile,
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"})).await?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", attach).await?;
        page.session = attached["sessionId"].as_str().context("Chromium gave no session")?.to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            page.call(domain, json!({})).await?;
        }
        Ok(page)
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) -> anyhow::Result<()> {
        let gone = self.call("Page.navigate", json!({"url": url})).await?;
        ensure!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        Ok(())
    }

    /// Lays the page out for a window of this size in pixels, and a person who prefers `light` or `dark`.
    pub async fn resize(&self, width: u32, height: u32, scheme: &str) -> anyhow::Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await?;
        let prefers = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", prefers).await?;
        Ok(())
    }

    /// What an expression of JavaScript comes to, in the page.
    ///
    /// # Errors
    /// It threw.
    pub async fn evaluate(&self, expression: &str) -> anyhow::Result<Value> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", asked).await?;
        let thrown = &answer["exceptionDetails"];
        ensure!(thrown.is_null(), "{expression}: {thrown}");
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression of JavaScript is true, and returns what it came to.
    ///
    /// # Errors
    /// It was not within this time, with what `otherwise` came to.
    pub async fn holds(&self, expression: &str, within: Duration, otherwise: &str) -> anyhow::Result<()> {
        until(expression, within, async || {
            if self.evaluate(expression).await? == Value::Bool(true) {
                return Ok(());
            }
            bail!("{otherwise} is {}", self.evaluate(otherwise).await?)
        })
        .await
    }

    /// Clicks with the mouse in the middle of what a selector finds.
    pub async fn click(&self, selector: &str) -> anyhow::Result<()> {
        let quoted = Value::from(selector);
        let find = format!(
            "(() => {{ const found = document.querySelector({quoted}); if (!found) return null;
            found.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const box = found.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
            return [x, y, found.contains(document.elementFromPoint(x, y))]; }})()"
        );
        let place = self.evaluate(&find).await?;
        ensure!(place[2] == true, "{selector} cannot be clicked: {place}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Presses and releases a key: `Tab`, `Enter`, `Escape`.
    pub async fn press(&self, key: &str) -> anyhow::Result<()> {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            _ => bail!("the key {key} is not known here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if let Some(text) = text.filter(|_| kind == "keyDown") {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Types a text where the keyboard is.
    pub async fn write(&self, text: &str) -> anyhow::Result<()> {
        self.call("Input.insertText", json!({"text": text})).await.map(drop)
    }

    /// Writes what the page looks like, all of it, as a PNG.
    pub async fn picture(&self, file: &Path) -> anyhow::Result<()> {
        let asked = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.call("Page.captureScreenshot", asked).await?;
        let data = picture["data"].as_str().context("no picture")?;
        let png = base64::engine::general_purpose::STANDARD.decode(data)?;
        std::fs::write(file, png).with_context(|| format!("could not write {}", file.display()))
    }

    /// Errors and warnings of the console, what scripts threw, and what the page's policy refused.
    pub fn complaints(&self) -> Vec<String> {
        self.received.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn call(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let id = self.calls.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.received.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to_browser.lock().await.write_all(&bytes).await.context("Chromium has ended")?;
        let mut answer = tokio::time::timeout(ANSWER_WITHIN, answered)
            .await
            .with_context(|| format!("Chromium does not answer {method}"))?
            .context("Chromium has ended")?;
        ensure!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        Ok(answer["result"].take())
    }
}

async fn receive(from_browser: ChildStdout, received: Arc<Received>) {
    let mut from_browser = BufReader::new(from_browser);
    let mut bytes = Vec::new();
    while matches!(from_browser.read_until(0, &mut bytes).await, Ok(1..)) {
        let message: Value =
            serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).unwrap_or_default();
        bytes.clear();
        if let Some(id) = message["id"].as_u64() {
            let waiting = received.answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            waiting.map(|waiting| waiting.send(message));
        } else if let Some(complaint) = complaint(&message) {
            received.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(complaint);
        }
    }
    // Whoever still waits learns that the browser has ended.
    received.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn complaint(message: &Value) -> Option<String> {
    let params = &message["params"];
    let bad = match message["method"].as_str()? {
        "Runtime.exceptionThrown" => true,
        "Runtime.consoleAPICalled" => matches!(params["type"].as_str(), Some("error" | "warning" | "assert")),
        "Log.entryAdded" => matches!(params["entry"]["level"].as_str(), Some("error" | "warning")),
        _ => false,
    };
    bad.then(|| params.to_string())
}
