//! The embedded queue's own code on a disk that fills up, fails and is slow, in a process that is killed and starts again.

mod clients;
mod connection;
mod disk;
mod known;
mod life;

use std::time::Duration;

use domain::lane::{Lane, Lanes};
use queue::Queue as _;
use queue::work::WorkQueue as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::disk::Disk;
use self::known::Known;
use self::life::Lives;
use crate::run::{Report, on_simulated_time};
use crate::world::World;

/// None begins after this.
const LAST: Duration = Duration::from_secs(5);
/// All faults are over.
const END: Duration = Duration::from_secs(7);
/// Once they are, the queue is ready within this time by itself.
const HEALED_WITHIN: Duration = Duration::from_secs(1);
/// And all that was published has come.
const QUIET_WITHIN: Duration = Duration::from_secs(60);

/// One fault. Times are how long it lasts; numbers are chances of a hundred, or milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum DiskFault {
    Fill(Duration),
    FailWrites(u32, Duration),
    FailCommits(u32, Duration),
    FailReads(u32, Duration),
    Slow(u32, Duration),
    /// The process is killed, and another one starts so long after.
    Kill(Duration),
    /// The process ends as it should.
    Restart,
}

/// A fault and when it begins.
type Scheduled = (Duration, DiskFault);

fn schedule(world: &World) -> Vec<Scheduled> {
    let count = 1 + world.below(10);
    let span = u32::try_from(LAST.as_millis()).unwrap_or(u32::MAX);
    let mut schedule: Vec<Scheduled> = (0..count).map(|_| (world.millis(100, span), fault(world))).collect();
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

fn fault(world: &World) -> DiskFault {
    let (time, percent) = (world.millis(10, 2_000), 5 + world.below(80));
    match world.below(12) {
        0..=2 => DiskFault::Fill(time),
        3..=4 => DiskFault::FailWrites(percent / 4, time),
        5..=6 => DiskFault::FailCommits(percent, time),
        7 => DiskFault::FailReads(percent, time),
        8 => DiskFault::Slow(percent, time),
        9..=10 => DiskFault::Kill(world.millis(1, 500)),
        _ => DiskFault::Restart,
    }
}

/// Runs the simulation of a seed.
pub fn run(seed: u64) -> std::io::Result<Report> {
    on_simulated_time(seed, simulate(seed, None))
}

/// The same, with these faults instead of those that the seed thinks of.
pub fn run_with(seed: u64, schedule: &[Scheduled]) -> std::io::Result<Report> {
    on_simulated_time(seed, simulate(seed, Some(schedule)))
}

async fn simulate(seed: u64, given: Option<&[Scheduled]>) -> Report {
    let world = World::new(seed);
    let schedule = given.map_or_else(|| schedule(&world), <[Scheduled]>::to_vec);
    let lanes = Lanes::new(1 + u16::try_from(world.below(3)).unwrap_or_default()).unwrap_or(Lanes::DEFAULT);
    let (disk, known) = (Disk::new(&world), Known::new(&world));
    let lives = Lives::new(&disk, &known, lanes);
    lives.begin().await;
    let mut clients = JoinSet::new();
    for lane in lanes.iter().chain([Lane::NONE]) {
        for client in 0..1 + world.below(3) {
            let count = 5 + world.below(15);
            clients.spawn(clients::publish(lives.clone(), known.clone(), lane, client, count));
        }
    }
    clients.spawn(clients::keep_letters(lives.clone(), known.clone(), 8));
    for (at, fault) in &schedule {
        world.pass(at.saturating_sub(world.elapsed())).await;
        world.note(format_args!("fault: {fault:?}"));
        befall(&lives, &disk, *fault).await;
    }
    world.pass(END.saturating_sub(world.elapsed())).await;
    disk.ail(|faults| *faults = disk::Faults::default());
    world.note("all faults are over");
    let healed = Instant::now();
    heal(&lives).await;
    quiet(&lives, &known, &mut clients).await;
    let quiet_after = healed.elapsed();
    check_counts(&lives).await;
    lives.close().await;
    known.check_disk(&disk);
    known.check_left(&disk);
    let (accepted, missing) = known.missing();
    for name in missing {
        world.wrong(format_args!("message {name} was accepted and never came"));
    }
    let about = format!("an embedded queue of {} lanes", lanes.count());
    let file = disk.file();
    let left = file
        .messages
        .iter()
        .map(|(seq, (lane, envelope, _))| format!("{seq} on {lane}: {envelope:?}"))
        .collect();
    Report::new(seed, (&world, accepted, quiet_after), about, &schedule, left)
}

/// A kill is over when this returns; all else goes by itself.
async fn befall(lives: &Lives, disk: &Disk, fault: DiskFault) {
    let world = lives.world().clone();
    let last = |time: Duration, over: fn(&mut disk::Faults)| {
        let (world, disk) = (world.clone(), disk.clone());
        tokio::spawn(async move {
            world.pass(time.min(END.saturating_sub(world.elapsed()))).await;
            disk.ail(over);
        });
    };
    match fault {
        DiskFault::Fill(time) => {
            disk.ail(|faults| faults.full = true);
            last(time, |faults| faults.full = false);
        }
        DiskFault::FailWrites(percent, time) => {
            disk.ail(|faults| faults.writes_failed = percent);
            last(time, |faults| faults.writes_failed = 0);
        }
        DiskFault::FailCommits(percent, time) => {
            disk.ail(|faults| faults.commits_failed = percent);
            last(time, |faults| faults.commits_failed = 0);
        }
        DiskFault::FailReads(percent, time) => {
            disk.ail(|faults| faults.reads_failed = percent);
            last(time, |faults| faults.reads_failed = 0);
        }
        DiskFault::Slow(ms, time) => {
            disk.ail(|faults| faults.slow_ms = ms);
            last(time, |faults| faults.slow_ms = 0);
        }
        DiskFault::Kill(time) => {
            lives.kill();
            world.pass(time).await;
            lives.begin().await;
        }
        DiskFault::Restart => {
            lives.close().await;
            lives.begin().await;
        }
    }
}

/// The promise: once there is room, the queue takes writes again by itself.
async fn heal(lives: &Lives) {
    let (world, asked) = (lives.world(), Instant::now());
    let is_ready = async || match lives.current() {
        Some(life) => life.queue.ready().await,
        None => Ok(()),
    };
    while let Err(failure) = is_ready().await {
        if asked.elapsed() > HEALED_WITHIN {
            return world.wrong(format_args!("after {HEALED_WITHIN:?} the queue is not ready: {failure}"));
        }
        world.pass(Duration::from_millis(10)).await;
    }
}

/// Returns once all is published and acknowledged.
async fn quiet(lives: &Lives, known: &Known, clients: &mut JoinSet<()>) {
    let (world, asked) = (lives.world(), Instant::now());
    while asked.elapsed() < QUIET_WITHIN {
        while clients.try_join_next().is_some() {}
        if clients.is_empty() && known.missing().1.is_empty() && waiting(lives).await == 0 {
            return;
        }
        world.pass(Duration::from_millis(50)).await;
    }
    let (waiting, clients) = (waiting(lives).await, clients.len());
    world.wrong(format_args!("after {QUIET_WITHIN:?} {waiting} messages wait, and {clients} clients"));
}

/// Messages that wait or are in somebody's hand, as the queue counts them.
async fn waiting(lives: &Lives) -> u64 {
    let Some(life) = lives.current() else { return 0 };
    let depth = life.queue.depth().await.unwrap_or_default();
    let lanes =
        depth.iter().map(|lane| lane.messages_ready + lane.messages_unacknowledged.unwrap_or_default());
    lanes.sum::<u64>() + life.queue.work_waiting().await.unwrap_or_default()
}

/// The promise: what the queue counts is what it has.
async fn check_counts(lives: &Lives) {
    let Some(life) = lives.current() else { return };
    let jobs: u64 = life.queue.depth().await.unwrap_or_default().iter().filter_map(|lane| lane.jobs).sum();
    if jobs > 0 {
        lives.world().wrong(format_args!("{jobs} jobs are counted, and no message waits"));
    }
}
