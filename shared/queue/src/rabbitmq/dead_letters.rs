//! Dead letters on RabbitMQ: a queue that is read without acknowledging, and then let go.
//!
//! A queue is read from its head alone, so whoever looks for one letter walks past those before it. A walk is one consumer
//! that is handed all of them, and not a question for each: 5,000 letters take a fraction of a second.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use amqp::broker::Broker;
use domain::lane::{Lane, Lanes};
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Consumer};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::RabbitMq;
use super::publish::PublishChannel;
use super::topology::{self, DEAD_LETTER_QUEUE};
use crate::{DeadLetter, LETTERS_SHOWN_AT_ONCE, LETTERS_WALKED_MAX, QueueError, Seen, Visitor};

const ID_HEADER: &str = "tellers-id";
const LANE_HEADER: &str = "tellers-lane";
const CAUSE_HEADER: &str = "tellers-cause";
const AT_HEADER: &str = "tellers-at";

/// Bytes of a cause that are kept: headers travel in one frame of 128 KiB.
const CAUSE_BYTES_MAX: usize = 4096;
/// How long the next of the letters that were counted may take.
const NEXT_LETTER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it is waited for one more behind them: some may have come back meanwhile of another walk.
const LAST_LETTER_PAUSE: Duration = Duration::from_millis(50);
/// How long it is waited for others who walk, and how often it is tried.
const OTHERS_TIMEOUT: Duration = Duration::from_secs(30);
const OTHERS_PAUSE: Duration = Duration::from_millis(100);
/// The code of a refusal because of another consumer that is alone.
const ACCESS_REFUSED: u16 = 403;

/// What is kept open for dead letters.
#[derive(Default)]
pub(super) struct DeadLetterQueue {
    /// A long-lived channel.
    pub(super) publishing: Mutex<Option<PublishChannel>>,
    /// One walk at a time: a letter that one holds is not there for another.
    pub(super) walking: Mutex<()>,
    /// How many there were when they were counted last: while they are walked past, the broker counts none.
    pub(super) counted: AtomicU64,
}

/// The particulars of a letter, as headers of its message.
pub(super) fn headers(letter: &DeadLetter) -> FieldTable {
    let cause = &letter.cause[..letter.cause.floor_char_boundary(CAUSE_BYTES_MAX)];
    let mut headers = FieldTable::default();
    headers.insert(ID_HEADER.into(), AMQPValue::LongString(letter.id.as_str().into()));
    headers.insert(LANE_HEADER.into(), AMQPValue::LongInt(letter.lane.0.into()));
    headers.insert(CAUSE_HEADER.into(), AMQPValue::LongString(cause.into()));
    headers.insert(AT_HEADER.into(), AMQPValue::LongString(letter.at.to_string().into()));
    headers
}

/// One walk past the letters.
pub(super) struct Walk<'a> {
    pub(super) queue: &'a RabbitMq,
    /// The oldest so many, at the most.
    pub(super) most: usize,
}

impl Walk<'_> {
    /// Shows the letters to `visitor`, the oldest first, and removes those that it is done with. Closing the channel puts
    /// all others back where they were.
    pub(super) async fn pass(&self, visitor: &mut dyn Visitor) -> Result<(), QueueError> {
        let most = u16::try_from(self.most.min(LETTERS_WALKED_MAX)).unwrap_or(u16::MAX);
        if most == 0 {
            // To AMQP none is any number.
            return Ok(());
        }
        let until = Instant::now() + OTHERS_TIMEOUT;
        loop {
            let channel = self.queue.consuming_channel().await?;
            // The broker's count lags behind what a walk before has put back, and so may its first delivery: as many letters
            // are waited for as this process knows of. A walk that ended at once would show none of thousands.
            let count = self.count(&channel).await?.max(self.queue.dead_letters.counted.load(Relaxed));
            match consume(&channel, most).await {
                Ok(mut consumer) => {
                    self.queue.dead_letters.counted.store(count, Relaxed);
                    let expected = usize::try_from(count).unwrap_or(usize::MAX).min(most.into());
                    let shown = self.show(&channel, &mut consumer, expected, visitor).await;
                    // Not before the channel is closed: it would cancel the consumer first.
                    let closed = channel.close(200, "seen".into()).await;
                    drop(consumer);
                    shown?;
                    return closed.map_err(|cause| {
                        self.broker().failure("letting the dead letters go", &cause).into()
                    });
                }
                Err(refused) if is_taken(&refused) && Instant::now() < until => sleep(OTHERS_PAUSE).await,
                Err(cause) => {
                    return Err(self.broker().failure("walking past the dead letters", &cause).into());
                }
            }
        }
    }

    fn broker(&self) -> &Broker {
        &self.queue.consuming
    }

    async fn count(&self, channel: &Channel) -> Result<u64, QueueError> {
        let counted =
            channel.queue_declare(DEAD_LETTER_QUEUE.into(), topology::passive(), FieldTable::default()).await;
        let counted = counted.map_err(|cause| self.broker().failure("counting the dead letters", &cause))?;
        Ok(counted.message_count().into())
    }

    async fn show(
        &self,
        channel: &Channel,
        consumer: &mut Consumer,
        expected: usize,
        visitor: &mut dyn Visitor,
    ) -> Result<(), QueueError> {
        let failure = |cause: &lapin::Error| self.broker().failure("reading the dead letters", cause);
        let mut received = 0;
        loop {
            let pause = if received < expected { NEXT_LETTER_TIMEOUT } else { LAST_LETTER_PAUSE };
            let Ok(first) = timeout(pause, consumer.next()).await else {
                // The first count may have been behind: what was removed a moment before may be in it.
                let waiting = if received < expected { self.count(channel).await? } else { 0 };
                if waiting > 0 {
                    let why = format!(
                        "the broker handed out {received} dead letters, and {waiting} still wait; try again"
                    );
                    return Err(QueueError::Failed(why));
                }
                return Ok(());
            };
            let mut deliveries: Vec<Delivery> = Vec::new();
            let mut next = Some(first);
            while let Some(delivery) = next {
                match delivery {
                    Some(delivery) => deliveries.push(delivery.map_err(|cause| failure(&cause))?),
                    None => {
                        let why = "the broker has cancelled the walk past the dead letters; try again";
                        return Err(QueueError::Failed(why.to_owned()));
                    }
                }
                let is_enough =
                    deliveries.len() >= LETTERS_SHOWN_AT_ONCE || received + deliveries.len() >= self.most;
                next = if is_enough { None } else { consumer.next().now_or_never() };
            }
            received += deliveries.len();
            let mut letters = Vec::with_capacity(deliveries.len());
            let mut ackers = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                ackers.push(delivery.acker.clone());
                letters.push(letter(delivery));
            }
            let Seen { removed, stop } = visitor.visit(letters).await;
            for (acker, _) in ackers.iter().zip(removed).filter(|(_, removed)| *removed) {
                acker.ack(BasicAckOptions::default()).await.map_err(|cause| failure(&cause))?;
                self.queue.dead_letters.counted.update(Relaxed, Relaxed, |count| count.saturating_sub(1));
            }
            if stop || received >= self.most {
                return Ok(());
            }
        }
    }
}

