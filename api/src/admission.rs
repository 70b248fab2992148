//! Admission: how many requests are worked on at once, and the answers to those that are refused.
//!
//! Whoever is turned away learns it at once: nothing queues here.

mod behind;
mod places;
mod pressure;
mod rates;
mod senders;
mod waiting;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use contract::trace::TraceParent;
use domain::id::JobId;
use domain::lane::Lane;
use domain::text::Client;
use fleet::settings::LiveSettings;
use metrics::counter;
use queue::PublishError;
use runtime::telemetry::names;
use tellers_http::keys::Caller;
use tellers_http::problem::whole_seconds;
use tellers_http::shares::{Share, Shares, most_of};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

pub(crate) use self::behind::Behind;
use self::behind::LanesBehind;
use self::places::{Places, Taken};
use self::pressure::Pressure;
use self::rates::{Rates, Sender};
use self::senders::Senders;
use crate::observe::Traced;
use crate::problem::{Problem, ProblemType};

/// Clients that wait for an outcome at once. Each costs a connection and a timer, no work.
pub const WAITS_MAX: usize = 10_000;

/// Jobs for which clients of batches wait at once: some 250 bytes each for the time of the wait, 25 MB in all. A batch
/// beyond them is answered without a wait.
pub const WAITED_JOBS_MAX: usize = 100_000;

/// Kibibytes of batches in memory at once. What is made of a batch takes about as much again, and an
/// ingress is to stay below 100 MB.
pub const BATCHES_KIB_MAX: usize = 32 * 1024;

/// Streams of imports' events that are open at once, of all clients: each looks at the database once a second.
const STREAMS_MAX: usize = 1_000;

/// Requests in flight come and go within milliseconds.
const OVERLOADED_PAUSE: Duration = Duration::from_secs(1);

/// A broker that restarts is back within seconds.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(2);

/// What is shared among the clients.
#[derive(Default)]
struct SharesOf {
    requests: Arc<Shares>,
    waits: Arc<Shares>,
    batches_kib: Arc<Shares>,
    uploads: Arc<Shares>,
    streams: Arc<Shares>,
}

/// The limits that all requests share.
pub struct Admission {
    settings: Arc<LiveSettings>,
    requests: Arc<Places>,
    waits: Arc<Places>,
    streams: Arc<Places>,
    rates: Rates,
    job_rates: Rates,
    shares: SharesOf,
    batches_kib: Arc<Semaphore>,
    waited_jobs: Arc<Semaphore>,
    pressure: Pressure,
    lanes: LanesBehind,
    senders: Senders,
}

impl Admission {
    /// Lets in what `settings` allow, as they change.
    pub fn new(settings: Arc<LiveSettings>) -> Admission {
        Admission {
            settings,
            requests: Places::counted_by(names::INGRESS_IN_FLIGHT),
            waits: Places::counted_by(names::INGRESS_WAITING),
            streams: Places::counted_by(names::INGRESS_STREAMS),
            rates: Rates::default(),
            job_rates: Rates::default(),
            shares: SharesOf::default(),
            batches_kib: Arc::new(Semaphore::new(BATCHES_KIB_MAX)),
            waited_jobs: Arc::new(Semaphore::new(WAITED_JOBS_MAX)),
            pressure: Pressure::new(),
            lanes: LanesBehind::default(),
            senders: Senders::default(),
        }
    }

