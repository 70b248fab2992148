//! The pages of a fleet in a real browser, and what every one of them has to be: for a narrow screen too, for people who do
//! not see or use no mouse, in both themes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::browser::Page;
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::registry::{is_installed, last_words};
use tokio::process::Command;

pub const WITHIN: Duration = Duration::from_secs(30);
/// The rules of accessibility (Deque, axe-core), from the registry of npm.
const AXE: &str = "axe-core@4.14.1";
const INSTALLED_WITHIN: Duration = Duration::from_secs(300);
const VIOLATIONS: &str = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.flatMap((one) => \
     one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`)))";

/// A fleet in one process, and its pages in a browser.
pub struct Site {
    pub page: Page,
    _dev: Replica,
    pub fleet: Fleet,
    pub api: String,
    pub monitor: String,
    axe: Option<String>,
}

impl Site {
    pub async fn open(fleet: Fleet) -> anyhow::Result<Site> {
        let axe = axe().await?;
        let dev = fleet.start(Role::Dev).await?;
        let [api, monitor] = [Role::Api, Role::Monitor].map(|role| dev.url_as(role, "").unwrap_or_default());
        let page = Page::open().await?;
        page.resize(1440, 900, "light").await?;
        Ok(Site { page, _dev: dev, fleet, api, monitor, axe })
    }

    /// The ingress, as the holder of a key.
    pub fn client(&self, key: Option<&str>) -> anyhow::Result<Client> {
        key.map_or_else(|| Client::new(&self.api), |key| Client::with_key(&self.api, key))
    }

    /// Goes to a page by its address behind the monitor's, and waits for what it shows.
    pub async fn go(&self, address: &str) -> anyhow::Result<()> {
        self.page.go(&format!("{}/{address}", self.monitor)).await?;
        self.is_shown().await
    }

    /// What the address names is there.
    pub async fn is_shown(&self) -> anyhow::Result<()> {
        self.holds("document.body?.dataset.view === 'shown'", "document.body?.innerText").await
    }

    pub async fn holds(&self, expression: &str, otherwise: &str) -> anyhow::Result<()> {
        self.page.holds(expression, WITHIN, otherwise).await
    }

    /// A text is on the page.
    pub async fn says(&self, text: &str) -> anyhow::Result<()> {
        let shown = "document.querySelector('main')?.innerText";
        self.holds(&format!("{shown}?.includes({})", json!(text)), shown).await
    }

    /// The address is this one, and what it names is there.
    pub async fn is_at(&self, address: &str) -> anyhow::Result<()> {
        let here =
            "location.pathname.split('/').at(-1) + decodeURIComponent(location.search.replaceAll('+', ' '))";
        self.holds(&format!("({here}).includes({})", json!(address)), here).await?;
        self.is_shown().await
    }

    /// Clicks on what a selector finds, once it is there.
    pub async fn click(&self, selector: &str) -> anyhow::Result<()> {
        let there = format!("document.querySelector({}) !== null", json!(selector));
        self.holds(&there, "document.body?.innerText").await?;
        self.page.click(selector).await
    }

    /// Types into a field in place of what is there.
    pub async fn write(&self, selector: &str, text: &str) -> anyhow::Result<()> {
        self.click(selector).await?;
        self.page.evaluate(&format!("document.querySelector({}).select?.()", json!(selector))).await?;
        self.page.write(text).await
    }

    /// Chooses a day, as a date field has it.
    pub async fn choose(&self, selector: &str, value: &str) -> anyhow::Result<()> {
        let set = format!("document.querySelector({}).value = {}", json!(selector), json!(value));
        self.page.evaluate(&set).await.map(drop)
    }

    /// Types a key into the dialog, which has the keyboard, and sends it off.
    pub async fn give_key(&self, key: &str) -> anyhow::Result<()> {
        let asked = "document.activeElement?.id === 'key'";
        self.holds(asked, "document.querySelector('dialog')?.innerText").await?;
        self.page.write(key).await?;
        self.page.press("Enter").await
    }

    /// No rule of accessibility is broken and nothing reaches beyond the screen, on a narrow one and a wide one, in both themes.
    pub async fn is_fine(&self, name: &str) -> anyhow::Result<()> {
        for (width, scheme) in [(390, "light"), (390, "dark"), (1440, "dark"), (1440, "light")] {
            self.page.resize(width, 844, scheme).await?;
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            let wide = "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 120)).slice(0, 5)";
            self.holds(&format!("innerWidth === {width} && {fits}"), wide).await.context(name.to_owned())?;
            if let Some(folder) = std::env::var_os("PAGE_PICTURES") {
                let file = PathBuf::from(folder).join(format!("{name}-{width}-{scheme}.png"));
                self.page.picture(&file).await?;
            }
            let Some(axe) = &self.axe else { continue };
            if self.page.evaluate("typeof window.axe").await? == "undefined" {
                self.page.evaluate(&format!("{axe}; 1")).await?;
            }
            let violations = self.page.evaluate(VIOLATIONS).await?;
            ensure!(violations == json!([]), "{name} at {width}, {scheme}: {violations:#}");
        }
        Ok(())
    }

    /// Whatever the browser had to say.
    #[track_caller]
    pub fn assert_no_complaint(&self) {
        assert_eq!(self.page.complaints(), Vec::<String>::new());
    }
}

/// The rules as a script; `None`: npm's registry cannot be reached, and the last words say what was not tested.
async fn axe() -> anyhow::Result<Option<String>> {
    let folder = TempDir::new()?;
    let installing = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder.path())
        .arg(AXE)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(INSTALLED_WITHIN, installing).await.context("npm does not end")?;
    let output = output.context("npm cannot be run; ./test --prepare installs it")?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let installed = if output.status.success() { Ok(said) } else { Err(anyhow::Error::msg(said)) };
    if !is_installed(installed)? {
        last_words(
            "the pages were not held to the rules of accessibility: npm's registry cannot be reached",
        )?;
        return Ok(None);
    }
    Ok(Some(std::fs::read_to_string(folder.path().join("node_modules/axe-core/axe.min.js"))?))
}

/// Submits a job that has to get this outcome; returns its id.
pub async fn outcome(client: &Client, job: &Value, outcome: &str) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let came = client.outcome(&id, WITHIN).await?;
    ensure!(came.status == outcome, "{job} came out as {came:?}");
    Ok(id)
}
