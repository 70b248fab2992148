//! The load tests of a monitor: one at a time, kept with their results.

mod refusal;
pub(crate) mod routes;
pub(crate) mod run;

use std::sync::Arc;
use std::time::Duration;

use contract::report::Role;
use fleet::reporter::next_report;
use fleet::{Bus, Topic};
use jiff::{SignedDuration, Timestamp};
use load_test::{Failure, Plan, Progress, Report, Target, UsageSource};
use runtime::clock;
use runtime::shutdown::Ticks;
use store::StoreError;
use store::records::{RecordKind, Records};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::run::{Run, State, Summary, TOLD_SECONDS};
use crate::ingress::Reported;

/// A live ingress reports each second.
const INGRESS_REPORTED_WITHIN: Duration = Duration::from_millis(2_500);
/// Results are kept for so long.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// A ledger that is away does not hold up the result.
const TELL_TIMEOUT: Duration = Duration::from_secs(2);
/// When the monitor stops, what is running has so long to be written down.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// A result that cannot be written is tried again so often, so long apart; it stays in memory besides.
const SAVE_ATTEMPTS: u32 = 15;
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// What load tests are made of.
#[derive(Clone)]
pub struct Settings {
    /// Where the ingress is (`API_URL`); `None`: at the address of a replica that reports.
    pub api_url: Option<String>,
    /// A key of the ingress (`API_KEY`), if it asks for one.
    pub api_key: Option<String>,
    /// For the replicas' reports.
    pub bus: Arc<dyn Bus>,
    /// Where results are kept.
    pub records: Arc<dyn Records>,
    /// This monitor's id.
    pub replica: String,
    /// Ends what runs.
    pub shutdown: CancellationToken,
}

/// The load tests of a monitor.
pub struct LoadTests {
    settings: Settings,
    /// The newest of this monitor, running or over. Held while one is started, so that only one is.
    newest: tokio::sync::Mutex<Option<Arc<Current>>>,
    tasks: TaskTracker,
}

/// A load test that this monitor runs, or ran last.
pub(crate) struct Current {
    requested: Run,
    progress: Arc<Progress>,
    cancel: CancellationToken,
    ended: watch::Sender<Option<Run>>,
}

/// Why no load test was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(
        "load test {id} is running, and two at a time would measure each other; follow it at \
         /api/scalability/load-test/{id}, or stop it with DELETE"
    )]
    Busy { id: u64 },
    #[error(
        "it is not known where the ingress is: no api replica reports an address that can be used; start one with \
         `tellers api`, or set API_URL, as has to be done where API_KEY would go to another machine in the clear"
    )]
    NoIngress,
    #[error(
        "the result could not be kept, so nothing was started: {0}; try again when the ledger's database is back"
    )]
    Away(#[from] StoreError),
    #[error("the load test could not be written down: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl LoadTests {
    /// None is running yet.
    pub fn new(settings: Settings) -> Arc<LoadTests> {
        Arc::new(LoadTests { settings, newest: tokio::sync::Mutex::default(), tasks: TaskTracker::new() })
    }

    /// Waits until what was running when `shutdown` came has been written down.
    pub async fn stop(&self) {
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await.is_err() {
            warn!("the load test that was running could not be written down; it will read as broken off");
        }
    }

    /// Starts one, unless one is running.
    pub(crate) async fn start(self: &Arc<Self>, plan: Plan) -> Result<Arc<Current>, StartError> {
        let mut newest = self.newest.lock().await;
        if let Some(running) = newest.as_ref().filter(|current| current.ended().is_none()) {
            return Err(StartError::Busy { id: running.requested.id });
        }
        let Settings { records, replica, .. } = &self.settings;
        let latest = records.list(RecordKind::LoadTest, None, 1).await?;
        let latest = latest.first().and_then(|record| Run::kept(record.number, &record.body, replica));
        if let Some(elsewhere) = latest.filter(|run| run.state == State::Running) {
            return Err(StartError::Busy { id: elsewhere.id });
        }
        let target = self.target().await.ok_or(StartError::NoIngress)?;
        let mut run = Run::requested(0, plan, replica.clone());
        let body = serde_json::to_string(&run)?;
        run.id = records.append(RecordKind::LoadTest, clock::now_us(), &body).await?;
        let current = Arc::new(Current {
            requested: run,
            progress: Arc::default(),
            cancel: self.settings.shutdown.child_token(),
            ended: watch::Sender::new(None),
        });
        *newest = Some(current.clone());
        self.tasks.spawn(self.clone().run(current.clone(), target));
        Ok(current)
    }

    /// One, running or kept.
    pub(crate) async fn get(&self, id: u64) -> Result<Option<Run>, StoreError> {
        if let Some(current) = self.current(id).await {
            return Ok(Some(current.view()));
        }
        let record = self.settings.records.get(RecordKind::LoadTest, id).await?;
        Ok(record.and_then(|record| Run::kept(id, &record.body, &self.settings.replica)))
    }

    /// The one with this number, if it is this monitor's newest.
    pub(crate) async fn current(&self, id: u64) -> Option<Arc<Current>> {
        self.newest.lock().await.clone().filter(|current| current.requested.id == id)
    }

    /// Those kept with a number below `before`, newest first.
    pub(crate) async fn list(&self, before: Option<u64>, limit: u32) -> Result<Vec<Summary>, StoreError> {
        let records = self.settings.records.list(RecordKind::LoadTest, before, limit).await?;
        let newest = self.newest.lock().await.clone();
        let shown = |record: store::records::Record| match &newest {
            Some(current) if current.requested.id == record.number => Some(current.view()),
            _ => Run::kept(record.number, &record.body, &self.settings.replica),
        };
        Ok(records.into_iter().filter_map(shown).map(Summary::from).collect())
    }

    async fn run(self: Arc<Self>, current: Arc<Current>, target: Target) {
        let id = current.requested.id;
        info!(id, target = target.url, plan = ?current.requested.plan, "a load test starts");
        let usage = UsageSource::Reports(self.settings.bus.clone());
        let Current { requested, progress, cancel, .. } = current.as_ref();
        let is_over = CancellationToken::new();
        let measured = async {
            let measured = load_test::run(&requested.plan, &target, &usage, progress, cancel).await;
            is_over.cancel();
            measured
        };
        // A report under way is sent to its end: it must not overtake the result.
        let (measured, ()) = tokio::join!(Box::pin(measured), self.tell(&current, &is_over));
        let run = ended(current.view(), measured, self.settings.shutdown.is_cancelled());
        let sentence =
            run.result.as_ref().map(|result| result.verdict.sentence.as_str()).or(run.reason.as_deref());
        info!(id, state = ?run.state, sentence, "a load test ended");
        current.ended.send_replace(Some(run.clone()));
        self.save(&run).await;
        let forgotten_at = Timestamp::now() - KEPT_FOR;
        if let Err(error) =
            self.settings.records.prune(RecordKind::LoadTest, forgotten_at.as_microsecond()).await
        {
            warn!(%error, "old load tests could not be removed; the next one tries again");
        }
    }

    /// Tells again and again that it runs, until it is over.
    async fn tell(&self, current: &Current, is_over: &CancellationToken) {
        let mut ticks = Ticks::every(Duration::from_secs(TOLD_SECONDS.unsigned_abs()), is_over);
        while ticks.next().await {
            let Ok(body) = serde_json::to_string(&current.view()) else { continue };
            let written = self.settings.records.replace(current.requested.id, &body);
            if !matches!(tokio::time::timeout(TELL_TIMEOUT, written).await, Ok(Ok(()))) {
                tracing::debug!("a running load test could not be written down; its result will be");
            }
        }
    }

    async fn save(&self, run: &Run) {
        let body = match serde_json::to_string(run) {
            Ok(body) => body,
            Err(error) => return warn!(id = run.id, %error, "the result of a load test could not be written"),
        };
        for attempt in 1..=SAVE_ATTEMPTS {
            match self.settings.records.replace(run.id, &body).await {
                Ok(()) => return,
                Err(error) if attempt == SAVE_ATTEMPTS || self.settings.shutdown.is_cancelled() => {
                    return warn!(id = run.id, %error, "the result of a load test is not kept: it ends with this process");
                }
                Err(_) => tokio::time::sleep(SAVE_INTERVAL).await,
            }
        }
    }

    async fn target(&self) -> Option<Target> {
        let url = match &self.settings.api_url {
            Some(url) => url.clone(),
            None => reported_ingress(self.settings.bus.as_ref(), self.settings.api_key.is_some()).await?,
        };
        Some(Target { url, api_key: self.settings.api_key.clone() })
    }
}

