//! Rows on their way to a lane.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::Origin;
use domain::lane::Lane;
use jiff::Timestamp;
use queue::PublishError;
use queue::publisher::Publisher;
use tokio::time::Instant;

/// A row on its way to its lane.
#[derive(Clone)]
pub(super) struct Waiting {
    /// Its wire form.
    pub message: Bytes,
    /// Where it comes from.
    pub origin: Origin,
    /// What is known from now on, once it is queued: the body of a row that has a reference.
    pub claim: Option<(JobId, Fingerprint)>,
}

/// Rows that are being published, with what became of each.
pub(super) type InFlight =
    Pin<Box<dyn Future<Output = (Lane, Vec<Waiting>, Vec<Result<Timestamp, PublishError>>)> + Send>>;

/// Publishes rows of one lane, in order.
pub(super) fn send(publisher: Arc<Publisher>, lane: Lane, sent: Vec<Waiting>) -> InFlight {
    Box::pin(async move {
        let messages = sent.iter().map(|row| (row.message.clone(), row.origin)).collect();
        let results = publisher.publish_imported(lane, messages).await;
        (lane, sent, results)
    })
}

/// The rows of one lane that wait, in order.
#[derive(Default)]
pub(super) struct LaneRows {
    pub waiting: VecDeque<Waiting>,
    pub busy: bool,
    pub resume_at: Option<Instant>,
    pub pause: Duration,
}