    /// Lets a request in, or turns it away at once.
    pub(crate) fn admit(&self, request: &Request) -> Result<Place, Problem> {
        let settings = self.settings.now();
        if let Some(per_second) = settings.client_rate_limit()
            && let Err(pause) = self.rates.take(Sender::of(request), per_second)
        {
            let detail = format!(
                "more than {per_second} requests in a second from one client (CLIENT_RATE_LIMIT); send it again later, \
                 or several jobs as one batch"
            );
            return Err(Problem::new(ProblemType::RateLimited, detail).retry_after(pause));
        }
        let client = limited(request.extensions().get());
        let most = settings.concurrent_users_max();
        let share = take_share(&self.shares.requests, client.as_ref(), 1, most, "requests at once")?;
        let Some(taken) = self.requests.take(most) else {
            counter!(names::INGRESS_SHED).increment(1);
            let detail =
                "this replica works on as many requests as it may (MAX_CONCURRENT_USERS); send it again";
            return Err(Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE));
        };
        let trace = request.extensions().get().map(|Traced(trace)| *trace);
        Ok(Place { trace, client, held: Arc::new(Mutex::new(Held { _place: taken, _share: share })) })
    }

    /// Room in memory for a batch of this caller; [`Room::grow_to`] takes it.
    pub(crate) fn room(&self, caller: &Caller) -> Result<Room, Problem> {
        let client = limited(Some(caller));
        let share =
            take_share(&self.shares.batches_kib, client.as_ref(), 0, BATCHES_KIB_MAX, "memory for batches")?;
        Ok(Room { batches_kib: Arc::clone(&self.batches_kib), share, held: None })
    }

    /// Takes what workers report of their lanes, until the bus is closed.
    pub(crate) async fn receive(&self, reports: broadcast::Receiver<Bytes>) {
        self.lanes.receive(reports).await;
    }

    /// How many of these jobs the caller may submit now. `Err`: none; says when to come back.
    pub(crate) fn jobs(&self, caller: &Caller, wanted: usize) -> Result<Granted, Problem> {
        let rate = caller.rate.map(|rate| (caller.id.as_str(), rate));
        let Some((sender, per_second)) = self.job_rate(&caller.client, rate) else {
            return Ok(Granted { jobs: wanted, per_second: 0, pause: Duration::ZERO });
        };
        let count = u32::try_from(wanted).unwrap_or(u32::MAX);
        let (taken, pause) = self.job_rates.take_some(sender, per_second, count);
        let granted = Granted { jobs: usize::try_from(taken).unwrap_or(usize::MAX), per_second, pause };
        if granted.jobs == 0 && wanted > 0 { Err(granted.refusal()) } else { Ok(granted) }
    }

    /// The lanes that this caller has to wait for, or to which it may add less than `jobs`.
    pub(crate) fn behind(&self, caller: &Caller, jobs: usize) -> Behind {
        let client = limited(Some(caller));
        let settings = self.settings.now();
        // Nobody is turned away for a lane that is paused.
        let has_most = |lane| {
            let has_most = client.as_ref().is_some_and(|client| self.senders.has_most(lane, client));
            has_most && settings.pause_of(lane).is_none()
        };
        self.lanes.now(has_most, jobs, settings.lane_lag_limit())
    }

    /// Notes jobs that a caller puts on a lane.
    pub(crate) fn sent(&self, caller: &Caller, lane: Lane, jobs: usize) {
        if !caller.is_anonymous() {
            self.senders.sent(lane, &caller.client, jobs);
            self.lanes.sent(lane, jobs);
        }
    }

    /// Notes rows of a client's file that go to a lane.
    pub(crate) fn read(&self, client: &Client, lane: Lane, rows: usize) {
        self.senders.read(lane, client, rows);
    }

    /// Counts rows of a file among the jobs of its client; `rate`: of the key with this id. Says how long to wait before the next.
    pub(crate) fn rows(&self, client: &Client, rate: Option<(&str, u32)>, rows: usize) -> Duration {
        let count = u32::try_from(rows).unwrap_or(u32::MAX);
        let rate = self.job_rate(client, rate);
        rate.map_or(Duration::ZERO, |(sender, rate)| self.job_rates.charge(sender, rate, count))
    }

    /// Whose jobs are counted together, and how many of them a second there may be: those of a key that has a rate, else
    /// the client's.
    fn job_rate(&self, client: &Client, rate: Option<(&str, u32)>) -> Option<(Sender, u32)> {
        match rate {
            Some((key, rate)) => Some((Sender::Key(key.to_owned()), rate)),
            None => Some((Sender::Client(client.clone()), self.settings.now().client_jobs_limit()?)),
        }
    }

    /// A client's share of the files that come in at once, of which there are `all`.
    pub(crate) fn upload(&self, caller: &Caller, all: usize) -> Result<Option<Share>, Problem> {
        take_share(&self.shares.uploads, limited(Some(caller)).as_ref(), 1, all, "files at once")
    }

    /// A place among the streams that are open.
    pub(crate) fn stream(&self, caller: &Caller) -> Result<Held, Problem> {
        let client = limited(Some(caller));
        let share = take_share(&self.shares.streams, client.as_ref(), 1, STREAMS_MAX, "streams at once")?;
        let Some(taken) = self.streams.take(STREAMS_MAX) else {
            let detail = format!(
                "this replica has {STREAMS_MAX} streams open, the most that it may; ask again without events"
            );
            return Err(Problem::new(ProblemType::Overloaded, detail).retry_after(OVERLOADED_PAUSE));
        };
        Ok(Held { _place: taken, _share: share })
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
            PublishError::Full { lane } => {
                // Other lanes may take all they get: the fleet's pace alone says too little.
                let pause = self.lanes.half_of(*lane).unwrap_or_default().max(self.pressure.pause());
                Problem::new(ProblemType::LaneFull, error.to_string()).retry_after(pause)
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

/// How many jobs a client may submit now.
pub(crate) struct Granted {
    /// So many of those that it wanted, the first ones.
    pub jobs: usize,
    per_second: u32,
    pause: Duration,
}

impl Granted {
    /// Seconds after which more may come.
    pub fn seconds(&self) -> u64 {
        whole_seconds(self.pause)
    }

    /// The answer about those that may not be submitted now.
    pub fn refusal(&self) -> Problem {
        let detail = format!(
            "more than {} jobs in a second from one client (the rate of its key, or CLIENT_JOBS_LIMIT); send it again later",
            self.per_second
        );
        Problem::new(ProblemType::RateLimited, detail).retry_after(self.pause)
    }
}

/// The client that has to leave some for the others; `None`: the fleet knows no clients.
fn limited(caller: Option<&Caller>) -> Option<Client> {
    caller.filter(|caller| !caller.is_anonymous()).map(|caller| caller.client.clone())
}

/// Some of what there is for all, if the client has no more than its share then.
fn take_share(
    shares: &Arc<Shares>,
    client: Option<&Client>,
    amount: usize,
    all: usize,
    what: &str,
) -> Result<Option<Share>, Problem> {
    let Some(client) = client else { return Ok(None) };
    let most = most_of(all);
    let share = shares.take(client, amount, most);
    share.map(Some).ok_or_else(|| over_share(what, most))
}

fn over_share(what: &str, most: usize) -> Problem {
    let detail =
        format!("one client may have {most} of the {what} at this replica; send it again when some are done");
    Problem::new(ProblemType::RateLimited, detail).retry_after(OVERLOADED_PAUSE)
}

/// What one batch takes of the memory for all of them, until it is dropped.
pub(crate) struct Room {
    batches_kib: Arc<Semaphore>,
    share: Option<Share>,
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
        let most = most_of(BATCHES_KIB_MAX);
        if self.share.as_mut().is_some_and(|share| !share.grow(more_kib, most)) {
            return Err(over_share("memory for batches, in KiB,", most));
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
pub(crate) struct Place {
    /// The span of the request, where it is recorded.
    pub(crate) trace: Option<TraceParent>,
    client: Option<Client>,
    held: Arc<Mutex<Held>>,
}

/// A place, and what it takes of its client's share.
pub(crate) struct Held {
    _place: Taken,
    _share: Option<Share>,
}

impl Place {
    /// Changes the place among the requests for one among the waiting clients. `false`: there is
    /// none left, so the client is to be answered with what is known.
    pub(crate) fn wait(&self, admission: &Admission) -> bool {
        let waits = &admission.shares.waits;
        let Ok(share) = take_share(waits, self.client.as_ref(), 1, WAITS_MAX, "waits") else { return false };
        let Some(taken) = admission.waits.take(WAITS_MAX) else { return false };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Held { _place: taken, _share: share };
        true
    }
}
