//! Admission: how many requests are worked on at once, and the answers to those that are refused.
//!
//! Whoever is turned away learns it at once: nothing queues here.

mod places;
mod pressure;
mod rates;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use domain::id::JobId;
use fleet::settings::LiveSettings;
use metrics::counter;
use queue::PublishError;
use runtime::telemetry::names;
use tellers_http::keys::Keys;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::places::{Places, Taken};
use self::pressure::Pressure;
use self::rates::{Caller, Rates};
use crate::problem::{Problem, ProblemType};

/// Clients that wait for an outcome at once. Each costs a connection and a timer, no work.
pub const WAITS_MAX: usize = 10_000;

/// Jobs for which clients of batches wait at once: some 250 bytes each for the time of the wait, 25 MB in all. A batch
/// beyond them is answered without a wait.
pub const WAITED_JOBS_MAX: usize = 100_000;

/// Kibibytes of batches in memory at once. What is made of a batch takes about as much again, and an
/// ingress is to stay below 100 MB.
pub const BATCHES_KIB_MAX: usize = 32 * 1024;

/// Requests in flight come and go within milliseconds.
const OVERLOADED_PAUSE: Duration = Duration::from_secs(1);

/// A broker that restarts is back within seconds.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(2);

/// The limits that all requests share.
pub struct Admission {
    settings: Arc<LiveSettings>,
    requests: Arc<Places>,
    waits: Arc<Places>,
    rates: Rates,
    batches_kib: Arc<Semaphore>,
    waited_jobs: Arc<Semaphore>,
    pressure: Pressure,
}

impl Admission {
    /// Lets in what `settings` allow, as they change.
    pub fn new(settings: Arc<LiveSettings>) -> Admission {
        Admission {
            settings,
            requests: Places::counted_by(names::INGRESS_IN_FLIGHT),
            waits: Places::counted_by(names::INGRESS_WAITING),
            rates: Rates::default(),
            batches_kib: Arc::new(Semaphore::new(BATCHES_KIB_MAX)),
            waited_jobs: Arc::new(Semaphore::new(WAITED_JOBS_MAX)),
            pressure: Pressure::new(),
        }
    }

    /// Lets a request in, or turns it away at once.
    pub(crate) fn admit(&self, request: &Request, keys: &Keys) -> Result<Place, Problem> {
        let settings = self.settings.now();
        if let Some(per_second) = settings.client_rate_limit()
            && let Err(pause) = self.rates.take(Caller::of(request, keys), per_second)
        {
            let detail = format!(
                "more than {per_second} requests in a second from one client (CLIENT_RATE_LIMIT); send it again later, \
                 or several jobs as one batch"
            );
            return Err(Problem::new(ProblemType::RateLimited, detail).retry_after(pause));
        }
        let Some(taken) = self.requests.take(settings.concurrent_users_max()) else {
            counter!(names::INGRESS_SHED).increment(1);
            let detail =
                "this replica works on as many requests as it may (MAX_CONCURRENT_USERS); send it again";
            return Err(Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE));
        };
        Ok(Place(Arc::new(Mutex::new(Some(taken)))))
    }

    /// Room in memory for a batch; [`Room::grow_to`] takes it.
    pub(crate) fn room(&self) -> Room {
        Room { batches_kib: Arc::clone(&self.batches_kib), held: None }
    }

    /// Room to wait for so many jobs of one batch, until it is dropped; `None`: there is none.
    pub(crate) fn wait_for_jobs(&self, jobs: usize) -> Option<OwnedSemaphorePermit> {
        let jobs = u32::try_from(jobs).ok()?;
        Arc::clone(&self.waited_jobs).try_acquire_many_owned(jobs).ok()
    }

    /// Notes what became of jobs that were offered to the queue.
    pub(crate) fn note(&self, accepted: u64, refused: u64) {
        self.pressure.note(accepted, refused);
    }

    /// The answer about a job of which it is not known whether it is queued.
    pub(crate) fn refusal(&self, id: JobId, error: &PublishError) -> Problem {
        match error {
            PublishError::Full { .. } => {
                Problem::new(ProblemType::LaneFull, error.to_string()).retry_after(self.pressure.pause())
            }
            PublishError::Unconfirmed { .. } | PublishError::Unavailable(_) => {
                let detail = format!(
                    "{error}; send the same job again with the same Idempotency-Key or reference: whether or not it was \
                     queued now, it never takes effect twice, and its outcome, once it has one, shows at /api/jobs/{id}"
                );
                Problem::new(ProblemType::QueueUnavailable, detail).retry_after(UNAVAILABLE_PAUSE)
            }
        }
    }
}

/// What one batch takes of the memory for all of them, until it is dropped.
pub(crate) struct Room {
    batches_kib: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes room for this many bytes in all.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let held_kib = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more_kib = bytes.div_ceil(1024).saturating_sub(held_kib);
        if more_kib == 0 {
            return Ok(());
        }
        let more_kib = u32::try_from(more_kib).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&self.batches_kib).try_acquire_many_owned(more_kib) else {
            let detail = "as many batches as fit into memory are in flight; send the same batch again, or smaller ones";
            return Err(Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE));
        };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// A request's place among those in flight; given up while its client waits for an outcome.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Option<Taken>>>);

impl Place {
    /// Changes the place among the requests for one among the waiting clients. `false`: there is
    /// none left, so the client is to be answered with what is known.
    pub(crate) fn wait(&self, admission: &Admission) -> bool {
        let Some(taken) = admission.waits.take(WAITS_MAX) else { return false };
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(taken);
        true
    }
}
