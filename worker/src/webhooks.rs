//! Webhooks: events of the stream are posted to the endpoints of clients.
//!
//! | task | on which worker |
//! |---|---|
//! | `reading`: the stream becomes deliveries, each once for each endpoint, in one transaction with the place in the stream | the one that serves lane 0 |
//! | `again`: endpoints that are behind, and events that somebody wants once more | the same |
//! | `delivering`: what is due is posted | each for the endpoints of its lanes |
//!
//! With no endpoint nothing of this happens: a worker asks the database each second whether there is one.

mod again;
mod delivering;
mod ends;
mod known;
mod matching;
mod pace;
mod reading;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use domain::lane::{Lane, Lanes};
use runtime::addresses::AllowedPrivate;
use store::audit_log::AuditLog;
use store::keys::ApiKeys;
use store::webhooks::{Disabled, Webhooks};
use tellers_http::trail::Who;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use webhooks::{Retries, Sender};

use self::known::Known;
use crate::context::Shared;

/// How long a statement may take; a database that hangs is away.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The lane whose worker reads the stream.
const READING_LANE: Lane = Lane(0);

/// What webhooks take.
#[derive(Clone)]
pub struct WebhookParts {
    /// Endpoints and deliveries.
    pub store: Arc<dyn Webhooks>,
    /// Whose keys are valid: nobody is sent more than a key of his would show him.
    pub keys: Arc<dyn ApiKeys>,
    /// Where it is noted that an endpoint was disabled.
    pub audit_log: Arc<dyn AuditLog>,
    /// Private addresses that endpoints may have.
    pub allowed: AllowedPrivate,
    /// When an attempt that failed is made again.
    pub retries: Retries,
}

/// What the tasks share.
struct Hooks {
    shared: Arc<Shared>,
    parts: WebhookParts,
    sender: Sender,
    known: watch::Receiver<Arc<Known>>,
    /// There are new deliveries.
    added: Notify,
}

/// Starts the tasks, which end with `shutdown`.
pub(crate) fn spawn(shared: &Arc<Shared>, beside: &mut JoinSet<()>, shutdown: &CancellationToken) {
    let Some(parts) = shared.parts.webhooks.clone() else { return };
    let sender = match Sender::new(parts.allowed.clone()) {
        Ok(sender) => sender,
        Err(error) => return error!(%error, "no webhook can be sent"),
    };
    let (known_now, known) = watch::channel(Arc::new(Known::default()));
    let hooks = Arc::new(Hooks { shared: shared.clone(), parts, sender, known, added: Notify::new() });
    beside.spawn(known::keep(hooks.clone(), known_now, shutdown.clone()));
    beside.spawn(reading::serve(hooks.clone(), shutdown.clone()));
    beside.spawn(delivering::serve(hooks, shutdown.clone()));
}

impl Hooks {
    fn known(&self) -> Arc<Known> {
        self.known.borrow().clone()
    }

    /// Whether this worker reads the stream.
    fn reads(&self) -> bool {
        self.shared.figures.serves(READING_LANE)
    }

    /// Whether this worker delivers to an endpoint.
    fn delivers_to(&self, endpoint: &str) -> bool {
        self.shared.figures.serves(lane_of(endpoint, self.shared.parts.lanes))
    }

    /// Says that an endpoint was disabled, where people look for it.
    async fn note_disabled(&self, id: &str, why: Disabled) {
        let known = self.known();
        let client = known.target(id).map_or("", |target| target.endpoint.client.as_str());
        warn!(endpoint = id, client, why = why.name(), "a webhook endpoint is sent nothing more");
        let detail = [("endpoint", id), ("client", client), ("why", why.name())];
        let event = Who::default().event("webhook_disabled", &detail);
        if let Err(error) = self.parts.audit_log.add_to_audit_log(&[event]).await {
            warn!(%error, endpoint = id, "the audit log does not have that an endpoint was disabled");
        }
    }
}

/// The lane whose worker delivers to an endpoint. Ids are random: each lane has about as many.
fn lane_of(endpoint: &str, lanes: Lanes) -> Lane {
    let number = u64::from_str_radix(endpoint, 16).unwrap_or_default();
    Lane(u16::try_from(number % u64::from(lanes.count())).unwrap_or_default())
}
