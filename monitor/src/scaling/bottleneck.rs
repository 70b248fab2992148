//! What limits throughput: looked for along the path of a job, the causes that hide others first.

use crate::facts::{BusState, Facts};
use crate::scaling::load::{Load, avg, evidence, p95};
use crate::views::optimize::{Bottleneck, BottleneckName, Evidence};
use crate::views::replica::PoolView;
use crate::words::{counted, time};

/// Below this lag, and with short waits, nothing is held back.
const LAG_SECONDS: f64 = 1.0;
/// A confirmation that takes longer is what a client waits for.
const CONFIRM_SECONDS: f64 = 0.25;
/// A wait for a connection that is worth a word.
const ACQUIRE_SECONDS: f64 = 0.02;
/// A lane with so much more than its fair share of what waits is what all wait for.
const HOT_LANE_SHARE: f64 = 0.5;
/// Fewer jobs than that make no lane hot.
const HOT_LANE_JOBS: f64 = 200.0;
/// Host or container is as good as full.
const CPU_PERCENT: f64 = 90.0;
/// One phase with this share of the posting time is what makes it slow.
const PHASE_SHARE: f64 = 0.55;
/// Batches with less of their room used, although jobs wait, are too small.
const FILL_SHARE: f64 = 0.5;
/// Deadlocks and lock waits in more of the batches than this cost throughput.
const RETRY_SHARE: f64 = 0.05;
/// From so many batches posted at once, of those that could be, all workers are busy.
const BUSY: f64 = 0.8;

/// What limits throughput now.
pub(crate) fn find(facts: &Facts) -> Bottleneck {
    let load = Load::of(facts);
    away(facts)
        .or_else(|| publish_confirm(facts))
        .or_else(|| at_rest(facts, &load))
        .or_else(|| hot_lane(facts, &load))
        .or_else(|| pool_wait(facts))
        .or_else(|| lock_waits(facts))
        .or_else(|| cpu(facts))
        .or_else(|| posting_turns(facts))
        .or_else(|| batch_fill(facts))
        .or_else(|| too_few_workers(facts, &load))
        .unwrap_or_else(|| commit(facts))
}

fn because(name: BottleneckName, sentence: String, evidence: Vec<Evidence>) -> Bottleneck {
    Bottleneck { name, sentence, evidence }
}

fn away(facts: &Facts) -> Option<Bottleneck> {
    if let Some(why) = &facts.ledger_trouble {
        let sentence = format!("nothing is posted while the ledger is away: {why}");
        return Some(because(BottleneckName::LedgerAway, sentence, Vec::new()));
    }
    if let Some(why) = &facts.queue_trouble {
        let sentence = format!("nothing moves while the queue is away: {why}");
        return Some(because(BottleneckName::QueueAway, sentence, Vec::new()));
    }
    if facts.bus != BusState::Up || facts.queue.depth_messages.is_none() {
        let sentence = "not every replica has reported, or the queue has not been asked yet".to_owned();
        return Some(because(BottleneckName::NotKnown, sentence, Vec::new()));
    }
    (facts.live_workers() == 0).then(|| {
        because(BottleneckName::NoWorkers, "nothing is posted without a worker".to_owned(), Vec::new())
    })
}

fn at_rest(facts: &Facts, load: &Load) -> Option<Bottleneck> {
    let waits =
        p95(facts.last_10_s.processing.posting_wait).max(p95(facts.last_10_s.processing.pool_acquire));
    let calm = load.lag_seconds < LAG_SECONDS && waits < LAG_SECONDS;
    let used = 100.0 * load.utilisation();
    calm.then(|| {
        let sentence =
            format!("nothing limits the fleet: workers post jobs as they come, and are {used:.0} % busy");
        let evidence =
            vec![evidence("lag_seconds", load.lag_seconds), evidence("workers_busy_percent", used)];
        because(BottleneckName::None, sentence, evidence)
    })
}

fn publish_confirm(facts: &Facts) -> Option<Bottleneck> {
    let confirm = p95(facts.last_10_s.processing.publish_confirm);
    (confirm > CONFIRM_SECONDS).then(|| {
        let sentence = format!(
            "the queue takes up to {} to confirm a message: clients wait for its disk or its processors",
            time(confirm)
        );
        because(
            BottleneckName::PublishConfirm,
            sentence,
            vec![evidence("publish_confirm_p95_seconds", confirm)],
        )
    })
}

fn hot_lane(facts: &Facts, load: &Load) -> Option<Bottleneck> {
    let (lane, share) = load.hot_lane?;
    let fair = 1.0 / f64::from(facts.lane_count().max(1));
    let hot = share > HOT_LANE_SHARE && share > 2.0 * fair && load.depth_jobs * share > HOT_LANE_JOBS;
    hot.then(|| {
        let percent = 100.0 * share;
        let sentence = format!(
            "lane {lane} holds {percent:.0} % of the jobs that wait: a few accounts draw most of them, and only one worker may \
             post a lane at a time"
        );
        because(BottleneckName::HotLane, sentence, vec![evidence("lane_share_percent", percent)])
    })
}

/// The pool of connections that most tasks wait for; `None`: nobody waits. Threads for blocking work are beside the
/// path of a job.
pub(crate) fn awaited(facts: &Facts) -> Option<&PoolView> {
    let connections = facts.pools.iter().filter(|pool| !pool.is_of_threads() && pool.waiting > 0);
    connections.max_by_key(|pool| (pool.is_exhausted(), pool.waiting))
}