/// The one consumer of the letters: another is refused.
async fn consume(channel: &Channel, most: u16) -> Result<Consumer, lapin::Error> {
    channel.basic_qos(most, BasicQosOptions::default()).await?;
    let alone = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    channel.basic_consume(DEAD_LETTER_QUEUE.into(), "".into(), alone, FieldTable::default()).await
}

/// Whether another walk is on its way.
fn is_taken(refused: &lapin::Error) -> bool {
    let of_protocol = match refused.kind() {
        lapin::ErrorKind::ProtocolError(error) => error,
        _ => return false,
    };
    of_protocol.get_id() == ACCESS_REFUSED && of_protocol.get_message().as_str().contains("exclusive")
}

/// What a message says about itself; a message that another program put there is described as well as can be.
fn letter(message: Delivery) -> DeadLetter {
    let routing_key = message.routing_key.to_string();
    let properties = &message.properties;
    let by_broker = by_broker(properties);
    DeadLetter {
        id: text(properties, ID_HEADER)
            .unwrap_or_else(|| blake3::hash(&message.data).to_hex().as_str()[..32].to_owned()),
        lane: lane(properties, &routing_key),
        cause: text(properties, CAUSE_HEADER)
            .or_else(|| by_broker.as_ref().map(|(cause, _)| cause.clone()))
            .unwrap_or_else(|| "put here by the broker or by another program".to_owned()),
        at: text(properties, AT_HEADER)
            .and_then(|at| at.parse().ok())
            .or(by_broker.and_then(|(_, at)| at))
            .unwrap_or(Timestamp::UNIX_EPOCH),
        payload: message.data.into(),
    }
}

/// Why the broker itself took a message out of a queue, and when (<https://www.rabbitmq.com/docs/dlx>, `x-death`).
fn by_broker(properties: &BasicProperties) -> Option<(String, Option<Timestamp>)> {
    let AMQPValue::FieldArray(deaths) = properties.headers().as_ref()?.inner().get("x-death")? else {
        return None;
    };
    let Some(AMQPValue::FieldTable(death)) = deaths.as_slice().first() else { return None };
    let named = |name: &str| match death.inner().get(name) {
        Some(AMQPValue::LongString(text)) => Some(text.to_string()),
        _ => None,
    };
    let at = match death.inner().get("time") {
        Some(AMQPValue::Timestamp(second)) => {
            i64::try_from(*second).ok().and_then(|second| Timestamp::from_second(second).ok())
        }
        _ => None,
    };
    Some((format!("the broker took it out of {}: {}", named("queue")?, named("reason")?), at))
}

fn text(properties: &BasicProperties, header: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(header)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn lane(properties: &BasicProperties, routing_key: &str) -> Lane {
    let header = properties.headers().as_ref().and_then(|headers| headers.inner().get(LANE_HEADER));
    if let Some(AMQPValue::LongInt(lane)) = header
        && let Ok(lane) = u16::try_from(*lane)
    {
        return Lane(lane);
    }
    // The broker keeps the routing key of what it dead-letters itself.
    let lanes = (0..Lanes::MAX).map(Lane);
    lanes.into_iter().find(|lane| topology::lane_queue(*lane) == routing_key).unwrap_or(Lane(0))
}
