//! One consumer: what it has in hand at the broker, and the subscription that its process reads.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use domain::id::JobId;
use queue::{Delivery, DeliveryTag, QueueError, Subscription};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Broker, Message};
use crate::world::{Process, World};

/// How long a process waits until the broker has taken a lane back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A delivery, and the jobs in it.
type Handed = (Delivery, Option<Vec<JobId>>);
type Sent = (Instant, Result<Handed, QueueError>);

/// As the broker has it.
pub(super) struct Consumer {
    pub(super) id: u64,
    pub(super) process: String,
    prefetch: usize,
    unacknowledged: VecDeque<(DeliveryTag, Message)>,
    /// It takes no more, and whoever is next is served.
    pub(super) cancelled: bool,
    next_tag: u64,
    wire: mpsc::UnboundedSender<Sent>,
    arrives_at: Instant,
    failed: bool,
}

impl Consumer {
    /// What its process has in hand, in order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.unacknowledged.iter().map(|(_, message)| message)
    }

    pub(super) fn in_hand(&self) -> usize {
        self.unacknowledged.len()
    }

    pub(super) fn shown(&self) -> String {
        format!("{} of {} with {} in hand", self.id, self.process, self.unacknowledged.len())
    }

    pub(super) fn room(&self) -> bool {
        !self.cancelled && self.unacknowledged.len() < self.prefetch
    }

    pub(super) fn hand_out(&mut self, world: &World, message: Message) {
        let tag = DeliveryTag(self.next_tag);
        self.next_tag += 1;
        let delivery = Delivery { tag, envelope: message.envelope.clone(), redelivered: message.redelivered };
        self.arrives_at = self.arrives_at.max(Instant::now() + world.millis(0, 4));
        if !self.failed {
            // A process that has ended reads no more.
            let _ = self.wire.send((self.arrives_at, Ok((delivery, message.jobs.clone()))));
        }
        self.unacknowledged.push_back((tag, message));
    }

    /// The process learns that it has ended, after `late`.
    pub(super) fn fail(&mut self, late: Duration) {
        if !std::mem::replace(&mut self.failed, true) {
            let arrives_at = self.arrives_at.max(Instant::now() + late);
            let _ =
                self.wire.send((arrives_at, Err(QueueError::Failed("the connection was cut".to_owned()))));
        }
    }

    /// What it had in hand.
    pub(super) fn end(mut self, why: &str) -> Vec<Message> {
        if !self.failed {
            let _ = self.wire.send((self.arrives_at, Err(QueueError::Failed(why.to_owned()))));
        }
        self.unacknowledged.drain(..).map(|(_, message)| message).collect()
    }
}

