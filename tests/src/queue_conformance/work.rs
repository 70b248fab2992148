//! Work without an order.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use queue::{Queue, Subscription};

use super::harness::{LANE, envelope, next, nothing_comes, publish};

async fn publish_work(queue: &Arc<dyn Queue>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        queue.publish_work(envelope(number)).await.expect("published");
    }
}

async fn take(queue: &Arc<dyn Queue>) -> Box<dyn Subscription> {
    queue.take_work().await.expect("work to take")
}

/// Those who take work share it, and each has one message at a time.
pub async fn work_goes_to_whoever_is_free(queue: Arc<dyn Queue>) {
    let (mut first, mut second) = (take(&queue).await, take(&queue).await);
    publish_work(&queue, 0..4).await;
    publish(&queue, 100..101).await;
    let mut seen: BTreeSet<Bytes> = BTreeSet::new();
    let (one, other) = (next(&mut first).await, next(&mut second).await);
    nothing_comes(&mut first).await;
    assert_eq!(queue.work_waiting().await.expect("counted"), 2, "those that nobody has taken");
    seen.extend([one.envelope, other.envelope]);
    first.ack_through(one.tag).await.expect("acknowledged");
    for _ in 0..2 {
        // The other one holds on to its message, so all else comes here.
        let delivery = next(&mut first).await;
        seen.insert(delivery.envelope);
        first.ack_through(delivery.tag).await.expect("acknowledged");
    }
    nothing_comes(&mut first).await;
    assert_eq!(seen, (0..4).map(envelope).collect(), "each once, and no job of {LANE} among them");
    second.ack_through(other.tag).await.expect("acknowledged");
}

/// What was not acknowledged comes again, whether its taker closed or crashed; what was does not.
pub async fn work_that_is_not_acknowledged_comes_again(queue: Arc<dyn Queue>) {
    publish_work(&queue, 0..2).await;
    let mut closes = take(&queue).await;
    let done = next(&mut closes).await;
    closes.ack_through(done.tag).await.expect("acknowledged");
    let held = next(&mut closes).await;
    closes.close().await;

    let mut crashes = take(&queue).await;
    assert_eq!(next(&mut crashes).await.envelope, held.envelope);
    drop(crashes);

    let mut last = take(&queue).await;
    let again = next(&mut last).await;
    assert_eq!(again.envelope, held.envelope);
    last.ack_through(again.tag).await.expect("acknowledged");
    nothing_comes(&mut last).await;
}
