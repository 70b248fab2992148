//! What befalls the fleet: a schedule that its seed decides, of everything at once.

use std::time::Duration;

use domain::account::AccountNumber;
use tokio::time::Instant;

use crate::broker::Cut;
use crate::fleet::{Fleet, Worker};
use crate::world::{Process, State, World};

/// Faults begin from then on.
const BEGIN: Duration = Duration::from_millis(500);
/// None begins after this.
const LAST: Duration = Duration::from_secs(10);
/// All are over.
pub const END: Duration = Duration::from_secs(20);

/// One fault. Times are how long it lasts; numbers in `%` are chances.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// A worker is killed; its host goes with it, and nobody is told for so long.
    KillWorker {
        host: Duration,
    },
    StopWorker(Duration),
    DrainWorker,
    StartWorker,
    /// As `KillWorker`; another one starts.
    KillIngress {
        host: Duration,
    },
    StopIngress(Duration),
    DrainIngress,
    CutWorker(Cut),
    CutIngress(Cut),
    CutLedger,
    RestartBroker(Duration),
    AlarmBroker(Duration),
    FillBroker(Duration),
    StallBroker(Duration),
    LoseConfirms(u32, Duration),
    FlipBit,
    RestartLedger(Duration),
    ReadOnlyLedger(Duration),
    FillLedger(Duration),
    FailCommits(u32, Duration),
    LoseAnswers(u32, Duration),
    Deadlocks(u32, Duration),
    HangLedger(Duration),
    /// Milliseconds for each job.
    SlowLedger(u32, Duration),
    /// Seconds by which its clock jumps.
    JumpLedger(i64),
    /// An account of a client, whose row nobody can read.
    Obstruct(u32, u32, Duration),
    /// Loss, and milliseconds of delay.
    LoseBus(u32, u32, Duration),
    CutBus(Duration),
    /// Seconds by which the clock of an ingress, and that of a worker, is off.
    SkewClocks(i64, i64),
    /// Messages that every worker has handed out ahead from now on.
    ChangePrefetch(u64),
}

/// A fault and when it begins.
pub type Scheduled = (Duration, Fault);

