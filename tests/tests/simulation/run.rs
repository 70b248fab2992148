//! One simulation, from its seed to its outcome.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::lane::Lane;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::bus::Air;
use crate::client::{Client, Known, account};
use crate::database::Database;
use crate::faults::{self, Scheduled};
use crate::fleet::{Fleet, Sizes};
use crate::promises;
use crate::world::{World, lock};

/// Once all faults are over, all is posted within this time, and where the database is slow within the other.
const QUIET_WITHIN: Duration = Duration::from_secs(30);
const SLOWLY_QUIET_WITHIN: Duration = Duration::from_secs(400);
/// The same where jobs wait for their day: one that came back before it, since a clock went back, comes again after minutes.
const EXECUTED_WITHIN: Duration = Duration::from_secs(1_500);
/// The client whose account is obstructed.
const ALONE: u32 = 99;
/// Events that a report shows.
const EVENTS_SHOWN: usize = 120;
/// Once all is posted, a worker ends within this time.
const IDLE_DRAIN_MAX: Duration = Duration::from_secs(2);

/// What came of a seed.
#[derive(Clone)]
pub struct Report {
    pub seed: u64,
    /// Jobs that were accepted.
    pub accepted: usize,
    /// How long after the last fault all was posted.
    pub quiet_after: Duration,
    /// The promises that were broken; none, if all is well.
    pub wrong: Vec<String>,
    /// What was simulated.
    about: String,
    schedule: Vec<String>,
    /// All that happened.
    pub events: Vec<String>,
    left: Vec<String>,
}

impl Report {
    /// What came of the simulation of a world, in which `schedule` befell it.
    pub fn new<Fault: std::fmt::Debug>(
        seed: u64,
        (world, accepted, quiet_after): (&World, usize, Duration),
        about: String,
        schedule: &[(Duration, Fault)],
        left: Vec<String>,
    ) -> Report {
        let befell = |(at, fault): &(Duration, Fault)| format!("{:9.3} {fault:?}", at.as_secs_f64());
        let schedule = schedule.iter().map(befell).collect();
        let (wrong, events) = (world.wrongs(), world.events());
        Report { seed, accepted, quiet_after, wrong, about, schedule, events, left }
    }

    /// For those who look for the cause.
    pub fn text(&self) -> String {
        format!(
            "seed {}: {} promises broken\n  {}\nthe simulation: {}\nits faults:\n  {}\nthe last events:\n  {}\nwhat is left:\n  {}",
            self.seed,
            self.wrong.len(),
            self.wrong.join("\n  "),
            self.about,
            self.schedule.join("\n  "),
            self.events[self.events.len().saturating_sub(EVENTS_SHOWN)..].join("\n  "),
            self.left.join("\n  "),
        )
    }
}

/// Runs the simulation of a seed.
pub fn run(seed: u64) -> std::io::Result<Report> {
    run_with(seed, None, |sizes| sizes)
}

/// The same, with these faults instead of those that the seed thinks of, and with other sizes.
pub fn run_with(
    seed: u64,
    schedule: Option<&[Scheduled]>,
    resize: fn(Sizes) -> Sizes,
) -> std::io::Result<Report> {
    on_simulated_time(seed, simulate(seed, schedule, resize))
}

/// Runs a simulation. Whatever waits in it waits on simulated time.
pub fn on_simulated_time(seed: u64, simulation: impl Future<Output = Report>) -> std::io::Result<Report> {
    // The jitter of retries.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(simulation))
}

