//! What the queue promises while its broker is killed, stopped and started again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use shared::queue::{PublishError, Queue};
use tests::private_broker::RabbitMq;
use tests::queue_conformance::{LANE, publish_until_accepted, resume};

use super::rabbitmq::open;

async fn publish(queue: &Arc<dyn Queue>, number: usize) -> Result<(), PublishError> {
    queue.publish(LANE, format!("envelope {number}").into(), 1).await
}

#[tokio::test]
async fn a_fault_of_the_broker_loses_nothing_and_everything_resumes() {
    let mut broker = RabbitMq::start().await.expect("RabbitMQ");
    let queue = open(&broker.url());

    // A confirmed publish survives kill -9.
    for number in 0..50 {
        publish(&queue, number).await.expect("published");
    }
    let mut subscription = queue.subscribe(LANE).await.expect("subscribed");
    let first = subscription.next().await.expect("a delivery");
    subscription.ack_through(first.tag).await.expect("acknowledged");
    // The broker has seen the acknowledgement once it answers a later question on its channel.
    let depth = queue.depth().await.expect("depth");
    assert_eq!(depth.len(), 3);
    broker.kill().expect("killed");
    // What was delivered ahead of the kill may still come; then the subscription says that it ended.
    while subscription.next().await.is_ok() {}
    assert!(queue.ready().await.is_err());
    let refused = publish(&queue, 50).await.expect_err("the broker is gone");
    assert!(!refused.to_string().contains("guest:guest"), "{refused}");

    broker.restart().await.expect("restarted");
    let back = Instant::now();
    publish_until_accepted(&queue, 50).await;
    let (mut subscription, delivery) = resume(&queue).await;
    assert!(back.elapsed() < Duration::from_secs(10), "resumed after {:?}", back.elapsed());
    assert!(queue.ready().await.is_ok());
    // Acknowledged or not before the kill: the rest is there, in order.
    let mut number = if delivery.envelope == "envelope 0" { 0 } else { 1 };
    let mut delivery = delivery;
    loop {
        assert_eq!(delivery.envelope, format!("envelope {number}"));
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
        if number == 50 {
            break;
        }
        number += 1;
        delivery = subscription.next().await.expect("a delivery");
    }

    // A stop in good order.
    broker.stop().await.expect("stopped");
    assert!(publish(&queue, 51).await.is_err());
    assert!(queue.subscribe(LANE).await.is_err());
    broker.restart().await.expect("restarted");
    publish_until_accepted(&queue, 51).await;
    let (_subscription, delivery) = resume(&queue).await;
    assert_eq!(delivery.envelope, "envelope 51");
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
