//! The poster: lanes hand it their batches, and it posts them, small ones of several lanes together.
//!
//! This is group commit. A transaction costs about the same for one job as for twenty, so while a small
//! one is in flight, what comes meanwhile waits for its end and is then posted as one. A full batch waits
//! for its turn and for the accounts that other transactions have, and nothing waits for company longer than it may
//! linger. Idle: no added latency. Busy: few transactions.

mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::job::Job;
use fleet::settings::Settings;
use store::StoreError;
use store::ledger::{ATTEMPT_TIMEOUT, Applied, Ledger, Posted, post_bisecting};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::error;

use self::waiting::{Gathered, Gone, Waiting};
use crate::figures::Figures;

/// How batches are put together. They change while it runs; what is in flight then ends as it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    /// Jobs in one transaction at the most.
    batch_jobs_max: usize,
    /// The longest that a batch waits for company.
    linger: Duration,
    /// Transactions in flight at the same time. Batches that wait for a turn grow fuller.
    concurrency: usize,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Limits {
        Limits {
            batch_jobs_max: settings.batch_jobs_max(),
            linger: settings.linger(),
            concurrency: settings.posting_concurrency(),
        }
    }
}

/// What became of a job: what its batch did with it, or why it can never be posted.
pub(crate) type Finished = Result<Applied, String>;

/// What became of a batch.
pub(crate) struct Answer {
    /// The jobs that were handed over, in their order, each with what became of it.
    pub(crate) jobs: Vec<(Job, Option<Finished>)>,
    /// Why some have no outcome; `None`: all have one.
    pub(crate) failure: Option<StoreError>,
    /// The ledger took longer than one attempt may: it had to halve the batch.
    pub(crate) was_late: bool,
}

/// Posts batches until it is dropped.
pub(crate) struct Poster {
    submissions: mpsc::UnboundedSender<Submission>,
}

impl Poster {
    /// Starts posting to `ledger`.
    pub(crate) fn start(
        ledger: Arc<dyn Ledger>,
        settings: watch::Receiver<Arc<Settings>>,
        figures: Arc<Figures>,
    ) -> Poster {
        let (submissions, received) = mpsc::unbounded_channel();
        tokio::spawn(Queue::new(ledger, settings, figures).serve(received));
        Poster { submissions }
    }

    /// Posts a batch, in one transaction with whatever else is at hand. `None`: the poster broke off, and
    /// whether the jobs are posted is not known.
    pub(crate) async fn post(&self, jobs: Vec<Job>) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        // A lane hands over one batch at a time, so no more wait here than there are lanes.
        let sent = self.submissions.send(Submission { jobs, answer });
        sent.ok()?;
        answered.await.ok()
    }
}

/// One lane's batch, on its way into transactions.
struct Submission {
    jobs: Vec<Job>,
    answer: oneshot::Sender<Answer>,
}

/// What waits, and what is in flight.
struct Queue {
    ledger: Arc<dyn Ledger>,
    settings: watch::Receiver<Arc<Settings>>,
    limits: Limits,
    figures: Arc<Figures>,
    waiting: Waiting,
    postings: JoinSet<Ended>,
    in_flight: HashMap<task::Id, InFlight>,
    turns: Turns,
}

/// When there was a turn to be had: what waits longer than since then waits for one, and not for accounts or company.
struct Turns {
    was_free: bool,
    last_free: Instant,
}

/// A transaction in flight.
struct InFlight {
    origin: Gone,
    size: Size,
}

/// Whether a transaction is worth its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    /// At least half of what may go in one. Where most jobs wait for one account, others seldom fill more, and would go one
    /// after the other if they waited for company.
    Full,
}

impl Size {
    fn of(jobs: usize, jobs_max: usize) -> Size {
        if 2 * jobs >= jobs_max { Size::Full } else { Size::Small }
    }
}

/// What came of a transaction.
struct Ended {
    jobs: Vec<Job>,
    posted: Result<Vec<Posted>, StoreError>,
    was_late: bool,
}

impl Queue {
    fn new(
        ledger: Arc<dyn Ledger>,
        settings: watch::Receiver<Arc<Settings>>,
        figures: Arc<Figures>,
    ) -> Queue {
        let limits = Limits::from(settings.borrow().as_ref());
        Queue {
            ledger,
            settings,
            limits,
            figures,
            waiting: Waiting::default(),
            postings: JoinSet::new(),
            in_flight: HashMap::new(),
            turns: Turns { was_free: true, last_free: Instant::now() },
        }
    }

    async fn serve(mut self, mut received: mpsc::UnboundedReceiver<Submission>) {
        loop {
            if self.turns.was_free {
                self.turns.last_free = Instant::now();
            }
            let lingered = self.start_due();
            self.turns.was_free = self.in_flight.len() < self.limits.concurrency;
            tokio::select! {
                biased;
                Some(ended) = self.postings.join_next_with_id() => self.note_end(ended),
                submission = received.recv() => match submission {
                    Some(Submission { jobs, answer }) => self.waiting.push(jobs, answer),
                    // Whoever handed something over has gone; what is in flight ends by itself.
                    None => return self.postings.detach_all(),
                },
                () = sleep_until(lingered), if lingered.is_some() => {}
                Ok(()) = self.settings.changed() => {
                    self.limits = Limits::from(self.settings.borrow_and_update().as_ref());
                }
            }
            // What has come meanwhile goes along.
            while let Ok(Submission { jobs, answer }) = received.try_recv() {
                self.waiting.push(jobs, answer);
            }
        }
    }

    /// Starts the transactions that are due; returns when what waits has waited long enough, if it is for that alone.
    fn start_due(&mut self) -> Option<Instant> {
        while self.in_flight.len() < self.limits.concurrency {
            let selection = self.waiting.select(self.limits.batch_jobs_max)?;
            let size = Size::of(selection.jobs, self.limits.batch_jobs_max);
            let lingered = selection.oldest + self.limits.linger;
            let is_alone = self.in_flight.values().all(|other| other.size == Size::Full);
            if size == Size::Small && !is_alone && lingered > Instant::now() {
                return Some(lingered);
            }
            let Gathered { jobs, waited_since, origin } = self.waiting.take(selection);
            let last_free = self.turns.last_free;
            for since in waited_since {
                self.figures.waited(since.elapsed(), since.max(last_free).elapsed());
            }
            let (ledger, figures) = (self.ledger.clone(), self.figures.clone());
            let posting = self.postings.spawn(async move { post(ledger.as_ref(), &figures, jobs).await });
            self.in_flight.insert(posting.id(), InFlight { origin, size });
        }
        None
    }

    fn note_end(&mut self, ended: Result<(task::Id, Ended), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(InFlight { origin, .. }) = self.in_flight.remove(&id) else { return };
        match ended {
            Ok((_, Ended { jobs, posted, was_late })) => self.waiting.ended(origin, jobs, posted, was_late),
            Err(failure) => {
                error!(%failure, "a posting broke off; its jobs come again");
                self.waiting.broke_off(&origin);
            }
        }
    }
}

/// Posts jobs in one transaction.
async fn post(ledger: &dyn Ledger, figures: &Figures, jobs: Vec<Job>) -> Ended {
    let started = Instant::now();
    let posted = post_bisecting(ledger, &jobs).await;
    if posted.is_ok() {
        figures.posted_batch(jobs.len(), started.elapsed());
    }
    Ended { jobs, posted, was_late: started.elapsed() > ATTEMPT_TIMEOUT }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
