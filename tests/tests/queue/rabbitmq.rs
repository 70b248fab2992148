//! The conformance suite on RabbitMQ: one node, a virtual host per test.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::lane::{Lane, Lanes};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use queue::rabbitmq::{RabbitMq as Adapter, RabbitMqSettings};
use queue::{PREFETCH_MESSAGES, Queue};
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
    ($($test:ident,)*) => {$(
        #[tokio::test]
        async fn $test() {
            suite::$test(fresh().await).await;
        }
    )*};
}

tests::queue_conformance!(conformance);

#[tokio::test]
async fn a_full_lane_pushes_back() {
    suite::a_full_lane_pushes_back(fresh().await, LANE_MESSAGES_MAX as usize).await;
}

/// Put back on its lane a letter may be given up and kept again before it is discarded.
#[tokio::test]
async fn a_letter_kept_again_meanwhile_outlives_those_that_were_found() {
    let queue = fresh().await;
    let letter = |id: &str| queue::DeadLetter {
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

/// Lanes that another program declared: each lacks something, or has something, by which jobs get lost or lose their
/// order. Their limits are others too, which alone would be no reason.
#[tokio::test]
async fn queues_under_which_jobs_get_lost_are_refused_with_the_remedy() {
    let text = |text: &str| AMQPValue::LongString(text.into());
    for (named, value) in [
        ("x-expires", AMQPValue::LongInt(60_000)),
        ("x-message-ttl", AMQPValue::LongInt(60_000)),
        ("x-overflow", text("drop-head")),
        ("x-single-active-consumer", AMQPValue::Boolean(false)),
        ("x-delivery-limit", AMQPValue::LongInt(3)),
        ("x-dead-letter-exchange", text("other")),
    ] {
        let url = fresh_url().await;
        let mut arguments = as_declared();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(20));
        arguments.insert(named.into(), value);
        declare(&url, "tellers.lane.01", arguments).await;
        let queue = open(&url);
        let refused = queue.ready().await.expect_err(named).to_string();
        assert!(refused.contains("tellers.lane.01") && refused.contains(named), "{named}: {refused}");
        assert!(refused.contains("delete the queue"), "{refused}");
        assert!(queue.publish(Lane(1), "lost".into(), 1).await.is_err(), "{named}");
        assert!(queue.subscribe(Lane(1), PREFETCH_MESSAGES).await.is_err(), "{named}");
    }
}

#[tokio::test]
async fn a_lane_with_other_limits_of_which_one_is_missing_is_used() {
    let url = fresh_url().await;
    let unlimited =
        as_declared().inner().clone().into_iter().filter(|(name, _)| name.as_str() != "x-max-length-bytes");
    let mut arguments = FieldTable::from(unlimited.collect::<BTreeMap<_, _>>());
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(20));
    declare(&url, "tellers.lane.01", arguments).await;
    open(&url).publish(Lane(1), "kept".into(), 1).await.expect("published");
}

/// A lane's arguments as this release and those before it declare them.
fn as_declared() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(1_000_000_000));
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(LANE_MESSAGES_MAX.into()));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(1 << 30));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("tellers.dead".into()));
    arguments
}

async fn declare(url: &str, queue: &str, arguments: FieldTable) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let declared = channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await;
    declared.expect("declared");
    connection.close(200, "declared".into()).await.expect("closed");
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
