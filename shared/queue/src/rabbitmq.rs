//! The queue port on RabbitMQ, 3.10 to 4.3: a quorum queue per lane, confirmed publishes, and one
//! active consumer per lane in the whole fleet.
//!
//! Nothing here retries in silence: a publish or a subscription that loses its connection is an
//! error at once, and the next attempt connects anew.

mod dead_letters;
mod events;
mod management;
mod promises;
mod publish;
mod settings;
mod subscription;
mod topology;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use amqp::broker::{self, Broker};
use async_trait::async_trait;
use bytes::Bytes;
use domain::lane::Lane;
use futures::future::join_all;
use lapin::Channel;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use self::dead_letters::DeadLetterQueue;
use self::management::Management;
use self::publish::PublishChannel;
pub use self::settings::RabbitMqSettings;
use self::topology::Topology;
use super::policies::Policies;
use super::walk::{self, Collected};
use super::work::WorkQueue;
use super::{
    DeadLetter, LETTERS_WALKED_MAX, LaneDepth, PublishError, Queue, QueueError, Subscription, Visitor,
};

/// Connections that publish. The broker stops reading from them when it runs out of memory or disk;
/// consumers have their own, so that acknowledgements still pass.
const PUBLISH_CONNECTIONS: usize = 2;
/// Connections that consume and look.
const CONSUME_CONNECTIONS: usize = 2;

/// The queue port on RabbitMQ.
pub struct RabbitMq {
    publishing: Broker,
    consuming: Broker,
    topology: Topology,
    confirm_timeout: Duration,
    /// A long-lived channel per lane. One publish at a time holds it: `basic.return` names no
    /// message, so two in flight could be taken for one another.
    lanes: Vec<Mutex<Option<PublishChannel>>>,
    /// The same for work without an order.
    work: Mutex<Option<PublishChannel>>,
    /// The same for events.
    events: Mutex<Option<PublishChannel>>,
    dead_letters: DeadLetterQueue,
    /// A long-lived channel for passive declarations.
    looking: Mutex<Option<Channel>>,
}

impl RabbitMq {
    /// Prepares the adapter; `url` is `amqp://` or `amqps://`. Connects at the first use, so that a
    /// fleet may start before its broker. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The URL is not one of AMQP.
    pub fn new(url: &str, settings: RabbitMqSettings) -> Result<RabbitMq, QueueError> {
        Ok(RabbitMq {
            publishing: Broker::new(url, "tellers publisher", PUBLISH_CONNECTIONS)?,
            consuming: Broker::new(url, "tellers consumer", CONSUME_CONNECTIONS)?,
            topology: Topology::new(settings, Management::of(url, None)?),
            confirm_timeout: settings.confirm_timeout,
            lanes: settings.lanes.iter().map(|_| Mutex::default()).collect(),
            work: Mutex::default(),
            events: Mutex::default(),
            dead_letters: DeadLetterQueue::default(),
            looking: Mutex::default(),
        })
    }

    /// With the management API of the broker at `url` (`http://host:15672`, with a user of its own if it has one), where it
    /// is not the default port of the default broker.
    ///
    /// # Errors
    /// The URL is none.
    pub fn with_management(mut self, amqp_url: &str, url: &str) -> Result<RabbitMq, QueueError> {
        self.topology.manage(Management::of(amqp_url, Some(url))?);
        Ok(self)
    }

    /// A channel on the consuming connections, with every queue declared.
    async fn consuming_channel(&self) -> Result<Channel, QueueError> {
        self.topology.declare_once(&self.consuming).await?;
        Ok(self.consuming.channel().await?.channel)
    }

    async fn publish_channel(
        &self,
        instead_of: Option<&PublishChannel>,
    ) -> Result<PublishChannel, QueueError> {
        self.topology.declare_once(&self.consuming).await?;
        PublishChannel::open(&self.publishing, instead_of).await
    }