async fn simulate(seed: u64, schedule: Option<&[Scheduled]>, resize: fn(Sizes) -> Sizes) -> Report {
    let world = World::new(seed);
    let sizes = resize(Sizes::of(&world));
    let (database, air) = (Database::new(&world, sizes), Air::new(&world));
    let broker = Broker::new(&world, &database, sizes.lanes());
    let fleet = Fleet::new(&world, &broker, &database, &air, sizes);
    (0..sizes.ingresses).for_each(|_| fleet.start_ingress());
    (0..sizes.workers).for_each(|_| fleet.start_worker());

    let known = Arc::new(Mutex::new(Known::default()));
    let mut clients = JoinSet::new();
    for number in 0..sizes.clients {
        clients.spawn(Client::new(&fleet, number, &known).send_all());
    }
    let alone = account(ALONE, 0);
    let obstructed = AccountNumber::parse(&alone).ok().filter(|_| sizes.obstructed);
    if let Some(account) = &obstructed {
        database.ail(|faults| faults.obstruct(account, true));
        clients.spawn(Client::new(&fleet, ALONE, &known).send_alone());
    }
    let schedule = schedule.map_or_else(|| faults::schedule(&world), <[Scheduled]>::to_vec);
    tokio::spawn(faults::befall(fleet.clone(), schedule.clone()));
    world.pass(faults::END.saturating_sub(world.elapsed())).await;
    world.pass(Duration::from_millis(10)).await;
    world.note("all faults are over");
    while fleet.workers().is_empty() {
        fleet.start_worker();
    }
    while fleet.ingresses().is_empty() {
        fleet.start_ingress();
    }

    let healed = Instant::now();
    quiet(&fleet, &mut clients, obstructed.as_ref().map(|account| (account, &*known))).await;
    if let Some(account) = &obstructed {
        database.ail(|faults| faults.obstruct(account, false));
        quiet(&fleet, &mut clients, None).await;
    }
    let quiet_after = healed.elapsed();
    for worker in fleet.workers() {
        fleet.drain(&worker, IDLE_DRAIN_MAX).await;
    }
    let left = [broker.lanes(), database.locks()].concat();
    let known = std::mem::take(&mut *lock(&known));
    let accepted = known.record.len();
    for broken in promises::broken(&broker, &database, known).await {
        world.wrong(broken);
    }
    Report::new(seed, (&world, accepted, quiet_after), format!("{sizes:?}"), &schedule, left)
}

/// Returns once all is posted, but for the jobs of an account that is obstructed and what is behind the first of them on
/// their lane.
async fn quiet(
    fleet: &Fleet,
    clients: &mut JoinSet<()>,
    obstructed: Option<(&AccountNumber, &Mutex<Known>)>,
) {
    let (world, broker, asked) = (fleet.world(), fleet.broker(), Instant::now());
    let within = match fleet.sizes() {
        Sizes { schedules: true, .. } => EXECUTED_WITHIN,
        Sizes { job_ms: 1.., .. } => SLOWLY_QUIET_WITHIN,
        _ => QUIET_WITHIN,
    };
    let held_up = obstructed.map(|(account, _)| fleet.sizes().lanes().of(account.as_str()));
    let ahead = || match obstructed.zip(held_up) {
        Some(((account, known), lane)) => unposted_ahead(fleet, lane, account, &lock(known)),
        None => 0,
    };
    while asked.elapsed() < within {
        while clients.try_join_next().is_some() {}
        let scheduled = if held_up.is_none() { fleet.database().scheduled() } else { 0 };
        if clients.is_empty() && broker.depth(held_up) == 0 && ahead() == 0 && scheduled == 0 {
            return;
        }
        world.pass(Duration::from_millis(100)).await;
    }
    let (waiting, ahead, clients) = (broker.depth(held_up), ahead(), clients.len());
    let beside = held_up.map_or_else(String::new, |lane| {
        format!(" beside those of {lane}, which is held up, {ahead} jobs ahead of what holds it up")
    });
    world.wrong(format_args!("after {within:?} {waiting} messages wait{beside}, and {clients} clients"));
}

/// Jobs on a lane ahead of the first one of an account that are not posted. Those that the database refuses are kept aside
/// with the batch that they are in.
fn unposted_ahead(fleet: &Fleet, lane: Lane, account: &AccountNumber, known: &Known) -> usize {
    let jobs = fleet.broker().jobs(lane);
    let is_of_it = |job: &JobId| known.bodies.get(job).is_some_and(|body| body.contains(account.as_str()));
    let ahead = jobs.iter().take_while(|job| !is_of_it(job));
    ahead.filter(|job| !known.refused.contains(job) && !fleet.database().holds(**job)).count()
}
