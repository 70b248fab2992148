//! Order, hand-over and acknowledgement.

use queue::{LaneDepth, PREFETCH_MESSAGES};

use super::harness::*;

/// What goes in first comes out first, lane by lane.
pub async fn a_lane_keeps_its_order(queue: Arc<dyn Queue>) {
    queue.publish(Lane(0), Bytes::from_static(b"another lane's"), 1).await.expect("published");
    publish(&queue, 0..300).await;
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for number in 0..300 {
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.envelope, envelope(number));
        assert!(!delivery.redelivered);
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
    }
    nothing_comes(&mut subscription).await;
}

/// A second subscription waits, and takes over at the oldest delivery that is not acknowledged.
pub async fn a_lane_is_handed_over_in_order(queue: Arc<dyn Queue>) {
    publish(&queue, 0..10).await;
    let mut first = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let mut second = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let deliveries = expect(&mut first, 0..6).await;
    nothing_comes(&mut second).await;
    first.ack_through(deliveries[2].tag).await.expect("acknowledged");
    first.close().await;
    let deliveries = expect(&mut second, 3..10).await;
    assert!(deliveries[0].redelivered, "it was handed out before");
    publish(&queue, 10..12).await;
    expect(&mut second, 10..12).await;
}

/// Of three subscriptions each gets its turn, in the order in which they came.
pub async fn those_who_wait_take_turns(queue: Arc<dyn Queue>) {
    publish(&queue, 0..3).await;
    let first = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let mut second = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let mut third = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    nothing_comes(&mut third).await;
    first.close().await;
    expect(&mut second, 0..3).await;
    nothing_comes(&mut third).await;
    second.close().await;
    expect(&mut third, 0..3).await;
}

/// One who gives up while subscribing, however far that has come, does not hold the lane.
pub async fn an_abandoned_subscribing_holds_no_lane(queue: Arc<dyn Queue>) {
    queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed").close().await;
    for number in 0..40 {
        let patience = Duration::from_micros(100) * u32::try_from(number).expect("small");
        let abandoned = timeout(patience, queue.subscribe(LANE, PREFETCH_MESSAGES)).await;
        if let Ok(subscribed) = abandoned {
            subscribed.expect("subscribed").close().await;
        }
        publish(&queue, number..number + 1).await;
        let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
        let delivery = expect(&mut subscription, number..number + 1).await.remove(0);
        subscription.ack_through(delivery.tag).await.expect("acknowledged");
        subscription.close().await;
    }
}

/// No more is handed out ahead of its acknowledgement than was asked for, and another subscription may ask for
/// another number.
pub async fn a_subscription_hands_out_no_more_than_its_prefetch(queue: Arc<dyn Queue>) {
    publish(&queue, 0..8).await;
    let mut narrow = queue.subscribe(LANE, 2).await.expect("subscribed");
    let deliveries = expect(&mut narrow, 0..2).await;
    nothing_comes(&mut narrow).await;
    narrow.ack_through(deliveries[0].tag).await.expect("acknowledged");
    expect(&mut narrow, 2..3).await;
    nothing_comes(&mut narrow).await;
    narrow.close().await;

    let mut wide = queue.subscribe(LANE, 5).await.expect("subscribed");
    expect(&mut wide, 1..6).await;
    nothing_comes(&mut wide).await;
    wide.close().await;
    let mut none = queue.subscribe(LANE, 0).await.expect("subscribed");
    expect(&mut none, 1..2).await;
    nothing_comes(&mut none).await;
}

/// A dropped subscription is a crash: what it had comes again, in order.
pub async fn a_dropped_subscription_loses_nothing(queue: Arc<dyn Queue>) {
    publish(&queue, 0..150).await;
    let mut first = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let deliveries = expect(&mut first, 0..80).await;
    first.ack_through(deliveries[49].tag).await.expect("acknowledged");
    drop(first);
    let mut second = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    // A full batch of messages, the most that an adapter has to hand out without an acknowledgement.
    let deliveries = expect(&mut second, 50..150).await;
    assert!(deliveries[0].redelivered, "it was handed out before");
}

/// Many hand-overs in the midst of deliveries cost neither order nor a message.
pub async fn hand_overs_never_reorder(queue: Arc<dyn Queue>) {
    publish(&queue, 0..300).await;
    let mut expected = 0;
    for round in 0..20 {
        let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
        let deliveries = expect(&mut subscription, expected..expected + 15).await;
        subscription.ack_through(deliveries[9].tag).await.expect("acknowledged");
        expected += 10;
        if round % 2 == 0 { subscription.close().await } else { drop(subscription) }
    }
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    let deliveries = expect(&mut subscription, expected..300).await;
    subscription.ack_through(deliveries[deliveries.len() - 1].tag).await.expect("acknowledged");
    nothing_comes(&mut subscription).await;
}