    /// Publishes on the channel in `slot`, opening one where there is none that works.
    ///
    /// The channel is out of its slot meanwhile: a caller that is dropped half-way closes it, rather
    /// than leave the next one with a confirmation that is not its own.
    async fn publish_in(
        &self,
        slot: &Mutex<Option<PublishChannel>>,
        message: publish::Message,
    ) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.confirm_timeout;
        let silent = |_| PublishError::Unavailable(format!("{} does not answer", self.publishing.address()));
        let mut slot = timeout_at(deadline, slot.lock()).await.map_err(silent)?;
        let blocked = slot.as_ref().is_some_and(|channel| channel.is_open() && channel.is_blocked());
        if blocked {
            return Err(QueueError::from(broker::blocked(self.publishing.address())).into());
        }
        let mut channel = match slot.take() {
            Some(channel) if channel.is_open() && !channel.is_worn_out() => channel,
            before => {
                let opening = self.publish_channel(before.as_ref());
                let opened = timeout_at(deadline, opening).await.map_err(silent)?;
                opened?
            }
        };
        // From here on anew: a channel that took long to open is not given up before it could confirm anything.
        let published = timeout(self.confirm_timeout, channel.publish(message)).await;
        let published = published.unwrap_or(Err(PublishError::Unconfirmed { after: self.confirm_timeout }));
        match &published {
            Ok(()) | Err(PublishError::Full { .. }) => *slot = Some(channel),
            // What was there once may be gone: an unroutable message, a missing exchange.
            Err(PublishError::Unavailable(_)) => self.topology.forget(),
            Err(PublishError::Unconfirmed { .. }) => {}
        }
        published
    }

    async fn walk(&self, most: usize, visitor: &mut dyn Visitor) -> Result<(), QueueError> {
        let _alone = self.dead_letters.walking.lock().await;
        dead_letters::Walk { queue: self, most }.pass(visitor).await
    }

    /// A consumer of one of the queues.
    async fn consume(&self, queue: String, prefetch: u16) -> Result<Box<dyn Subscription>, QueueError> {
        let channel = self.consuming_channel().await?;
        let address = self.consuming.address().to_owned();
        // A task of its own, so that a caller that gives up half-way leaves no consumer behind that nobody
        // reads: it would be the lane's active one, and the lane would stand still. What nobody waits for any
        // more is dropped when it is there, which closes its channel.
        let subscribing = tokio::spawn(subscription::subscribe(channel, queue.clone(), prefetch, address));
        let subscribed = subscribing.await.unwrap_or_else(|broken| {
            Err(QueueError::Failed(format!("consuming {queue} broke off: {broken}")))
        });
        if subscribed.is_err() {
            self.topology.forget();
        }
        Ok(Box::new(subscribed?))
    }

    /// Ready messages and consumers of a queue, by passive declaration.
    async fn look(&self, channel: &Channel, queue: &str) -> Result<(u64, u32), QueueError> {
        let found = channel
            .queue_declare(queue.into(), topology::passive(), lapin::types::FieldTable::default())
            .await
            .map_err(|failure| self.consuming.failure(&format!("looking at {queue}"), &failure))?;
        Ok((u64::from(found.message_count()), found.consumer_count()))
    }

    /// Runs `look` on the long-lived channel, which is dropped when it fails or is cut short.
    async fn looking<T>(
        &self,
        look: impl AsyncFnOnce(&Channel) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let mut slot = self.looking.lock().await;
        let channel = match slot.take().filter(|channel| channel.status().connected()) {
            Some(channel) => channel,
            None => self.consuming_channel().await?,
        };
        let found = look(&channel).await;
        match &found {
            Ok(_) => *slot = Some(channel),
            Err(_) => self.topology.forget(),
        }
        found
    }
}

