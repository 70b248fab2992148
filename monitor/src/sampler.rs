//! The sampler: once a second it asks the queue and the ledger, merges the answers with what the
//! replicas said, and publishes a new snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::clock;
use shared::contract::report::Role;
use shared::domain::lane::Lane;
use shared::fleet::Topic;
use shared::ledger::Totals;
use shared::queue::LaneDepth;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Parts;
use crate::replicas::{Replicas, SILENCE_MAX};
use crate::snapshot::{CurrencySum, LaneView, LedgerView, ReplicaState, Snapshot};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// A part that does not answer within this time is shown as away; the next sample asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(900);
/// The ledger's totals read every balance, so they are asked for less often.
const TOTALS_INTERVAL: Duration = Duration::from_secs(3);
/// Totals of a ledger of many accounts take a moment.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(10);

/// Samples until `shutdown`.
pub(crate) async fn sample(
    parts: Parts,
    snapshots: watch::Sender<Arc<Snapshot>>,
    shutdown: CancellationToken,
) {
    let (totals_write, totals) = watch::channel(Err("not read yet".to_owned()));
    let totals_task = tokio::spawn(read_totals(parts.clone(), totals_write, shutdown.clone()));
    let mut reports = parts.bus.listen(Topic::Report).await;
    let mut presences = parts.bus.listen(Topic::Presence).await;
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut sampler = Sampler { parts, replicas: Replicas::default(), empty_at: BTreeMap::new() };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Ok(report) = reports.recv() => sampler.replicas.note_report(&report),
            Ok(presence) = presences.recv() => sampler.replicas.note_presence(&presence),
            _ = interval.tick() => {
                let totals = totals.borrow().clone();
                snapshots.send_replace(Arc::new(sampler.take(totals).await));
            }
        }
    }
    // It ends by the same token; a panic in it has been printed.
    let _ = totals_task.await;
}

/// What was asked for, or why it was not answered.
type Answer<T> = Result<T, String>;

async fn read_totals(parts: Parts, answers: watch::Sender<Answer<Totals>>, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(TOTALS_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        let answer = answer("the ledger", TOTALS_TIMEOUT, parts.ledger.totals()).await;
        drop(answers.send_replace(answer));
    }
}

