//! Whether the database keeps committed postings through a power cut: its settings may say that it need not. A
//! posting that it forgets is lost, since the queue has let go of the job.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::shutdown::Ticks;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::admin::Admin;

/// How often a process looks again. Each connection that posts looks as well, when it is made.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// A setting of the database's server by which it may forget what it has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// The setting.
    pub setting: String,
    /// What it is.
    pub value: String,
    /// What it must be.
    pub must_be: &'static str,
    /// The server is shipped so: an alert shows it, and nobody refuses the server.
    pub is_as_shipped: bool,
}

/// How durable a commit is, as the server's settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durability {
    /// Settings that weaken it; empty: a commit is on the disk.
    pub weaknesses: Vec<Weakness>,
    /// Postings go to the server all the same: `ALLOW_WEAK_DURABILITY` is set.
    pub is_weak_allowed: bool,
}

impl Durability {
    /// Whether the server may forget what it has committed.
    pub fn is_weak(&self) -> bool {
        !self.weaknesses.is_empty()
    }

    /// Whether nothing is posted to the server for that reason.
    pub fn is_refused(&self) -> bool {
        !self.is_weak_allowed && self.weaknesses.iter().any(|weak| !weak.is_as_shipped)
    }

    /// What is weak about it.
    pub fn sentence(&self) -> String {
        if !self.is_weak() {
            return "the database keeps committed postings through a power cut".to_owned();
        }
        let weak: Vec<_> =
            self.weaknesses.iter().map(|weak| format!("{} is {}", weak.setting, weak.value)).collect();
        format!("the database may lose committed postings in a power cut ({})", weak.join(", "))
    }
}

/// What is weak, and the remedy.
impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        if !self.is_weak() {
            return Ok(());
        }
        let remedies: Vec<_> =
            self.weaknesses.iter().map(|weak| format!("{} = {}", weak.setting, weak.must_be)).collect();
        write!(f, "; set {} in its configuration and while it runs", remedies.join(", "))?;
        if !self.is_refused() {
            return Ok(());
        }
        f.write_str(", or ALLOW_WEAK_DURABILITY=true for the fleet if these postings may be lost")
    }
}

/// What was found last, shared by all who look and all who ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatestLook(Arc<Mutex<Option<Arc<Durability>>>>);

impl LatestLook {
    /// Takes what was found just now, and logs what changed by it.
    pub fn note(&self, found: Durability) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_deref() == Some(&found) {
            return;
        }
        if found.is_refused() {
            warn!("nothing is posted: {found}");
        } else if found.is_weak() {
            warn!("{found}");
        } else if latest.as_deref().is_some_and(Durability::is_weak) {
            info!("{found}");
        }
        *latest = Some(Arc::new(found));
    }

    /// `None`: nobody has looked yet.
    pub fn get(&self) -> Option<Arc<Durability>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks again and again until `shutdown`, beside the posting: a setting may change while the server runs, and the server
/// behind an address.
pub async fn watch(ledger: Arc<dyn Admin>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(LOOK_INTERVAL, &shutdown);
    while ticks.next().await {
        // The part that posts reports a ledger that is away.
        if let Some(Err(error)) = shutdown.run_until_cancelled(ledger.look_at_durability()).await {
            debug!(%error, "the durability of the ledger could not be checked; trying again");
        }
    }
}