/// The schedule of a world.
pub fn schedule(world: &World) -> Vec<Scheduled> {
    let count = 2 + world.below(14);
    let span = u32::try_from((LAST - BEGIN).as_millis()).unwrap_or(u32::MAX);
    let mut schedule: Vec<Scheduled> =
        (0..count).map(|_| (BEGIN + world.millis(0, span), fault(world))).collect();
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

fn fault(world: &World) -> Fault {
    let short = world.millis(50, 2_500);
    // Some last longer than every limit on the way.
    let long = if world.percent(30) { world.millis(5_000, 14_000) } else { short };
    let host = if world.percent(30) { world.millis(2_000, 8_000) } else { Duration::ZERO };
    let cut = match world.below(3) {
        0 => Cut::Both,
        1 => Cut::BrokerFirst(short),
        _ => Cut::ProcessFirst(short),
    };
    let percent = 20 + world.below(70);
    let seconds = i64::from(world.below(200)) - 100;
    match world.below(43) {
        0..=2 => Fault::KillWorker { host },
        3..=5 => Fault::StopWorker(long),
        6 => Fault::DrainWorker,
        7..=8 => Fault::StartWorker,
        9 => Fault::KillIngress { host },
        10 => Fault::StopIngress(long),
        11 => Fault::DrainIngress,
        12..=14 => Fault::CutWorker(cut),
        15 => Fault::CutIngress(cut),
        16 => Fault::CutLedger,
        17 => Fault::RestartBroker(short),
        18 => Fault::AlarmBroker(short),
        19 => Fault::FillBroker(short),
        20 => Fault::StallBroker(long),
        21 => Fault::LoseConfirms(percent, short),
        22 => Fault::FlipBit,
        23 => Fault::RestartLedger(long),
        24 => Fault::ReadOnlyLedger(short),
        25 => Fault::FillLedger(long),
        26 => Fault::FailCommits(percent, short),
        27..=28 => Fault::LoseAnswers(percent, short),
        29 => Fault::Deadlocks(percent, short),
        30..=31 => Fault::HangLedger(long),
        32 => Fault::SlowLedger(20 + world.below(600), long),
        33 => Fault::JumpLedger(seconds),
        34..=35 => Fault::Obstruct(world.below(4), world.below(2), long),
        36..=37 => Fault::LoseBus(percent, 1 + world.below(3_000), long),
        38 => Fault::CutBus(short),
        39 => Fault::SkewClocks(seconds * 60, -seconds * 60),
        _ => Fault::ChangePrefetch(world.pick(&[1, 2, 5, 30, 200]).copied().unwrap_or(1)),
    }
}

/// Lets each fault of a schedule come and go.
pub async fn befall(fleet: Fleet, schedule: Vec<Scheduled>) {
    for (at, fault) in schedule {
        let world = fleet.world();
        world.pass(at.saturating_sub(world.elapsed())).await;
        world.note(format_args!("fault: {fault:?}"));
        tokio::spawn(come_and_go(fleet.clone(), fault));
    }
}

async fn come_and_go(fleet: Fleet, fault: Fault) {
    let (world, broker, database, air) =
        (fleet.world().clone(), fleet.broker(), fleet.database(), fleet.air());
    let last = |time: Duration| world.pass(time.min(END.saturating_sub(world.elapsed())));
    match fault {
        Fault::KillWorker { host } => {
            if let Some(worker) = a_worker(&fleet) {
                fleet.end(&worker.process, host);
                last(world.millis(100, 4_000)).await;
                fleet.start_worker();
            }
        }
        Fault::StopWorker(time) => {
            if let Some(Worker { process, .. }) = a_worker(&fleet) {
                stop(&fleet, &process, time).await;
            }
        }
        Fault::DrainWorker => {
            if let Some(worker) = a_worker(&fleet) {
                fleet.drain(&worker, Duration::MAX).await;
                fleet.start_worker();
            }
        }
        Fault::StartWorker => fleet.start_worker(),
        Fault::KillIngress { host } => {
            if let Some(process) = an_ingress(&fleet) {
                fleet.end(&process, host);
                last(world.millis(100, 3_000)).await;
                fleet.start_ingress();
            }
        }
        Fault::StopIngress(time) => {
            if let Some(process) = an_ingress(&fleet) {
                stop(&fleet, &process, time).await;
            }
        }
        Fault::DrainIngress => {
            let ingresses = fleet.ingresses();
            if let Some(ingress) = world.pick(&ingresses) {
                fleet.start_ingress();
                let stopped = tokio::time::timeout(Duration::from_secs(8), ingress.publisher.stop()).await;
                world.note(format_args!("{} has sent all: {}", ingress.process.name(), stopped.is_ok()));
                fleet.end(&ingress.process, Duration::ZERO);
            }
        }
        Fault::CutWorker(cut) => {
            if let Some(worker) = a_worker(&fleet) {
                broker.cut(&worker.process, cut);
            }
        }
        Fault::CutIngress(cut) => {
            if let Some(process) = an_ingress(&fleet) {
                broker.cut(&process, cut);
            }
        }
        Fault::CutLedger => {
            if let Some(worker) = a_worker(&fleet) {
                database.cut(&worker.process);
            }
        }
        Fault::RestartBroker(time) => set_for(&world, time, [false, true], |up| broker.set_up(up)).await,
        Fault::AlarmBroker(time) => set_for(&world, time, [true, false], |on| broker.set_alarmed(on)).await,
        Fault::FillBroker(time) => set_for(&world, time, [true, false], |on| broker.set_full(on)).await,
        Fault::StallBroker(time) => {
            broker.stall(time.min(END.saturating_sub(world.elapsed())));
            // Somebody restarts it: what was sent to it is lost.
            if world.percent(50) {
                last(time.mul_f64(0.9)).await;
                broker.set_up(false);
                world.pass(Duration::from_millis(50)).await;
                broker.set_up(true);
            }
        }
        Fault::LoseConfirms(percent, time) => {
            set_for(&world, time, [percent, 0], |percent| broker.lose_confirms(percent)).await;
        }
        Fault::FlipBit => broker.flip_a_bit(),
        Fault::RestartLedger(time) => set_for(&world, time, [false, true], |up| database.set_up(up)).await,
        Fault::ReadOnlyLedger(time) => {
            set_for(&world, time, [true, false], |on| database.ail(|faults| faults.read_only = on)).await
        }
        Fault::FillLedger(time) => {
            set_for(&world, time, [true, false], |on| database.ail(|faults| faults.full = on)).await
        }
        Fault::FailCommits(percent, time) => {
            set_for(&world, time, [percent, 0], |percent| {
                database.ail(|faults| faults.commits_failed = percent)
            })
            .await
        }
        Fault::LoseAnswers(percent, time) => {
            set_for(&world, time, [percent, 0], |percent| {
                database.ail(|faults| faults.answers_lost = percent)
            })
            .await
        }
        Fault::Deadlocks(percent, time) => {
            set_for(&world, time, [percent, 0], |percent| database.ail(|faults| faults.deadlocks = percent))
                .await
        }
        Fault::HangLedger(time) => {
            let until = Instant::now() + time.min(END.saturating_sub(world.elapsed()));
            database.ail(|faults| faults.hung_until = until);
        }
        Fault::SlowLedger(job_ms, time) => {
            set_for(&world, time, [job_ms, 0], |job_ms| database.ail(|faults| faults.job_ms = job_ms)).await
        }
        Fault::JumpLedger(seconds) => database.ail(|faults| faults.skew_us += seconds * 1_000_000),
        Fault::Obstruct(client, number, time) => {
            let Ok(account) = AccountNumber::parse(&format!("c{client}:{number}")) else { return };
            set_for(&world, time, [true, false], |on| database.ail(|faults| faults.obstruct(&account, on)))
                .await;
        }
        Fault::LoseBus(lost, late_ms, time) => {
            let lose = |(lost, late_ms)| air.lose(lost, late_ms);
            set_for(&world, time, [(lost, late_ms), (0, 5)], lose).await;
        }
        Fault::CutBus(time) => set_for(&world, time, [false, true], |up| air.connect(up)).await,
        Fault::ChangePrefetch(messages) => fleet.change_prefetch(messages),
        Fault::SkewClocks(ingress, worker) => {
            if let Some(process) = an_ingress(&fleet) {
                process.set_clock(ingress * 1_000_000);
            }
            if let Some(of) = a_worker(&fleet) {
                of.process.set_clock(worker * 1_000_000);
            }
        }
    }
}

/// Sets what holds during a fault, and what holds after it.
async fn set_for<T>(world: &World, time: Duration, [during, after]: [T; 2], set: impl Fn(T)) {
    set(during);
    world.pass(time.min(END.saturating_sub(world.elapsed()))).await;
    set(after);
}

/// A broker may give up a process that is silent for long.
async fn stop(fleet: &Fleet, process: &Process, time: Duration) {
    let world = fleet.world();
    let time = time.min(END.saturating_sub(world.elapsed()));
    process.set(State::Stopped);
    let silent = time.mul_f64(0.6);
    world.pass(silent).await;
    if world.percent(50) {
        fleet.broker().cut(process, Cut::BrokerFirst(time - silent));
    }
    world.pass(time - silent).await;
    process.set(State::Running);
}

fn a_worker(fleet: &Fleet) -> Option<Worker> {
    fleet.world().pick(&fleet.workers()).cloned()
}

fn an_ingress(fleet: &Fleet) -> Option<Process> {
    fleet.world().pick(&fleet.ingresses()).map(|ingress| ingress.process.clone())
}
