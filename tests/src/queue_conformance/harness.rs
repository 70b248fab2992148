//! What the promises are asked with.

pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) use bytes::Bytes;
pub(super) use domain::lane::{Lane, Lanes};
pub(super) use queue::{Delivery, PREFETCH_MESSAGES, Queue, Subscription};
pub(super) use tokio::time::timeout;

/// The lane of most tests.
pub const LANE: Lane = Lane(1);
/// Longer than anything takes on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// Long enough to see that nothing comes.
pub(super) const QUIET: Duration = Duration::from_millis(300);

/// How many lanes the queues under test have.
pub fn lanes() -> Lanes {
    Lanes::new(3).expect("in range")
}

/// An envelope's stand-in: to the queue it is bytes.
pub(super) fn envelope(number: usize) -> Bytes {
    Bytes::from(format!("envelope {number}"))
}

pub(super) async fn publish(queue: &Arc<dyn Queue>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        queue.publish(LANE, envelope(number), 1).await.expect("published");
    }
}

pub(super) async fn next(subscription: &mut Box<dyn Subscription>) -> Delivery {
    timeout(SOON, subscription.next()).await.expect("a delivery in time").expect("a delivery")
}

pub(super) async fn nothing_comes(subscription: &mut Box<dyn Subscription>) {
    let delivery = timeout(QUIET, subscription.next()).await;
    assert!(delivery.is_err(), "unexpected {delivery:?}");
}

/// Takes the deliveries and compares them with the envelopes of these numbers.
pub(super) async fn expect(
    subscription: &mut Box<dyn Subscription>,
    numbers: std::ops::Range<usize>,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in numbers {
        let delivery = next(subscription).await;
        assert_eq!(delivery.envelope, envelope(number));
        deliveries.push(delivery);
    }
    deliveries
}

/// Subscribes again until it works, and returns the first delivery: what a worker does after a fault.
pub async fn resume(queue: &Arc<dyn Queue>) -> (Box<dyn Subscription>, Delivery) {
    let resumed = async {
        loop {
            if let Ok(mut subscription) = queue.subscribe(LANE, PREFETCH_MESSAGES).await
                && let Ok(delivery) = subscription.next().await
            {
                return (subscription, delivery);
            }
            crate::wait::next_look().await;
        }
    };
    timeout(SOON, resumed).await.expect("a subscription in time")
}

/// Publishes until it works: what a client does after a fault.
pub async fn publish_until_accepted(queue: &Arc<dyn Queue>, number: usize) {
    let accepted = async {
        while queue.publish(LANE, envelope(number), 1).await.is_err() {
            crate::wait::next_look().await;
        }
    };
    timeout(SOON, accepted).await.expect("a publish in time");
}
