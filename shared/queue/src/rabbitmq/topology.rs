//! What is declared on the broker, with the same arguments on every version.
//!
//! | what | |
//! |---|---|
//! | `tellers.jobs` | direct exchange, a routing key per lane |
//! | `tellers.lane.NN` | durable quorum queue, single active consumer, refuses when full |
//! | `tellers.analysis` | durable quorum queue, competing consumers, refuses when full |
//! | `tellers.events` | direct exchange, and the stream behind it, which keeps what it holds for a time and a size |
//! | `tellers.dead` | fanout exchange |
//! | `tellers.dead-letters` | durable quorum queue without limits |
//! | `tellers.lanes` | durable quorum queue that nothing is sent to: its `x-max-length` is the number of lanes |
//!
//! Every role declares `tellers.lanes`. Where the user of a role may declare no more than that, it looks whether the workers
//! have declared the rest: they look at the arguments.

mod existing;
mod other;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use amqp::BrokerError;
use amqp::backoff::Backoff;
use amqp::broker::Broker;
use amqp::rights;
use domain::lane::Lane;
use futures::{StreamExt, TryStreamExt, stream};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};
use tokio::sync::Mutex;
use tracing::{info, warn};

use self::other::Other;
use super::management::Management;
use super::promises;
use super::settings::RabbitMqSettings;
use crate::QueueError;
use crate::events::Retention;
use crate::policies::Policies;
use crate::work::WORK_MESSAGES_MAX;

/// Where jobs are published to, by lane.
pub(super) const JOBS_EXCHANGE: &str = "tellers.jobs";
/// Where work without an order waits, and the routing key to it.
pub(super) const WORK_QUEUE: &str = "tellers.analysis";
/// The event stream, and the exchange in front of it: an ingress may publish jobs and no events.
pub(super) const EVENT_STREAM: &str = "tellers.events";
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
pub(super) const DELIVERY_LIMIT: i32 = 1_000_000_000;

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
    /// `None`: nobody says where it is.
    management: Option<Management>,
    declaring: Mutex<()>,
    declared: AtomicBool,
    /// The log has that nobody looks at the policies.
    is_unlooked_logged: AtomicBool,
    /// A broker of other lanes is not asked again at each job.
    refusals: Backoff,
}

impl Topology {
    pub(super) fn new(settings: RabbitMqSettings, management: Option<Management>) -> Topology {
        Topology {
            settings,
            management,
            declaring: Mutex::default(),
            declared: AtomicBool::new(false),
            is_unlooked_logged: AtomicBool::new(false),
            refusals: Backoff::default(),
        }
    }

    /// Asks this one about policies from now on.
    pub(super) fn manage(&mut self, management: Option<Management>) {
        self.management = management;
    }

    /// What is set on the queues beside the arguments that they are declared with.
    pub(super) async fn policies(&self) -> Policies {
        let lanes = self.settings.lanes.iter().map(lane_queue);
        // The event stream is no promise's: a policy may keep it longer or shorter.
        let queues = lanes.chain([DEAD_LETTER_QUEUE, WORK_QUEUE, LANES_QUEUE].map(str::to_owned)).collect();
        promises::look(self.management.as_ref(), &queues).await
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
        let attempt = self.refusals.attempt()?;
        match self.declare_all(broker).await {
            Ok(()) => {
                attempt.succeeded();
                Ok(())
            }
            Err(Undeclared::Refused(why)) => Err(attempt.failed(BrokerError::Failed(why)).into()),
            Err(Undeclared::Failed(failure)) => Err(failure),
        }
    }

