//! The stream becomes deliveries: what a message has for which endpoints, in one transaction with the place behind it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contract::event::{self, Event};
use futures::FutureExt as _;
use jiff::Timestamp;
use queue::QueueError;
use queue::events::{EventMessage, EventReader, Start};
use runtime::shutdown::Ticks;
use store::StoreError;
use store::webhooks::{NewDelivery, Read};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::again::Again;
use super::ends::{Newest, oldest};
use super::known::{Known, Target};
use super::matching::Matcher;
use super::shown::{shown, wants};
use super::{ANSWER_TIMEOUT, Hooks};
use crate::lane::retry_delays;

/// How often it is looked whether there is anything to read for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Messages that become deliveries in one transaction, and from how many deliveries on no further message joins.
const MESSAGES_MAX: usize = 20;
const DELIVERIES_MAX: usize = 1_000;
/// Deliveries of an endpoint that wait, beyond which it is given no more until half of them are gone.
pub(super) const WAITING_MAX: u64 = 20_000;
/// How long the stream may be silent before it is looked whether it is still the same.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// Another worker reads, or there is nobody to read for.
    #[error("another worker reads the stream")]
    Elsewhere,
    /// The stream was lost.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database did not answer.
    #[error("the database did not answer within {ANSWER_TIMEOUT:?}")]
    Silent,
}

/// Reads while this worker is the one to do so, until `shutdown`.
pub(super) async fn serve(hooks: Arc<Hooks>, shutdown: CancellationToken) {
    let mut ticks = Ticks::every(LOOK_EVERY, &shutdown);
    let (mut delays, mut is_forgotten) = (retry_delays(), false);
    while ticks.next().await {
        if !hooks.reads() {
            is_forgotten = false;
            continue;
        }
        if hooks.known().active.is_empty() {
            // Once, when the last endpoint is gone: the next one begins where it is made.
            if hooks.known().version.is_none() && !is_forgotten {
                is_forgotten = forget_place(&hooks).await;
            }
            continue;
        }
        is_forgotten = false;
        let read = tokio::select! {
            () = shutdown.cancelled() => return,
            read = read(&hooks) => read,
        };
        match read {
            Ok(()) => {
                delays = retry_delays();
                continue;
            }
            Err(Ended::Elsewhere) => info!("another worker reads the events for webhooks"),
            Err(failure) => warn!(%failure, "the events for webhooks cannot be read; trying again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(delays.next().unwrap_or(LOOK_EVERY)) => {}
        }
    }
}

async fn forget_place(hooks: &Hooks) -> bool {
    let forgotten = async {
        match hooks.parts.store.place().await? {
            Some(_) => hooks.parts.store.forget_place().await,
            None => Ok(()),
        }
    };
    matches!(timeout(ANSWER_TIMEOUT, forgotten).await, Ok(Ok(())))
}

/// Reads until there is nobody to read for, or somebody else does.
async fn read(hooks: &Arc<Hooks>) -> Result<(), Ended> {
    let mut stream = Stream::open(hooks).await?;
    let mut again = Again::new(hooks.clone());
    let mut looked_at = Instant::now();
    loop {
        let message = tokio::select! {
            message = stream.reader.next() => Some(message?),
            () = tokio::time::sleep_until(looked_at + LOOK_EVERY) => None,
        };
        if let Some(message) = message {
            stream.take(message).await?;
        }
        if looked_at.elapsed() < LOOK_EVERY {
            continue;
        }
        looked_at = Instant::now();
        stream.keep_place().await?;
        if !hooks.reads() {
            return Ok(());
        }
        if hooks.known().active.is_empty() {
            return stream.leave().await;
        }
        stream.look().await?;
        if let Some(place) = stream.place {
            again.go_on(&mut stream.behind, place, stream.newest_at).await?;
        }
    }
}

/// The stream as it is read for all endpoints but those that are behind.
struct Stream {
    hooks: Arc<Hooks>,
    reader: Box<dyn EventReader>,
    /// Where it goes on, as the database knows it, and as it is.
    kept: Option<u64>,
    place: Option<u64>,
    matching: Matching,
    /// Endpoints that are given no more, and from where on.
    behind: HashMap<String, u64>,
    /// Deliveries that were added for each endpoint since they were counted last.
    added: HashMap<String, u64>,
    received_at: Instant,
    /// The latest time of an event that was read; `None`: not known.
    newest_at: Option<i64>,
    /// A place behind which another one than the next came.
    gap_at: Option<u64>,
}

/// The endpoints as they were at some time.
struct Matching {
    known: Arc<Known>,
    targets: Vec<Arc<Target>>,
    matcher: Matcher,
}

impl Matching {
    fn of(known: Arc<Known>) -> Matching {
        let targets: Vec<_> = known.targets().cloned().collect();
        let matcher = Matcher::of(targets.iter().map(|target| &target.endpoint));
        Matching { known, targets, matcher }
    }

    /// What is to be sent of an event, and to whom.
    fn deliveries<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a Arc<Target>, NewDelivery)> {
        self.matcher.candidates(event).into_iter().filter_map(move |place| {
            let target = self.targets.get(place)?;
            let is_late = event.time.is_none_or(|at| at.as_microsecond() >= target.endpoint.created_at);
            Some((target, delivery(target, event).filter(|_| is_late)?))
        })
    }
}

