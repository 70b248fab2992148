//! A publish that is known to be on disk: persistent, mandatory, confirmed.

use std::time::Duration;

use amqp::broker::{Broker, OpenChannel};
use amqp::rights;
use bytes::Bytes;
use contract::event;
use domain::lane::Lane;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation};
use tokio::time::{Instant, sleep, timeout};

use super::{dead_letters, topology};
use crate::{DeadLetter, PublishError, QueueError};

/// AMQP's delivery mode of a message that outlives the broker.
const PERSISTENT: u8 = 2;
/// How long a channel may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a channel's first message is sent again while it is refused, and with which pause. RabbitMQ refuses it as
/// if the queue were full where that has no leader yet: another replica is just declaring it.
const LEADER_TIMEOUT: Duration = Duration::from_secs(1);
const LEADER_PAUSE: Duration = Duration::from_millis(20);
/// How long a channel that is refused goes on. RabbitMQ keeps for each channel which node leads the queue and whether it
/// takes messages, and does not always learn better after a node was lost; a new channel asks anew.
const REFUSED_MAX: Duration = Duration::from_secs(1);

/// What to publish, and where.
#[derive(Clone)]
pub(super) struct Message {
    lane: Lane,
    exchange: &'static str,
    routing_key: ShortString,
    properties: BasicProperties,
    body: Bytes,
}

impl Message {
    /// An envelope, to its lane.
    pub(super) fn job(lane: Lane, envelope: Bytes) -> Message {
        Message {
            lane,
            exchange: topology::JOBS_EXCHANGE,
            routing_key: topology::lane_queue(lane).into(),
            properties: BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_content_type("application/json".into()),
            body: envelope,
        }
    }

    /// Work without an order.
    pub(super) fn work(message: Bytes) -> Message {
        Message { routing_key: topology::WORK_QUEUE.into(), ..Message::job(Lane::NONE, message) }
    }

    /// Events, to their stream.
    pub(super) fn events(batch: Bytes) -> Message {
        let job = Message::job(Lane::NONE, batch);
        let properties = job.properties.clone().with_content_type(event::BATCH_CONTENT_TYPE.into());
        Message {
            exchange: topology::EVENT_STREAM,
            routing_key: topology::EVENT_STREAM.into(),
            properties,
            ..job
        }
    }

    /// A dead letter, its particulars in the headers.
    pub(super) fn dead_letter(letter: DeadLetter) -> Message {
        Message {
            lane: letter.lane,
            exchange: topology::DEAD_EXCHANGE,
            routing_key: topology::lane_queue(letter.lane).into(),
            properties: BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_headers(dead_letters::headers(&letter)),
            body: letter.payload,
        }
    }
}

/// A channel with confirms, for one publish at a time, all to one queue.
pub(super) struct PublishChannel {
    open: OpenChannel,
    address: String,
    /// The queue has taken a message of this channel, or is full.
    knows_its_queue: bool,
    /// Since when every message was refused; `None`: the last one was not.
    refused_since: Option<Instant>,
}

impl PublishChannel {
    /// Opens one; `instead_of` one that was refused for too long, whose queue is known to be there.
    pub(super) async fn open(
        broker: &Broker,
        instead_of: Option<&PublishChannel>,
    ) -> Result<PublishChannel, QueueError> {
        let open = broker.channel().await?;
        let selected = open.channel.confirm_select(ConfirmSelectOptions::default()).await;
        selected.map_err(|cause| broker.failure("asking for confirms", &cause))?;
        let knows_its_queue = instead_of.is_some_and(PublishChannel::is_open);
        Ok(PublishChannel {
            open,
            address: broker.address().to_owned(),
            knows_its_queue,
            refused_since: None,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.connection.connected() && self.open.channel.status().connected()
    }

    /// Whether it was refused for so long that a new channel may fare better.
    pub(super) fn is_worn_out(&self) -> bool {
        self.refused_since.is_some_and(|since| since.elapsed() >= REFUSED_MAX)
    }

    /// The broker does not read from this connection: what is sent now arrives some day, long after the client
    /// received an error.
    pub(super) fn is_blocked(&self) -> bool {
        self.open.connection.blocked()
    }

    /// Returns once the broker has the message on disk, however long that takes.
    pub(super) async fn publish(&mut self, message: Message) -> Result<(), PublishError> {
        let published = self.publish_patiently(message).await;
        match &published {
            Err(PublishError::Full { .. }) => drop(self.refused_since.get_or_insert_with(Instant::now)),
            _ => self.refused_since = None,
        }
        published
    }

    async fn publish_patiently(&mut self, message: Message) -> Result<(), PublishError> {
        let until = Instant::now() + LEADER_TIMEOUT;
        while !self.knows_its_queue {
            let first = self.publish_once(message.clone()).await;
            if !matches!(first, Err(PublishError::Full { .. })) || Instant::now() >= until {
                self.knows_its_queue = true;
                return first;
            }
            sleep(LEADER_PAUSE).await;
        }
        self.publish_once(message).await
    }

    async fn publish_once(&self, message: Message) -> Result<(), PublishError> {
        let lane = message.lane;
        match self.send(message).await {
            // Only an acknowledgement without a returned message is success: the broker
            // acknowledges what it could not route, too.
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
                Err(PublishError::Unavailable(format!(
                    "the queue of {lane} is missing on {}: {}",
                    self.address, returned.reply_text
                )))
            }
            Ok(Confirmation::Nack(None)) => Err(PublishError::Full { lane }),
            Ok(Confirmation::NotRequested) => {
                Err(PublishError::Unavailable("the channel has no confirms".to_owned()))
            }
            Err(cause) => {
                let why = rights::explained(&cause);
                Err(PublishError::Unavailable(format!("publishing failed on {}: {why}", self.address)))
            }
        }
    }

    async fn send(&self, message: Message) -> Result<Confirmation, lapin::Error> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let exchange = message.exchange.into();
        let channel = &self.open.channel;
        channel
            .basic_publish(exchange, message.routing_key, mandatory, &message.body, message.properties)
            .await?
            .await
    }

    pub(super) async fn close(self) {
        let _ = timeout(CLOSE_TIMEOUT, self.open.channel.close(200, "bye".into())).await;
    }
}
