//! The endpoints as this worker knows them, with what the keys of their clients are for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::access::{Accounts, Scope};
use domain::text::Client;
use runtime::clock;
use runtime::shutdown::Ticks;
use store::StoreError;
use store::keys::ApiKey;
use store::webhooks::{Disabled, Endpoint, EndpointChange};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use webhooks::Secret;

use super::shown::Granted;
use super::{ANSWER_TIMEOUT, Hooks};

/// How often a worker looks whether an endpoint or a key changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Keys expire without a change, and old secrets end.
const LOOK_ANEW_EVERY: Duration = Duration::from_secs(20);

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `None`: there is no endpoint.
    pub(super) version: Option<String>,
    targets: HashMap<String, Arc<Target>>,
    /// Those that are sent events.
    pub(super) active: Vec<Arc<Target>>,
}

/// An endpoint, and what its messages take.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) granted: Granted,
    pub(super) secrets: Arc<[Secret]>,
}

impl Known {
    /// The endpoint with this id.
    pub(super) fn target(&self, id: &str) -> Option<&Arc<Target>> {
        self.targets.get(id)
    }

    /// Each of them.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }

    fn of(version: Option<String>, endpoints: Vec<Endpoint>, keys: &[ApiKey], now: i64) -> Known {
        let mut known = Known { version, ..Known::default() };
        for endpoint in endpoints {
            let granted = endpoint.key.as_ref().map(|_| granted(&endpoint.client, keys, now));
            let secrets = secrets(&endpoint, now);
            let target = Arc::new(Target { endpoint, granted, secrets });
            if target.endpoint.disabled.is_none() {
                known.active.push(target.clone());
            }
            known.targets.insert(target.endpoint.id.clone(), target);
        }
        known
    }
}

/// The accounts of the keys by which a client may read, at this time.
fn granted(client: &Client, keys: &[ApiKey], now: i64) -> Vec<Accounts> {
    let reads = |key: &&ApiKey| key.scopes.contains(Scope::Read) || key.scopes.contains(Scope::Audit);
    let valid = keys.iter().filter(|key| key.client == *client && key.is_valid_at(now)).filter(reads);
    valid.map(|key| key.accounts.clone()).collect()
}

/// What messages are signed with at this time.
fn secrets(endpoint: &Endpoint, now: i64) -> Arc<[Secret]> {
    let old = endpoint.secrets.old.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
    let texts = std::iter::once(&endpoint.secrets.current).chain(old);
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// Keeps them known until `shutdown`.
pub(super) async fn keep(hooks: Arc<Hooks>, known: watch::Sender<Arc<Known>>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(LOOK_EVERY, &shutdown);
    let (mut looked_at, mut is_away, mut keys_version) = (Instant::now(), false, None);
    while ticks.next().await {
        let anew = looked_at.elapsed() > LOOK_ANEW_EVERY;
        let looked = timeout(ANSWER_TIMEOUT, look(&hooks, &known, &mut keys_version, anew)).await;
        let failure = match looked {
            Ok(Ok(false)) => None,
            Ok(Ok(true)) => {
                looked_at = Instant::now();
                disable_without_keys(&hooks).await;
                None
            }
            // A worker of the release before has no right on these tables, and an older database does not have them.
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {ANSWER_TIMEOUT:?}")),
        };
        if let Some(error) = failure.as_ref().filter(|_| !is_away) {
            warn!(error, "the webhook endpoints cannot be read; those that are known go on");
        } else if is_away && failure.is_none() {
            info!("the webhook endpoints can be read again");
        }
        is_away = failure.is_some();
    }
}

/// `true`: they were read anew.
async fn look(
    hooks: &Hooks,
    known: &watch::Sender<Arc<Known>>,
    keys_version: &mut Option<String>,
    anew: bool,
) -> Result<bool, StoreError> {
    let version = hooks.parts.store.version_of_endpoints().await?;
    let before = known.borrow().version.clone();
    if version.is_none() {
        if before.is_some() {
            known.send_replace(Arc::default());
        }
        return Ok(false);
    }
    // Before the keys: what changes between the two reads shows the next time.
    let keys_now = hooks.parts.keys.version_of_keys().await?;
    if version == before && keys_now == *keys_version && !anew {
        return Ok(false);
    }
    let endpoints = hooks.parts.store.endpoints(None).await?;
    let keys = hooks.parts.keys.all_keys().await?;
    *keys_version = keys_now;
    known.send_replace(Arc::new(Known::of(version, endpoints, &keys, clock::now_us())));
    Ok(true)
}

/// Who has no key any more is sent nothing any more.
async fn disable_without_keys(hooks: &Hooks) {
    let known = hooks.known();
    let without = |target: &&Arc<Target>| target.granted.as_ref().is_some_and(Vec::is_empty);
    for target in known.active.iter().filter(without) {
        let id = &target.endpoint.id;
        if !hooks.delivers_to(id) {
            continue;
        }
        let change = EndpointChange { disabled: Some(Some(Disabled::NoKey)), ..EndpointChange::default() };
        match hooks.parts.store.change_endpoint(id, &change).await {
            Ok(()) => hooks.note_disabled(id, Disabled::NoKey).await,
            Err(error) => warn!(%error, endpoint = id, "an endpoint could not be disabled; trying again"),
        }
    }
}
