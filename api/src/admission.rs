//! Admission: how much is worked on at once, and what is told to those turned away.
//!
//! Whoever is turned away learns it at once: nothing queues here.

mod pressure;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, gauge};
use shared::domain::id::JobId;
use shared::queue::PublishError;
use shared::telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::pressure::Pressure;
use crate::body;
use crate::ingress::Ingress;
use crate::problem::{Problem, ProblemType};

/// Clients that wait for an outcome at once. Each costs a connection and a timer, no work.
pub const WAITS_MAX: usize = 10_000;

/// Kibibytes of batches in memory at once. What is made of a batch takes about as much again, and an
/// ingress is to stay below 100 MB.
pub const BATCHES_KIB_MAX: usize = 32 * 1024;

/// Requests in flight come and go within milliseconds.
const OVERLOADED_PAUSE: Duration = Duration::from_secs(1);

/// A broker that restarts is back within seconds.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(2);

/// The limits that all requests share.
pub struct Admission {
    requests: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    batches_kib: Arc<Semaphore>,
    pressure: Pressure,
}

impl Admission {
    /// Lets `concurrent_users_max` requests in at once.
    #[must_use]
    pub fn new(concurrent_users_max: usize) -> Admission {
        let places = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Admission {
            requests: places(concurrent_users_max),
            waits: places(WAITS_MAX),
            batches_kib: places(BATCHES_KIB_MAX),
            pressure: Pressure::new(),
        }
    }

    /// Room in memory for a batch of this size, until the permit is dropped.
    pub(crate) fn room_for_batch(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.batches_kib.clone().try_acquire_many_owned(kib).map_err(|_| {
            let detail = "as many batches as fit into memory are in flight; send the same batch again, or smaller ones";
            Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE)
        })
    }

    /// Notes what became of jobs that were offered to the queue.
    pub(crate) fn note(&self, accepted: u64, refused: u64) {
        self.pressure.note(accepted, refused);
    }

    /// What a client is told of a job that is not known to be queued.
    pub(crate) fn refusal(&self, id: JobId, error: &PublishError) -> Problem {
        match error {
            PublishError::Full { .. } => {
                Problem::new(ProblemType::LaneFull, error.to_string()).retry_after(self.pressure.pause())
            }
            PublishError::Unconfirmed { .. } | PublishError::Unavailable(_) => {
                let detail = format!(
                    "{error}. With the same Idempotency-Key or reference a retry never takes effect twice; \
                     whether this one was queued shows at /api/jobs/{id}"
                );
                Problem::new(ProblemType::QueueUnavailable, detail).retry_after(UNAVAILABLE_PAUSE)
            }
        }
    }
}

/// A request's place among those in flight; given up while its client waits for an outcome.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Option<Held>>>);

/// Counted for as long as it lives.
struct Held {
    _permit: OwnedSemaphorePermit,
    gauge: &'static str,
}

impl Held {
    fn new(permit: OwnedSemaphorePermit, gauge: &'static str) -> Held {
        gauge!(gauge).increment(1.0);
        Held { _permit: permit, gauge }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        gauge!(self.gauge).decrement(1.0);
    }
}

impl Place {
    /// Changes the place among the requests for one among the waiting clients. `false`: there is
    /// none left, so the client is to be answered with what is known.
    pub(crate) fn wait(&self, admission: &Admission) -> bool {
        let Ok(permit) = admission.waits.clone().try_acquire_owned() else { return false };
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Held::new(permit, names::INGRESS_WAITING));
        true
    }
}

/// Lets a request in, or turns it away at once.
pub(crate) async fn admit(State(ingress): State<Arc<Ingress>>, mut request: Request, next: Next) -> Response {
    let Ok(permit) = ingress.admission.requests.clone().try_acquire_owned() else {
        counter!(names::INGRESS_SHED).increment(1);
        body::discard(request.into_body().into_data_stream());
        let detail = "this replica works on as many requests as it may (MAX_CONCURRENT_USERS); send it again";
        return Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE).into_response();
    };
    let place = Place(Arc::new(Mutex::new(Some(Held::new(permit, names::INGRESS_IN_FLIGHT)))));
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    drop(place);
    response
}
