//! What the queue promises while its broker is killed, stopped and started again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fleet::rabbitmq::RabbitMqBus;
use fleet::{Bus as _, Topic};
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use queue::publisher::{Publisher, PublisherLimits};
use queue::{Delivery, PREFETCH_MESSAGES, PublishError, Queue, Subscription};
use tests::queue_conformance::{LANE, lanes, publish_until_accepted, resume};
use tests::servers::RabbitMq;
use tokio::time::timeout;

use super::rabbitmq::open;
use super::wire::Wire;

const SOON: Duration = Duration::from_secs(60);
/// Long enough to see that nothing more is there.
const QUIET: Duration = Duration::from_secs(1);

async fn publish(queue: &Arc<dyn Queue>, number: usize) -> Result<(), PublishError> {
    queue.publish(LANE, format!("envelope {number}").into(), 1).await
}

/// A queue on a broker that may be killed.
///
/// RabbitMQ 3.10 writes a new queue's term to disk seconds after it was made; killed before that, the
/// queue keeps its messages and elects no leader. A restart in good order writes it.
async fn declared(broker: &mut RabbitMq) -> Arc<dyn Queue> {
    let queue = open(&broker.url());
    queue.ready().await.expect("declared");
    broker.restart().await.expect("restarted");
    queue
}

#[tokio::test]
async fn a_fault_of_the_broker_loses_nothing_and_everything_resumes() {
    let mut broker = RabbitMq::start().await.expect("RabbitMQ");
    let queue = declared(&mut broker).await;

    publish_until_accepted(&queue, 0).await;
    for number in 1..50 {
        publish(&queue, number).await.expect("published");
    }
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let first = subscription.next().await.expect("a delivery");
    subscription.ack_through(first.tag).await.expect("acknowledged");
    // The broker has seen the acknowledgement once it answers a later question on its channel.
    let depth = queue.depth().await.expect("depth");
    assert_eq!(depth.len(), 3);
    broker.kill().expect("killed");
    // What was delivered ahead of the kill may still come; then the subscription says that it ended.
    while subscription.next().await.is_ok() {}
    let noticed = async {
        while queue.ready().await.is_ok() {
            tests::wait::next_look().await;
        }
    };
    timeout(SOON, noticed).await.expect("not ready");
    let refused = publish(&queue, 50).await.expect_err("the broker is gone");
    assert!(!refused.to_string().contains("guest:guest"), "{refused}");

    broker.restart().await.expect("restarted");
    let back = Instant::now();
    publish_until_accepted(&queue, 50).await;
    let (mut subscription, delivery) = resume(&queue).await;
    assert!(back.elapsed() < Duration::from_secs(10), "resumed after {:?}", back.elapsed());
    assert!(queue.ready().await.is_ok());
    assert!(number_of(&delivery) <= 1, "what was not acknowledged comes again: {delivery:?}");
    in_order_through(50, delivery, &mut subscription).await;

    // Published again as its first confirmation did not come: it may be there more than once.
    while let Ok(again) = timeout(QUIET, subscription.next()).await {
        let again = again.expect("a delivery");
        assert_eq!(number_of(&again), 50);
        subscription.ack_through(again.tag).await.expect("acknowledged");
    }

    // A stop in good order, once the broker has the acknowledgements.
    subscription.close().await;
    let acknowledged = async {
        loop {
            let lane = queue.depth().await.expect("depth")[usize::from(LANE.0)];
            if (lane.messages_ready, lane.consumers) == (0, 0) {
                break;
            }
            tests::wait::next_look().await;
        }
    };
    timeout(SOON, acknowledged).await.expect("all is acknowledged");
    broker.stop().await.expect("stopped");
    assert!(publish(&queue, 51).await.is_err());
    assert!(queue.subscribe(LANE, PREFETCH_MESSAGES).await.is_err());
    broker.restart().await.expect("restarted");
    publish_until_accepted(&queue, 51).await;
    let (_subscription, delivery) = resume(&queue).await;
    assert_eq!(number_of(&delivery), 51);
}

fn number_of(delivery: &Delivery) -> usize {
    let envelope = std::str::from_utf8(&delivery.envelope).expect("text");
    envelope.strip_prefix("envelope ").and_then(|number| number.parse().ok()).expect("a number")
}