impl Current {
    pub(crate) fn id(&self) -> u64 {
        self.requested.id
    }

    /// It stops within moments.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// As it is now.
    pub(crate) fn view(&self) -> Run {
        self.ended().unwrap_or_else(|| Run {
            reported_at: Timestamp::now(),
            progress: Some(self.progress.view()),
            ..self.requested.clone()
        })
    }

    /// Its end, if that comes within this time.
    pub(crate) async fn ended_within(&self, wait: Duration) -> Option<Run> {
        let mut ended = self.ended.subscribe();
        let end = tokio::time::timeout(wait, ended.wait_for(Option::is_some)).await;
        end.ok()?.ok()?.clone()
    }

    fn ended(&self) -> Option<Run> {
        self.ended.borrow().clone()
    }
}

fn ended(run: Run, measured: Result<Report, Failure>, is_shutdown: bool) -> Run {
    let now = Timestamp::now();
    let run = Run { reported_at: now, ended_at: Some(now), progress: None, ..run };
    match measured {
        Ok(report) => Run { state: State::Done, result: Some(report), ..run },
        Err(failure) => {
            let state = match &failure {
                Failure::Cancelled if is_shutdown => State::BrokenOff,
                Failure::Cancelled => State::Cancelled,
                Failure::CouldNotRun(_) => State::Failed,
            };
            let reason = match state {
                State::BrokenOff => "the monitor was stopped meanwhile; start it again".to_owned(),
                _ => failure.to_string(),
            };
            Run { state, reason: Some(reason), ..run }
        }
    }
}

/// The URL of the first ingress that reports where it is; with a `key` only one that keys may go to.
async fn reported_ingress(bus: &dyn Bus, key: bool) -> Option<String> {
    let mut reports = bus.listen(Topic::Report).await;
    let reported = async {
        loop {
            let report = next_report(&mut reports).await?;
            if report.role != Role::Api || report.leaving {
                continue;
            }
            let reported = report.address.and_then(|address| Reported::of(&address, report.tls));
            if let Some(Reported { url, .. }) = reported.filter(|reported| reported.takes_keys || !key) {
                return Some(url);
            }
        }
    };
    tokio::time::timeout(INGRESS_REPORTED_WITHIN, reported).await.ok().flatten()
}