/// An event as an endpoint gets it; `None`: it does not.
pub(super) fn delivery(target: &Target, event: &Event) -> Option<NewDelivery> {
    let endpoint = &target.endpoint;
    if !wants(endpoint, event) {
        return None;
    }
    let shown = shown(event, endpoint, &target.granted)?;
    Some(NewDelivery {
        endpoint: endpoint.id.clone(),
        event: shown.id.clone(),
        event_type: shown.event_type.name().to_owned(),
        account: shown.data.account.to_string(),
        // What was read from JSON has a JSON form.
        body: serde_json::to_string(&shown).ok()?,
    })
}

/// The events of a message. What cannot be read is passed over: a later release wrote it, or somebody else.
pub(super) fn events(message: &EventMessage) -> Vec<Event> {
    let read = event::read_batch(&message.batch);
    read.map(|events| events.into_iter().map(|(_, event)| event).collect()).unwrap_or_else(|failure| {
        error!(
            offset = message.offset, %failure,
            "a message of the event stream cannot be read and reaches no webhook; upgrade the workers, and send its time again"
        );
        Vec::new()
    })
}

impl Stream {
    async fn open(hooks: &Arc<Hooks>) -> Result<Stream, Ended> {
        let queue = &hooks.shared.parts.queue;
        let kept = within(hooks.parts.store.place()).await?;
        let newest = Newest::of(hooks, kept).await?;
        // Where nobody has read, from its end on: an endpoint that is new, or was disabled, catches up by itself.
        let mut place = kept.or(newest.offset.map(|newest| newest + 1));
        if let Some(at) = kept.filter(|at| newest.ends_before(*at)) {
            warn!(place = at, "the event stream was made anew; webhooks go on with its oldest event");
            within(hooks.parts.store.note_missed(None)).await?;
            place = None;
        }
        let start = place.map_or(Start::Oldest, Start::At);
        let reader = queue.read_events(start).await?;
        let matching = Matching::of(hooks.known());
        let mut stream = Stream {
            hooks: hooks.clone(),
            reader,
            kept,
            place,
            matching,
            behind: HashMap::new(),
            added: HashMap::new(),
            received_at: Instant::now(),
            newest_at: newest.at,
            gap_at: None,
        };
        stream.reload().await?;
        debug!(?place, "the events for webhooks are read here");
        Ok(stream)
    }

    /// Ends while every endpoint is disabled: each goes on from here once it is enabled.
    async fn leave(&mut self) -> Result<(), Ended> {
        self.reload().await?;
        let Some(place) = self.place else { return Ok(()) };
        let ids = self.matching.targets.iter().map(|target| &target.endpoint.id);
        let behind: Vec<_> =
            ids.filter(|id| !self.behind.contains_key(*id)).map(|id| (id.clone(), place)).collect();
        self.note(&[], &behind).await?;
        within(self.hooks.parts.store.forget_place()).await
    }

    /// Takes over changes of endpoints, and looks whether a stream that is silent is still the same.
    async fn look(&mut self) -> Result<(), Ended> {
        if !Arc::ptr_eq(&self.matching.known, &self.hooks.known()) {
            self.reload().await?;
        }
        if self.received_at.elapsed() > SILENCE_MAX {
            self.received_at = Instant::now();
            if let Some(place) = self.place
                && Newest::of(&self.hooks, Some(place)).await?.ends_before(place)
            {
                return Err(QueueError::Failed("the event stream was made anew".to_owned()).into());
            }
        }
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), Ended> {
        self.matching = Matching::of(self.hooks.known());
        // Not as they were known: this worker alone changes where an endpoint is behind, and may have done so since.
        let endpoints = within(self.hooks.parts.store.endpoints(None)).await?;
        let behind = endpoints.into_iter().filter_map(|endpoint| Some((endpoint.id, endpoint.behind_at?)));
        self.behind = behind.collect();
        Ok(())
    }

