//! What the monitor is made of, and what its routes answer from.

use std::sync::{Arc, Mutex};

use domain::lane::Lanes;
use fleet::Bus;
use fleet::reporter::Instruments;
use queue::Queue;
use runtime::addresses::AllowedPrivate;
use store::ledger::Ledger;
use store::records::Records;
use store::webhooks::Webhooks;
use tellers_http::keys::KeyRing;
use tellers_http::trail::Trail;
use tokio::sync::watch;
use webhooks::Secret;

use crate::alerts::log::Log;
use crate::control::Control;
use crate::history::History;
use crate::snapshot::Snapshot;

/// What the monitor looks at.
#[derive(Clone)]
pub struct Parts {
    /// For the depth of the lanes.
    pub queue: Arc<dyn Queue>,
    /// For the totals.
    pub ledger: Arc<dyn Ledger>,
    /// For the history, the alerts that fired and the changes of settings.
    pub records: Arc<dyn Records>,
    /// How many webhook endpoints are sent nothing.
    pub webhooks: Arc<dyn Webhooks>,
    /// For the replicas' reports.
    pub bus: Arc<dyn Bus>,
    /// The fleet's lanes.
    pub lanes: Lanes,
    /// This replica's id.
    pub replica: String,
    /// The ingress that load tests and reads go to; `None`: an api replica that reports.
    pub api_url: Option<String>,
    /// A key of the ingress, if it asks for one.
    pub api_key: Option<String>,
    /// Private addresses that webhooks may go to.
    pub webhook_allow_private: AllowedPrivate,
    /// What messages to the alerts' webhook are signed with; `None`: they are not.
    pub alert_webhook_secret: Option<Secret>,
    /// The keys that are taken.
    pub keys: Arc<KeyRing>,
    /// Where it is noted who was turned away, and who changed what.
    pub trail: Trail,
    /// What this replica measures and is set to: the thresholds of the alerts among it.
    pub instruments: Instruments,
}

/// What the routes answer from.
pub(crate) struct Shared {
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(crate) history: Arc<Mutex<History>>,
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) control: Arc<Control>,
    pub(crate) parts: Parts,
}

impl Shared {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }
}
