//! The sampler: once a second it asks the queue, merges the answer with what the replicas and the ledger
//! said, judges it, and publishes a new snapshot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::report::{Counts, Role};
use fleet::Topic;
use futures::FutureExt as _;
use jiff::Timestamp;
use queue::LaneDepth;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::alerts::{Alerts, Change, log::Log};
use crate::books::Books;
use crate::context::Parts;
use crate::facts::{self, BusState, Facts};
use crate::figures::shown;
use crate::figures::windows::Windows;
use crate::figures::{LONG, SHORT};
use crate::gauges;
use crate::history::{History, store::Kept};
use crate::lanes::{self, LaneWatch};
use crate::missing::{self, Missing};
use crate::policies::LatestPolicies;
use crate::reconciliation::{Count, Moment};
use crate::replicas::{Replicas, SILENCE_MAX, Tally};
use crate::snapshot::{Beside, ReplicaSettings, SECOND, Snapshot};
use crate::views::alerts::AlertRecord;
use crate::views::metrics::Throughput;
use crate::views::replica::ReplicaState;
use crate::views::status::LaneView;
use crate::webhook_endpoints::LatestStanding;

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// A queue that does not answer within this time is shown as away; the next sample asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(900);

/// Where the sampler's findings go.
pub(crate) struct Outlets {
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(crate) history: Arc<Mutex<History>>,
    pub(crate) kept: mpsc::Sender<Kept>,
    pub(crate) log: Arc<Mutex<Log>>,
    /// Alerts that fire or are resolved, to be kept.
    pub(crate) to_log: mpsc::Sender<Change>,
    /// The same, for the webhook.
    pub(crate) to_webhook: mpsc::Sender<Change>,
}

/// Samples until `shutdown`.
pub(crate) async fn sample(
    parts: Parts,
    (books, policies, webhooks, open_alerts): (
        watch::Receiver<Books>,
        watch::Receiver<LatestPolicies>,
        watch::Receiver<LatestStanding>,
        oneshot::Receiver<Vec<AlertRecord>>,
    ),
    outlets: Outlets,
    shutdown: CancellationToken,
) {
    let mut open_alerts = open_alerts.fuse();
    let mut reports = parts.bus.listen(Topic::Report).await;
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut sampler = Sampler {
        lanes: LaneWatch::new(parts.lanes),
        parts,
        policies,
        webhooks,
        replicas: Replicas::default(),
        windows: Windows::new(),
        count: Count::from(Timestamp::now()),
        missing: Missing::default(),
        settled: (0, Instant::now()),
        alerts: Alerts::new(),
        outlets,
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Ok(message) = reports.recv() => {
                if let Some(report) = sampler.replicas.note_message(&message, Instant::now()) {
                    sampler.windows.note(&report);
                }
            }
            Ok(open) = &mut open_alerts => sampler.resume(open),
            _ = interval.tick() => {
                let books = books.borrow().clone();
                sampler.take(books).await;
            }
        }
    }
}

struct Sampler {
    parts: Parts,
    policies: watch::Receiver<LatestPolicies>,
    webhooks: watch::Receiver<LatestStanding>,
    replicas: Replicas,
    windows: Windows,
    lanes: LaneWatch,
    count: Count,
    missing: Missing,
    /// Jobs with an outcome, as all replicas count them, and since when there are no more though some wait.
    settled: (u64, Instant),
    alerts: Alerts,
    outlets: Outlets,
}

/// What the queue holds beside the lanes; `None`: it could not be asked.
struct Beyond {
    dead_letters: Option<u64>,
    /// Messages of work for analyses.
    analyses: Option<u64>,
}

impl Sampler {
    async fn take(&mut self, books: Books) {
        let queue = &self.parts.queue;
        let (depth, dead_letters, analyses) = tokio::join!(
            answer(queue.depth()),
            answer(queue.dead_letter_count()),
            answer(queue.work_waiting()),
        );
        let now = Instant::now();
        self.replicas.note_bus(self.bus());
        self.replicas.forget_the_long_lost(now);
        self.windows.turn(now);
        let facts = self.facts(
            books,
            depth,
            Beyond { dead_letters: dead_letters.ok(), analyses: analyses.ok() },
            now,
        );
        self.tell(&facts);
        let growths = self.replicas.growths(SECOND, now);
        let beside = Beside {
            alerts: self.alerts.views(&facts),
            settings: self.settings(now),
            second: shown::throughput(&growths),
            second_failed_percent: shown::errors(&growths).failed_requests_percent,
        };
        let snapshot = Arc::new(Snapshot::of(facts, beside));
        gauges::set(&snapshot);
        self.remember(&snapshot);
        self.outlets.snapshots.send_replace(snapshot);
    }

