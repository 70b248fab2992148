//! A cluster of RabbitMQ nodes that loses one. By itself, since three nodes and their elections take what machine there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;

use queue::rabbitmq::{RabbitMq as Adapter, RabbitMqSettings};
use queue::{Queue, QueueError};
use tests::queue_conformance::lanes;
use tests::relay::Relay;
use tests::servers::RabbitMq;
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(60);

/// Lanes that nobody serves, and that no test fills.
fn open(url: &str) -> Result<Arc<dyn Queue>, QueueError> {
    Ok(Arc::new(Adapter::new(url, RabbitMqSettings::new(lanes()))?))
}

/// Counts what each lane of a queue takes, one message after the other, until it is dropped.
fn publish_to_every_lane(queue: &Arc<dyn Queue>) -> (JoinSet<()>, Vec<Arc<AtomicUsize>>) {
    let mut publishing = JoinSet::new();
    let counts = lanes().iter().map(|lane| {
        let (queue, count) = (queue.clone(), Arc::new(AtomicUsize::new(0)));
        let taken = count.clone();
        publishing.spawn(async move {
            loop {
                match queue.publish(lane, Bytes::from_static(b"an envelope"), 1).await {
                    Ok(()) => drop(taken.fetch_add(1, Relaxed)),
                    Err(_) => tests::wait::next_look().await,
                }
            }
        });
        count
    });
    let counts = counts.collect();
    (publishing, counts)
}

/// Waits until every lane took some messages more.
async fn take_more(counts: &[Arc<AtomicUsize>], within: Duration) -> anyhow::Result<()> {
    const MORE: usize = 20;
    let before: Vec<_> = counts.iter().map(|count| count.load(Relaxed)).collect();
    let took_more = async || {
        for (count, before) in counts.iter().zip(&before) {
            let more = count.load(Relaxed) - before;
            anyhow::ensure!(more >= MORE, "a lane took {more}");
        }
        Ok(())
    };
    tests::wait::until("every lane takes messages", within, took_more).await
}

/// The node that leads every queue, under load: to those who are connected to it, and to those who are not.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node_of_a_cluster_costs_seconds() {
    let first = RabbitMq::start().await.expect("RabbitMQ");
    let mut second = first.join().await.expect("a second node");
    let _third = first.join().await.expect("a third node");
    let balancer = Relay::start(&second.url()).await.expect("a relay");
    // Who declares a queue is the node that leads it.
    let by_second = open(&balancer.url(&second.url()).expect("a URL")).expect("a URL");
    by_second.ready().await.expect("declared");
    let (_publishing, of_second) = publish_to_every_lane(&by_second);
    let (_publishing_too, of_first) = publish_to_every_lane(&open(&first.url()).expect("a URL"));
    let counts = [of_second, of_first].concat();
    take_more(&counts, SOON).await.expect("before");

    balancer.lead_to(&first.url()).expect("a URL");
    second.kill().expect("killed");
    // What is in flight waits for its confirmation first.
    take_more(&counts, Duration::from_secs(30)).await.expect("after");
}
