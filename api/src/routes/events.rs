//! Events: what became of jobs, as it happens.

mod document;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event as SseEvent;
use axum::response::{IntoResponse, Response};
use contract::event::{Event, EventType};
use domain::account::AccountNumber;
use futures::stream;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use tellers_http::event_stream::{self, COMMENT_INTERVAL, LAST_EVENT_ID};
use tellers_http::query::{self, Limit, Query};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use self::document::CloudEvent;
use crate::admission::Held;
use crate::context::Ingress;
use crate::events::{Batch, Broken, Cursor, From, Reading};
use crate::keys::Caller;
use crate::problem::{Problem, ProblemType};

/// How long a page looks for events.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// How long it waits for the next message of a stream of which it does not know whether it has more.
const IDLE_MAX: Duration = Duration::from_millis(500);
/// A broker that restarts is back within seconds.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(2);

/// What a client asks of the event stream.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Begins behind what was read: the `next` of a page, or the `id` of an event of a stream.
    #[serde(default, deserialize_with = "cursor")]
    #[param(value_type = Option<String>, example = "17.0")]
    after: Option<Cursor>,
    /// Begins with the events of this time (RFC 3339), or somewhat earlier ones. By default a page begins with the oldest
    /// event that is kept, and a stream with those that come from now on.
    #[serde(default, deserialize_with = "time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Events of this type only.
    #[serde(default, rename = "type", deserialize_with = "event_type")]
    #[param(value_type = Option<String>, example = "tellers.job.posted")]
    event_type: Option<EventType>,
    /// Events that name this account only.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>)]
    account: Option<AccountNumber>,
    /// Events of a page: 1 to 1,000; 100 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<100, 1_000>,
}

fn cursor<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Cursor>, D::Error> {
    let remedy = "must be the `next` of a page of events, or the id of an event, such as 17.0";
    query::parameter(text, remedy, |text| text.parse().ok()).map(Some)
}

fn time<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
    query::parameter(text, "must be a time, such as 2026-11-23T17:00:00Z", |text| text.parse().ok()).map(Some)
}

fn event_type<'de, D: Deserializer<'de>>(text: D) -> Result<Option<EventType>, D::Error> {
    let names: Vec<_> = EventType::ALL.iter().map(|event_type| event_type.name()).collect();
    let remedy = format!("must be one of {}", names.join(", "));
    query::parameter(text, &remedy, |text| text.parse().ok()).map(Some)
}

fn account<'de, D: Deserializer<'de>>(text: D) -> Result<Option<AccountNumber>, D::Error> {
    query::parameter(text, "must be the number of an account", |text| text.parse().ok()).map(Some)
}

impl EventsQuery {
    fn start(&self, headers: &HeaderMap) -> Result<Option<From>, Problem> {
        let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
        let last = last.map(|id| {
            id.parse::<Cursor>().map_err(|_| {
                Problem::parameter("Last-Event-ID", id, "must be the id of an event, such as 17.0")
            })
        });
        // Who comes again by itself sends the address that it began with, and how far it came.
        let after = last.transpose()?.or(self.after);
        match (after, self.since) {
            (Some(_), Some(since)) if !headers.contains_key(LAST_EVENT_ID) => {
                let remedy = "cannot stand beside after; give one of the two";
                Err(Problem::parameter("since", &since.to_string(), remedy))
            }
            (Some(cursor), _) => Ok(Some(From::Behind(cursor))),
            (None, Some(since)) => Ok(Some(From::Since(since))),
            (None, None) => Ok(None),
        }
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventStreamPage)]
pub struct Events {
    /// The events, the oldest first.
    events: Vec<CloudEvent>,
    /// How far this page has read: give it as `after` for what comes behind. It grows where no event was shown too.
    #[schema(example = "17.3")]
    next: String,
    /// Whether more is there already.
    more: bool,
}