#[async_trait]
impl Queue for RabbitMq {
    async fn publish(&self, lane: Lane, envelope: Bytes, _jobs: usize) -> Result<(), PublishError> {
        let Some(slot) = self.lanes.get(usize::from(lane.0)) else {
            return Err(PublishError::Unavailable(format!("{lane} is none of {} lanes", self.lanes.len())));
        };
        self.publish_in(slot, publish::Message::job(lane, envelope)).await
    }

    async fn subscribe(
        &self,
        lane: Lane,
        prefetch_messages: u16,
    ) -> Result<Box<dyn Subscription>, QueueError> {
        self.consume(topology::lane_queue(lane), prefetch_messages).await
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<(), QueueError> {
        let message = publish::Message::dead_letter(letter);
        let kept = self.publish_in(&self.dead_letters.publishing, message).await;
        kept.map_err(|failure| {
            QueueError::Failed(format!("the broker did not confirm that it keeps the dead letter: {failure}"))
        })
    }

    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError> {
        self.looking(async |channel| {
            let lanes = (0..self.lanes.len()).filter_map(|lane| u16::try_from(lane).ok()).map(Lane);
            // The questions travel together; RabbitMQ answers them in their order.
            let found = join_all(lanes.map(async |lane| {
                let (messages_ready, consumers) = self.look(channel, &topology::lane_queue(lane)).await?;
                Ok(LaneDepth { lane, messages_ready, messages_unacknowledged: None, jobs: None, consumers })
            }));
            found.await.into_iter().collect()
        })
        .await
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        // The broker does not count letters that somebody walks past.
        let Ok(_no_walk) = self.dead_letters.walking.try_lock() else {
            return Ok(self.dead_letters.counted.load(Relaxed));
        };
        let count = async |channel: &Channel| Ok(self.look(channel, topology::DEAD_LETTER_QUEUE).await?.0);
        let count = self.looking(count).await?;
        self.dead_letters.counted.store(count, Relaxed);
        Ok(count)
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut collected = Collected(Vec::new());
        self.walk(limit, &mut collected).await?;
        Ok(collected.0)
    }

    async fn discard_dead_letter(&self, id: &str) -> Result<bool, QueueError> {
        walk::discard(self, id).await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<Vec<String>, QueueError> {
        walk::discard_each(self, ids).await
    }

    async fn walk_dead_letters(&self, visitor: &mut dyn Visitor) -> Result<(), QueueError> {
        self.walk(LETTERS_WALKED_MAX, visitor).await
    }

    async fn ready(&self) -> Result<(), QueueError> {
        self.topology.declare_once(&self.consuming).await?;
        Ok(self.publishing.ready().await?)
    }

    async fn lets_in(&self) -> Result<(), QueueError> {
        Ok(self.publishing.ready().await?)
    }

    async fn policies(&self) -> Policies {
        self.topology.policies().await
    }

    async fn close(&self) {
        for slot in self.lanes.iter().chain([&self.work, &self.events, &self.dead_letters.publishing]) {
            // Waits for the publish in flight.
            if let Some(channel) = slot.lock().await.take() {
                channel.close().await;
            }
        }
        self.looking.lock().await.take();
        self.publishing.close().await;
        self.consuming.close().await;
    }
}

#[async_trait]
impl WorkQueue for RabbitMq {
    async fn publish_work(&self, message: Bytes) -> Result<(), PublishError> {
        let published = self.publish_in(&self.work, publish::Message::work(message)).await;
        published.map_err(|failure| match failure {
            PublishError::Full { .. } => {
                PublishError::Unavailable(format!("{} is full", topology::WORK_QUEUE))
            }
            other => other,
        })
    }

    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError> {
        // One at a time: a worker that is slow holds nothing that another could do.
        self.consume(topology::WORK_QUEUE.to_owned(), 1).await
    }

    async fn work_waiting(&self) -> Result<u64, QueueError> {
        self.looking(async |channel| Ok(self.look(channel, topology::WORK_QUEUE).await?.0)).await
    }
}
