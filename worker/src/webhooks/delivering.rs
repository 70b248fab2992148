//! What is due is posted: to each endpoint a few at once, in the order of each account, and to all of them no more than a
//! process bears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::event::{CONTENT_TYPE, Event};
use metrics::{counter, gauge, histogram};
use runtime::shutdown::Ticks;
use runtime::telemetry::names;
use store::StoreError;
use store::webhooks::{Delivery, Disabled, Done, Then};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use webhooks::{Attempt, Message};

use super::known::Target;
use super::pace::Pace;
use super::shown::shown;
use super::{ANSWER_TIMEOUT, Hooks};

/// How often it is looked whether something is due that nobody has announced.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Attempts at once of one process. Beyond half of them an endpoint gets one only: however many hang, others find room.
const IN_FLIGHT_MAX: usize = 512;
/// Results that are noted in one transaction.
const NOTED_MAX: usize = 200;
/// Endpoints that are asked for in one packet.
const ENDPOINTS_MAX: usize = 100;
/// How long attempts may still take once the worker is to stop.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);
/// Pause after a failure of the database.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How soon a change of an endpoint is known.
const KNOWN_WITHIN: Duration = Duration::from_secs(3);
/// How often old attempts are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(300);

/// Delivers until `shutdown`.
pub(super) async fn serve(hooks: Arc<Hooks>, shutdown: CancellationToken) {
    let mut posting = Posting::new(hooks.clone());
    let mut ticks = Ticks::every(LOOK_EVERY, &shutdown);
    loop {
        tokio::select! {
            more = ticks.next() => if !more { break },
            () = hooks.added.notified() => {}
            Some(ended) = posting.attempts.join_next(), if !posting.attempts.is_empty() => match ended {
                Ok(tried) => posting.tried.push(tried),
                Err(failure) => warn!(%failure, "an attempt to deliver broke off; it is made again"),
            },
        }
        if let Err(failure) = posting.go_on().await {
            debug!(%failure, "webhooks wait for the database; trying again");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
    posting.stop().await;
}

/// A delivery that was tried, and how that came out.
struct Tried {
    delivery: Delivery,
    /// `None`: nobody is to see it any more.
    attempt: Option<Attempt>,
}

/// What is being posted.
struct Posting {
    hooks: Arc<Hooks>,
    paces: HashMap<String, Pace>,
    attempts: JoinSet<Tried>,
    in_hand: HashMap<u64, Delivery>,
    tried: Vec<Tried>,
    /// What became of deliveries, until the database has it.
    done: Vec<Done>,
    /// Endpoints that were disabled here, and when: it takes a moment until that is known.
    ended: HashMap<String, Instant>,
    /// Endpoints that got attempts since old ones were removed.
    touched: HashMap<String, Instant>,
    pruned_at: Instant,
}

impl Posting {
    fn new(hooks: Arc<Hooks>) -> Posting {
        Posting {
            hooks,
            paces: HashMap::new(),
            attempts: JoinSet::new(),
            in_hand: HashMap::new(),
            tried: Vec::new(),
            done: Vec::new(),
            ended: HashMap::new(),
            touched: HashMap::new(),
            pruned_at: Instant::now(),
        }
    }

    /// Notes what was tried, and begins what is due.
    async fn go_on(&mut self) -> Result<(), StoreError> {
        self.note().await?;
        if !self.hooks.known().active.is_empty() {
            self.begin_due().await?;
        }
        gauge!(names::WEBHOOK_IN_FLIGHT).set(self.attempts.len() as f64);
        if self.pruned_at.elapsed() > PRUNE_EVERY {
            self.pruned_at = Instant::now();
            let touched = std::mem::take(&mut self.touched);
            let touched: Vec<_> = touched.keys().map(String::as_str).collect();
            // What is left goes the next time.
            if let Err(error) = self.hooks.parts.store.prune_attempts(&touched).await {
                debug!(%error, "old attempts could not be removed");
            }
            self.paces.retain(|id, pace| !pace.is_idle() || self.hooks.known().target(id).is_some());
        }
        Ok(())
    }

    async fn note(&mut self) -> Result<(), StoreError> {
        while self.tried.len() < NOTED_MAX
            && let Some(ended) = self.attempts.try_join_next()
        {
            self.tried.extend(ended.ok());
        }
        let now = Instant::now();
        for tried in std::mem::take(&mut self.tried) {
            let done = self.judged(tried, now);
            self.done.push(done);
        }
        if self.done.is_empty() {
            return Ok(());
        }
        let noted = within(self.hooks.parts.store.note_attempts(&self.done)).await?;
        for done in std::mem::take(&mut self.done) {
            self.in_hand.remove(&done.delivery.number);
            self.touched.insert(done.delivery.new.endpoint, now);
        }
        for (id, why) in noted {
            self.ended.insert(id.clone(), now);
            self.hooks.note_disabled(&id, why).await;
        }
        Ok(())
    }

    /// What becomes of a delivery by its attempt.
    fn judged(&mut self, tried: Tried, now: Instant) -> Done {
        let Tried { delivery, attempt } = tried;
        let pace = self.paces.entry(delivery.new.endpoint.clone()).or_default();
        let Some(attempt) = attempt else {
            pace.answered();
            let (status, error, answer, took) = (None, None, String::new(), Duration::ZERO);
            return Done { delivery, status, error, answer, took, then: Then::Drop };
        };
        if attempt.is_of_endpoint() {
            pace.failed(now, attempt.retry_after);
        } else {
            pace.answered();
        }
        let attempts = delivery.attempts.saturating_add(1);
        let then = if attempt.is_delivered() {
            Then::Delivered
        } else if attempt.is_gone() {
            Then::Disable(Disabled::Gone)
        } else {
            let pause = self.hooks.parts.retries.after(attempts, attempt.retry_after);
            pause.map_or(Then::GiveUp, Then::Retry)
        };
        let result = match then {
            Then::Delivered => "delivered",
            Then::Retry(_) | Then::Disable(_) => "retry",
            Then::GiveUp | Then::Drop => "given_up",
        };
        counter!(names::WEBHOOK_ATTEMPTS, names::RESULT => result).increment(1);
        histogram!(names::WEBHOOK_ATTEMPT_SECONDS).record(attempt.took);
        let Attempt { status, error, answer, took, .. } = attempt;
        Done { delivery, status, error, answer, took, then }
    }

    async fn begin_due(&mut self) -> Result<(), StoreError> {
        let mut due = within(self.hooks.parts.store.due_endpoints()).await?;
        // Where there is not room for all, another one is first each time.
        fastrand::shuffle(&mut due);
        let now = Instant::now();
        self.ended.retain(|_, at| at.elapsed() < KNOWN_WITHIN);
        let mut room = IN_FLIGHT_MAX.saturating_sub(self.in_hand.len());
        let mut wanted = Vec::new();
        for id in &due {
            if room == 0 || wanted.len() == ENDPOINTS_MAX {
                break;
            }
            let known = self.hooks.known();
            if known.target(id).is_none_or(|target| target.endpoint.disabled.is_some())
                || self.ended.contains_key(id)
                || !self.hooks.delivers_to(id)
            {
                continue;
            }
            let pace = self.paces.entry(id.clone()).or_default();
            let mut free = pace.free(now);
            if room < IN_FLIGHT_MAX / 2 {
                free = if pace.is_idle() { free.min(1) } else { 0 };
            }
            let free = free.min(u32::try_from(room).unwrap_or(u32::MAX));
            if free > 0 {
                room -= usize::try_from(free).unwrap_or(room);
                wanted.push((id.as_str(), free));
            }
        }
        for delivery in within(self.hooks.parts.store.take(&wanted)).await? {
            self.begin(delivery);
        }
        Ok(())
    }

    fn begin(&mut self, delivery: Delivery) {
        let id = &delivery.new.endpoint;
        let Some(target) = self.hooks.known().target(id).cloned() else { return };
        self.paces.entry(id.clone()).or_default().begin();
        self.in_hand.insert(delivery.number, delivery.clone());
        let sender = self.hooks.sender.clone();
        self.attempts.spawn(async move {
            let attempt = match message(&target, &delivery) {
                Some(message) => Some(sender.send(&target.endpoint.url, &message).await),
                None => None,
            };
            Tried { delivery, attempt }
        });
    }

    /// Lets attempts end that do so at once, and hands back the others.
    async fn stop(mut self) {
        let end = tokio::time::sleep(STOP_TIMEOUT);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                ended = self.attempts.join_next() => match ended {
                    Some(ended) => self.tried.extend(ended.ok()),
                    None => break,
                },
            }
        }
        self.attempts.abort_all();
        if let Err(failure) = self.note().await {
            debug!(%failure, "what became of the last attempts is not kept; they are made again");
        }
        let in_hand: Vec<_> = self.in_hand.into_values().collect();
        if let Err(failure) = within(self.hooks.parts.store.hand_back(&in_hand)).await {
            debug!(%failure, "deliveries are taken up by another worker in half a minute");
        }
    }
}

/// What is sent; `None`: nobody is to see the event any more, since keys of the client are gone or are for less.
fn message(target: &Target, delivery: &Delivery) -> Option<Message> {
    let body = match &target.granted {
        None => Bytes::from(delivery.new.body.clone()),
        Some(_) => {
            let event: Event = serde_json::from_str(&delivery.new.body).ok()?;
            let shown = shown(&event, &target.endpoint, &target.granted)?;
            Bytes::from(serde_json::to_vec(&shown).ok()?)
        }
    };
    let secrets = target.secrets.clone();
    Some(Message { id: delivery.new.event.clone(), content_type: CONTENT_TYPE, body, secrets })
}

async fn within<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(ANSWER_TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(StoreError::Transient(format!("the database did not answer within {ANSWER_TIMEOUT:?}")))
    })
}
