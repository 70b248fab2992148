//! The simulation: the workers', the publisher's and the ledger's own code on simulated time, on a broker, a database and
//! a bus that fail in every way that their seed thinks of.
//!
//! | variable | what |
//! |---|---|
//! | `SIMULATION_SEEDS` | how many seeds; 1,000 unless it says otherwise |
//! | `SIMULATION_FIRST` | the first of them |
//! | `SIMULATION_SEED` | this one alone, with all that it tells |

mod analyses;
mod broker;
mod bus;
mod client;
mod database;
mod faults;
mod fleet;
mod promises;
mod run;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::run::{Report, run};
use crate::world::lock;

/// Seeds of a run of all tests.
const SEEDS: u64 = 1_000;
/// Seeds that are run twice.
const TWICE: u64 = 10;
/// Events that are shown ahead of one that differs.
const EVENTS_AHEAD: usize = 30;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Runs these seeds on as many threads as there are cores; the reports of those that failed.
fn run_all(first: u64, count: u64) -> Vec<Report> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, failed, accepted) = (AtomicU64::new(first), Mutex::new(Vec::new()), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let report = run(seed).expect("a runtime");
                    accepted.fetch_add(report.accepted as u64, Ordering::Relaxed);
                    if !report.wrong.is_empty() {
                        lock(&failed).push(report);
                    }
                }
            });
        }
    });
    eprintln!("{count} seeds from {first}: {} jobs accepted", accepted.into_inner());
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort_by_key(|report| report.seed);
    failed
}

#[test]
fn whatever_befalls_the_fleet_every_promise_is_kept() {
    let (first, count) = match number("SIMULATION_SEED") {
        Some(seed) => (seed, 1),
        None => (number("SIMULATION_FIRST").unwrap_or(1), number("SIMULATION_SEEDS").unwrap_or(SEEDS)),
    };
    let failed = run_all(first, count);
    let one_line = |report: &Report| format!("seed {}: {}", report.seed, report.wrong[0]);
    let seeds: Vec<_> = failed.iter().map(one_line).collect();
    if let Some(first) = failed.first() {
        panic!(
            "{}\n{} of {count} seeds failed:\n{}\nrun one again with SIMULATION_SEED={} ./test -p tests --test simulation",
            first.text(),
            seeds.len(),
            seeds.join("\n"),
            first.seed
        );
    }
}

#[test]
fn a_seed_does_the_same_each_time() {
    for seed in 1..=TWICE {
        let (one, other) = (run(seed).expect("a runtime"), run(seed).expect("a runtime"));
        let same = one.events.iter().zip(&other.events).take_while(|(one, other)| one == other).count();
        let (shown, rest) = (&one.events[same.saturating_sub(EVENTS_AHEAD)..same], |events: &[String]| events.get(same).cloned());
        assert_eq!(rest(&one.events), rest(&other.events), "seed {seed} went another way after\n{}", shown.join("\n"));
    }
}
