//! The queue port, as one process has it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::lane::Lane;
use queue::events::{EventReader, EventStream, Start};
use queue::work::WorkQueue;
use queue::{DeadLetter, LaneDepth, PublishError, Queue, QueueError, Subscription};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Broker, QueueConsumer};
use crate::world::Process;

/// As the adapter's.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct QueueOf {
    broker: Broker,
    process: Process,
}

enum Published {
    Envelope(Lane, Bytes),
    Letter(DeadLetter),
    Events(Bytes),
}

impl Published {
    fn lane(&self) -> Lane {
        match self {
            Published::Envelope(lane, _) => *lane,
            Published::Letter(_) | Published::Events(_) => Lane::NONE,
        }
    }
}

impl QueueOf {
    pub(super) fn new(broker: Broker, process: Process) -> QueueOf {
        QueueOf { broker, process }
    }

    async fn publish_confirmed(&self, published: Published) -> Result<(), PublishError> {
        let world = &self.broker.0.world;
        self.process.gate().await;
        world.pass(world.millis(0, 3)).await;
        let unavailable = |why: &str| Err(PublishError::Unavailable(why.to_owned()));
        let (told, confirmed) = oneshot::channel();
        {
            let mut state = self.broker.state();
            if !state.up {
                return unavailable("the broker is not reached");
            }
            if state.alarmed {
                return unavailable("the broker takes no publishes");
            }
            let epoch = state.epoch(&self.process);
            let lane = published.lane();
            let not_before = state.stalled_until.max(Instant::now() + world.millis(1, 5));
            let taken_at = state.taken_at.entry((self.process.name().to_owned(), lane)).or_insert(not_before);
            *taken_at = not_before.max(*taken_at + Duration::from_millis(1));
            tokio::spawn(take(self.broker.clone(), self.process.clone(), epoch, *taken_at, published, told));
        }
        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await;
        self.process.gate().await;
        match confirmed {
            Ok(Ok(confirmed)) => confirmed,
            Ok(Err(_)) => unavailable("the connection was cut"),
            Err(_) => Err(PublishError::Unconfirmed { after: CONFIRM_TIMEOUT }),
        }
    }
}

/// Takes what was published on a connection, unless that was cut before, and confirms it on the same.
async fn take(
    broker: Broker,
    process: Process,
    epoch: u64,
    at: Instant,
    published: Published,
    told: oneshot::Sender<Result<(), PublishError>>,
) {
    let world = broker.0.world.clone();
    tokio::time::sleep_until(at).await;
    let taken = {
        let mut state = broker.state();
        if !state.up || state.epoch(&process) != epoch {
            return;
        }
        let lane = published.lane();
        match published {
            Published::Envelope(..) if state.full => {
                world.note(format_args!("{lane} refuses a message of {}", process.name()));
                Err(PublishError::Full { lane })
            }
            Published::Envelope(lane, envelope) => {
                state.append(&world, lane, envelope);
                Ok(())
            }
            Published::Events(batch) => {
                state.events.push(batch);
                Ok(())
            }
            Published::Letter(letter) => {
                world.note(format_args!("dead letter {} of {}: {}", letter.id, letter.lane, letter.cause));
                state.letters.push(letter);
                Ok(())
            }
        }
    };
    world.pass(world.millis(1, 6)).await;
    let mut state = broker.state();
    let is_lost = state.confirms_lost > 0 && world.percent(state.confirms_lost);
    if is_lost || !state.up || state.epoch(&process) != epoch {
        return;
    }
    // Whoever waited may have given up.
    let _ = told.send(taken);
}

#[async_trait]
impl Queue for QueueOf {
    async fn publish(&self, lane: Lane, envelope: Bytes, _: usize) -> Result<(), PublishError> {
        self.publish_confirmed(Published::Envelope(lane, envelope)).await
    }

    async fn subscribe(&self, lane: Lane, prefetch: u16) -> Result<Box<dyn Subscription>, QueueError> {
        let world = &self.broker.0.world;
        self.process.gate().await;
        world.pass(world.millis(1, 6)).await;
        let silent = self.broker.state().stalled_until.saturating_duration_since(Instant::now());
        world.pass(silent.min(SUBSCRIBE_TIMEOUT)).await;
        self.process.gate().await;
        if silent > SUBSCRIBE_TIMEOUT || !self.broker.state().up {
            return Err(QueueError::Failed("the broker does not answer".to_owned()));
        }
        Ok(Box::new(QueueConsumer::join(&self.broker, &self.process, usize::from(lane.0), prefetch.into())))
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<(), QueueError> {
        self.publish_confirmed(Published::Letter(letter))
            .await
            .map_err(|error| QueueError::Failed(error.to_string()))
    }

    async fn depth(&self) -> Result<Vec<LaneDepth>, QueueError> {
        Ok(Vec::new())
    }

    async fn dead_letter_count(&self) -> Result<u64, QueueError> {
        Ok(self.broker.letters().len() as u64)
    }

    async fn dead_letters(&self, _: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.broker.letters())
    }

    async fn discard_dead_letter(&self, _: &str) -> Result<bool, QueueError> {
        Ok(false)
    }

    async fn ready(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn close(&self) {}
}

/// Nobody reads them while the fleet runs.
#[async_trait]
impl EventStream for QueueOf {
    async fn publish_events(&self, batch: Bytes) -> Result<(), PublishError> {
        self.publish_confirmed(Published::Events(batch)).await
    }

    async fn read_events(&self, _: Start) -> Result<Box<dyn EventReader>, QueueError> {
        std::future::pending().await
    }
}

/// There is no work without an order here.
#[async_trait]
impl WorkQueue for QueueOf {
    async fn publish_work(&self, _: Bytes) -> Result<(), PublishError> {
        Err(PublishError::Full { lane: Lane::NONE })
    }

    async fn take_work(&self) -> Result<Box<dyn Subscription>, QueueError> {
        std::future::pending().await
    }

    async fn work_waiting(&self) -> Result<u64, QueueError> {
        Ok(0)
    }
}
