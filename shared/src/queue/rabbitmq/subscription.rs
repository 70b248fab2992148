//! Consuming one lane. A lane is handed over by closing the channel, never by `basic.cancel`: after
//! a cancel the next consumer starts behind the unacknowledged messages, and order is lost.

use std::mem::ManuallyDrop;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::topology;
use crate::domain::lane::Lane;
use crate::queue::{Delivery, DeliveryTag, QueueError, Subscription};

/// How long the broker may take to accept a consumer; without a leader the queue does not answer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker may take to take a lane back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One consumer on a channel of its own.
pub(super) struct LaneConsumer {
    lane: Lane,
    address: String,
    /// `None` once it is closed.
    open: Option<Open>,
}

struct Open {
    channel: Channel,
    /// Dropped before its channel is closed it would send `basic.cancel`; so it is only ever dropped
    /// by [`Open::close`], and lost with a process that ends in the midst of things.
    consumer: ManuallyDrop<Consumer>,
}

pub(super) async fn subscribe(
    channel: Channel,
    lane: Lane,
    prefetch_messages: u16,
    address: String,
) -> Result<LaneConsumer, QueueError> {
    let failure = match timeout(SUBSCRIBE_TIMEOUT, consume(&channel, lane, prefetch_messages)).await {
        Ok(Ok(consumer)) => {
            let consumer = ManuallyDrop::new(consumer);
            return Ok(LaneConsumer { lane, address, open: Some(Open { channel, consumer }) });
        }
        Ok(Err(cause)) => QueueError(format!("consuming {lane} failed on {address}: {cause}")),
        Err(_) => QueueError(format!("{address} does not hand out {lane}; its queue may have no leader")),
    };
    // The broker may yet take the question as asked: a consumer that nobody reads would hold the lane.
    close(&channel, "no consumer").await;
    Err(failure)
}

async fn close(channel: &Channel, reason: &str) {
    let _ = timeout(CLOSE_TIMEOUT, channel.close(200, reason.into())).await;
}

async fn consume(channel: &Channel, lane: Lane, prefetch_messages: u16) -> Result<Consumer, lapin::Error> {
    // To AMQP none is any number.
    channel.basic_qos(prefetch_messages.max(1), BasicQosOptions::default()).await?;
    let queue = topology::lane_queue(lane).into();
    channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

impl LaneConsumer {
    fn open(&mut self) -> Result<&mut Open, QueueError> {
        self.open.as_mut().ok_or_else(|| QueueError("the subscription is closed".to_owned()))
    }

    fn failure(&self, cause: &dyn std::fmt::Display) -> QueueError {
        QueueError(format!("the subscription of {} on {} has ended: {cause}", self.lane, self.address))
    }
}

#[async_trait]
impl Subscription for LaneConsumer {
    async fn next(&mut self) -> Result<Delivery, QueueError> {
        let delivery = match self.open()?.consumer.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(cause)) => return Err(self.failure(&cause)),
            None => return Err(self.failure(&"the broker has cancelled it")),
        };
        Ok(Delivery {
            tag: DeliveryTag(delivery.delivery_tag),
            envelope: Bytes::from(delivery.data),
            redelivered: delivery.redelivered,
        })
    }

    async fn ack_through(&mut self, delivery: DeliveryTag) -> Result<(), QueueError> {
        let channel = &self.open()?.channel;
        let acknowledged = channel.basic_ack(delivery.0, BasicAckOptions { multiple: true }).await;
        acknowledged.map_err(|cause| self.failure(&cause))
    }

    async fn close(mut self: Box<Self>) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}

impl Open {
    async fn close(self) {
        close(&self.channel, "handing the lane over").await;
        drop(ManuallyDrop::into_inner(self.consumer));
    }
}

impl Drop for LaneConsumer {
    fn drop(&mut self) {
        // Without a runtime the connection is gone, or soon will be.
        if let Some(open) = self.open.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(open.close());
        }
    }
}