/// Acknowledges this delivery and all that follow it, without a gap, up to the envelope `last`.
async fn in_order_through(last: usize, first: Delivery, subscription: &mut Box<dyn Subscription>) {
    let (mut number, mut delivery) = (number_of(&first), first);
    loop {
        assert_eq!(number_of(&delivery), number);
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
        if number == last {
            return;
        }
        number += 1;
        delivery = timeout(SOON, subscription.next()).await.expect("in time").expect("a delivery");
    }
}

#[tokio::test]
async fn every_confirmed_publish_survives_kill_9_of_the_broker() {
    let mut broker = RabbitMq::start().await.expect("RabbitMQ");
    let queue = declared(&mut broker).await;
    publish_until_accepted(&queue, 0).await;
    let publishing = tokio::spawn({
        let queue = queue.clone();
        async move {
            let mut last = 0;
            while publish(&queue, last + 1).await.is_ok() {
                last += 1;
            }
            last
        }
    });
    let enough = async {
        while queue.depth().await.expect("depth")[usize::from(LANE.0)].messages_ready < 100 {
            tests::wait::next_look().await;
        }
    };
    timeout(SOON, enough).await.expect("publishes in time");
    broker.kill().expect("killed");
    let last = publishing.await.expect("ended");
    broker.restart().await.expect("restarted");

    let (mut subscription, first) = resume(&queue).await;
    assert_eq!(first.envelope, "envelope 0");
    in_order_through(last, first, &mut subscription).await;
}

#[tokio::test]
async fn a_missing_queue_is_an_error_and_is_declared_again() {
    let broker = RabbitMq::start().await.expect("RabbitMQ");
    let queue = open(&broker.url());
    publish(&queue, 0).await.expect("published");
    let connection =
        Connection::connect(&broker.url(), ConnectionProperties::default()).await.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    channel.queue_delete("tellers.lane.01".into(), QueueDeleteOptions::default()).await.expect("deleted");

    let refused = publish(&queue, 1).await;
    assert!(matches!(refused, Err(PublishError::Unavailable(_))), "{refused:?}");
    publish(&queue, 2).await.expect("declared again");
    let (_subscription, delivery) = resume(&queue).await;
    assert_eq!(delivery.envelope, "envelope 2");
}

#[tokio::test]
async fn a_broker_short_of_memory_is_an_error_at_once_and_does_not_stop_the_workers() {
    let broker = RabbitMq::start().await.expect("RabbitMQ");
    let queue = open(&broker.url());
    let bus = RabbitMqBus::new(&broker.url()).expect("a URL");
    let mut listening = bus.listen(Topic::Report).await;
    for number in 0..3 {
        publish(&queue, number).await.expect("published");
    }
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");

    broker.control(&["set_vm_memory_high_watermark", "0"]).await.expect("set");
    // The broker says so to those who publish: the first is not confirmed, the next is refused.
    let refused = async { while !matches!(publish(&queue, 99).await, Err(PublishError::Unavailable(_))) {} };
    timeout(SOON, refused).await.expect("refused in time");
    let asked = Instant::now();
    let refused = publish(&queue, 99).await.expect_err("still short").to_string();
    assert!(refused.contains("short of memory or disk"), "{refused}");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let silent = async {
        while bus.connected_since().is_some() {
            bus.broadcast(Topic::Report, Bytes::from_static(b"unheard")).await;
            tests::wait::next_look().await;
        }
    };
    timeout(SOON, silent).await.expect("the bus knows that it is silent");
    for number in 0..3 {
        let delivery = subscription.next().await.expect("a delivery");
        assert_eq!(delivery.envelope, format!("envelope {number}"));
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
    }

    broker.control(&["set_vm_memory_high_watermark", "0.6"]).await.expect("set");
    publish_until_accepted(&queue, 3).await;
    let heard = async {
        loop {
            bus.broadcast(Topic::Report, Bytes::from_static(b"back")).await;
            if let Ok(Ok(message)) = timeout(Duration::from_millis(100), listening.recv()).await
                && message == "back"
            {
                break;
            }
        }
    };
    timeout(SOON, heard).await.expect("the bus is back");
    // What was sent before the block may have arrived after it: unconfirmed is not unsent.
    let resumed = async { while subscription.next().await.expect("a delivery").envelope != "envelope 3" {} };
    timeout(SOON, resumed).await.expect("the lane goes on");
}

