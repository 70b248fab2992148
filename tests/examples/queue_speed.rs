//! How fast the queues are, on both adapters: `cargo run --release -p tests --example queue_speed`.
//!
//! Uses the broker of `AMQP_URL`, else starts one of its own; the embedded queue's file goes to the
//! system's temporary folder. Prints publishes and deliveries a second, of envelopes of 100 jobs and
//! of single jobs from 100 callers over the group-commit publisher.

#![allow(clippy::print_stdout, reason = "this prints")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use contract::envelope::{self, Envelope};
use domain::lane::{Lane, Lanes};
use jiff::Timestamp;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::publisher::{Publisher, PublisherLimits};
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use queue::{PREFETCH_MESSAGES, Queue};
use tests::servers;
use tokio::task::JoinSet;

/// A transfer as the ingress writes it: some 300 bytes.
const JOB_BYTES: usize = 300;
const FOR: Duration = Duration::from_secs(5);
const CALLERS: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("queue.db");
    let embedded: Arc<dyn Queue> =
        Arc::new(EmbeddedQueue::open(&file, EmbeddedSettings::new(Lanes::DEFAULT)).await?);
    measure("embedded", &embedded).await?;
    embedded.close().await;

    let (_broker, url) = match std::env::var("AMQP_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let broker = servers::RabbitMq::start().await?;
            let url = broker.url();
            (Some(broker), url)
        }
    };
    let rabbitmq: Arc<dyn Queue> = Arc::new(RabbitMq::new(&url, RabbitMqSettings::new(Lanes::DEFAULT))?);
    measure("RabbitMQ", &rabbitmq).await?;
    rabbitmq.close().await;
    Ok(())
}

async fn measure(name: &str, queue: &Arc<dyn Queue>) -> anyhow::Result<()> {
    let waiting: u64 = queue.depth().await?.iter().map(|lane| lane.messages_ready).sum();
    anyhow::ensure!(waiting == 0, "{name} holds {waiting} messages; give an empty one");

    let started = Instant::now();
    let full = full_envelope();
    let mut publishers = JoinSet::new();
    for lane in Lanes::DEFAULT.iter() {
        let (queue, full) = (queue.clone(), full.clone());
        publishers.spawn(async move {
            let mut published = 0_u64;
            while started.elapsed() < FOR {
                queue.publish(lane, full.clone(), 100).await?;
                published += 1;
            }
            Ok::<_, anyhow::Error>(published)
        });
    }
    let published = total(publishers).await?;
    report(name, "publish, 100 jobs a message", published, published * 100, started);
    let started = Instant::now();
    let jobs = consume(queue, published * 100).await?;
    report(name, "deliver and acknowledge, the same", published, jobs, started);

    let publisher =
        Arc::new(Publisher::new(queue.clone(), Lanes::DEFAULT, "speed".into(), PublisherLimits::default()));
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let publisher = publisher.clone();
        let mut lanes = Lanes::DEFAULT.iter().collect::<Vec<Lane>>().into_iter().cycle().skip(caller);
        callers.spawn(async move {
            let job = job();
            let mut published = 0_u64;
            while started.elapsed() < FOR {
                let lane = lanes.next().context("a lane")?;
                publisher.publish(lane, job.clone()).await?;
                published += 1;
            }
            Ok::<_, anyhow::Error>(published)
        });
    }
    let published = total(callers).await?;
    let counts = publisher.counts();
    report(name, "publish, single jobs, 100 callers", counts.messages, published, started);
    let started = Instant::now();
    let jobs = consume(queue, published).await?;
    report(name, "deliver and acknowledge, the same", counts.messages, jobs, started);
    publisher.stop().await;
    Ok(())
}

/// Takes `jobs` jobs off all lanes, acknowledging each delivery; returns how many there were.
async fn consume(queue: &Arc<dyn Queue>, jobs: u64) -> anyhow::Result<u64> {
    let (found, mut taken) = tokio::sync::mpsc::channel(1024);
    let mut consumers = JoinSet::new();
    for lane in Lanes::DEFAULT.iter() {
        let (queue, found) = (queue.clone(), found.clone());
        consumers.spawn(async move {
            let mut subscription = queue.subscribe(lane, PREFETCH_MESSAGES).await?;
            loop {
                let delivery = subscription.next().await?;
                let jobs = u64::try_from(Envelope::read(&delivery.envelope)?.jobs.len())?;
                subscription.ack_through(delivery.tag).await?;
                if found.send(jobs).await.is_err() {
                    break;
                }
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    let mut total = 0;
    while total < jobs {
        total += taken.recv().await.context("the consumers have ended")?;
    }
    Ok(total)
}

async fn total(mut tasks: JoinSet<anyhow::Result<u64>>) -> anyhow::Result<u64> {
    let mut total = 0;
    while let Some(published) = tasks.join_next().await {
        total += published??;
    }
    Ok(total)
}

fn report(name: &str, what: &str, messages: u64, jobs: u64, started: Instant) {
    let rate = |count: u64| {
        count.saturating_mul(1_000) / u64::try_from(started.elapsed().as_millis()).unwrap_or(1).max(1)
    };
    println!("{name:9} {what:36} {:>8} messages/s {:>9} jobs/s", rate(messages), rate(jobs));
}

fn job() -> Bytes {
    let empty = r#"{"kind":"transfer","memo":""}"#.len();
    Bytes::from(format!(r#"{{"kind":"transfer","memo":"{}"}}"#, "m".repeat(JOB_BYTES - empty)))
}

fn full_envelope() -> Bytes {
    let job = job();
    envelope::write("speed", (0..100).map(|_| (Timestamp::UNIX_EPOCH, &job[..])))
}
