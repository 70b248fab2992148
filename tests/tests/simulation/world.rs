//! What all of a simulation shares: its time, its chance, and the trace of what happened.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::clock::Clock;
use tests::load::Chance;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The day on which every simulation begins, in microseconds since the Unix epoch: no machine's clock is near it.
const FIRST_DAY_US: i64 = 4_102_444_800_000_000;

/// One simulation.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    began: Instant,
    kept: Mutex<Kept>,
}

struct Kept {
    chance: Chance,
    events: Vec<String>,
    wrong: Vec<String>,
}

/// Locks what no panic leaves half-done.
pub fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Begins now, on a runtime whose time is paused.
    pub fn new(seed: u64) -> World {
        let kept = Kept { chance: Chance::new(seed), events: Vec::new(), wrong: Vec::new() };
        World(Arc::new(Shared { began: Instant::now(), kept: Mutex::new(kept) }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0.kept)
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// What a clock that is right tells, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        FIRST_DAY_US + i64::try_from(self.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: u32) -> u32 {
        self.kept().chance.below(bound)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// Whole milliseconds from `least` until below `most`.
    pub fn millis(&self, least: u32, most: u32) -> Duration {
        Duration::from_millis(u64::from(least + self.below(most - least)))
    }

    /// One of these; `None`: there is none.
    pub fn pick<'t, T>(&self, from: &'t [T]) -> Option<&'t T> {
        let count = u32::try_from(from.len()).unwrap_or(u32::MAX);
        if count == 0 { None } else { from.get(usize::try_from(self.below(count)).unwrap_or_default()) }
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        if !time.is_zero() {
            tokio::time::sleep_until(Instant::now() + time).await;
        }
    }

    /// Notes an event.
    pub fn note(&self, event: impl Display) {
        let line = format!("{:9.3} {event}", self.elapsed().as_secs_f64());
        self.kept().events.push(line);
    }

    /// Notes that a promise was broken.
    pub fn wrong(&self, what: impl Display) {
        self.note(format_args!("WRONG: {what}"));
        self.kept().wrong.push(what.to_string());
    }

    /// The promises that were broken.
    pub fn wrongs(&self) -> Vec<String> {
        self.kept().wrong.clone()
    }

    /// All that happened.
    pub fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.kept().events)
    }
}

/// A process: it runs, is stopped (SIGSTOP), or has ended.
///
/// Whatever it asks of others, and whatever they answer, passes its gate. So nothing that a stopped process does is seen
/// before it goes on, and of one that was killed nothing is ever seen again, though its tasks are still there.
#[derive(Clone)]
pub struct Process(Arc<Kind>);

struct Kind {
    name: String,
    world: World,
    state: Mutex<State>,
    /// Wakes in the order in which it was waited for; a `watch` has an order by chance.
    changed: Notify,
    /// How far its clock is off, in microseconds.
    skew: Mutex<i64>,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Running,
    /// It does not, and knows nothing of it.
    Stopped,
    /// It never will again.
    Ended,
}

impl Process {
    /// One that runs.
    pub fn new(world: &World, name: String) -> Process {
        let (state, skew) = (Mutex::new(State::Running), Mutex::default());
        Process(Arc::new(Kind { name, world: world.clone(), state, changed: Notify::new(), skew }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Passes while it runs.
    pub async fn gate(&self) {
        self.until(State::Running).await;
    }

    /// Returns once it has ended.
    pub async fn ended(&self) {
        self.until(State::Ended).await;
    }

    async fn until(&self, state: State) {
        while self.state() != state {
            self.0.changed.notified().await;
        }
    }

    /// Whether it runs.
    pub fn state(&self) -> State {
        *lock(&self.0.state)
    }

    /// Stops it, lets it go on, or ends it.
    pub fn set(&self, state: State) {
        let before = self.state();
        if before != state && before != State::Ended {
            *lock(&self.0.state) = state;
            self.0.changed.notify_waiters();
            self.0.world.note(format_args!("{} {state:?}", self.0.name));
        }
    }

    /// Its clock is off by so much from now on.
    pub fn set_clock(&self, skew_us: i64) {
        *lock(&self.0.skew) = skew_us;
    }

    pub fn clock(&self) -> Clock {
        let process = self.clone();
        Clock::simulated(move || process.0.world.now_us() + *lock(&process.0.skew))
    }

    /// Runs something for it, beside all else.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}