#[tokio::test]
async fn a_connection_that_goes_silent_is_given_up_and_everything_resumes() {
    let broker = RabbitMq::start().await.expect("RabbitMQ");
    let wire = Wire::to(&broker.url()).await;
    let queue = open(&wire.url());
    publish(&queue, 0).await.expect("published");
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let delivery = subscription.next().await.expect("a delivery");
    assert_eq!(delivery.envelope, "envelope 0");

    wire.freeze(true);
    let unconfirmed = publish(&queue, 1).await;
    assert!(matches!(unconfirmed, Err(PublishError::Unconfirmed { .. })), "{unconfirmed:?}");
    let ended = timeout(SOON, subscription.next()).await.expect("noticed in time");
    assert!(ended.is_err(), "{ended:?}");
    assert!(publish(&queue, 1).await.is_err());
    drop(subscription);

    wire.freeze(false);
    let thawed = Instant::now();
    publish_until_accepted(&queue, 2).await;
    let (mut subscription, delivery) = resume(&queue).await;
    assert!(thawed.elapsed() < Duration::from_secs(10), "resumed after {:?}", thawed.elapsed());
    assert_eq!((delivery.envelope, delivery.redelivered), ("envelope 0".into(), true));
    let resumed = async { while subscription.next().await.expect("a delivery").envelope != "envelope 2" {} };
    timeout(SOON, resumed).await.expect("the lane goes on");
}

#[tokio::test]
async fn a_silent_broker_is_an_answer_for_everyone_and_found_again_when_it_speaks() {
    let broker = RabbitMq::start().await.expect("RabbitMQ");
    let wire = Wire::to(&broker.url()).await;
    let queue = open(&wire.url());
    let publisher = Publisher::new(queue.clone(), lanes(), "api-1".to_owned(), PublisherLimits::default());
    let jobs = |count| vec![Bytes::from_static(b"{}"); count];
    let accepted = async {
        while publisher.publish(LANE, Bytes::from_static(b"{}")).await.is_err() {
            tests::wait::next_look().await;
        }
    };
    timeout(SOON, accepted).await.expect("published");

    wire.freeze(true);
    let frozen = Instant::now();
    // Ten envelopes: one after the other they would take as many time-outs.
    let results = publisher.publish_many(LANE, jobs(1_000)).await;
    assert!(results.iter().all(Result::is_err));
    assert!(frozen.elapsed() < Duration::from_secs(8), "answered after {:?}", frozen.elapsed());
    // New connections are taken and not answered: each lane is tried again, and none for long.
    for _ in 0..3 {
        let asked = Instant::now();
        let tries = lanes().iter().map(|lane| publisher.publish_many(lane, jobs(300)));
        let results = futures::future::join_all(tries).await.concat();
        assert!(results.iter().all(Result::is_err));
        assert!(asked.elapsed() < Duration::from_secs(8), "answered after {:?}", asked.elapsed());
    }
    // The connections that were there are given up by now. Whoever comes while one tries is told at once.
    let told_at_once = async {
        let (mut trying, mut at_once) = (Box::pin(publisher.publish_many(LANE, jobs(1))), 0);
        while at_once < 100 {
            tokio::select! {
                tried = &mut trying => {
                    assert!(tried.iter().all(Result::is_err));
                    trying = Box::pin(publisher.publish_many(LANE, jobs(1)));
                }
                result = publisher.publish(LANE, Bytes::from_static(b"{}")) => {
                    assert!(result.is_err());
                    at_once += 1;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(8), told_at_once).await.expect("a hundred refusals");

    wire.freeze(false);
    let thawed = Instant::now();
    publish_until_accepted(&queue, 1).await;
    assert!(thawed.elapsed() < Duration::from_secs(10), "resumed after {:?}", thawed.elapsed());
    let accepted = async {
        while publisher.publish(LANE, Bytes::from_static(b"{}")).await.is_err() {
            tests::wait::next_look().await;
        }
    };
    timeout(Duration::from_secs(10), accepted).await.expect("the line is open");
}