    async fn declare_all(&self, broker: &Broker) -> Result<(), Undeclared> {
        self.declare_lanes(broker).await?;
        let channel = broker.channel().await?.channel;
        if !may_declare(&channel, JOBS_EXCHANGE, ExchangeKind::Direct, broker).await? {
            // Those of the workers may, and look at the arguments of each.
            existing::must_exist(broker, JOBS_EXCHANGE).await?;
            return self.refuse_harmful_policies(broker).await;
        }
        declare_exchange(&channel, DEAD_EXCHANGE, ExchangeKind::Fanout, broker).await?;
        declare_queue(broker, DEAD_LETTER_QUEUE, dead_letter_arguments()).await?;
        bind(&channel, DEAD_LETTER_QUEUE, DEAD_EXCHANGE, "", broker).await?;
        declare_queue(broker, WORK_QUEUE, work_arguments()).await?;
        bind(&channel, WORK_QUEUE, JOBS_EXCHANGE, WORK_QUEUE, broker).await?;
        declare_exchange(&channel, EVENT_STREAM, ExchangeKind::Direct, broker).await?;
        declare_queue(broker, EVENT_STREAM, event_arguments(self.settings.events)).await?;
        bind(&channel, EVENT_STREAM, EVENT_STREAM, EVENT_STREAM, broker).await?;
        let lane_queues = stream::iter(self.settings.lanes.iter().map(lane_queue)).map(Ok);
        lane_queues
            .try_for_each_concurrent(DECLARED_AT_ONCE, async |queue| {
                declare_queue(broker, &queue, lane_arguments(self.settings)).await?;
                Ok::<_, Undeclared>(bind(&channel, &queue, JOBS_EXCHANGE, &queue, broker).await?)
            })
            .await?;
        self.refuse_harmful_policies(broker).await
    }

    /// Arguments are as they have to be; now what somebody has set over them.
    async fn refuse_harmful_policies(&self, broker: &Broker) -> Result<(), Undeclared> {
        let policies = self.policies().await;
        match &policies {
            Policies::Harmless => Ok(()),
            Policies::Harmful(_) => Err(Undeclared::Refused(format!(
                "on {} jobs would be lost or lose their order: {}; clear the policy, or restrict its pattern so that it \
                 matches no queue of the fleet (tellers.*)",
                broker.address(),
                policies.sentence()
            ))),
            Policies::NotLookedAt(_) => {
                if !self.is_unlooked_logged.swap(true, Ordering::Relaxed) {
                    info!("{}; see that none applies to the queues tellers.*", policies.sentence());
                }
                Ok(())
            }
        }
    }

    /// Declares the number of lanes, before anything else, and refuses a broker on which another was declared: jobs
    /// would go to lanes that nobody serves, or past those that wait. The database knows the number too, but an
    /// ingress takes jobs while that is away.
    async fn declare_lanes(&self, broker: &Broker) -> Result<(), Undeclared> {
        let channel = broker.channel().await?.channel;
        let lanes = self.settings.lanes;
        let mut arguments = dead_letter_arguments();
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(lanes.count().into()));
        match channel.queue_declare(LANES_QUEUE.into(), QueueDeclareOptions::durable(), arguments).await {
            Ok(_) => Ok(()),
            Err(refusal) if is_precondition_failed(&refusal) => Err(Undeclared::Refused(format!(
                "the fleet on {} has other LANES than {lanes} ({refusal}); set LANES as its ledger has it, or, if that \
                 is {lanes}, delete the queue {LANES_QUEUE}, which was declared by mistake",
                broker.address()
            ))),
            Err(refusal) => Err(broker.failure(&format!("declaring {LANES_QUEUE}"), &refusal).into()),
        }
    }
}

/// Why not all is declared.
enum Undeclared {
    /// What is there may not be used; only somebody who operates the broker can change that.
    Refused(String),
    Failed(QueueError),
}

impl From<BrokerError> for Undeclared {
    fn from(failure: BrokerError) -> Undeclared {
        Undeclared::Failed(failure.into())
    }
}

