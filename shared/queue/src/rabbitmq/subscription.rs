//! Consuming one queue, of a lane or of work. A lane is handed over by closing the channel, not by `basic.cancel`: after
//! a cancel the next consumer starts behind the unacknowledged messages, and order is lost. (Unless all of them are
//! posted, and no more can come: see [`Subscription::leave`].)

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::time::Duration;

use amqp::rights;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::topology::passive;
use crate::{Delivery, DeliveryTag, QueueError, Subscription};

/// How long the broker may take to accept a consumer; without a leader the queue does not answer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker may take to say who waits, and to hand out no more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the broker may take to take a lane back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One consumer on a channel of its own.
pub(super) struct QueueConsumer {
    queue: String,
    address: String,
    /// `None` once it is closed.
    open: Option<Open>,
    /// What the client had, or why it had no more, as somebody looked how much it was.
    ahead: VecDeque<Result<Delivery, QueueError>>,
    prefetch_messages: u16,
    /// Of a channel of its own, whose deliveries are counted from 1.
    received_through: u64,
    acknowledged_through: u64,
}

struct Open {
    channel: Channel,
    /// Dropped before its channel is closed it would send `basic.cancel`; so it is only ever dropped
    /// by [`Open::close`], and lost with a process that ends in the midst of things.
    consumer: ManuallyDrop<Consumer>,
}

pub(super) async fn subscribe(
    channel: Channel,
    queue: String,
    prefetch_messages: u16,
    address: String,
) -> Result<QueueConsumer, QueueError> {
    let failure = match timeout(SUBSCRIBE_TIMEOUT, consume(&channel, &queue, prefetch_messages)).await {
        Ok(Ok(consumer)) => {
            let consumer = ManuallyDrop::new(consumer);
            return Ok(QueueConsumer {
                queue,
                address,
                open: Some(Open { channel, consumer }),
                ahead: VecDeque::new(),
                prefetch_messages: prefetch_messages.max(1),
                received_through: 0,
                acknowledged_through: 0,
            });
        }
        Ok(Err(cause)) => {
            let why = rights::explained(&cause);
            QueueError::Failed(format!("consuming {queue} failed on {address}: {why}"))
        }
        Err(_) => QueueError::Failed(format!("{address} does not hand out {queue}; it may have no leader")),
    };
    // The broker may yet take the question as asked: a consumer that nobody reads would hold the lane.
    close(&channel, "no consumer").await;
    Err(failure)
}

async fn close(channel: &Channel, reason: &str) {
    let _ = timeout(CLOSE_TIMEOUT, channel.close(200, reason.into())).await;
}

async fn consume(channel: &Channel, queue: &str, prefetch_messages: u16) -> Result<Consumer, lapin::Error> {
    // To AMQP none is any number.
    channel.basic_qos(prefetch_messages.max(1), BasicQosOptions::default()).await?;
    channel
        .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
}

impl QueueConsumer {
    fn open(&mut self) -> Result<&mut Open, QueueError> {
        self.open.as_mut().ok_or_else(|| QueueError::Failed("the subscription is closed".to_owned()))
    }

    fn read(
        &mut self,
        delivery: Option<Result<lapin::message::Delivery, lapin::Error>>,
    ) -> Result<Delivery, QueueError> {
        let delivery = match delivery {
            Some(Ok(delivery)) => delivery,
            Some(Err(cause)) => return Err(self.failure(&cause)),
            None => return Err(self.failure(&"the broker has cancelled it")),
        };
        self.received_through = delivery.delivery_tag;
        Ok(Delivery {
            tag: DeliveryTag(delivery.delivery_tag),
            envelope: Bytes::from(delivery.data),
            redelivered: delivery.redelivered,
        })
    }

    /// What the broker answers, unless it is silent.
    async fn answered<T>(
        &self,
        answer: impl Future<Output = Result<T, lapin::Error>> + Send,
        silent: &str,
    ) -> Result<T, QueueError> {
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answered) => answered.map_err(|cause| self.failure(&cause)),
            Err(_) => Err(self.failure(&silent)),
        }
    }

    fn failure(&self, cause: &dyn std::fmt::Display) -> QueueError {
        QueueError::Failed(format!(
            "the subscription of {} on {} has ended: {cause}",
            self.queue, self.address
        ))
    }
}

#[async_trait]
impl Subscription for QueueConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        if let Some(delivery) = self.ahead.pop_front() {
            return delivery;
        }
        let delivery = self.open()?.consumer.next().await;
        self.read(delivery)
    }

    fn handed_ahead(&mut self) -> usize {
        while self.ahead.back().is_none_or(Result::is_ok)
            && let Some(open) = &mut self.open
            && let Some(delivery) = open.consumer.next().now_or_never()
        {
            let delivery = self.read(delivery);
            self.ahead.push_back(delivery);
        }
        self.ahead.iter().filter(|delivery| delivery.is_ok()).count()
    }

    fn room(&self) -> usize {
        let unacknowledged = self.received_through.saturating_sub(self.acknowledged_through);
        usize::from(self.prefetch_messages)
            .saturating_sub(usize::try_from(unacknowledged).unwrap_or(usize::MAX))
    }

    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError> {
        let channel = &self.open()?.channel;
        let acknowledged = channel.basic_ack(delivery.0, BasicAckOptions { multiple: true }).await;
        acknowledged.map_err(|cause| self.failure(&cause))?;
        self.acknowledged_through = delivery.0;
        Ok(())
    }

    async fn close(mut self: Box<Self>) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }

    async fn is_alone(&mut self) -> Result<bool, QueueError> {
        let (queue, channel) = (self.queue.clone(), self.open()?.channel.clone());
        let asked = channel.queue_declare(queue.into(), passive(), FieldTable::default());
        // Those who wait count.
        Ok(self.answered(asked, "it does not say who waits").await?.consumer_count() == 1)
    }

    async fn leave(mut self: Box<Self>, last: DeliveryTag) -> Result<(), QueueError> {
        // The acknowledgement makes room: without the cancel more would be handed out, and come back.
        let Open { channel, consumer } = self.open()?;
        let (channel, consumer) = (channel.clone(), consumer.tag());
        let cancelled = channel.basic_cancel(consumer, BasicCancelOptions::default());
        self.answered(cancelled, "it does not let the consumer go").await?;
        self.ack_through(last).await?;
        self.close().await;
        Ok(())
    }
}

impl Open {
    async fn close(self) {
        close(&self.channel, "handing the queue over").await;
        drop(ManuallyDrop::into_inner(self.consumer));
    }
}

impl Drop for QueueConsumer {
    fn drop(&mut self) {
        // Without a runtime the connection is gone, or soon will be.
        if let Some(open) = self.open.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(open.close());
        }
    }
}
