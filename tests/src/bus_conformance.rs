//! What every adapter of the bus port promises.

#![allow(clippy::expect_used, reason = "a broken promise fails the test that found it")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleet::{Bus, Topic};
use tokio::sync::broadcast;
use tokio::time::timeout;

/// The next message, in time.
pub async fn heard(receiver: &mut broadcast::Receiver<Bytes>) -> Bytes {
    timeout(Duration::from_secs(20), receiver.recv()).await.expect("a message in time").expect("a message")
}

/// Everyone who listens hears it, the sender too; other topics do not.
pub async fn a_broadcast_reaches_everyone(one: Arc<dyn Bus>, other: Arc<dyn Bus>) {
    let mut at_one = one.listen(Topic::Report).await;
    let mut at_other = other.listen(Topic::Report).await;
    let mut presence = other.listen(Topic::Presence).await;
    one.broadcast(Topic::Report, Bytes::from_static(b"first")).await;
    one.broadcast(Topic::Report, Bytes::from_static(b"second")).await;
    one.broadcast(Topic::Presence, Bytes::from_static(b"here")).await;
    for listener in [&mut at_one, &mut at_other] {
        assert_eq!(heard(listener).await, "first");
        assert_eq!(heard(listener).await, "second");
    }
    assert_eq!(heard(&mut presence).await, "here");
}

/// What is told to one replica reaches it and no other.
pub async fn a_message_to_one_replica_reaches_no_other(one: Arc<dyn Bus>, other: Arc<dyn Bus>) {
    let mut mine = one.inbox("one").await;
    let mut theirs = other.inbox("other").await;
    other.tell("one", Bytes::from_static(b"for one")).await;
    one.tell("other", Bytes::from_static(b"for other")).await;
    // A replica that is not there, and an id that a stranger made up, cost nothing.
    one.tell("nobody", Bytes::from_static(b"lost")).await;
    one.tell(&"é".repeat(1_000), Bytes::from_static(b"lost")).await;
    one.tell("one", Bytes::from_static(b"to myself")).await;
    assert_eq!(heard(&mut theirs).await, "for other");
    // The two come from two senders: in either order.
    let mut heard_by_one = [heard(&mut mine).await, heard(&mut mine).await];
    heard_by_one.sort();
    assert_eq!(heard_by_one, ["for one", "to myself"]);
    assert!(theirs.is_empty());
}

/// Two listeners in one process each hear everything.
pub async fn listeners_do_not_share(bus: Arc<dyn Bus>) {
    let mut first = bus.listen(Topic::Settings).await;
    let mut second = bus.listen(Topic::Settings).await;
    bus.broadcast(Topic::Settings, Bytes::from_static(b"x")).await;
    assert_eq!((heard(&mut first).await, heard(&mut second).await), (Bytes::from("x"), Bytes::from("x")));
}
