//! The webhook: each alert that fires or is resolved is posted as JSON to `ALERT_WEBHOOK_URL`, beside
//! everything else and never in its way. With a secret it is signed as the webhooks of clients are.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleet::settings::LiveSettings;
use runtime::addresses::AllowedPrivate;
use runtime::clock;
use runtime::tls::Peer;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use webhooks::{Guarded, Refused, Secret};

use super::Change;
use crate::views::alerts::AlertRecord;

/// Posts of one change at the most.
const TRIES_MAX: u32 = 4;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Before the second try; doubled before each further one.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const WEBHOOK: Peer = Peer { setting: "ALERT_WEBHOOK_URL", plain: "http:// in it", any_name: None };
const US_PER_SECOND: i64 = 1_000_000;

/// How alerts are sent: which private addresses they may go to, and what they are signed with.
pub(crate) struct Way {
    /// Private addresses that may be reached.
    pub(crate) allowed: AllowedPrivate,
    /// `None`: they are not signed.
    pub(crate) secret: Option<Secret>,
}

/// What is posted.
#[derive(Debug, Serialize)]
struct Message<'a> {
    /// `firing` or `resolved`.
    status: &'static str,
    /// Readable by itself, under the name that chat services look for.
    text: String,
    #[serde(flatten)]
    alert: &'a AlertRecord,
}

/// Posts every change until `shutdown`.
pub(crate) async fn tell(
    settings: Arc<LiveSettings>,
    way: Way,
    mut changes: mpsc::Receiver<Change>,
    shutdown: CancellationToken,
) {
    let Way { allowed, secret } = way;
    let client = match Guarded::new(allowed, ANSWER_TIMEOUT) {
        Ok(client) => client,
        Err(error) => return warn!(%error, "no webhook can be called"),
    };
    loop {
        let change = tokio::select! {
            () = shutdown.cancelled() => return,
            change = changes.recv() => change,
        };
        let Some(change) = change else { return };
        // Looked up for each: it may have been set in the meantime.
        let Some(url) = settings.now().alert_webhook_url() else { continue };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = post(&client, secret.as_ref(), &url, &change) => {}
        }
    }
}

async fn post(client: &Guarded, secret: Option<&Secret>, url: &str, change: &Change) {
    let status = if change.fired { "firing" } else { "resolved" };
    let alert = &change.record;
    let text =
        format!("{status}: {} ({}): {}; see {}", alert.alert, alert.severity, alert.sentence, alert.runbook);
    // Strings and numbers have a JSON form.
    let Ok(message) = serde_json::to_vec(&Message { status, text, alert }) else { return };
    let message = Bytes::from(message);
    let id = format!("{}-{}-{status}", alert.alert, alert.fired_at.as_microsecond());
    let mut pause = RETRY_AFTER;
    for tries in 1..=TRIES_MAX {
        let request = match client.post(url) {
            Ok(request) => request.header("content-type", "application/json").body(message.clone()),
            Err(refused) => return warn_refused(alert, &refused),
        };
        let request = match secret {
            Some(secret) => {
                let at = clock::now_us() / US_PER_SECOND;
                let signature = secret.sign(&id, at, &message);
                let named = request.header("webhook-id", &id).header("webhook-timestamp", at);
                named.header("webhook-signature", signature)
            }
            None => request,
        };
        // Neither the address nor what the library says of it is logged: it may carry a token. What the answer says is not
        // even read.
        let why = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                info!(alert = alert.alert, status, "the webhook took the alert");
                return;
            }
            // It will say the same again.
            Ok(answer) if answer.status().is_client_error() => {
                return warn!(alert = alert.alert, status = %answer.status(), "the webhook refused the alert; see ALERT_WEBHOOK_URL");
            }
            Ok(answer) if answer.status().is_redirection() => {
                return warn!(alert = alert.alert, status = %answer.status(), "the webhook redirects, which is not followed; set ALERT_WEBHOOK_URL to where it leads");
            }
            Ok(answer) => answer.status().to_string(),
            Err(error) => match webhooks::refused(&error) {
                Some(refused) => return warn_refused(alert, &refused),
                None => webhooks::why(error, &WEBHOOK),
            },
        };
        warn!(alert = alert.alert, why, tries, "the webhook did not take the alert");
        if tries < TRIES_MAX {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

/// It will be refused again, however often it is tried.
fn warn_refused(alert: &AlertRecord, refused: &Refused) {
    warn!(alert = alert.alert, why = %refused, "the webhook is not called; see ALERT_WEBHOOK_URL");
}