async fn answer<T, E: ToString>(
    who: &str,
    timeout: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Answer<T> {
    match tokio::time::timeout(timeout, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{who} did not answer within {timeout:?}")),
    }
}

struct Sampler {
    parts: Parts,
    replicas: Replicas,
    /// When each lane was seen without anything waiting.
    empty_at: BTreeMap<Lane, Instant>,
}

impl Sampler {
    async fn take(&mut self, totals: Answer<Totals>) -> Snapshot {
        self.replicas.forget_the_long_lost();
        let (depth, dead_letters) = tokio::join!(
            answer("the queue", ANSWER_TIMEOUT, self.parts.queue.depth()),
            answer("the queue", ANSWER_TIMEOUT, self.parts.queue.dead_letter_count()),
        );
        let mut problems: Vec<String> = Vec::new();
        problems.extend(depth.as_ref().err().map(|why| format!("the queue can not be read: {why}")));
        problems.extend(totals.as_ref().err().map(|why| format!("the ledger can not be read: {why}")));

        let mut snapshot = Snapshot::nothing_yet(self.parts.lanes);
        snapshot.taken_at = Timestamp::now();
        snapshot.replicas = self.replicas.views();
        snapshot.dead_letters = dead_letters.ok();
        snapshot.ledger = totals.ok().map(ledger_view);
        self.fill_lanes(&mut snapshot.lanes, depth.ok());
        let bus_up_for = self.parts.bus.connected_since().map(|since| since.elapsed());
        match bus_up_for {
            // Silence says something only while the bus has been up for as long.
            Some(up_for) if up_for > SILENCE_MAX => judge_replicas(&snapshot, &mut problems),
            Some(_) => {}
            None => problems.push("the fleet bus is away: nothing is heard of the replicas".to_owned()),
        }
        judge(&snapshot, &mut problems);
        snapshot.verdict = verdict(&snapshot, &problems);
        snapshot.problems = problems;
        snapshot
    }

    fn fill_lanes(&mut self, lanes: &mut [LaneView], depth: Option<Vec<LaneDepth>>) {
        let holders = self.replicas.holders();
        let jobs_per_message = self.replicas.jobs_per_message();
        for view in lanes.iter_mut() {
            let held = holders.get(&Lane(view.lane));
            view.holder = held.map(|(replica, _)| replica.clone());
            let in_hand = held.and_then(|(_, accepted_at)| *accepted_at).map(age_seconds);
            let depth = depth.as_ref().and_then(|all| all.iter().find(|depth| depth.lane.0 == view.lane));
            let Some(depth) = depth else { continue };
            view.depth_messages = Some(depth.messages_ready);
            view.unacknowledged_messages = depth.messages_unacknowledged;
            view.consumers = Some(depth.consumers);
            view.depth_jobs_estimated = depth.jobs.is_none();
            view.depth_jobs = depth.jobs.or_else(|| estimated_jobs(depth.messages_ready, jobs_per_message));
            view.lag_seconds = Some(self.lag_seconds(depth, in_hand));
        }
    }

    /// The age of the oldest job in hand; of a lane that nobody serves, at least how long it has not
    /// been empty.
    fn lag_seconds(&mut self, depth: &LaneDepth, in_hand: Option<f64>) -> f64 {
        let now = Instant::now();
        if depth.messages_ready == 0 {
            self.empty_at.insert(depth.lane, now);
            return in_hand.unwrap_or(0.0);
        }
        let empty_at = *self.empty_at.entry(depth.lane).or_insert(now);
        in_hand.unwrap_or(now.duration_since(empty_at).as_secs_f64())
    }
}

fn age_seconds(accepted_at: i64) -> f64 {
    Duration::from_micros(u64::try_from(clock::now_us() - accepted_at).unwrap_or_default()).as_secs_f64()
}

fn estimated_jobs(messages: u64, jobs_per_message: Option<f64>) -> Option<u64> {
    if messages == 0 {
        return Some(0);
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // An estimate of a count, never negative and far below 2^53.
    jobs_per_message.map(|mean| (messages as f64 * mean).round() as u64)
}

fn ledger_view(totals: Totals) -> LedgerView {
    let sum = |(currency, sum): (shared::domain::money::Currency, i128)| CurrencySum {
        currency: currency.code().to_owned(),
        sum: sum.to_string(),
    };
    LedgerView {
        accounts: totals.accounts,
        posted: totals.posted,
        rejected: totals.rejected,
        dead: totals.dead,
        balanced: totals.balances.iter().all(|(_, sum)| *sum == 0),
        balances: totals.balances.into_iter().map(sum).collect(),
    }
}

/// Adds what is wrong with the replicas that were heard, or should have been.
fn judge_replicas(snapshot: &Snapshot, problems: &mut Vec<String>) {
    for replica in &snapshot.replicas {
        let name = &replica.replica;
        if replica.state == ReplicaState::Lost {
            problems.push(format!("{name} was lost {:.0} s ago; start it again", replica.silent_seconds));
        } else if let Some(trouble) = &replica.trouble {
            problems.push(format!("{name} can not work: {trouble}"));
        }
    }
    if !snapshot
        .replicas
        .iter()
        .any(|replica| replica.role == Role::Worker && replica.state == ReplicaState::Live)
    {
        problems.push("no worker is running; start one with `tellers worker`".to_owned());
    } else {
        let unserved: Vec<String> = snapshot
            .lanes
            .iter()
            .filter(|lane| lane.holder.is_none())
            .map(|lane| lane.lane.to_string())
            .collect();
        if !unserved.is_empty() {
            problems.push(format!("no worker serves lane {}", unserved.join(", ")));
        }
    }
}

/// Adds what is wrong in the parts that could be read.
fn judge(snapshot: &Snapshot, problems: &mut Vec<String>) {
    if snapshot.ledger.as_ref().is_some_and(|ledger| !ledger.balanced) {
        problems.push("the books do not balance; run `tellers verify`".to_owned());
    }
    if let Some(letters) = snapshot.dead_letters.filter(|letters| *letters > 0) {
        problems.push(format!("{letters} dead letters wait; see `tellers dead-letters list`"));
    }
}

fn verdict(snapshot: &Snapshot, problems: &[String]) -> String {
    let known = snapshot.lanes.iter().filter_map(|lane| lane.depth_messages);
    let (lanes, messages) = known.fold((0, 0), |(lanes, sum), depth| (lanes + 1, sum + depth));
    let jobs: u64 = snapshot.lanes.iter().filter_map(|lane| lane.depth_jobs).sum();
    let oldest = snapshot.lanes.iter().filter_map(|lane| lane.lag_seconds).fold(0.0, f64::max);
    let flow = match (lanes, messages) {
        (0, _) => "depth unknown".to_owned(),
        (_, 0) => "nothing waits".to_owned(),
        _ => format!("about {jobs} jobs wait in {messages} messages, oldest {oldest:.1} s"),
    };
    match problems {
        [] => format!("well: {flow}"),
        [one] => format!("attention: {one} ({flow})"),
        [first, rest @ ..] => format!("attention: {first}, and {} more ({flow})", rest.len()),
    }
}
