//! How fast histories are analysed, and what that costs those who post:
//! `cargo run --release -p tests --example analysis_speed [accounts] [entries]` (10,000 and 100 by default).
//!
//! For the embedded parts, then for RabbitMQ and MariaDB (`AMQP_URL` and `DATABASE_URL`, else servers of its own):
//! fills a ledger, posts a batch of 100 every 20 ms for some seconds, then does the same while one worker analyses
//! all accounts. Prints seconds, accounts a second, and p50, p99 and the slowest of those batches, before and during.

#![allow(clippy::print_stdout, reason = "this prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contract::analysis::{AnalysisWork, RunOrder};
use domain::id::{Identity, JobId};
use domain::lane::{Lane, Lanes};
use domain::text::Client;
use fleet::Bus;
use fleet::embedded::EmbeddedBus;
use fleet::reporter::Instruments;
use fleet::settings::{LiveSettings, Settings};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use queue::Queue;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::publisher::{Publisher, PublisherLimits};
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use runtime::clock;
use runtime::work_pool::WorkPool;
use store::analyses::Analyses;
use store::ledger::Ledger;
use store::mysql::{MySqlConfig, MySqlLedger};
use store::prefetches::Prefetches;
use store::sqlite::SqliteLedger;
use tests::ledger_conformance::Jobs;
use tests::servers;
use tests::wait::until;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long batches are timed before the analysis.
const QUIET: Duration = Duration::from_secs(5);
/// Long enough for a build without optimisations.
const DONE_WITHIN: Duration = Duration::from_secs(600);
const BATCH_EVERY: Duration = Duration::from_millis(20);
const BATCH_JOBS: usize = 100;
/// Accounts that the timed batches are of; not among those with histories worth reading.
const OTHERS: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let accounts = arguments.next().transpose()?.unwrap_or(10_000);
    let entries = arguments.next().transpose()?.unwrap_or(100);

    let folder = tempfile::tempdir()?;
    let queue =
        EmbeddedQueue::open(&folder.path().join("queue.db"), EmbeddedSettings::new(Lanes::DEFAULT)).await?;
    let ledger = Arc::new(SqliteLedger::open(&folder.path().join("ledger.db"))?);
    measure("embedded", Arc::new(queue), ledger, accounts, entries).await?;

    let (broker, database) = (servers::RabbitMq::start().await?, servers::MariaDb::start().await?);
    let url = |name: &str, own: String| std::env::var(name).unwrap_or(own);
    let queue = RabbitMq::new(&url("AMQP_URL", broker.url()), RabbitMqSettings::new(Lanes::DEFAULT))?;
    let config = MySqlConfig::new(url("DATABASE_URL", database.url()));
    let ledger = Arc::new(MySqlLedger::connect(&config)?);
    measure("RabbitMQ and MariaDB", Arc::new(queue), ledger, accounts, entries).await
}

async fn measure<L: Ledger + Analyses + Prefetches + 'static>(
    name: &str,
    queue: Arc<dyn Queue>,
    database: Arc<L>,
    accounts: usize,
    entries: usize,
) -> anyhow::Result<()> {
    let (ledger, analyses): (Arc<dyn Ledger>, Arc<dyn Analyses>) = (database.clone(), database.clone());
    ledger.migrate(Lanes::DEFAULT).await?;
    let jobs = Arc::new(Jobs::default());
    let filled = Instant::now();
    fill(&*ledger, &jobs, accounts, entries).await?;
    println!("{name}: {accounts} accounts with {entries} entries, filled in {:.0?}", filled.elapsed());

    let shutdown = CancellationToken::new();
    let parts = worker_parts(queue.clone(), database);
    let publisher = parts.publisher.clone();
    let worker = tokio::spawn(worker::run(parts, TcpListener::bind("127.0.0.1:0").await?, shutdown.clone()));

    let quiet = Arc::new(AtomicBool::new(false));
    let timed = tokio::spawn(post_at_a_pace(ledger.clone(), jobs.clone(), quiet.clone()));
    let begun = Instant::now();
    until("enough batches are timed", 2 * QUIET, async || {
        ensure!(begun.elapsed() >= QUIET, "{:?}", begun.elapsed());
        Ok(())
    })
    .await?;
    quiet.store(true, Relaxed);
    report("before", timed.await??);

    let ended = Arc::new(AtomicBool::new(false));
    let timed = tokio::spawn(post_at_a_pace(ledger.clone(), jobs, ended.clone()));
    let started = Instant::now();
    let id = JobId::derived(&Client::parse("bench")?, Identity::Key("analysis"));
    let run =
        RunOrder { run: id, client: "bench".into(), requested_at: clock::now_us(), from: None, to: None };
    let plan = serde_json::to_vec(&AnalysisWork::Plan { run, accounts: None })?;
    queue.publish_work(plan.into()).await?;
    let stands = until("all accounts are analysed", DONE_WITHIN, async || {
        let stands = analyses.run(id).await?.context("it has begun")?;
        ensure!(stands.is_done(), "{stands:?}");
        Ok(stands)
    })
    .await?;
    let took = started.elapsed();
    ended.store(true, Relaxed);
    ensure!(stands.accounts_failed == 0, "{stands:?}");
    let rate = stands.accounts_done as f64 / took.as_secs_f64();
    println!("{name}: {} accounts analysed in {took:.1?}: {rate:.0} a second", stands.accounts_done);
    report("during", timed.await??);

    shutdown.cancel();
    worker.await.context("the worker broke off")??;
    publisher.stop().await;
    queue.close().await;
    ledger.close().await;
    Ok(())
}

