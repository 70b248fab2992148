//! The conformance suite on RabbitMQ: one node, a virtual host per test.

use std::sync::Arc;

use shared::domain::lane::{Lane, Lanes};
use shared::queue::rabbitmq::{RabbitMq as Adapter, RabbitMqSettings};
use shared::queue::{PREFETCH_MESSAGES, Queue};
use tests::queue_conformance as suite;
use tests::servers::RabbitMq;
use tokio::sync::OnceCell;

/// Full after a few.
const LANE_MESSAGES_MAX: u32 = 500;

pub fn open(url: &str) -> Arc<dyn Queue> {
    let settings =
        RabbitMqSettings { lane_messages_max: LANE_MESSAGES_MAX, ..RabbitMqSettings::new(suite::lanes()) };
    Arc::new(Adapter::new(url, settings).expect("a URL"))
}

async fn fresh_url() -> String {
    static BROKER: OnceCell<RabbitMq> = OnceCell::const_new();
    let broker = BROKER.get_or_init(async || RabbitMq::start().await.expect("RabbitMQ")).await;
    broker.fresh_vhost().await.expect("a virtual host")
}

async fn fresh() -> Arc<dyn Queue> {
    open(&fresh_url().await)
}

macro_rules! conformance {
    ($($test:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $test() {
            suite::$test(fresh().await).await;
        }
    )*};
}

conformance!(
    a_lane_keeps_its_order,
    a_lane_is_handed_over_in_order,
    those_who_wait_take_turns,
    an_abandoned_subscribing_holds_no_lane,
    a_dropped_subscription_loses_nothing,
    a_subscription_hands_out_no_more_than_its_prefetch,
    hand_overs_never_reorder,
    an_abandoned_wait_loses_nothing,
    garbage_is_delivered_raw,
    depth_counts_what_waits,
    a_dead_letter_keeps_its_particulars,
    browsing_loses_nothing,
    a_long_cause_is_kept,
    discarding_removes_just_one,
    a_letter_kept_twice_is_discarded_at_once,
    letters_are_found_and_discarded_by_their_ids,
    work_goes_to_whoever_is_free,
    work_that_is_not_acknowledged_comes_again,
    an_unknown_lane_is_refused,
    concurrent_publishes_share_messages,
);

#[tokio::test]
async fn a_full_lane_pushes_back() {
    suite::a_full_lane_pushes_back(fresh().await, LANE_MESSAGES_MAX as usize).await;
}

/// Put back on its lane a letter may be given up and kept again before it is discarded.
#[tokio::test]
async fn a_letter_kept_again_meanwhile_outlives_those_that_were_found() {
    let queue = fresh().await;
    let letter = |id: &str| shared::queue::DeadLetter {
        id: id.to_owned(),
        lane: suite::LANE,
        cause: "a cause".to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
        payload: "payload".into(),
    };
    for id in ["twice", "other", "twice"] {
        queue.dead_letter(letter(id)).await.expect("kept");
    }
    let found = queue.dead_letters_of("twice").await.expect("looked");
    assert_eq!(found, [letter("twice"), letter("twice")]);
    queue.dead_letter(letter("twice")).await.expect("kept again");
    let ids: Vec<_> = found.into_iter().map(|letter| letter.id).collect();
    assert_eq!(queue.discard_dead_letters(&ids).await.expect("discarded"), ids);
    assert_eq!(queue.dead_letters(10).await.expect("browsed"), [letter("other"), letter("twice")]);
}

#[tokio::test]
async fn queues_with_other_limits_are_used_as_they_are() {
    let url = fresh_url().await;
    let first = open(&url);
    first.publish(suite::LANE, "by the first".into(), 1).await.expect("published");
    first.close().await;
    let settings = RabbitMqSettings { lane_messages_max: 7, ..RabbitMqSettings::new(suite::lanes()) };
    let second: Arc<dyn Queue> = Arc::new(Adapter::new(&url, settings).expect("a URL"));
    for _ in 0..20 {
        second.publish(suite::LANE, "by the second".into(), 1).await.expect("published");
    }
    let (_subscription, delivery) = suite::resume(&second).await;
    assert_eq!(delivery.envelope, "by the first");
    assert!(second.ready().await.is_ok());
    assert!(first.publish(suite::LANE, "late".into(), 1).await.is_err(), "it is closed");
}

#[tokio::test]
async fn the_broker_of_a_fleet_with_other_lanes_is_refused() {
    let url = fresh_url().await;
    open(&url).publish(suite::LANE, "kept".into(), 1).await.expect("published");
    let fleet = suite::lanes().count();
    for count in [fleet - 1, fleet + 1, 2 * fleet] {
        let settings = RabbitMqSettings::new(Lanes::new(count).expect("in range"));
        let other = Adapter::new(&url, settings).expect("a URL");
        let not_ready = other.ready().await.expect_err("it is not this fleet's").to_string();
        assert!(not_ready.contains(&format!("other LANES than {count} ")), "{not_ready}");
        assert!(other.publish(Lane(0), "astray".into(), 1).await.is_err());
    }
    let (_subscription, delivery) = suite::resume(&open(&url)).await;
    assert_eq!(delivery.envelope, "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_ends_in_the_midst_of_things_costs_no_order() {
    let url = fresh_url().await;
    let queue = open(&url);
    for number in 0..30 {
        queue.publish(suite::LANE, format!("{number}").into(), 1).await.expect("published");
    }
    let victim = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let queue = open(&url);
            let mut subscription = queue.subscribe(suite::LANE, PREFETCH_MESSAGES).await.expect("subscribed");
            let mut third = None;
            for number in 0..10 {
                let delivery = subscription.next().await.expect("a delivery");
                third = third.or((number == 2).then_some(delivery.tag));
            }
            subscription.ack_through(third.expect("the third")).await.expect("acknowledged");
            // Nobody closes it: it goes with its task, and the task with the runtime.
            tokio::spawn(async move { while subscription.next().await.is_ok() {} });
        });
    });
    victim.await.expect("ended");
    let (mut subscription, first) = suite::resume(&queue).await;
    // The acknowledgement may be lost with the runtime; order never is.
    let first: usize = std::str::from_utf8(&first.envelope).expect("a number").parse().expect("a number");
    assert!(first == 0 || first == 3, "it resumes with {first}");
    for number in first + 1..30 {
        assert_eq!(subscription.next().await.expect("a delivery").envelope, format!("{number}"));
    }
}
