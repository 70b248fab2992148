//! The queue port: durable, ordered lanes that carry envelopes from the ingress to the workers.
//!
//! Two adapters stand behind it, `rabbitmq` for a fleet and `embedded` for one machine, and one
//! conformance suite holds both to the promises written here.

pub mod dead_letter;
pub mod embedded;
pub mod events;
pub mod policies;
pub mod publisher;
pub mod rabbitmq;
pub mod replay;
mod walk;
pub mod work;

use std::time::Duration;

use amqp::BrokerError;
use async_trait::async_trait;
use bytes::Bytes;
use contract::report::{Trouble, TroubleKind};
use domain::lane::Lane;
use jiff::Timestamp;

use self::events::EventStream;
use self::policies::Policies;
pub use self::walk::{Seen, Visitor};
use self::work::WorkQueue;

/// Jobs in one envelope, and in one batch, at the most.
///
/// One database transaction of this size is where the gain of batching flattens out.
pub const BATCH_JOBS_MAX: usize = 100;

/// Dead letters that are walked past at the most, the oldest: as many as RabbitMQ hands out ahead. Those behind them are
/// seen once some of these are replayed or discarded.
pub const LETTERS_WALKED_MAX: usize = 65_535;
/// Dead letters that a visitor is shown at once.
const LETTERS_SHOWN_AT_ONCE: usize = 500;

/// Messages that a subscription hands out ahead of their acknowledgement, by default: a full batch of
/// single-job messages. RabbitMQ counts messages, neither jobs nor bytes: with a backlog of full ones a worker
/// that serves 16 lanes holds 48 MB of them where jobs are transfers (30 kB), and 100 MB where they are as
/// large as the publisher packs them ([`publisher::PublisherLimits::envelope_bytes_max`]).
pub const PREFETCH_MESSAGES: u16 = 100;
const _: () = assert!(PREFETCH_MESSAGES as usize >= BATCH_JOBS_MAX);

/// A durable queue per lane, one for dead letters, and one for work without an order; and the stream of events.
///
/// # Errors
/// Of every method: the queue could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Queue: WorkQueue + EventStream {
    /// Puts an envelope that carries `jobs` jobs at the tail of a lane.
    ///
    /// Returns once the queue holds it on disk; until then nothing may be promised to a client.
    ///
    /// # Errors
    /// Every error means "not known to be queued": the caller answers 503 and the client sends the
    /// same job again.
    async fn publish(&self, lane: Lane, envelope: Bytes, jobs: usize) -> Result<(), PublishError>;

    /// Starts consuming a lane. At most one subscription of a lane is active in the whole fleet;
    /// a further one waits, silently, until those before it are closed. It hands out up to
    /// `prefetch_messages` that are not acknowledged, and at least one.
    ///
    /// Where fewer are asked for than come back of the subscriptions before, RabbitMQ keeps no order: what is handed
    /// out of them and comes back again stands behind the rest (rabbitmq-server issue 6804, in 3.10 and in 4.3).
    ///
    /// # Errors
    /// The queue could not be reached; try again.
    async fn subscribe(
        &self,
        lane: Lane,
        prefetch_messages: u16,
    ) -> Result<Box<dyn Subscription>, QueueError>;

    /// Keeps a message that cannot be posted, with its cause, until an operator replays or
    /// discards it. Returns once it is durable.
    ///
    /// # Errors
    /// It is not known to be kept: do not acknowledge the delivery that it came from.
    async fn dead_letter(&self, letter: DeadLetter) -> Result<(), QueueError>;

    /// What waits in each lane, in the order of the lanes.
    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError>;

    /// How many dead letters are kept.
    async fn dead_letter_count(&self) -> Result<u64, QueueError>;

    /// The oldest `limit` dead letters, oldest first. They stay where they are. One that was kept twice, around a
    /// crash, may be there twice.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError>;

    /// Shows the dead letters to `visitor`, some at a time, the oldest first, and removes those that it is done with: up to
    /// [`LETTERS_WALKED_MAX`]. Nobody else sees them meanwhile. Letters that come meanwhile may be shown or not.
    ///
    /// # Errors
    /// The queue could not be reached; any letter may still be there.
    async fn walk_dead_letters(&self, visitor: &mut dyn Visitor) -> Result<(), QueueError> {
        for letters in self.dead_letters(LETTERS_WALKED_MAX).await?.chunks(LETTERS_SHOWN_AT_ONCE) {
            let Seen { removed, stop } = visitor.visit(letters.to_vec()).await;
            let done = letters.iter().zip(removed).filter(|(_, removed)| *removed);
            let ids: Vec<_> = done.map(|(letter, _)| letter.id.clone()).collect();
            self.discard_dead_letters(&ids).await?;
            if stop {
                break;
            }
        }
        Ok(())
    }

    /// The dead letter with this id, as often as it was kept; none, once, or more.
    async fn dead_letters_of(&self, id: &str) -> Result<Vec<DeadLetter>, QueueError> {
        walk::of(self, id).await
    }

    /// Removes a dead letter, however often it was kept. `false`: there is none with this id.
    ///
    /// # Errors
    /// The queue could not be reached; the letter may still be there.
    async fn discard_dead_letter(&self, id: &str) -> Result<bool, QueueError>;

    /// Removes the oldest dead letters with these ids, each as often as its id is given, and returns the ids of
    /// those that were there.
    ///
    /// # Errors
    /// The queue could not be reached; any of them may still be there.
    async fn discard_dead_letters(&self, ids: &[String]) -> Result<Vec<String>, QueueError> {
        let mut discarded = Vec::with_capacity(ids.len());
        for id in ids {
            if self.discard_dead_letter(id).await? {
                discarded.push(id.clone());
            }
        }
        Ok(discarded)
    }

    /// Whether a publish would be tried at once: connected, and not blocked by the broker.
    ///
    /// # Errors
    /// It would not, and why.
    async fn ready(&self) -> Result<(), QueueError>;

    /// Whether this process is let in. Unlike [`Queue::ready`], this declares nothing.
    ///
    /// # Errors
    /// It is not, or the broker is away or takes nothing.
    async fn lets_in(&self) -> Result<(), QueueError> {
        Ok(())
    }

    /// Looks at what somebody has set on the queues under which jobs may be lost or lose their order.
    async fn policies(&self) -> Policies {
        Policies::Harmless
    }

    /// Ends what runs in the background, after what is in flight.
    async fn close(&self);
}

