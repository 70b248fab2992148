//! The conformance suite on the embedded queue, a file per test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use domain::lane::Lanes;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use queue::{PREFETCH_MESSAGES, PublishError, Queue, QueueError};
use tests::queue_conformance as suite;

const LANE_MESSAGES_MAX: u64 = 500;

async fn try_open(folder: &Path, lanes: Lanes) -> Result<Arc<dyn Queue>, QueueError> {
    let settings = EmbeddedSettings { lane_messages_max: LANE_MESSAGES_MAX, ..EmbeddedSettings::new(lanes) };
    Ok(Arc::new(EmbeddedQueue::open(&folder.join("queue.db"), settings).await?))
}

async fn open(folder: &Path) -> Arc<dyn Queue> {
    try_open(folder, suite::lanes()).await.expect("opened")
}

macro_rules! conformance {
    ($($test:ident,)*) => {$(
        #[tokio::test]
        async fn $test() {
            let folder = tempfile::tempdir().expect("a folder");
            let queue = open(folder.path()).await;
            suite::$test(queue.clone()).await;
            queue.close().await;
        }
    )*};
}

tests::queue_conformance!(conformance);

#[tokio::test]
async fn a_full_lane_pushes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    suite::a_full_lane_pushes_back(open(folder.path()).await, 500).await;
}

#[tokio::test]
async fn what_is_published_survives_and_what_is_acknowledged_does_not_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = open(folder.path()).await;
    for number in 0..10 {
        queue.publish(suite::LANE, format!("{number}").into(), 7).await.expect("published");
    }
    let mut subscription = queue.subscribe(suite::LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for _ in 0..3 {
        subscription.next().await.expect("a delivery");
    }
    let fourth = subscription.next().await.expect("a delivery");
    subscription.ack_through(fourth.tag).await.expect("acknowledged");
    queue.close().await;
    assert!(subscription.next().await.is_err(), "the queue is closed");
    let refused = queue.publish(suite::LANE, "late".into(), 1).await;
    assert!(matches!(refused, Err(PublishError::Unavailable(_))), "{refused:?}");
    assert!(queue.ready().await.is_err() && queue.subscribe(suite::LANE, PREFETCH_MESSAGES).await.is_err());

    let queue = open(folder.path()).await;
    let depth = queue.depth().await.expect("depth")[1];
    assert_eq!((depth.messages_ready, depth.jobs), (6, Some(42)));
    let mut subscription = queue.subscribe(suite::LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for number in 4..10 {
        let delivery = subscription.next().await.expect("a delivery");
        assert_eq!((delivery.envelope, delivery.redelivered), (format!("{number}").into(), true));
    }
    queue.publish(suite::LANE, "new".into(), 1).await.expect("published");
    let delivery = subscription.next().await.expect("a delivery");
    assert_eq!((delivery.envelope, delivery.redelivered), ("new".into(), false));
}

#[tokio::test]
async fn a_file_is_opened_once_and_never_with_fewer_lanes() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = open(folder.path()).await;
    let Err(held) = try_open(folder.path(), suite::lanes()).await else { panic!("opened twice") };
    assert!(held.to_string().contains("another process"), "{held}");
    queue.publish(suite::LANE, "kept".into(), 1).await.expect("published");
    queue.close().await;
    let Err(fewer) = try_open(folder.path(), Lanes::new(1).expect("in range")).await else {
        panic!("opened")
    };
    assert!(fewer.to_string().contains("lane 01"), "{fewer}");
    open(folder.path()).await;
}

#[tokio::test]
async fn a_confirmed_publish_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut victim = std::process::Command::new(env!("CARGO_BIN_EXE_publish_until_killed"))
        .arg(folder.path().join("queue.db"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let confirmed = BufReader::new(victim.stdout.take().expect("its output"));
    let mut confirmed = confirmed.lines().map_while(Result::ok);
    assert!(confirmed.by_ref().any(|line| line == "200"), "it ended before it was killed");
    victim.kill().expect("killed");
    victim.wait().expect("ended");
    let last: u64 = confirmed.last().map_or(200, |line| line.parse().expect("a number"));

    let queue = open(folder.path()).await;
    let kept = queue.depth().await.expect("depth")[1].messages_ready;
    assert!(kept > last, "{kept} kept, {last} was the last confirmed");
    let mut subscription = queue.subscribe(suite::LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for number in 0..kept {
        let delivery = subscription.next().await.expect("a delivery");
        assert_eq!(delivery.envelope, number.to_string());
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
    }
}

#[tokio::test]
async fn work_outlives_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = open(folder.path()).await;
    for message in ["done", "held", "waits"] {
        queue.publish_work(message.into()).await.expect("published");
    }
    let mut taker = queue.take_work().await.expect("work");
    let done = taker.next().await.expect("a delivery");
    taker.ack_through(done.tag).await.expect("acknowledged");
    taker.next().await.expect("a delivery");
    drop(taker);
    queue.close().await;

    let queue = open(folder.path()).await;
    let mut taker = queue.take_work().await.expect("work");
    for message in ["held", "waits"] {
        let delivery = taker.next().await.expect("a delivery");
        assert_eq!((&*delivery.envelope, delivery.redelivered), (message.as_bytes(), true));
        taker.ack_through(delivery.tag).await.expect("acknowledged");
    }
    let depth = queue.depth().await.expect("depth");
    assert!(depth.iter().all(|lane| lane.jobs == Some(0)), "work is of no lane: {depth:?}");
    queue.close().await;
}
