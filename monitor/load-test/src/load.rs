//! The load: users who send one request after the other, or requests at a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use client::{Client, Error};
use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::accounts::Accounts;
use crate::plan::{Phase, REQUESTS_MAX, Shape, USERS_MAX, Until};
use crate::progress::{Of, Progress};
use crate::recorder::{Course, Recorder};

/// Requests of an open loop that are unanswered at the same time. Beyond it they are sent late, and their latency
/// counts from the time at which they were due all the same.
const UNANSWERED_MAX: usize = USERS_MAX as usize;
/// A user who meets a closed door does not knock as fast as the machine can.
const PAUSE_AFTER_NO_CONNECTION: Duration = Duration::from_millis(100);

/// What all tasks of a run share.
pub(crate) struct Sender {
    pub(crate) client: Client,
    pub(crate) accounts: Accounts,
    pub(crate) progress: Arc<Progress>,
    pub(crate) course: Course,
    /// The number of the next request, over all phases.
    pub(crate) next: AtomicU32,
}

/// Runs one phase to its end, which comes whatever the ingress does: every request is answered or given up.
pub(crate) async fn run(sender: &Arc<Sender>, phase: &Phase) -> Arc<Recorder> {
    sender.progress.enter(phase.name, of(phase));
    match phase.shape {
        Shape::Users { users, pace, until } => {
            let recorder = Arc::new(Recorder::start(Some(users), &sender.course));
            let mut crowd = JoinSet::new();
            for order in 0..users {
                // Paced users do not move in step.
                let delay = pace * order / users;
                let user = User { sender: sender.clone(), recorder: recorder.clone(), pace, until, delay };
                crowd.spawn(user.work());
            }
            while crowd.join_next().await.is_some() {}
            recorder
        }
        Shape::Rate { per_second, span } => {
            let recorder = Arc::new(Recorder::start(None, &sender.course));
            steady(per_second, span, |due| {
                let (sender, recorder) = (sender.clone(), recorder.clone());
                async move { drop(sender.send(&recorder, due).await) }
            })
            .await;
            recorder
        }
    }
}

fn of(phase: &Phase) -> Of {
    match phase.shape {
        Shape::Users { users, until: Until::Requests(each), .. } => {
            Of::Steps(u64::from(users) * u64::from(each))
        }
        Shape::Users { until: Until::Elapsed(span), .. } | Shape::Rate { span, .. } => Of::Span(span),
    }
}

impl Sender {
    /// Sends the next request, which is due at `due`; `None`: as many as may be have been sent.
    async fn send(&self, recorder: &Recorder, due: Instant) -> Option<Result<(), Error>> {
        let n = self.next.fetch_add(1, Relaxed);
        if n >= REQUESTS_MAX {
            self.next.store(REQUESTS_MAX, Relaxed);
            return None;
        }
        let answer = self.client.submit(self.accounts.job(n)).await;
        recorder.note(n, due, &answer);
        self.progress.note_request(answer.is_err());
        Some(answer.map(|_| ()))
    }
}

/// One user of a closed loop.
struct User {
    sender: Arc<Sender>,
    recorder: Arc<Recorder>,
    pace: Duration,
    until: Until,
    delay: Duration,
}

impl User {
    async fn work(self) {
        let started = Instant::now();
        let mut due = started + self.delay;
        let mut sent = 0;
        let is_done = |sent| match self.until {
            Until::Requests(requests) => sent >= requests,
            Until::Elapsed(span) => started.elapsed() >= span,
        };
        while !is_done(sent) {
            sleep_until(due).await;
            if is_done(sent) {
                return;
            }
            // A user of a closed loop sends when the answer before is there: that is when it is due.
            let sent_at = Instant::now();
            match self.sender.send(&self.recorder, sent_at).await {
                None => return,
                Some(Err(Error::Connect(_))) => sleep(PAUSE_AFTER_NO_CONNECTION).await,
                Some(_) => {}
            }
            sent += 1;
            due = (due + self.pace).max(Instant::now());
        }
    }
}

/// Sends `per_second` requests a second for `span`, each at the time at which it is due whatever becomes of those before,
/// and returns what came of them.
pub async fn steady<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    per_second: u32,
    span: Duration,
    mut send: impl FnMut(Instant) -> F,
) -> Vec<T> {
    let started = Instant::now();
    let requests = u64::from(per_second) * span.as_secs();
    let mut unanswered = JoinSet::new();
    let mut answers = Vec::new();
    for order in 0..requests {
        let due = started + Duration::from_nanos(order * 1_000_000_000 / u64::from(per_second));
        sleep_until(due).await;
        if unanswered.len() >= UNANSWERED_MAX {
            answers.extend(unanswered.join_next().await.and_then(Result::ok));
        }
        unanswered.spawn(send(due));
        // Those that have ended are let go of, so that they do not pile up.
        while let Some(answer) = unanswered.try_join_next() {
            answers.extend(answer.ok());
        }
    }
    answers.extend(unanswered.join_all().await);
    answers
}

/// `users` users together send `per_second` requests a second for `span`. A user sends its next request when it is due, but
/// not before the one before is answered: slow answers make for fewer requests. Returns what came of them.
pub async fn paced<T, F: Future<Output = T>>(
    users: u32,
    per_second: u32,
    span: Duration,
    send: impl Fn() -> F,
) -> Vec<T> {
    let pace = Duration::from_secs(1) * users / per_second.max(1);
    let started = Instant::now();
    let send = &send;
    let crowd = (0..users).map(async |order| {
        // They do not move in step.
        let mut due = started + pace * order / users;
        let mut answers = Vec::new();
        while due < started + span {
            sleep_until(due).await;
            answers.push(send().await);
            due = (due + pace).max(Instant::now());
        }
        answers
    });
    join_all(crowd).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn users_share_the_rate_and_none_sends_before_its_answer() {
        let span = Duration::from_secs(2);
        let quick = paced(10, 100, span, async || ()).await;
        assert_eq!(quick.len(), 200);
        let slow = paced(10, 100, span, async || {
            sleep_until(Instant::now() + Duration::from_millis(500)).await;
        })
        .await;
        assert_eq!(slow.len(), 40, "each user has four answers");
    }
}
