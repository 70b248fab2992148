//! The poster: lanes hand it their batches, and it posts them, small ones of several lanes together.
//!
//! This is group commit. A transaction costs about the same for one job as for twenty, so while a small
//! one is in flight, what comes meanwhile waits for its end and is then posted as one. A full batch waits
//! for nothing but its turn, and nothing waits for company longer than it may linger. Idle: no added
//! latency. Busy: few transactions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::job::Job;
use domain::outcome::Outcome;
use fleet::settings::Settings;
use store::StoreError;
use store::ledger::{ATTEMPT_TIMEOUT, Ledger, Posted, Unposted, post_bisecting};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::error;

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

/// What became of a job: an outcome, or why it can never be posted.
pub(crate) type Finished = Result<Outcome, String>;

/// What became of a batch.
pub(crate) struct Answer {
    /// The jobs that were handed over.
    pub(crate) jobs: Vec<Job>,
    /// What became of each, in their order.
    pub(crate) finished: Result<Vec<Finished>, StoreError>,
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
        let sent = self.submissions.send(Submission { jobs, submitted_at: Instant::now(), answer });
        sent.ok()?;
        answered.await.ok()
    }
}

/// One lane's batch, on its way into a transaction.
struct Submission {
    jobs: Vec<Job>,
    submitted_at: Instant,
    answer: oneshot::Sender<Answer>,
}

/// What waits, and what is in flight.
struct Queue {
    ledger: Arc<dyn Ledger>,
    settings: watch::Receiver<Arc<Settings>>,
    limits: Limits,
    figures: Arc<Figures>,
    waiting: VecDeque<Submission>,
    in_flight: JoinSet<Size>,
    small_in_flight: usize,
}

/// Whether a transaction has room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    Full,
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
            waiting: VecDeque::new(),
            in_flight: JoinSet::new(),
            small_in_flight: 0,
        }
    }

    async fn serve(mut self, mut received: mpsc::UnboundedReceiver<Submission>) {
        loop {
            let lingered = self.lingered_at();
            tokio::select! {
                biased;
                Some(ended) = self.in_flight.join_next() => self.note_end(ended),
                submission = received.recv() => match submission {
                    Some(submission) => self.waiting.push_back(submission),
                    // Whoever handed something over has gone; what is in flight ends by itself.
                    None => return self.in_flight.detach_all(),
                },
                () = sleep_until(lingered), if lingered.is_some() => {}
                Ok(()) = self.settings.changed() => {
                    self.limits = Limits::from(self.settings.borrow_and_update().as_ref());
                }
            }
            // What has come meanwhile goes along.
            while let Ok(submission) = received.try_recv() {
                self.waiting.push_back(submission);
            }
            while let Some((together, size)) = self.next() {
                self.small_in_flight += usize::from(size == Size::Small);
                let (ledger, figures) = (self.ledger.clone(), self.figures.clone());
                self.in_flight.spawn(async move {
                    post_together(ledger.as_ref(), &figures, together).await;
                    size
                });
            }
        }
    }

    fn note_end(&mut self, ended: Result<Size, tokio::task::JoinError>) {
        match ended {
            Ok(Size::Full) => {}
            Ok(Size::Small) => self.small_in_flight = self.small_in_flight.saturating_sub(1),
            Err(failure) => {
                error!(%failure, "a posting broke off; its jobs come again");
                self.small_in_flight = self.small_in_flight.min(self.in_flight.len());
            }
        }
    }

    /// When what waits has waited long enough; `None` while nothing waits, or there is no turn to take.
    fn lingered_at(&self) -> Option<Instant> {
        let first = self.waiting.front().filter(|_| self.in_flight.len() < self.limits.concurrency)?;
        Some(first.submitted_at + self.limits.linger)
    }

    /// What is to be posted now, if anything is: the oldest batch, and those after it that still fit.
    fn next(&mut self) -> Option<(Vec<Submission>, Size)> {
        let limits = self.limits;
        let oldest = self.waiting.front()?;
        let mut fitting = 0;
        let mut jobs = 0;
        for submission in &self.waiting {
            if fitting > 0 && jobs + submission.jobs.len() > limits.batch_jobs_max {
                break;
            }
            fitting += 1;
            jobs += submission.jobs.len();
        }
        let full = jobs >= limits.batch_jobs_max || fitting < self.waiting.len();
        let due = full || self.small_in_flight == 0 || oldest.submitted_at.elapsed() >= limits.linger;
        if !due || self.in_flight.len() >= limits.concurrency {
            return None;
        }
        let size = if full { Size::Full } else { Size::Small };
        Some((self.waiting.drain(..fitting).collect(), size))
    }
}

/// Posts batches in one transaction, and gives each its answer.
async fn post_together(ledger: &dyn Ledger, figures: &Figures, together: Vec<Submission>) {
    let started = Instant::now();
    let mut jobs = Vec::new();
    let mut shares = Vec::with_capacity(together.len());
    for Submission { jobs: share, submitted_at, answer } in together {
        figures.waited(started - submitted_at);
        shares.push((share.len(), answer));
        jobs.extend(share);
    }
    let mut posted = post_bisecting(ledger, &jobs).await;
    if posted.is_ok() {
        figures.posted_batch(jobs.len(), started.elapsed());
    }
    let was_late = started.elapsed() > ATTEMPT_TIMEOUT;
    let mut jobs = jobs.into_iter();
    for (count, answer) in shares {
        let share = jobs.by_ref().take(count).collect();
        let finished = match &mut posted {
            Ok(posted) => posted.drain(..count).map(finished).collect(),
            Err(error) => Err(error.clone()),
        };
        // A lane that has gone takes the batch up again where it is served next.
        drop(answer.send(Answer { jobs: share, finished, was_late }));
    }
}

/// A job that waits makes its lane try again; what of its batch has an outcome comes back as a duplicate.
fn finished(posted: Posted) -> Result<Finished, StoreError> {
    match posted {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(Unposted::Dead(cause)) => Ok(Err(cause)),
        Err(Unposted::Waits(why)) => Err(why),
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
