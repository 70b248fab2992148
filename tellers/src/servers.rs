//! What a service makes of its database and its broker when it starts.
//!
//! It starts while they are away, and waits for them. It does not wait where they answer and let nobody in by its URL: an
//! unknown database or virtual host, another user or password. Then it ends, and says what to do. Where an init job makes
//! these, whoever runs the service starts it again.
//!
//! A server that comes back may refuse at first: a broker before it has its users and virtual hosts, a proxy before its
//! tables are loaded. So a mistake is what is refused for [`REFUSED_MAX`] without a break, and only while the service is new:
//! one that has served for a while had what it needs, and waits as for any other trouble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use domain::lane::Lanes;
use queue::{Queue, QueueError};
use store::StoreError;
use store::ledger::Ledger;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::parts::Parts;

/// The longest wait before a server that is away at the start is asked again; jitter at most doubles it.
const CHECK_DELAY_MAX: Duration = Duration::from_secs(2);
/// The wait before a server that refused is asked again.
const REFUSED_DELAY: Duration = Duration::from_secs(1);
/// How long a start is held up by servers that do not answer.
const KNOCK_MAX: Duration = Duration::from_secs(1);
/// How long a server refuses, attempt after attempt, before that is a mistake.
const REFUSED_MAX: Duration = Duration::from_secs(10);
/// How long a service is new: a mistake in its configuration ends it.
const NEW_FOR: Duration = Duration::from_secs(60);

