//! Dead letters on RabbitMQ: a queue that is read without acknowledging, and then let go.

use amqp::broker::Broker;
use domain::lane::{Lane, Lanes};
use jiff::Timestamp;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use super::publish::PublishChannel;
use super::topology::{self, DEAD_LETTER_QUEUE};
use crate::{DeadLetter, QueueError};

const ID_HEADER: &str = "tellers-id";
const LANE_HEADER: &str = "tellers-lane";
const CAUSE_HEADER: &str = "tellers-cause";
const AT_HEADER: &str = "tellers-at";

/// Bytes of a cause that are kept: headers travel in one frame of 128 KiB.
const CAUSE_BYTES_MAX: usize = 4096;

/// What is kept open for dead letters.
#[derive(Default)]
pub(super) struct DeadLetterQueue {
    /// A long-lived channel.
    pub(super) publishing: Mutex<Option<PublishChannel>>,
    /// One look at a time: a letter that one holds is not there for another.
    pub(super) browsing: Mutex<()>,
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

/// The oldest letters that are wanted; closing the channel puts all back where they were.
pub(super) async fn browse(
    channel: Channel,
    broker: &Broker,
    limit: usize,
    wanted: impl Fn(&DeadLetter) -> bool + Send,
) -> Result<Vec<DeadLetter>, QueueError> {
    let mut letters = Vec::new();
    while letters.len() < limit
        && let Some(message) = get(&channel, broker).await?
    {
        letters.extend(Some(letter(message)).filter(&wanted));
    }
    let_go(&channel, broker).await?;
    Ok(letters)
}

/// Looks through the letters for up to `limit` whose ids are wanted, acknowledges only those, and returns their ids.
pub(super) async fn discard(
    channel: Channel,
    broker: &Broker,
    limit: usize,
    mut wanted: impl FnMut(&str) -> bool + Send,
) -> Result<Vec<String>, QueueError> {
    let mut discarded = Vec::new();
    while discarded.len() < limit
        && let Some(message) = get(&channel, broker).await?
    {
        let tag = message.delivery_tag;
        let id = letter(message).id;
        if wanted(&id) {
            let acknowledged = channel.basic_ack(tag, BasicAckOptions::default()).await;
            acknowledged.map_err(|cause| broker.failure("discarding a dead letter", &cause))?;
            discarded.push(id);
        }
    }
    let_go(&channel, broker).await?;
    Ok(discarded)
}

async fn get(channel: &Channel, broker: &Broker) -> Result<Option<BasicGetMessage>, QueueError> {
    let message = channel.basic_get(DEAD_LETTER_QUEUE.into(), BasicGetOptions::default()).await;
    message.map_err(|cause| broker.failure("browsing the dead letters", &cause).into())
}

async fn let_go(channel: &Channel, broker: &Broker) -> Result<(), QueueError> {
    let closed = channel.close(200, "seen".into()).await;
    closed.map_err(|cause| broker.failure("letting the dead letters go", &cause).into())
}

/// What a message says about itself; a message that another program put there is described as well as can be.
fn letter(message: BasicGetMessage) -> DeadLetter {
    let routing_key = message.routing_key.to_string();
    let message = message.delivery;
    let properties = &message.properties;
    DeadLetter {
        id: text(properties, ID_HEADER)
            .unwrap_or_else(|| blake3::hash(&message.data).to_hex().as_str()[..32].to_owned()),
        lane: lane(properties, &routing_key),
        cause: text(properties, CAUSE_HEADER)
            .unwrap_or_else(|| "put here by the broker or by another program".to_owned()),
        at: text(properties, AT_HEADER).and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        payload: message.data.into(),
    }
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