/// One consumer of one lane.
///
/// Dropping it without [`Subscription::close`] is a crash: unacknowledged deliveries come again, to
/// whoever is next, in order.
#[async_trait]
pub trait Subscription: Send {
    /// The next envelope of the lane, in order; waits for as long as there is none.
    ///
    /// Cancel safe: a delivery is handed out whole or stays where it is.
    ///
    /// # Errors
    /// The subscription has ended (broker gone, channel closed): subscribe again, after a pause.
    async fn next(&mut self) -> Result<Delivery, QueueError>;

    /// Deliveries that the queue has handed out ahead and that [`Subscription::next`] has yet to return: no depth
    /// of the queue counts them any more.
    fn handed_ahead(&mut self) -> usize {
        0
    }

    /// How many more the queue may hand out before one is acknowledged.
    fn room(&self) -> usize;

    /// Acknowledges this delivery and every one handed out before it by this subscription.
    ///
    /// # Errors
    /// It is not known to be acknowledged: it may be delivered again.
    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError>;

    /// Hands the lane over: the next consumer starts with the oldest delivery that is not
    /// acknowledged.
    async fn close(self: Box<Self>);

    /// Whether nobody waits for the lane.
    ///
    /// # Errors
    /// The queue could not be asked.
    async fn is_alone(&mut self) -> Result<bool, QueueError> {
        Ok(true)
    }

    /// Acknowledges the last of what was handed out and hands the lane over: nothing comes back. For a subscription
    /// without [`Subscription::room`] that [is alone](Subscription::is_alone): whoever waits would start before the
    /// acknowledgement, and twice as much might come back.
    ///
    /// # Errors
    /// What was handed out may be delivered again.
    async fn leave(mut self: Box<Self>, last: DeliveryTag) -> Result<(), QueueError> {
        self.ack_through(last).await?;
        self.close().await;
        Ok(())
    }
}

/// Where a delivery stands in its subscription; grows with every delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryTag(pub u64);

/// One envelope, taken off a lane and not yet acknowledged.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What to acknowledge.
    pub tag: DeliveryTag,
    /// The envelope as it was published; nothing is promised about what a stranger put there.
    pub envelope: Bytes,
    /// The queue has handed it out before.
    pub redelivered: bool,
}

/// A message that could not be posted, kept with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Unique; what an operator names to replay or discard it.
    pub id: String,
    /// The lane that it came from; [`Lane::NONE`]: it is work without an order.
    pub lane: Lane,
    /// Why it could not be posted, in a sentence.
    pub cause: String,
    /// When it was given up.
    pub at: Timestamp,
    /// What can be replayed: an envelope of one job where it could be read, else the raw message.
    pub payload: Bytes,
}

/// What waits in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneDepth {
    /// The lane.
    pub lane: Lane,
    /// Envelopes that wait to be delivered.
    pub messages_ready: u64,
    /// Envelopes delivered and not yet acknowledged. `None` where the queue does not tell.
    pub messages_unacknowledged: Option<u64>,
    /// Jobs in all of them. `None` where the queue counts messages only (RabbitMQ).
    pub jobs: Option<u64>,
    /// Consumers, active and waiting.
    pub consumers: u32,
}

/// Why an envelope is not known to be queued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The lane holds as much as it may; the client is to come back later.
    #[error("{lane} is full; send the job again later")]
    Full {
        /// The lane in question.
        lane: Lane,
    },
    /// No confirmation within the time-out; it may or may not be queued.
    #[error("the queue did not confirm within {after:?}")]
    Unconfirmed {
        /// How long it was waited for.
        after: Duration,
    },
    /// Refused, returned, or not reachable.
    #[error("the queue could not take the job ({0})")]
    Unavailable(String),
}

impl PublishError {
    /// Whether the job is certainly not queued.
    pub fn is_definite(&self) -> bool {
        !matches!(self, PublishError::Unconfirmed { .. })
    }
}

/// The queue could not do what was asked; asking again may work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The broker could not be reached, or takes nothing.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl QueueError {
    /// Whether the broker lets nobody in by its URL, which no waiting mends.
    pub fn is_shut_out(&self) -> bool {
        matches!(self, QueueError::Broker(BrokerError::ShutOut(_)))
    }
}

impl From<QueueError> for PublishError {
    fn from(failure: QueueError) -> PublishError {
        PublishError::Unavailable(failure.to_string())
    }
}

impl From<QueueError> for Trouble {
    fn from(failure: QueueError) -> Trouble {
        let kind = match failure {
            QueueError::Broker(BrokerError::Alarm(_)) => TroubleKind::BrokerAlarm,
            QueueError::Broker(BrokerError::Failed(_) | BrokerError::ShutOut(_)) | QueueError::Failed(_) => {
                TroubleKind::QueueAway
            }
        };
        Trouble { kind, what: failure.to_string() }
    }
}
