//! What is read of the stream once more: for endpoints that are behind the others, and what somebody wants to be sent again.
//!
//! A part of it at a time, between two looks at what is new; and no more than an endpoint has room for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contract::event::Event;
use jiff::Timestamp;
use queue::events::{EventReader, Start};
use store::webhooks::{NewDelivery, Resend};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::Hooks;
use super::ends::{oldest, since};
use super::known::Target;
use super::reading::{Ended, WAITING_MAX, delivery, events, within};

/// How long all may take that are behind, until what is new comes first again.
const TURN_MAX: Duration = Duration::from_secs(1);
/// How long one part may take.
const PART_MAX: Duration = Duration::from_millis(500);
/// Deliveries of a part.
const DELIVERIES_MAX: usize = 2_000;
/// How long a message that is there may take to come.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often it is looked whether somebody wants something again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The place of an endpoint that has just been made: behind whatever was published before it was.
const FROM_ITS_TIME: u64 = 0;

/// Reads again, for as long as this worker reads the stream.
pub(super) struct Again {
    hooks: Arc<Hooks>,
    looked_at: Option<Instant>,
    /// Who had its turn last among those that are behind.
    last: String,
}

/// A part of the stream, read for one endpoint.
struct Part {
    deliveries: Vec<NewDelivery>,
    /// Where the next part begins.
    next: u64,
    /// Nothing that is asked for comes any more.
    is_done: bool,
}

impl Again {
    pub(super) fn new(hooks: Arc<Hooks>) -> Again {
        Again { hooks, looked_at: None, last: String::new() }
    }

    /// Reads parts for those who are behind, and for what was asked for, for a moment. `place`: where all others are;
    /// `newest_at`: the latest time of an event before that.
    pub(super) async fn go_on(
        &mut self,
        behind: &mut HashMap<String, u64>,
        place: u64,
        newest_at: Option<i64>,
    ) -> Result<(), Ended> {
        let started = Instant::now();
        let known = self.hooks.known();
        let active = |id: &String| known.target(id).filter(|target| target.endpoint.disabled.is_none());
        let mut waiting: Vec<_> =
            behind.iter().filter_map(|(id, at)| Some((active(id)?.clone(), *at))).collect();
        // The one behind the last one first.
        waiting.sort_by(|(one, _), (other, _)| {
            let turn = |target: &Target| (target.endpoint.id <= self.last, target.endpoint.id.clone());
            turn(one).cmp(&turn(other))
        });
        for (target, at) in waiting {
            if started.elapsed() > TURN_MAX {
                break;
            }
            self.last.clone_from(&target.endpoint.id);
            self.catch_up(&target, at, behind, place, newest_at).await?;
        }
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        for (number, resend) in within(self.hooks.parts.store.resends()).await? {
            if started.elapsed() > 2 * TURN_MAX {
                return Ok(());
            }
            self.resend(number, resend, place).await?;
        }
        self.looked_at = Some(Instant::now());
        Ok(())
    }

    async fn catch_up(
        &self,
        target: &Target,
        at: u64,
        behind: &mut HashMap<String, u64>,
        place: u64,
        newest_at: Option<i64>,
    ) -> Result<(), Ended> {
        let Target { endpoint, .. } = target;
        let id = &endpoint.id;
        let is_new = at == FROM_ITS_TIME;
        if is_new && newest_at.is_some_and(|newest| newest < endpoint.created_at) {
            // Nothing has happened since.
            within(self.hooks.parts.store.note_caught_up(id, &[], None)).await?;
            behind.remove(id);
            return Ok(());
        }
        if !self.has_room(id).await? {
            return Ok(());
        }
        if at < place && !is_new && oldest(&self.hooks).await?.is_none_or(|oldest| oldest > at) {
            warn!(endpoint = id, "events were gone from the stream before a webhook endpoint had caught up");
            within(self.hooks.parts.store.note_missed(Some(id))).await?;
        }
        let start = if is_new { since(endpoint.created_at) } else { Start::At(at) };
        let wanted = |event: &Event| match event.time {
            Some(at) if at.as_microsecond() < endpoint.created_at => Wanted::No,
            _ => Wanted::Yes,
        };
        let part = self.read(target, start, at, place, wanted).await?;
        let at = (part.next < place).then_some(part.next);
        within(self.hooks.parts.store.note_caught_up(id, &part.deliveries, at)).await?;
        self.hooks.added.notify_one();
        match at {
            Some(at) => drop(behind.insert(id.clone(), at)),
            None => drop(behind.remove(id)),
        }
        Ok(())
    }