fn report(when: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    let slowest = took.last().copied().unwrap_or_default();
    println!(
        "  {} batches {when} the analysis: p50 {:.1?}, p99 {:.1?}, {slowest:.1?} at the most",
        took.len(),
        at(50),
        at(99)
    );
}

/// How long each batch took to post, until it is told to end.
async fn post_at_a_pace(
    ledger: Arc<dyn Ledger>,
    jobs: Arc<Jobs>,
    end: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Duration>> {
    let mut pace = tokio::time::interval(BATCH_EVERY);
    let (mut took, mut count) = (Vec::new(), 0);
    while !end.load(Relaxed) {
        pace.tick().await;
        let batch: Vec<_> = (0..BATCH_JOBS)
            .map(|n| {
                let account = (count + n) % OTHERS;
                jobs.job(&format!(
                    r#"{{"kind":"deposit","account":"other-{account}","amount":1,"currency":"EUR"}}"#
                ))
            })
            .collect();
        count += BATCH_JOBS;
        let started = Instant::now();
        post(&*ledger, batch).await?;
        took.push(started.elapsed());
    }
    Ok(took)
}

/// Rent, a salary, insurance and a telephone, and the rest in shops.
async fn fill(ledger: &dyn Ledger, jobs: &Jobs, accounts: usize, entries: usize) -> anyhow::Result<()> {
    let open = |account: String| {
        jobs.job(&format!(
            r#"{{"kind":"open_account","account":"{account}","currency":"EUR","overdraft_limit":9000000000}}"#
        ))
    };
    let mut all: Vec<_> = (0..accounts).map(|n| open(format!("acc-{n}"))).collect();
    all.extend((0..OTHERS).map(|n| open(format!("other-{n}"))));
    for some in all.chunks(BATCH_JOBS) {
        post(ledger, some.to_vec()).await?;
    }
    let mut batch = Vec::with_capacity(BATCH_JOBS);
    // By entry and then by account, as a bank's day comes in: an account's jobs lie far apart.
    for k in 0..entries {
        for n in 0..accounts {
            batch.push(jobs.job(&body(n, k)));
            if batch.len() == BATCH_JOBS {
                post(ledger, std::mem::take(&mut batch)).await?;
            }
        }
    }
    if batch.is_empty() { Ok(()) } else { post(ledger, batch).await }
}

fn body(account: usize, k: usize) -> String {
    let first: Date = date(2024, 1, 1);
    let months = i64::try_from(k / 8).unwrap_or(0);
    let (kind, party, amount, day) = match k % 8 {
        0 => ("withdrawal", "landlord".to_owned(), 90_000 + account % 1_000, account % 28),
        1 => ("deposit", "employer".to_owned(), 250_000 + account % 500 * 100, 27),
        2 => ("withdrawal", "insurer".to_owned(), 4_500, 14),
        3 => ("withdrawal", "telephone".to_owned(), 2_000 + (account * 31 + k * 17) % 700, 20),
        other => (
            "withdrawal",
            format!("shop-{}", (account + other * k) % 5),
            300 + (account * 7 + k * 991) % 9_000,
            (account + k * 11) % 28,
        ),
    };
    let day = first.saturating_add(months.months()).saturating_add(i64::try_from(day).unwrap_or(0).days());
    format!(
        r#"{{"kind":"{kind}","account":"acc-{account}","amount":{amount},"currency":"EUR","value_date":"{day}","memo":"{party} {k}","counterparty":{{"name":"{party}"}}}}"#
    )
}

async fn post(ledger: &dyn Ledger, mut batch: Vec<domain::job::Job>) -> anyhow::Result<()> {
    for job in &mut batch {
        job.lane = Lane(3);
    }
    let outcomes = ledger.post(&batch).await?;
    ensure!(outcomes.len() == batch.len(), "{} outcomes", outcomes.len());
    Ok(())
}

fn worker_parts<L: Ledger + Analyses + Prefetches + 'static>(
    queue: Arc<dyn Queue>,
    database: Arc<L>,
) -> worker::Parts {
    let limits = PublisherLimits::default();
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    worker::Parts {
        publisher: Arc::new(Publisher::new(queue.clone(), Lanes::DEFAULT, "bench".to_owned(), limits)),
        queue,
        ledger: database.clone(),
        analyses: database.clone(),
        prefetches: database,
        records: None,
        schedules: None,
        standing_orders: None,
        webhooks: None,
        cpu: WorkPool::new("cpu", 20, 100),
        bus,
        lanes: Lanes::DEFAULT,
        replica: "bench".to_owned(),
        instruments: Instruments {
            settings: Arc::new(LiveSettings::new(Settings::default())),
            ..Instruments::none()
        },
    }
}
