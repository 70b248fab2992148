//! The bus's conformance suite on RabbitMQ.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleet::rabbitmq::RabbitMqBus;
use fleet::{Bus, Topic};
use tests::bus_conformance as suite;
use tests::servers::RabbitMq;

fn open(url: &str) -> Arc<dyn Bus> {
    Arc::new(RabbitMqBus::new(url).expect("a URL"))
}

#[tokio::test]
async fn a_bus_keeps_its_promises_and_comes_back_after_a_restart() {
    let mut broker = RabbitMq::start().await.expect("RabbitMQ");
    let (one, other) = (open(&broker.url()), open(&broker.url()));
    suite::a_broadcast_reaches_everyone(one.clone(), other.clone()).await;
    suite::a_message_to_one_replica_reaches_no_other(one.clone(), other.clone()).await;
    suite::listeners_do_not_share(one.clone()).await;

    let mut listening = other.listen(Topic::Report).await;
    let connected = one.connected_since().expect("connected");
    broker.kill().expect("killed");
    while one.connected_since().is_some() || other.connected_since().is_some() {
        tests::wait::next_look().await;
    }
    one.broadcast(Topic::Report, Bytes::from_static(b"into the void")).await;
    broker.restart().await.expect("restarted");

    let back = async {
        while one.connected_since().is_none() || other.connected_since().is_none() {
            tests::wait::next_look().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), back).await.expect("back within seconds of the broker");
    assert!(one.connected_since().expect("connected") > connected);
    one.broadcast(Topic::Report, Bytes::from_static(b"again")).await;
    assert_eq!(suite::heard(&mut listening).await, "again");
    one.close().await;
    other.close().await;
}