impl From<QueueError> for Undeclared {
    fn from(failure: QueueError) -> Undeclared {
        Undeclared::Failed(failure)
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

/// Retention goes by whole segments, so they are small: the size is kept to within two of them.
fn event_arguments(retention: Retention) -> FieldTable {
    let segment = (retention.bytes_max / EVENT_SEGMENTS).clamp(EVENT_SEGMENT_MIN, EVENT_SEGMENT_MAX);
    let bytes = |bytes: u64| AMQPValue::LongLongInt(i64::try_from(bytes).unwrap_or(i64::MAX));
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    arguments.insert("x-max-length-bytes".into(), bytes(retention.bytes_max));
    arguments.insert(
        "x-max-age".into(),
        AMQPValue::LongString(format!("{}s", retention.age_max.as_secs()).into()),
    );
    arguments.insert("x-stream-max-segment-size-bytes".into(), bytes(segment));
    arguments
}

/// Into how many segments the event stream is divided, and how large they are at least and at the most, in bytes.
const EVENT_SEGMENTS: u64 = 50;
const EVENT_SEGMENT_MIN: u64 = 1_000_000;
const EVENT_SEGMENT_MAX: u64 = 100_000_000;

fn dead_letter_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    arguments
}

/// Declares a queue. One that exists with other limits is taken as it is; one whose other arguments differ is
/// refused, because with them jobs would be lost or lose their order.
///
/// RabbitMQ names one argument that differs, the first. So each limit that differs is taken over, and the queue
/// declared again, until nothing differs or something that is no limit does. Each on a channel of its own: the broker
/// closes it when it finds other arguments.
async fn declare_queue(broker: &Broker, queue: &str, mut arguments: FieldTable) -> Result<(), Undeclared> {
    let mut other_limits = Vec::new();
    // Each limit is taken over once at the most.
    for _ in 0..=LIMITS.len() {
        let channel = broker.channel().await?.channel;
        let declared = channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments.clone());
        let refusal = match declared.await {
            Ok(_) => {
                if !other_limits.is_empty() {
                    warn!(
                        queue,
                        "{queue} exists with other limits and is used with them ({}); to change them, drain and \
                         delete it",
                        other_limits.join(", ")
                    );
                }
                return Ok(());
            }
            Err(refusal) if is_precondition_failed(&refusal) => refusal,
            Err(refusal) => return Err(broker.failure(&format!("declaring {queue}"), &refusal).into()),
        };
        let Some(Other { argument, current }) = Other::read(&refusal.to_string()) else {
            return Err(other_arguments(broker, queue, &refusal));
        };
        // A queue without a limit of its own takes more than it should and loses nothing.
        match (LIMITS.contains(&argument.as_str()), current) {
            (true, None) => {
                let others =
                    arguments.inner().clone().into_iter().filter(|(name, _)| name.as_str() != argument);
                arguments = others.collect::<BTreeMap<_, _>>().into();
            }
            (true, Some(limit)) => {
                let limit = limit
                    .parse()
                    .map_or_else(|_| AMQPValue::LongString(limit.into()), AMQPValue::LongLongInt);
                arguments.insert(argument.as_str().into(), limit);
            }
            (false, _) => return Err(other_arguments(broker, queue, &refusal)),
        }
        other_limits.push(argument);
    }
    let differing = other_limits.join(", ");
    Err(QueueError::Failed(format!("{queue} on {} differs again and again in {differing}", broker.address()))
        .into())
}

/// The arguments that may differ: how much a queue takes, and how long the event stream keeps it. All lanes refuse what is
/// beyond that.
const LIMITS: [&str; 4] =
    ["x-max-length", "x-max-length-bytes", "x-max-age", "x-stream-max-segment-size-bytes"];

fn other_arguments(broker: &Broker, queue: &str, refusal: &lapin::Error) -> Undeclared {
    Undeclared::Refused(format!(
        "{queue} on {} was declared by another program, with arguments under which jobs are lost or lose their order \
         ({refusal}); stop that program, wait until the queue is empty or move its messages away, and delete the queue: the fleet declares it anew with the right arguments",
        broker.address()
    ))
}

async fn declare_exchange(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
    broker: &Broker,
) -> Result<(), QueueError> {
    let declared = exchange_declared(channel, exchange, kind).await;
    declared.map_err(|cause| broker.failure(&format!("declaring {exchange}"), &cause).into())
}

/// Declares an exchange. False: the user may not, and the channel is closed.
async fn may_declare(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
    broker: &Broker,
) -> Result<bool, QueueError> {
    match exchange_declared(channel, exchange, kind).await {
        Ok(()) => Ok(true),
        Err(cause) if rights::is_refused(&cause) => Ok(false),
        Err(cause) => Err(broker.failure(&format!("declaring {exchange}"), &cause).into()),
    }
}

async fn exchange_declared(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
) -> Result<(), lapin::Error> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.into(), kind, durable, FieldTable::default()).await
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
        .map_err(|cause| broker.failure(&format!("binding {queue} to {exchange}"), &cause).into())
}
