//! What a publish promises, and group commit over it.

use contract::envelope::{Envelope, QueuedJob};
use queue::publisher::{Publisher, PublisherLimits};
use queue::{PREFETCH_MESSAGES, PublishError};

use super::harness::*;

/// A lane that holds as much as it may refuses, and takes again once there is room. `messages_max`
/// is what the queue was made with; a broker may overshoot by some.
pub async fn a_full_lane_pushes_back(queue: Arc<dyn Queue>, messages_max: usize) {
    let mut accepted = 0;
    let refused = loop {
        match queue.publish(LANE, envelope(accepted), 1).await {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
        assert!(accepted < messages_max * 2 + 100, "{accepted} accepted");
    };
    assert!(matches!(refused, PublishError::Full { lane: LANE }), "{refused}");
    assert!(accepted >= messages_max);
    queue.publish(Lane(0), envelope(0), 1).await.expect("another lane has room");

    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for number in 0..accepted {
        let deliveries = expect(&mut subscription, number..number + 1).await;
        subscription.ack_through(deliveries[0].tag).await.expect("acknowledged");
    }
    publish_until_accepted(&queue, accepted).await;
    expect(&mut subscription, accepted..accepted + 1).await;
}

/// A lane that there is not is an error.
pub async fn an_unknown_lane_is_refused(queue: Arc<dyn Queue>) {
    let refused = queue.publish(Lane(99), envelope(0), 1).await;
    assert!(matches!(refused, Err(PublishError::Unavailable(_))), "{refused:?}");
    assert!(queue.subscribe(Lane(99), PREFETCH_MESSAGES).await.is_err());
}

/// Many publish at once: few messages, every job in one of them, each caller told its own time.
pub async fn concurrent_publishes_share_messages(queue: Arc<dyn Queue>) {
    const JOBS: usize = 2_000;
    let publisher =
        Arc::new(Publisher::new(queue.clone(), lanes(), "api-1".into(), PublisherLimits::default()));
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..JOBS {
        let publisher = publisher.clone();
        callers.spawn(async move {
            let job = Bytes::from(format!("{{\"n\":{number}}}"));
            (number, publisher.publish(LANE, job).await.expect("published").as_microsecond())
        });
    }
    let mut told = callers.join_all().await;
    publisher.stop().await;

    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let (mut found, mut messages) = (Vec::new(), 0);
    while found.len() < JOBS {
        let delivery = next(&mut subscription).await;
        messages += 1;
        let envelope = Envelope::read(&delivery.envelope).expect("an envelope");
        assert!((1..=100).contains(&envelope.jobs.len()));
        found.extend(envelope.jobs.into_iter().map(|raw| {
            let queued = QueuedJob::read(raw).expect("a job");
            let number =
                queued.job.get().trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
            (number, queued.accepted_at)
        }));
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
    }
    assert!(messages * 4 < JOBS, "{messages} messages for {JOBS} jobs");
    assert!(found.is_sorted_by(|a, b| a.1 < b.1), "acceptance orders the queue");
    found.sort_unstable();
    told.sort_unstable();
    assert_eq!(found, told);
}