/// Follows what becomes of jobs: each event says that a job was posted, rejected, cancelled, given up, or met another job
/// under its id. An event is a CloudEvent 1.0.
///
/// Events come at least once, and those of an account in order; one that comes again has the same `source` and `id`. A client sees its own
/// events and, with a key for some accounts, those of others that touch them, with the entries of its accounts. With the scope `audit`, or
/// with `operate` and a key for all accounts, it sees all.
///
/// With `Accept: text/event-stream` the answer is a stream that goes on; a client that comes again with `Last-Event-ID` misses nothing.
/// Else it is a page: give its `next` as `after` for the next one. The fleet keeps events for some days, as it is set; an `after` from before
/// that is answered with 410, which says how to catch up.
#[utoipa::path(
    get, path = "/api/events", tag = "events", operation_id = "list_events",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "As `after`, from a client that comes again.")),
    responses((
        status = 200,
        description = "A page of events; with `Accept: text/event-stream` a stream of them.",
        content((Events = "application/json"), (CloudEvent = "text/event-stream")),
    )),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let start = query.start(&headers)?;
    let first_place = match start {
        Some(From::Behind(cursor)) => Some(cursor),
        _ => None,
    };
    let shown = Shown { caller, event_type: query.event_type, account: query.account };
    if event_stream::is_asked_for(&headers) {
        let place = ingress.admission.stream(&shown.caller)?;
        let reading = read(&ingress, start.unwrap_or(From::Now)).await?;
        return Ok(stream_of(ingress, shown, reading, first_place, place));
    }
    let reading = read(&ingress, start.unwrap_or(From::Oldest)).await?;
    page_of(shown, reading, first_place, query.limit.0).await
}

async fn read(ingress: &Ingress, from: From) -> Result<Reading, Problem> {
    match tokio::time::timeout(LOOK_MAX, ingress.events.read(from)).await {
        Ok(Ok(reading)) => Ok(reading),
        Ok(Err(broken)) => Err(problem(&broken)),
        Err(_) => Err(unavailable(&"the event stream does not answer")),
    }
}

fn problem(broken: &Broken) -> Problem {
    match broken {
        Broken::Queue(failure) => unavailable(failure),
        Broken::Gone(oldest) => {
            let detail = format!(
                "the events behind this cursor are not kept any more; what became of your jobs meanwhile is at /api/jobs?from=TIME (as \
                 of the last event that you have), and the oldest events that are kept come with after={oldest}"
            );
            Problem::new(ProblemType::EventsGone, detail)
        }
    }
}

fn unavailable(why: &dyn std::fmt::Display) -> Problem {
    tracing::warn!(error = %why, "a request could not read the event stream");
    let detail = "the event stream cannot be read at present; try again in a few seconds";
    Problem::new(ProblemType::QueueUnavailable, detail).retry_after(UNAVAILABLE_PAUSE)
}

/// Who is shown which events.
struct Shown {
    caller: Caller,
    event_type: Option<EventType>,
    account: Option<AccountNumber>,
}

impl Shown {
    fn event(&self, event: &Event) -> Option<Event> {
        if self.event_type.is_some_and(|wanted| wanted != event.event_type) {
            return None;
        }
        let shown = if self.caller.sees_all() {
            event.clone()
        } else {
            event.shown_to(self.caller.client.as_str(), &self.caller.accounts)?
        };
        let names = |wanted: &AccountNumber| shown.accounts().any(|named| named == wanted);
        self.account.as_ref().is_none_or(names).then_some(shown)
    }
}

async fn page_of(
    shown: Shown,
    mut reading: Reading,
    first: Option<Cursor>,
    limit: u32,
) -> Result<Response, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let until = Instant::now() + LOOK_MAX;
    let (mut events, mut read, mut more) = (Vec::new(), first.or(reading.cursor()), false);
    while !reading.is_at_the_end() {
        // What began before the end has something to come, unless nothing was published since.
        let is_sure = read.is_some() || reading.end().is_none();
        let patience = if is_sure { IDLE_MAX } else { LOOK_MAX };
        let batch = match timeout_at(until.min(Instant::now() + patience), reading.next()).await {
            Ok(batch) => batch.map_err(|broken| problem(&broken))?,
            Err(_) => break,
        };
        let skipped = first.filter(|first| first.offset == batch.offset).map_or(0, |first| first.place);
        read = Some(Cursor { offset: batch.offset + 1, place: 0 });
        for (place, event) in batch.events.iter().filter(|(place, _)| *place >= skipped) {
            let Some(event) = shown.event(event) else { continue };
            if events.len() == limit {
                read = Some(Cursor { offset: batch.offset, place: *place });
                more = true;
                break;
            }
            events.push(CloudEvent::from(event));
        }
        if more || Instant::now() >= until {
            more = true;
            break;
        }
    }
    reading.check().await.map_err(|broken| problem(&broken))?;
    // Nothing came: so far the stream had nothing to show. Where its end is not known, all is read again.
    let next = read.or(reading.end()).unwrap_or_default();
    Ok(Json(Events { events, next: next.to_string(), more }).into_response())
}