fn pool_wait(facts: &Facts) -> Option<Bottleneck> {
    let pool = awaited(facts)?;
    let acquired = facts.last_10_s.processing.pool_acquire;
    let acquire = p95(acquired);
    // A pool of one is full whenever it is used: only a wait that is felt counts, or one that nobody sees the end of.
    let is_felt = acquired.map_or(pool.is_exhausted(), |_| acquire > ACQUIRE_SECONDS);
    is_felt.then(|| {
        let (name, waiting) = (&pool.name, pool.waiting);
        let tasks = counted(waiting, "task");
        let wait = if waiting == 1 { "waits" } else { "wait" };
        let longest = acquired.map(|_| format!(", up to {}", time(acquire))).unwrap_or_default();
        let sentence = format!("{tasks} {wait} for a connection to the database, of pool {name}{longest}");
        let evidence =
            vec![evidence("pool_waiting", waiting as f64), evidence("pool_acquire_p95_seconds", acquire)];
        because(BottleneckName::PoolWait, sentence, evidence)
    })
}

fn lock_waits(facts: &Facts) -> Option<Bottleneck> {
    let window = &facts.last_10_s;
    let is_lock = |name: &str| name.contains("deadlock") || name.contains("lock_wait");
    let retries: u64 =
        window.errors.by_type.iter().filter(|error| is_lock(&error.r#type)).map(|error| error.count).sum();
    let batches = window.processing.posting.map_or(0, |posting| posting.count);
    let share = retries as f64 / batches.max(1) as f64;
    let (locking, posting) = (avg(window.processing.lock_and_read), avg(window.processing.posting));
    let locked = if posting > 0.0 { locking / posting } else { 0.0 };
    (share > RETRY_SHARE || locked > PHASE_SHARE).then(|| {
        let sentence = format!(
            "batches wait for each other's rows: {:.0} % of the posting time is locking and reading, {:.0} % of the batches are tried again",
            100.0 * locked,
            100.0 * share
        );
        let evidence =
            vec![evidence("lock_and_read_share_percent", 100.0 * locked), evidence("retries_percent", 100.0 * share)];
        because(BottleneckName::LockWaits, sentence, evidence)
    })
}

fn cpu(facts: &Facts) -> Option<Bottleneck> {
    let busy = facts.resources.cpu_percent_max.filter(|busy| *busy > CPU_PERCENT)?;
    let sentence = format!(
        "the processors are {busy:.0} % busy: another worker on the same machine would only take from the others"
    );
    Some(because(BottleneckName::Cpu, sentence, vec![evidence("cpu_percent_max", busy)]))
}

fn posting_turns(facts: &Facts) -> Option<Bottleneck> {
    let processing = &facts.last_10_s.processing;
    let (wait, posting) = (avg(processing.posting_turn), avg(processing.posting));
    (posting > 0.0 && wait > posting).then(|| {
        let sentence =
            format!("batches wait {} for their turn and then post in {}", time(wait), time(posting));
        let evidence =
            vec![evidence("posting_turn_avg_seconds", wait), evidence("posting_avg_seconds", posting)];
        because(BottleneckName::PostingTurns, sentence, evidence)
    })
}

fn batch_fill(facts: &Facts) -> Option<Bottleneck> {
    let most = facts.number("BATCH_PROCESSING_SIZE").unwrap_or(100.0);
    let fill = facts.last_10_s.batch_jobs?.avg_jobs;
    (fill < FILL_SHARE * most || most < 50.0).then(|| {
        let sentence = format!(
            "jobs wait, and batches carry {fill:.0} jobs on average: a commit costs the same for {most:.0}"
        );
        because(
            BottleneckName::BatchFill,
            sentence,
            vec![evidence("batch_jobs_avg", fill), evidence("batch_jobs_max", most)],
        )
    })
}

fn too_few_workers(facts: &Facts, load: &Load) -> Option<Bottleneck> {
    let busy = load.utilisation();
    let processing = &facts.last_10_s.processing;
    let writing = avg(processing.write_and_commit) / avg(processing.posting).max(f64::MIN_POSITIVE);
    // Where the database's writing is most of the time, more workers would wait there too.
    let helps = facts.live_workers() < facts.lane_count() && writing < PHASE_SHARE;
    (helps && busy > BUSY).then(|| {
        let percent = 100.0 * busy;
        let sentence = format!("the workers post {percent:.0} % of the batches that they could at once");
        because(BottleneckName::TooFewWorkers, sentence, vec![evidence("workers_busy_percent", percent)])
    })
}

fn commit(facts: &Facts) -> Bottleneck {
    let processing = &facts.last_10_s.processing;
    let (writing, posting) = (avg(processing.write_and_commit), avg(processing.posting));
    let share = if posting > 0.0 { 100.0 * writing / posting } else { 0.0 };
    let sentence = format!(
        "the database takes most of the time: a batch posts in {}, {share:.0} % of it writing and committing",
        time(posting)
    );
    let evidence =
        vec![evidence("posting_avg_seconds", posting), evidence("write_and_commit_share_percent", share)];
    because(BottleneckName::Commit, sentence, evidence)
}

/// Whether workers beyond those that run would raise throughput.
pub(crate) fn more_workers_help(bottleneck: &Bottleneck) -> bool {
    matches!(
        bottleneck.name,
        BottleneckName::NoWorkers | BottleneckName::TooFewWorkers | BottleneckName::PostingTurns
    )
}

#[cfg(test)]
pub(crate) mod tests;