/// Asks both before anything else, and again while one of them refuses. `Ok` after `shutdown` too.
///
/// # Errors
/// One of them answers, and lets nobody in by its URL, for [`REFUSED_MAX`].
pub(crate) async fn knock(parts: &Parts, lanes: Lanes, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut ledger_refusals = Refusals::of(Instant::now());
    let mut queue_refusals = ledger_refusals;
    loop {
        let (ledger, queue) = tokio::join!(
            timeout(KNOCK_MAX, parts.ledger.check(lanes)),
            timeout(KNOCK_MAX, parts.queue.lets_in())
        );
        let ledger =
            ledger.ok().and_then(Result::err).filter(|error| matches!(error, StoreError::ShutOut(_)));
        let queue = queue.ok().and_then(Result::err).filter(QueueError::is_shut_out);
        let now = Instant::now();
        let ledger_ends = ledger_refusals.are_a_mistake(ledger.is_some(), now);
        let queue_ends = queue_refusals.are_a_mistake(queue.is_some(), now);
        match (ledger, queue) {
            (None, None) => return Ok(()),
            (Some(ledger), Some(queue)) if ledger_ends || queue_ends => bail!("{ledger}. And {queue}"),
            (Some(ledger), _) if ledger_ends => bail!("{ledger}"),
            (_, Some(queue)) if queue_ends => bail!("{queue}"),
            (ledger, queue) => {
                for error in
                    ledger.iter().map(ToString::to_string).chain(queue.iter().map(ToString::to_string))
                {
                    warn_refused(&error, REFUSED_DELAY);
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = sleep(REFUSED_DELAY) => {}
        }
    }
}

/// Waits until the ledger answers, and fails if it is not this fleet's: no schema, or other lanes, or nobody is let in.
/// `Ok` after `shutdown` too, which a failure calls for.
pub(crate) async fn check_ledger(
    ledger: Arc<dyn Ledger>,
    lanes: Lanes,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let judge = |error: &StoreError| match error {
        StoreError::ShutOut(_) => Verdict::Refused,
        StoreError::Transient(_) | StoreError::PoolExhausted(_) | StoreError::RightMissing(_) => {
            Verdict::Waits
        }
        _ => Verdict::Ends,
    };
    let notify = |error: &StoreError, delay| warn!(%error, retry_in = ?delay, "waiting for the ledger");
    until_checked(|| ledger.check(lanes), judge, notify, &shutdown).await
}

/// Waits until the broker answers, and fails if it lets nobody in. `Ok` after `shutdown` too, which a failure calls for.
pub(crate) async fn check_broker(queue: Arc<dyn Queue>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let judge = |error: &QueueError| if error.is_shut_out() { Verdict::Refused } else { Verdict::Waits };
    // What else is wrong with it the parts that use it say, and mend.
    let notify = |_: &QueueError, _| ();
    until_checked(|| queue.lets_in(), judge, notify, &shutdown).await
}

/// What a failure of a check means.
enum Verdict {
    /// Nobody is let in.
    Refused,
    /// It may pass.
    Waits,
    /// No waiting mends it.
    Ends,
}

async fn until_checked<E, F>(
    check: impl Fn() -> F,
    judge: impl Fn(&E) -> Verdict,
    notify: impl Fn(&E, Duration),
    shutdown: &CancellationToken,
) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<(), E>>,
{
    let mut refusals = Refusals::of(Instant::now());
    let mut delays = delays();
    loop {
        let checked = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            checked = check() => checked,
        };
        let Err(error) = checked else { return Ok(()) };
        let verdict = judge(&error);
        let now = Instant::now();
        let are_a_mistake = refusals.are_a_mistake(matches!(verdict, Verdict::Refused), now);
        if are_a_mistake || matches!(verdict, Verdict::Ends) {
            shutdown.cancel();
            return Err(error.into());
        }
        let delay = match verdict {
            Verdict::Refused if refusals.is_new(now) => {
                warn_refused(&error, REFUSED_DELAY);
                REFUSED_DELAY
            }
            _ => {
                let delay = delays.next().unwrap_or(CHECK_DELAY_MAX);
                notify(&error, delay);
                delay
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = sleep(delay) => {}
        }
    }
}

fn warn_refused(error: &dyn std::fmt::Display, delay: Duration) {
    warn!(%error, retry_in = ?delay, "a server refuses; the service ends if that lasts {REFUSED_MAX:?}");
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new().with_max_delay(CHECK_DELAY_MAX).with_jitter().without_max_times().build()
}

/// The refusals of one server, since the service began.
#[derive(Debug, Clone, Copy)]
struct Refusals {
    began: Instant,
    /// When the first of those that came without a break came.
    since: Option<Instant>,
}

impl Refusals {
    fn of(began: Instant) -> Refusals {
        Refusals { began, since: None }
    }

    /// Notes an attempt, and says whether the refusals show a mistake that no waiting mends.
    fn are_a_mistake(&mut self, is_refused: bool, now: Instant) -> bool {
        if !is_refused {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        self.is_new(now) && now.duration_since(since) >= REFUSED_MAX
    }

    fn is_new(&self, now: Instant) -> bool {
        now.duration_since(self.began) < NEW_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which of these seconds of its life a service ends, each with whether a server refused.
    fn ends_at(attempts: impl IntoIterator<Item = (u64, bool)>) -> Option<u64> {
        let began = Instant::now();
        let mut refusals = Refusals::of(began);
        let mut ends =
            |second, is_refused| refusals.are_a_mistake(is_refused, began + Duration::from_secs(second));
        attempts.into_iter().find(|(second, is_refused)| ends(*second, *is_refused)).map(|(second, _)| second)
    }

    #[test]
    fn a_server_that_goes_on_refusing_ends_a_service_that_is_new() {
        assert_eq!(ends_at((0..60).map(|second| (second, true))), Some(10));
        assert_eq!(ends_at((0..60).map(|second| (second, second >= 30))), Some(40));
    }

    #[test]
    fn a_break_between_refusals_shows_that_they_pass() {
        assert_eq!(ends_at((0..60).map(|second| (second, second % 10 != 9))), None);
    }

    #[test]
    fn a_service_that_has_served_waits() {
        assert_eq!(ends_at((0..7_200).map(|second| (second, second >= 3_600))), None);
        assert_eq!(ends_at((0..7_200).map(|second| (second, second >= 55))), None);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Failure(&'static str);

    async fn checked(failures: &[&'static str]) -> (anyhow::Result<()>, bool) {
        let shutdown = CancellationToken::new();
        let left = std::sync::Mutex::new(failures.iter().copied());
        let check =
            || std::future::ready(left.lock().unwrap().next().map_or(Ok(()), |why| Err(Failure(why))));
        let judge = |error: &Failure| match error.0 {
            "refused" => Verdict::Refused,
            "away" => Verdict::Waits,
            _ => Verdict::Ends,
        };
        let ended = until_checked(check, judge, |_, _| (), &shutdown).await;
        (ended, shutdown.is_cancelled())
    }

    #[tokio::test]
    async fn a_server_that_refuses_at_first_is_waited_for() {
        let (ended, is_shut_down) = checked(&["away", "refused"]).await;
        assert!(ended.is_ok() && !is_shut_down);
        let (ended, is_shut_down) = checked(&["away", "other lanes"]).await;
        assert!(ended.unwrap_err().to_string() == "other lanes" && is_shut_down);
    }
}