    fn facts(
        &mut self,
        books: Books,
        depth: Result<Vec<LaneDepth>, String>,
        beyond: Beyond,
        now: Instant,
    ) -> Facts {
        let replicas = self.replicas.views(now);
        let settings = self.parts.instruments.settings.now();
        let last_10_s = shown::window(SHORT, &self.windows.short, &self.replicas, now);
        let lanes = self.lanes.look(depth.as_deref().ok(), &self.replicas, &settings, now);
        let Throughput { settled_jobs_per_second, accepted_jobs_per_second, .. } = last_10_s.throughput;
        let queue = lanes::totals(&lanes, settled_jobs_per_second, accepted_jobs_per_second, beyond.analyses);
        let lanes_of_the_lost = self.replicas.lanes_of_the_lost(now);
        let at = Timestamp::now();
        let in_hand = queue.lag_seconds.is_some_and(|lag| lag > 0.0)
            || queue.unacknowledged_messages.is_some_and(|messages| messages > 0);
        let waits = in_hand || queue.depth_messages.is_some_and(|messages| messages > 0);
        // Jobs of paused lanes wait for whoever paused them.
        let only_paused = lanes.iter().all(|lane| lane.paused.is_some() || !holds_jobs(lane));
        let (bus, ledger) = (self.bus(), books.totals());
        let lost = replicas
            .iter()
            .filter(|replica| replica.state == ReplicaState::Lost && replica.role != Role::Monitor);
        let Tally { counts: counted, lanes: lane_counts } = self.replicas.counted();
        let outcome_counts = books.counts(now);
        let missing = self.missing.take(&missing::Moment {
            now,
            counts: self.replicas.tell_of_lanes().then_some(&lane_counts),
            outcome_counts,
            lanes: &lanes,
            lost: &lanes_of_the_lost,
            // The ingress may be ahead by so much, and the monitor behind by as much.
            clock_skew: facts::clock_skew(&replicas).map_or(Duration::ZERO, |(_, ahead)| {
                Duration::try_from_secs_f64(2.0 * ahead.abs()).unwrap_or(Duration::MAX)
            }),
        });
        let reconciliation = self.count.take(&Moment {
            at,
            counted,
            missing,
            outcome_counts: outcome_counts.map(|outcome_counts| outcome_counts.values().sum()),
            // A report that is missing may be on its way.
            quiet: queue.depth_messages.filter(|_| bus == BusState::Up).map(|_| !waits),
            lost: lost.map(|replica| replica.replica.as_str()).collect(),
            balanced: ledger.as_ref().map(|ledger| ledger.balanced),
        });
        let policies = self.policies.borrow().clone();
        let webhooks = self.webhooks.borrow().clone();
        let in_force = self.replicas.live(now).flat_map(|report| report.settings.clone()).collect();
        Facts {
            at,
            bus,
            lanes_of_the_lost,
            queue,
            queue_trouble: depth.err(),
            policies,
            ledger_answers: books.answers(),
            ledger_trouble: books.trouble().map(str::to_owned),
            ledger,
            durability: self.parts.ledger.durability(),
            dead_letters: beyond.dead_letters,
            webhooks,
            reconciliation,
            still_seconds: self.still_seconds(counted, waits && !only_paused, now),
            last_60_s: shown::window(LONG, &self.windows.long, &self.replicas, now),
            last_10_s,
            resources: shown::resources(&replicas),
            pools: shown::pools(&replicas),
            in_force,
            thresholds: settings,
            lanes,
            replicas,
        }
    }

    fn still_seconds(&mut self, counted: Counts, waits: bool, now: Instant) -> f64 {
        let Counts { posted, rejected, duplicate, conflict, dead, cancelled, scheduled, .. } = counted;
        let settled = posted + rejected + duplicate + conflict + dead + cancelled + scheduled;
        if settled != self.settled.0 || !waits {
            self.settled = (settled, now);
        }
        (now - self.settled.1).as_secs_f64()
    }

    fn bus(&self) -> BusState {
        match self.parts.bus.connected_since().map(|since| since.elapsed()) {
            None => BusState::Away,
            // Silence says something only while the bus has been up for as long.
            Some(up_for) if up_for <= SILENCE_MAX => BusState::Young,
            Some(_) => BusState::Up,
        }
    }

    /// Goes on with the alerts of the monitor before. The webhook that received a firing alert receives its end
    /// once; of those that nobody watches any more only the log gets an end.
    fn resume(&mut self, open: Vec<AlertRecord>) {
        for change in self.alerts.resume(open, Timestamp::now()) {
            self.outlets.log.lock().unwrap_or_else(PoisonError::into_inner).note(&change);
            let _ = self.outlets.to_log.try_send(change);
        }
    }

    /// Judges the alerts, and tells those who listen what fired or was resolved.
    fn tell(&mut self, facts: &Facts) {
        for change in self.alerts.judge(facts) {
            let (record, fired) = (&change.record, change.fired);
            if fired {
                tracing::warn!(
                    alert = record.alert,
                    sentence = record.sentence,
                    runbook = record.runbook,
                    "alert fires"
                );
            } else {
                tracing::info!(alert = record.alert, peak = record.peak, "alert is resolved");
            }
            self.outlets.log.lock().unwrap_or_else(PoisonError::into_inner).note(&change);
            for listener in [&self.outlets.to_log, &self.outlets.to_webhook] {
                // One that is behind by so many misses this one; it is in the log all the same.
                let _ = listener.try_send(change.clone());
            }
        }
    }

    fn settings(&self, now: Instant) -> Vec<ReplicaSettings> {
        self.replicas
            .live(now)
            .map(|report| ReplicaSettings {
                replica: report.replica.clone(),
                role: report.role,
                version: report.settings_version,
                settings: report.settings.clone(),
            })
            .collect()
    }

    fn remember(&self, snapshot: &Snapshot) {
        let metrics = &snapshot.dashboard.metrics;
        let minute = {
            let mut history = self.outlets.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.push(metrics.point.clone(), &metrics.last_60_s)
        };
        let points = [Some(Kept::Second(metrics.point.clone())), minute.map(Kept::Minute)];
        for point in points.into_iter().flatten() {
            // The keeper is behind by a quarter of an hour: what is in memory is all there is.
            let _ = self.outlets.kept.try_send(point);
        }
    }
}

/// Whether a lane is known to have jobs, waiting or in hand.
fn holds_jobs(lane: &LaneView) -> bool {
    let some = |count: Option<u64>| count.is_some_and(|count| count > 0);
    some(lane.depth_messages)
        || some(lane.unacknowledged_messages)
        || lane.lag_seconds.is_some_and(|lag| lag > 0.0)
}

async fn answer<T, E: ToString>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the queue did not answer within {ANSWER_TIMEOUT:?}")),
    }
}