/// Who leaves with all that it was handed out leaves nothing that comes back, and the next one starts behind it.
pub async fn who_leaves_gives_nothing_back(queue: Arc<dyn Queue>) {
    publish(&queue, 0..20).await;
    let mut expected = 0;
    for prefetch in [8, 3, 5] {
        let mut subscription = queue.subscribe(LANE, prefetch).await.expect("subscribed");
        let handed_out = usize::from(prefetch);
        assert_eq!(subscription.room(), handed_out);
        let deliveries = expect(&mut subscription, expected..expected + handed_out).await;
        assert!(deliveries.iter().all(|delivery| !delivery.redelivered), "{deliveries:?}");
        assert_eq!(subscription.room(), 0);
        subscription.leave(deliveries[handed_out - 1].tag).await.expect("left");
        expected += handed_out;
    }
    let mut subscription = queue.subscribe(LANE, 2).await.expect("subscribed");
    let deliveries = expect(&mut subscription, expected..expected + 2).await;
    subscription.ack_through(deliveries[0].tag).await.expect("acknowledged");
    expect(&mut subscription, expected + 2..expected + 3).await;
    assert_eq!(subscription.room(), 0);
}

/// A caller that stops waiting for a delivery loses none.
pub async fn an_abandoned_wait_loses_nothing(queue: Arc<dyn Queue>) {
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for number in 0..20 {
        for _ in 0..3 {
            let waited = timeout(Duration::from_micros(200), subscription.next()).await;
            assert!(waited.is_err(), "nothing is there yet");
        }
        publish(&queue, number..number + 1).await;
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.envelope, envelope(number));
    }
}

/// A stranger's message is handed out as it is.
pub async fn garbage_is_delivered_raw(queue: Arc<dyn Queue>) {
    let garbage: [&'static [u8]; 3] = [b"\xff\xfe\x00", b"", b"{\"version\":"];
    for bytes in garbage {
        queue.publish(LANE, Bytes::from_static(bytes), 1).await.expect("published");
    }
    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    for bytes in garbage {
        assert_eq!(next(&mut subscription).await.envelope, bytes);
    }
}

/// Depth tells what waits in each lane; jobs where the queue counts them.
pub async fn depth_counts_what_waits(queue: Arc<dyn Queue>) {
    for number in 0..5 {
        queue.publish(LANE, envelope(number), 100).await.expect("published");
    }
    let depth = until_depth(&queue, |depth| depth[1].messages_ready == 5).await;
    assert_eq!(depth.iter().map(|lane| lane.lane).collect::<Vec<_>>(), lanes().iter().collect::<Vec<_>>());
    assert_eq!((depth[0].messages_ready, depth[1].consumers), (0, 0));
    assert!(depth[1].jobs.is_none_or(|jobs| jobs == 500));

    let mut subscription = queue.subscribe(LANE, PREFETCH_MESSAGES).await.expect("subscribed");
    until_counted(&queue, &mut subscription, 5).await;
    let deliveries = expect(&mut subscription, 0..5).await;
    let depth = until_depth(&queue, |depth| depth[1].messages_ready == 0 && depth[1].consumers == 1).await;
    assert!(depth[1].messages_unacknowledged.is_none_or(|messages| messages == 5));
    assert!(depth[1].jobs.is_none_or(|jobs| jobs == 500));

    subscription.ack_through(deliveries[2].tag).await.expect("acknowledged");
    subscription.close().await;
    let depth = until_depth(&queue, |depth| depth[1].messages_ready == 2 && depth[1].consumers == 0).await;
    assert!(depth[1].messages_unacknowledged.is_none_or(|messages| messages == 0));
    assert!(depth[1].jobs.is_none_or(|jobs| jobs == 200));
}

/// What was handed out ahead is in no depth, and is known all the same.
async fn until_counted(queue: &Arc<dyn Queue>, subscription: &mut Box<dyn Subscription>, messages: u64) {
    let counted = async {
        loop {
            let ready = queue.depth().await.expect("depth")[1].messages_ready;
            if ready + subscription.handed_ahead() as u64 == messages {
                break;
            }
            crate::wait::next_look().await;
        }
    };
    timeout(SOON, counted).await.expect("every message waits in the queue or is handed ahead");
}

async fn until_depth(queue: &Arc<dyn Queue>, enough: impl Fn(&[LaneDepth]) -> bool) -> Vec<LaneDepth> {
    let mut last = Vec::new();
    let reached = async {
        loop {
            last = queue.depth().await.expect("depth");
            if enough(&last) {
                break;
            }
            crate::wait::next_look().await;
        }
    };
    let reached = timeout(SOON, reached).await;
    assert!(reached.is_ok(), "depth stays at {last:?}");
    last
}