    /// Takes a message, with those that are there already.
    async fn take(&mut self, first: EventMessage) -> Result<(), Ended> {
        self.received_at = Instant::now();
        let (mut deliveries, mut behind) = (Vec::new(), Vec::new());
        let (mut next, mut messages) = (Some(first), 0);
        while let Some(message) = next.take() {
            self.add(&message, &mut deliveries, &mut behind).await?;
            messages += 1;
            if messages < MESSAGES_MAX && deliveries.len() < DELIVERIES_MAX {
                next = self.reader.next().now_or_never().transpose()?;
            }
        }
        if deliveries.is_empty() && behind.is_empty() {
            return Ok(());
        }
        self.note(&deliveries, &behind).await?;
        for (endpoint, at) in behind {
            self.behind.insert(endpoint, at);
        }
        for delivery in &deliveries {
            *self.added.entry(delivery.endpoint.clone()).or_default() += 1;
        }
        self.hooks.added.notify_one();
        Ok(())
    }

    /// Adds what a message has for whom.
    async fn add(
        &mut self,
        message: &EventMessage,
        deliveries: &mut Vec<NewDelivery>,
        behind: &mut Vec<(String, u64)>,
    ) -> Result<(), Ended> {
        let offset = message.offset;
        match self.place {
            // A stream may begin somewhat earlier than it is asked to.
            Some(place) if offset < place => return Ok(()),
            // Places are mostly one after the other: what comes behind a gap is read once more before the gap is believed.
            Some(place) if offset > place && self.gap_at != Some(place) => {
                self.gap_at = Some(place);
                self.reader = self.hooks.shared.parts.queue.read_events(Start::At(place)).await?;
                return Ok(());
            }
            Some(place)
                if offset > place && oldest(&self.hooks).await?.is_some_and(|oldest| oldest > place) =>
            {
                warn!(
                    place,
                    oldest = offset,
                    "events were gone from the stream before they were read for webhooks; raise EVENTS_HOURS_MAX or EVENTS_MB_MAX"
                );
                within(self.hooks.parts.store.note_missed(None)).await?;
            }
            _ => {}
        }
        for event in events(message) {
            self.newest_at = self.newest_at.max(event.time.map(Timestamp::as_microsecond));
            for (target, delivery) in self.matching.deliveries(&event) {
                let id = &target.endpoint.id;
                if self.behind.contains_key(id) || behind.iter().any(|(other, _)| other == id) {
                    continue;
                }
                if target.endpoint.disabled.is_some() {
                    behind.push((id.clone(), offset));
                    continue;
                }
                deliveries.push(delivery);
            }
        }
        self.put_off(offset, behind).await?;
        self.place = Some(offset + 1);
        Ok(())
    }

    /// Endpoints for which too much waits go on with this message later.
    async fn put_off(&mut self, offset: u64, behind: &mut Vec<(String, u64)>) -> Result<(), Ended> {
        let full: Vec<_> =
            self.added.iter().filter(|(_, added)| **added > WAITING_MAX).map(|(id, _)| id.clone()).collect();
        for id in full {
            let waiting = within(self.hooks.parts.store.waiting(&id)).await?;
            self.added.insert(id.clone(), waiting);
            if waiting >= WAITING_MAX && !self.behind.contains_key(&id) {
                // It is given what this message has for it.
                behind.push((id, offset + 1));
            }
        }
        Ok(())
    }

    /// Keeps what was read, with the place behind it.
    async fn note(&mut self, deliveries: &[NewDelivery], behind: &[(String, u64)]) -> Result<(), Ended> {
        let Some(to) = self.place else { return Ok(()) };
        let read = Read { from: self.kept, to, deliveries, behind };
        if !within(self.hooks.parts.store.note_read(&read)).await? {
            return Err(Ended::Elsewhere);
        }
        self.kept = Some(to);
        Ok(())
    }

    /// Keeps a place behind which there was nothing for anybody.
    async fn keep_place(&mut self) -> Result<(), Ended> {
        if self.place == self.kept { Ok(()) } else { self.note(&[], &[]).await }
    }
}

/// What the database answers in time.
pub(super) async fn within<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Ended> {
    timeout(ANSWER_TIMEOUT, asked).await.map_or(Err(Ended::Silent), |answer| Ok(answer?))
}
