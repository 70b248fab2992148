//! The event stream.

use std::collections::BTreeSet;

use queue::events::{EventMessage, EventReader, Start};

use super::harness::*;

fn batch(number: usize) -> Bytes {
    Bytes::from(format!("[{number}]"))
}

async fn publish_events(queue: &Arc<dyn Queue>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        queue.publish_events(batch(number)).await.expect("published");
    }
}

async fn read(queue: &Arc<dyn Queue>, start: Start) -> Box<dyn EventReader> {
    queue.read_events(start).await.expect("a reader")
}

async fn next_message(reader: &mut Box<dyn EventReader>) -> EventMessage {
    timeout(SOON, reader.next()).await.expect("a message in time").expect("a message")
}

async fn take(reader: &mut Box<dyn EventReader>, count: usize) -> Vec<EventMessage> {
    let mut messages = Vec::new();
    for _ in 0..count {
        messages.push(next_message(reader).await);
    }
    messages
}

/// Each reader sees all of it, in order, from where it began, and what comes later too; nothing is taken off by it.
pub async fn every_reader_sees_all_events_in_order(queue: Arc<dyn Queue>) {
    publish_events(&queue, 0..20).await;
    let mut all = read(&queue, Start::Oldest).await;
    let messages = take(&mut all, 20).await;
    let batches: Vec<_> = messages.iter().map(|message| message.batch.clone()).collect();
    assert_eq!(batches, (0..20).map(batch).collect::<Vec<_>>());
    assert!(messages.is_sorted_by(|one, other| one.offset < other.offset), "each has a place of its own");

    let mut others = read(&queue, Start::At(messages[12].offset)).await;
    // A stream may begin somewhat earlier than it is asked to.
    let mut seen = Vec::new();
    while seen.last().is_none_or(|message: &EventMessage| message.offset < messages[19].offset) {
        seen.push(next_message(&mut others).await);
    }
    seen.retain(|message| message.offset >= messages[12].offset);
    assert_eq!(seen, messages[12..]);

    let waiting = tokio::spawn(async move { next_message(&mut all).await });
    publish_events(&queue, 20..21).await;
    let late = timeout(SOON, waiting).await.expect("in time").expect("read");
    assert_eq!((late.batch, next_message(&mut others).await.batch), (batch(20), batch(20)));
    others.close().await;
}

/// Whoever begins with the newest sees at least one; whoever begins at a time to come sees what comes from now on.
pub async fn a_reader_may_begin_with_the_newest_or_now(queue: Arc<dyn Queue>) {
    publish_events(&queue, 0..3).await;
    let mut newest = read(&queue, Start::Newest).await;
    let mut seen = BTreeSet::new();
    while !seen.contains(&batch(2)) {
        seen.insert(next_message(&mut newest).await.batch);
    }
    // A broker knows times by the second, and the events of the present one may come too.
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let mut now = read(&queue, Start::Since(later)).await;
    assert!(timeout(QUIET, now.next()).await.is_err(), "all of it was before");
    publish_events(&queue, 3..4).await;
    assert_eq!(next_message(&mut now).await.batch, batch(3));
    assert_eq!(next_message(&mut newest).await.batch, batch(3));
}

/// A wait that is given up loses no message.
pub async fn an_abandoned_wait_loses_no_event(queue: Arc<dyn Queue>) {
    let mut reader = read(&queue, Start::Oldest).await;
    assert!(timeout(QUIET, reader.next()).await.is_err(), "there is none");
    publish_events(&queue, 0..5).await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        // Many are cut short.
        if let Ok(message) = timeout(Duration::from_micros(200), reader.next()).await {
            seen.push(message.expect("a message").batch);
        }
    }
    assert_eq!(seen, (0..5).map(batch).collect::<Vec<_>>());
}
