//! What is declared on the broker, with the same arguments on every version.
//!
//! | what | |
//! |---|---|
//! | `tellers.jobs` | direct exchange, a routing key per lane |
//! | `tellers.lane.NN` | durable quorum queue, single active consumer, refuses when full |
//! | `tellers.analysis` | durable quorum queue, competing consumers, refuses when full |
//! | `tellers.dead` | fanout exchange |
//! | `tellers.dead-letters` | durable quorum queue without limits |
//! | `tellers.lanes` | durable quorum queue that nothing is sent to: its `x-max-length` is the number of lanes |

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt, stream};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::RabbitMqSettings;
use super::backoff::Backoff;
use super::broker::Broker;
use crate::domain::lane::Lane;
use crate::queue::QueueError;
use crate::queue::work::WORK_MESSAGES_MAX;

/// Where jobs are published to, by lane.
pub(super) const JOBS_EXCHANGE: &str = "tellers.jobs";
/// Where work without an order waits, and the routing key to it.
pub(super) const WORK_QUEUE: &str = "tellers.analysis";
/// Where dead letters are published to.
pub(super) const DEAD_EXCHANGE: &str = "tellers.dead";
/// Where dead letters are kept.
pub(super) const DEAD_LETTER_QUEUE: &str = "tellers.dead-letters";

/// Tells how many lanes the fleet on this broker has.
const LANES_QUEUE: &str = "tellers.lanes";

/// Redeliveries before the broker itself gives a message up: never, in effect.
///
/// How often a job is tried is the worker's business, and 4.0 and later would give up after 20. A
/// number is taken by every version, where `-1` is an error before 4.0, so a queue declared on an
/// old broker is right after its upgrade. And with a limit, messages that come back return near the
/// head of the queue, without one to its tail.
const DELIVERY_LIMIT: i32 = 1_000_000_000;

/// A quorum queue takes some 50 ms to make, and a fleet may have 256.
const DECLARED_AT_ONCE: usize = 8;

/// The lane's queue, and the routing key to it.
pub(super) fn lane_queue(lane: Lane) -> String {
    format!("tellers.lane.{:02}", lane.0)
}

/// Only looks; fails where the queue does not exist.
pub(super) fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() }
}

/// Declared once, and again after something was found missing.
pub(super) struct Topology {
    settings: RabbitMqSettings,
    declaring: Mutex<()>,
    declared: AtomicBool,
    /// A broker of other lanes is not asked again at each job.
    refusals: Backoff,
}

impl Topology {
    pub(super) fn new(settings: RabbitMqSettings) -> Topology {
        Topology {
            settings,
            declaring: Mutex::default(),
            declared: AtomicBool::new(false),
            refusals: Backoff::new(),
        }
    }

    /// The next one who needs it declares it again.
    pub(super) fn forget(&self) {
        self.declared.store(false, Ordering::Release);
    }

    pub(super) async fn declare_once(&self, broker: &Broker) -> Result<(), QueueError> {
        if self.declared.load(Ordering::Acquire) {
            return Ok(());
        }
        let _alone = self.declaring.lock().await;
        if !self.declared.load(Ordering::Acquire) {
            self.declare(broker).await?;
            info!(lanes = self.settings.lanes.count(), "the queues are declared on {}", broker.address());
            self.declared.store(true, Ordering::Release);
        }
        Ok(())
    }

    async fn declare(&self, broker: &Broker) -> Result<(), QueueError> {
        self.declare_lanes(broker).await?;
        let channel = broker.channel().await?.channel;
        declare_exchange(&channel, JOBS_EXCHANGE, ExchangeKind::Direct, broker).await?;
        declare_exchange(&channel, DEAD_EXCHANGE, ExchangeKind::Fanout, broker).await?;
        declare_queue(broker, DEAD_LETTER_QUEUE, dead_letter_arguments()).await?;
        bind(&channel, DEAD_LETTER_QUEUE, DEAD_EXCHANGE, "", broker).await?;
        declare_queue(broker, WORK_QUEUE, work_arguments()).await?;
        bind(&channel, WORK_QUEUE, JOBS_EXCHANGE, WORK_QUEUE, broker).await?;
        let lanes = stream::iter(self.settings.lanes.iter().map(lane_queue)).map(Ok);
        lanes
            .try_for_each_concurrent(DECLARED_AT_ONCE, async |queue| {
                declare_queue(broker, &queue, lane_arguments(self.settings)).await?;
                bind(&channel, &queue, JOBS_EXCHANGE, &queue, broker).await
            })
            .await
    }

    /// Declares the number of lanes, before anything else, and refuses a broker on which another was declared: jobs
    /// would go to lanes that nobody serves, or past those that wait. The database knows the number too, but an
    /// ingress takes jobs while that is away.
    async fn declare_lanes(&self, broker: &Broker) -> Result<(), QueueError> {
        let attempt = self.refusals.attempt()?;
        let channel = broker.channel().await?.channel;
        let lanes = self.settings.lanes;
        let mut arguments = dead_letter_arguments();
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(lanes.count().into()));
        match channel.queue_declare(LANES_QUEUE.into(), QueueDeclareOptions::durable(), arguments).await {
            Ok(_) => {
                attempt.succeeded();
                Ok(())
            }
            Err(refusal) if is_precondition_failed(&refusal) => Err(attempt.failed(format!(
                "the fleet on {} has other LANES than {lanes} ({refusal}); set LANES as its ledger has it, or, if that \
                 is {lanes}, delete the queue {LANES_QUEUE}, which was declared by mistake",
                broker.address()
            ))),
            Err(refusal) => Err(broker.failure(&format!("declaring {LANES_QUEUE}"), &refusal)),
        }
    }
}

fn is_precondition_failed(refusal: &lapin::Error) -> bool {
    matches!(refusal.kind(), ErrorKind::ProtocolError(refused)
        if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED))
}

fn lane_arguments(settings: RabbitMqSettings) -> FieldTable {
    let mut arguments = dead_letter_arguments();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(settings.lane_messages_max.into()));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(settings.lane_bytes_max.into()));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD_EXCHANGE.into()));
    arguments
}

fn work_arguments() -> FieldTable {
    let mut arguments = dead_letter_arguments();
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(WORK_MESSAGES_MAX.into()));
    arguments
}

fn dead_letter_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    arguments
}

/// Declares a queue; one that exists with other arguments is taken as it is.
///
/// On a channel of its own: the broker closes it when it finds other arguments.
async fn declare_queue(broker: &Broker, queue: &str, arguments: FieldTable) -> Result<(), QueueError> {
    let channel = broker.channel().await?.channel;
    let Err(refusal) = channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await
    else {
        return Ok(());
    };
    let channel = broker.channel().await?.channel;
    let existing = channel.queue_declare(queue.into(), passive(), FieldTable::default()).await;
    existing.map_err(|_| broker.failure(&format!("declaring {queue}"), &refusal))?;
    warn!(
        queue,
        "{queue} exists with other arguments and is used as it is ({refusal}); \
         to change it, drain and delete it, or set a policy"
    );
    Ok(())
}

async fn declare_exchange(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
    broker: &Broker,
) -> Result<(), QueueError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare(exchange.into(), kind, durable, FieldTable::default()).await;
    declared.map_err(|cause| broker.failure(&format!("declaring {exchange}"), &cause))
}

async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    routing_key: &str,
    broker: &Broker,
) -> Result<(), QueueError> {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            routing_key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(|cause| broker.failure(&format!("binding {queue} to {exchange}"), &cause))
}