enum Request {
    Acknowledge(DeliveryTag),
    Cancel(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// As its process has it.
pub(super) struct QueueConsumer {
    process: Process,
    broker: Broker,
    lane: usize,
    id: u64,
    wire: mpsc::UnboundedReceiver<Sent>,
    /// Has arrived, or will.
    next: Option<Sent>,
    ended: Option<QueueError>,
    uplink: mpsc::UnboundedSender<Request>,
    /// What was handed over and is not acknowledged.
    opened: VecDeque<Handed>,
    prefetch: usize,
}

impl QueueConsumer {
    /// Joins the consumers of a lane.
    pub(super) fn join(broker: &Broker, process: &Process, lane: usize, prefetch: usize) -> QueueConsumer {
        let (wire, received) = mpsc::unbounded_channel();
        let (uplink, requests) = mpsc::unbounded_channel();
        let world = &broker.0.world;
        let mut state = broker.state();
        state.consumers += 1;
        let id = state.consumers;
        world.note(format_args!("lane {lane} has consumer {id} of {}", process.name()));
        state.lanes[lane].consumers.push(Consumer {
            id,
            process: process.name().to_owned(),
            prefetch: prefetch.max(1),
            unacknowledged: VecDeque::new(),
            cancelled: false,
            next_tag: 1,
            wire,
            arrives_at: Instant::now(),
            failed: false,
        });
        state.pump(world, lane);
        drop(state);
        tokio::spawn(carry(broker.clone(), process.clone(), lane, id, requests));
        let (broker, process) = (broker.clone(), process.clone());
        QueueConsumer {
            process,
            broker,
            lane,
            id,
            wire: received,
            next: None,
            ended: None,
            uplink,
            opened: VecDeque::new(),
            prefetch: prefetch.max(1),
        }
    }
}

/// Brings what a consumer says to the broker, in order. Where the connection is cut, it does not arrive.
async fn carry(
    broker: Broker,
    process: Process,
    lane: usize,
    id: u64,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let world = broker.0.world.clone();
    while let Some(said) = requests.recv().await {
        world.pass(world.millis(0, 4)).await;
        let stalled_until = broker.state().stalled_until;
        world.pass(stalled_until.saturating_duration_since(Instant::now())).await;
        match said {
            Request::Acknowledge(tag) => broker.acknowledge(lane, id, tag),
            Request::Cancel(cancelled) => {
                broker.cancel(lane, id);
                let _ = cancelled.send(());
            }
            Request::Close(closed) => {
                broker.take_back(lane, id);
                let _ = closed.send(());
                return;
            }
        }
    }
    // Dropped without a word: its channel is closed all the same, once the process runs again.
    process.gate().await;
    world.pass(world.millis(0, 4)).await;
    broker.take_back(lane, id);
}

/// How finely tokio counts its time.
const TICK: Duration = Duration::from_millis(1);

impl Broker {
    fn acknowledge(&self, lane: usize, id: u64, through: DeliveryTag) {
        let mut state = self.state();
        let queue = &mut state.lanes[lane];
        let consumer = queue.consumers.iter_mut().find(|consumer| consumer.id == id && !consumer.failed);
        let Some(consumer) = consumer else { return };
        while consumer.unacknowledged.front().is_some_and(|(tag, _)| *tag <= through) {
            consumer.unacknowledged.pop_front();
        }
        state.pump(&self.0.world, lane);
    }

    fn cancel(&self, lane: usize, id: u64) {
        let mut state = self.state();
        let consumers = &mut state.lanes[lane].consumers;
        if let Some(consumer) = consumers.iter_mut().find(|consumer| consumer.id == id && !consumer.failed) {
            consumer.cancelled = true;
        }
        state.pump(&self.0.world, lane);
    }

    fn take_back(&self, lane: usize, id: u64) {
        let mut state = self.state();
        if let Some(place) = state.lanes[lane].consumers.iter().position(|consumer| consumer.id == id) {
            let consumer = state.lanes[lane].consumers.remove(place);
            state.give_back(&self.0.world, lane, consumer, "it was closed");
            state.pump(&self.0.world, lane);
        }
    }

    /// The promise: whatever waits, a lane is handed over after the batch in hand.
    fn check_the_end(&self, process: &Process, lane: usize) {
        let mut state = self.state();
        let Some((asked_at, acknowledged)) = state.ending.get_mut(process.name()) else { return };
        // In the tick in which its process is asked, a lane may have taken the next batch before it hears of it.
        if self.0.world.elapsed() <= *asked_at + TICK {
            return;
        }
        if acknowledged.contains(&lane) {
            let process = process.name();
            self.0.world.wrong(format_args!("{process} was asked to end and goes on with lane {lane}"));
        }
        acknowledged.push(lane);
    }

    /// The promise: nothing is acknowledged before its outcome is in the ledger, or it is kept aside.
    fn check(&self, process: &Process, (delivery, jobs): &Handed) {
        let state = self.state();
        let is_kept = match jobs {
            Some(jobs) => jobs.iter().all(|job| self.0.database.holds(*job)),
            None => state.letters.iter().any(|letter| letter.payload == delivery.envelope),
        };
        drop(state);
        if !is_kept {
            let (process, tag) = (process.name(), delivery.tag.0);
            self.0
                .world
                .wrong(format_args!("{process} acknowledges delivery {tag} before its jobs are kept"));
        }
    }
}

#[async_trait]
impl Subscription for QueueConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        self.process.gate().await;
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        if self.next.is_none() {
            self.next = self.wire.recv().await;
        }
        if let Some((at, _)) = &self.next
            && *at > Instant::now()
        {
            tokio::time::sleep_until(*at).await;
        }
        self.process.gate().await;
        let gone = || QueueError::Failed("the consumer is gone".to_owned());
        match self.next.take().map_or_else(|| Err(gone()), |(_, handed)| handed) {
            Ok(handed) => {
                self.opened.push_back(handed.clone());
                Ok(handed.0)
            }
            Err(error) => {
                self.ended = Some(error.clone());
                Err(error)
            }
        }
    }

    fn room(&self) -> usize {
        self.prefetch.saturating_sub(self.opened.len())
    }

    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError> {
        self.process.gate().await;
        while self.opened.front().is_some_and(|(opened, _)| opened.tag <= delivery) {
            if let Some(handed) = self.opened.pop_front() {
                self.broker.check(&self.process, &handed);
            }
        }
        // The client knows what it was sent, whether it has looked or not.
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        self.broker.check_the_end(&self.process, self.lane);
        let name = self.process.name();
        let (lane, id, tag) = (self.lane, self.id, delivery.0);
        self.broker.0.world.note(format_args!("{name} acknowledges lane {lane} to {tag} as consumer {id}"));
        let sent = self.uplink.send(Request::Acknowledge(delivery));
        sent.map_err(|_| QueueError::Failed("the consumer is gone".to_owned()))
    }

    async fn close(self: Box<Self>) {
        self.process.gate().await;
        let (closed, is_closed) = oneshot::channel();
        if self.uplink.send(Request::Close(closed)).is_ok() {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, is_closed).await;
        }
        self.process.gate().await;
    }

    async fn is_alone(&mut self) -> Result<bool, QueueError> {
        self.process.gate().await;
        Ok(self.broker.state().lanes[self.lane].consumers.len() == 1)
    }

    async fn leave(mut self: Box<Self>, last: DeliveryTag) -> Result<(), QueueError> {
        self.process.gate().await;
        let (cancelled, is_cancelled) = oneshot::channel();
        let gone = || QueueError::Failed("the consumer is gone".to_owned());
        self.uplink.send(Request::Cancel(cancelled)).map_err(|_| gone())?;
        match tokio::time::timeout(CLOSE_TIMEOUT, is_cancelled).await {
            Ok(Ok(())) => {}
            _ => return Err(gone()),
        }
        self.ack_through(last).await?;
        self.close().await;
        Ok(())
    }
}
