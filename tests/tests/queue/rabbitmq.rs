//! The conformance suite on RabbitMQ: one node, a virtual host per test.

use std::sync::Arc;

use shared::queue::Queue;
use shared::queue::rabbitmq::{RabbitMq as Adapter, RabbitMqSettings};
use tests::private_broker::RabbitMq;
use tests::queue_conformance as suite;
use tokio::sync::OnceCell;

/// Full after a few.
const LANE_MESSAGES_MAX: u32 = 500;

pub fn open(url: &str) -> Arc<dyn Queue> {
    let settings =
        RabbitMqSettings { lane_messages_max: LANE_MESSAGES_MAX, ..RabbitMqSettings::new(suite::lanes()) };
    Arc::new(Adapter::new(url, settings).expect("a URL"))
}

async fn fresh() -> Arc<dyn Queue> {
    static BROKER: OnceCell<RabbitMq> = OnceCell::const_new();
    let broker = BROKER.get_or_init(async || RabbitMq::start().await.expect("RabbitMQ")).await;
    open(&broker.fresh_vhost().await.expect("a virtual host"))
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
    a_dropped_subscription_loses_nothing,
    hand_overs_never_reorder,
    an_abandoned_wait_loses_nothing,
    garbage_is_delivered_raw,
    depth_counts_what_waits,
    a_dead_letter_keeps_its_particulars,
    browsing_loses_nothing,
    a_long_cause_is_kept,
    discarding_removes_just_one,
    an_unknown_lane_is_refused,
    concurrent_publishes_share_messages,
);

#[tokio::test]
async fn a_full_lane_pushes_back() {
    suite::a_full_lane_pushes_back(fresh().await, LANE_MESSAGES_MAX as usize).await;
}