/// What a stream has yet to send.
struct Sending {
    ingress: Arc<Ingress>,
    shown: Shown,
    reading: Reading,
    first: Option<Cursor>,
    /// Events that were read, the next one last, each with the cursor behind it.
    read: Vec<(Event, Cursor)>,
    next: Option<Cursor>,
    said: Option<Cursor>,
    /// When the client is to learn at the latest how far was read.
    comment_at: Instant,
    ended: bool,
    /// Held as long as the stream is.
    _place: Held,
}

fn stream_of(
    ingress: Arc<Ingress>,
    shown: Shown,
    reading: Reading,
    first: Option<Cursor>,
    place: Held,
) -> Response {
    let next = first.or(reading.cursor());
    let sending = Sending {
        ingress,
        shown,
        reading,
        first,
        read: Vec::new(),
        next,
        said: None,
        // At once: a client that is cut off before its first event goes on from here.
        comment_at: Instant::now(),
        ended: false,
        _place: place,
    };
    let events = stream::unfold(sending, |mut sending| async move {
        let event = sending.next().await?;
        Some((event, sending))
    });
    event_stream::answer(events)
}

impl Sending {
    /// The client learns how far was read.
    fn say(&mut self, cursor: Cursor) {
        self.said = Some(cursor);
        self.comment_at = Instant::now() + COMMENT_INTERVAL;
    }

    /// Why it goes on no more: the client comes again, with how far it came.
    fn end(&mut self, broken: &Broken) -> Option<SseEvent> {
        self.ended = true;
        SseEvent::default().event("problem").json_data(problem(broken)).ok()
    }

    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some((event, behind)) = self.read.pop() {
                self.say(behind);
                let sse = SseEvent::default().id(behind.to_string()).event(event.event_type.name());
                return sse.json_data(CloudEvent::from(event)).ok();
            }
            if self.ended || !self.ingress.config.keys.still_takes(&self.shown.caller) {
                return None;
            }
            tokio::select! {
                batch = timeout_at(self.comment_at, self.reading.next()) => match batch {
                    Ok(Ok(batch)) => self.take(&batch),
                    Ok(Err(broken)) => return self.end(&broken),
                    // An id without data: the client has read so far, and nothing of it was for it.
                    Err(_) => {
                        if let Err(broken) = self.reading.check().await {
                            return self.end(&broken);
                        }
                        self.comment_at = Instant::now() + COMMENT_INTERVAL;
                        if let Some(next) = self.next.filter(|next| self.said != Some(*next)) {
                            self.say(next);
                            return Some(SseEvent::default().id(next.to_string()).comment("nothing for you so far"));
                        }
                    }
                },
                () = self.ingress.shutdown.cancelled() => return None,
            }
        }
    }

    fn take(&mut self, batch: &Batch) {
        let behind = Cursor { offset: batch.offset + 1, place: 0 };
        let skipped = self.first.filter(|first| first.offset == batch.offset).map_or(0, |first| first.place);
        let last = batch.events.last().map(|(place, _)| *place);
        let wanted = batch.events.iter().filter(|(place, _)| *place >= skipped);
        let shown = wanted.filter_map(|(place, event)| {
            let within = Cursor { offset: batch.offset, place: place + 1 };
            Some((self.shown.event(event)?, if last == Some(*place) { behind } else { within }))
        });
        self.read = shown.collect();
        self.read.reverse();
        self.next = Some(behind);
    }
}
