//! The bare batch posting rate: how many transfers a second a database takes, with nothing around it.
//!
//! ```text
//! cargo run --release -p store --example posting_rate -- mysql://root@127.0.0.1:3306/bench 10000 4 100 10
//! ```
//! URL or path of a file, accounts, posters at once, jobs in a batch, seconds; then `audit` to check the
//! ledger in the end. Migrates and fills the database that it is given.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)] // A measuring tool.
#![recursion_limit = "256"]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::submission;
use domain::fingerprint::Fingerprint;
use domain::id::{Identity, JobId};
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::text::Client;
use store::ledger::Ledger;
use store::mysql::{MySqlConfig, MySqlLedger};
use store::sqlite::SqliteLedger;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| args.get(place).map_or(default, |arg| arg.parse().unwrap());
    let url = args.first().expect("the first argument is the database's URL");
    let (accounts, posters, batch, seconds) =
        (number(1, 10_000), number(2, 4), number(3, 100), number(4, 10));
    let ledger: Arc<dyn Ledger> = if url.starts_with("mysql:") {
        Arc::new(MySqlLedger::connect(&MySqlConfig::new(url.clone())).unwrap())
    } else {
        Arc::new(SqliteLedger::open(url.as_ref()).unwrap())
    };
    ledger.migrate(Lanes::DEFAULT).await.unwrap();
    fill(&*ledger, accounts).await;

    let clock = Instant::now();
    let until = clock + Duration::from_secs(seconds);
    let posted = Arc::new(AtomicU64::new(0));
    let tasks = (0..posters).map(|poster| {
        let (ledger, posted) = (ledger.clone(), posted.clone());
        tokio::spawn(async move {
            let lanes: Vec<Lane> =
                Lanes::DEFAULT.iter().filter(|lane| u64::from(lane.0) % posters == poster).collect();
            let mut chance = poster + 1;
            let mut slowest = Duration::ZERO;
            let mut lane = 0;
            while Instant::now() < until {
                lane = (lane + 1) % lanes.len();
                let jobs: Vec<Job> =
                    (0..batch).map(|_| transfer(lanes[lane], accounts, &mut chance)).collect();
                let started = Instant::now();
                let outcomes = ledger.post(&jobs).await.unwrap();
                slowest = slowest.max(started.elapsed());
                posted.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
            }
            slowest
        })
    });
    let slowest = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).max();
    let rate = posted.load(Ordering::Relaxed) as f64 / clock.elapsed().as_secs_f64();
    println!(
        "{posters} posters, {batch} jobs a batch: {rate:.0} jobs/s, slowest batch {:?}",
        slowest.unwrap()
    );
    println!("{:?}", ledger.totals().await.unwrap());
    if args.get(5).is_some_and(|arg| arg == "audit") {
        let clock = Instant::now();
        let audit = ledger.audit().await.unwrap();
        println!("audit in {:?}: {audit:?}", clock.elapsed());
    }
}

async fn fill(ledger: &dyn Ledger, accounts: u64) {
    let numbers: Vec<u64> = (0..accounts).collect();
    for chunk in numbers.chunks(1_000) {
        for lane in Lanes::DEFAULT.iter() {
            let of_lane = chunk.iter().filter(|n| Lanes::DEFAULT.of(&name(**n)) == lane);
            let jobs: Vec<Job> = of_lane
                .flat_map(|n| {
                    let number = name(*n);
                    [
                        format!(r#"{{"kind":"open_account","account":"{number}","currency":"EUR"}}"#),
                        format!(
                            r#"{{"kind":"deposit","account":"{number}","amount":100000000,"currency":"EUR"}}"#
                        ),
                    ]
                })
                .enumerate()
                .map(|(place, body)| {
                    let client = Client::parse("fill").unwrap();
                    let id = JobId::derived(&client, Identity::Key(&body));
                    job(id, lane, &body, place as i64)
                })
                .collect();
            ledger.post(&jobs).await.unwrap();
        }
    }
}

fn transfer(lane: Lane, accounts: u64, chance: &mut u64) -> Job {
    let from = loop {
        let from = name(next(chance) % accounts);
        if Lanes::DEFAULT.of(&from) == lane {
            break from;
        }
    };
    let to = loop {
        let to = name(next(chance) % accounts);
        if to != from {
            break to;
        }
    };
    let amount = next(chance) % 1000 + 1;
    let body =
        format!(r#"{{"kind":"transfer","from":"{from}","to":"{to}","amount":{amount},"currency":"EUR"}}"#);
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).unwrap();
    let now = jiff::Timestamp::now();
    job(JobId::from_chance(now.as_millisecond() as u64, bytes), lane, &body, now.as_microsecond())
}

fn job(id: JobId, lane: Lane, body: &str, accepted_at: i64) -> Job {
    Job {
        id,
        lane,
        client: Client::parse("bench").unwrap(),
        ingress: "api-1".to_owned(),
        accepted_at,
        fingerprint: Fingerprint::of(body),
        body: body.to_owned(),
        spec: submission::parse(body.as_bytes()).unwrap(),
        origin: None,
        former: Vec::new(),
        grant: None,
    }
}

fn name(n: u64) -> String {
    format!("acc-{n:06}")
}

/// xorshift64*
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