    async fn resend(&mut self, number: u64, resend: Resend, place: u64) -> Result<(), Ended> {
        let Some(target) = self.hooks.known().target(&resend.endpoint).cloned() else { return Ok(()) };
        if target.endpoint.disabled.is_some() || !self.has_room(&resend.endpoint).await? {
            return Ok(());
        }
        let start = match resend.place {
            Some(place) => Start::At(place),
            None => since(resend.since),
        };
        let wanted = |event: &Event| match (&resend.event, event.time.map(Timestamp::as_microsecond)) {
            (Some(id), _) if event.id == *id => Wanted::Last,
            (_, Some(at)) if at >= resend.until => Wanted::Beyond,
            (Some(_), _) => Wanted::No,
            (None, Some(at)) if at < resend.since => Wanted::No,
            (None, _) => Wanted::Yes,
        };
        let part = self.read(&target, start, resend.place.unwrap_or_default(), place, wanted).await?;
        let next = (!part.is_done && part.next < place).then_some(part.next);
        within(self.hooks.parts.store.note_resent(number, &part.deliveries, next)).await?;
        self.hooks.added.notify_one();
        if next.is_none() {
            info!(
                endpoint = resend.endpoint,
                event = resend.event,
                "events are sent to a webhook endpoint again"
            );
        }
        Ok(())
    }

    async fn has_room(&self, id: &str) -> Result<bool, Ended> {
        Ok(within(self.hooks.parts.store.waiting(id)).await? < WAITING_MAX / 2)
    }

    /// Reads from `start`, which is at `first` or somewhat earlier, up to `place` at the most.
    async fn read(
        &self,
        target: &Target,
        start: Start,
        first: u64,
        place: u64,
        wanted: impl Fn(&Event) -> Wanted,
    ) -> Result<Part, Ended> {
        let mut part = Part { deliveries: Vec::new(), next: first, is_done: first >= place };
        if part.is_done {
            return Ok(part);
        }
        let mut reader = self.hooks.shared.parts.queue.read_events(start).await?;
        let read = part.fill(&mut reader, target, place, wanted).await;
        reader.close().await;
        read?;
        Ok(part)
    }
}

/// Whether an event is asked for.
enum Wanted {
    Yes,
    No,
    /// It is, and nothing else.
    Last,
    /// Neither it nor what comes behind it.
    Beyond,
}

impl Part {
    async fn fill(
        &mut self,
        reader: &mut Box<dyn EventReader>,
        target: &Target,
        place: u64,
        wanted: impl Fn(&Event) -> Wanted,
    ) -> Result<(), Ended> {
        let started = Instant::now();
        while self.next < place && self.deliveries.len() < DELIVERIES_MAX && started.elapsed() < PART_MAX {
            let message = match timeout(MESSAGE_TIMEOUT, reader.next()).await {
                Ok(message) => message?,
                // The broker has other things to do, or nothing is there any more: that shows once more is published.
                Err(_) => return Ok(()),
            };
            if message.offset < self.next {
                continue;
            }
            if message.offset >= place {
                self.next = place;
                return Ok(());
            }
            self.next = message.offset + 1;
            let mut beyond = 0;
            let all = events(&message);
            let count = all.len();
            for event in all {
                match wanted(&event) {
                    Wanted::No => {}
                    Wanted::Beyond => beyond += 1,
                    Wanted::Yes => self.deliveries.extend(delivery(target, &event)),
                    Wanted::Last => {
                        self.deliveries.extend(delivery(target, &event));
                        self.is_done = true;
                        return Ok(());
                    }
                }
            }
            // Lanes are not in order among each other: a message that is wholly beyond is.
            if count > 0 && beyond == count {
                self.is_done = true;
                return Ok(());
            }
        }
        Ok(())
    }
}
