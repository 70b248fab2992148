//! The event stream on RabbitMQ: a stream, <https://www.rabbitmq.com/docs/streams>, written and read by AMQP 0.9.1.

use std::time::Duration;

use amqp::rights;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::time::timeout;

use super::{RabbitMq, publish, topology};
use crate::events::{EventMessage, EventReader, EventStream, Start};
use crate::{PublishError, QueueError};

/// Messages that the broker sends ahead: a stream needs some, each may have a megabyte, and there may be many readers.
const PREFETCH_MESSAGES: u16 = 4;
/// How long the broker may take to accept a reader.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reader's channel may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the broker says which place a message has.
const OFFSET: &str = "x-stream-offset";

#[async_trait]
impl EventStream for RabbitMq {
    async fn publish_events(&self, batch: Bytes) -> Result<(), PublishError> {
        let published = self.publish_in(&self.events, publish::Message::events(batch)).await;
        published.map_err(|failure| match failure {
            PublishError::Full { .. } => {
                PublishError::Unavailable(format!("the stream {} takes nothing", topology::EVENT_STREAM))
            }
            other => other,
        })
    }

    async fn read_events(&self, start: Start) -> Result<Box<dyn EventReader>, QueueError> {
        let channel = self.consuming_channel().await?;
        let address = self.consuming.address().to_owned();
        let failed = |why: String| {
            QueueError::Failed(format!("reading {} failed on {address}: {why}", topology::EVENT_STREAM))
        };
        match timeout(READ_TIMEOUT, consume(&channel, start)).await {
            Ok(Ok(consumer)) => Ok(Box::new(StreamReader { channel, consumer, address, taken: None })),
            Ok(Err(cause)) => {
                self.topology.forget();
                Err(failed(rights::explained(&cause)))
            }
            Err(_) => {
                close(&channel).await;
                Err(failed("it does not answer".to_owned()))
            }
        }
    }
}

async fn consume(channel: &Channel, start: Start) -> Result<Consumer, lapin::Error> {
    channel.basic_qos(PREFETCH_MESSAGES, BasicQosOptions::default()).await?;
    let offset = match start {
        Start::Oldest => AMQPValue::LongString("first".into()),
        Start::Newest => AMQPValue::LongString("last".into()),
        Start::At(offset) => AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::Since(time) => AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or_default()),
    };
    let mut arguments = FieldTable::default();
    arguments.insert(OFFSET.into(), offset);
    let options = BasicConsumeOptions::default();
    channel.basic_consume(topology::EVENT_STREAM.into(), "".into(), options, arguments).await
}

async fn close(channel: &Channel) {
    let _ = timeout(CLOSE_TIMEOUT, channel.close(200, "read enough".into())).await;
}

/// A reader on a channel of its own.
struct StreamReader {
    channel: Channel,
    consumer: Consumer,
    address: String,
    /// Taken off the stream by a wait that was given up.
    taken: Option<EventMessage>,
}

impl StreamReader {
    fn failure(&self, cause: &dyn std::fmt::Display) -> QueueError {
        QueueError::Failed(format!(
            "reading {} on {} has ended: {cause}",
            topology::EVENT_STREAM,
            self.address
        ))
    }
}

#[async_trait]
impl EventReader for StreamReader {
    async fn next(&mut self) -> Result<EventMessage, QueueError> {
        if let Some(message) = self.taken.take() {
            return Ok(message);
        }
        let delivery = match self.consumer.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(cause)) => return Err(self.failure(&cause)),
            None => return Err(self.failure(&"the broker has cancelled it")),
        };
        let headers = delivery.properties.headers().as_ref();
        let offset = match headers.and_then(|headers| headers.inner().get(OFFSET)) {
            Some(AMQPValue::LongLongInt(offset)) => u64::try_from(*offset).ok(),
            _ => None,
        };
        let offset = offset.ok_or_else(|| self.failure(&"a message says no place; it is no stream"))?;
        // Whoever gives up here finds it the next time. To a stream an acknowledgement means: send more; a later one covers
        // one that was given up.
        self.taken = Some(EventMessage { offset, batch: Bytes::from(delivery.data) });
        let options = BasicAckOptions { multiple: true };
        let acknowledged = self.channel.basic_ack(delivery.delivery_tag, options).await;
        acknowledged.map_err(|cause| self.failure(&cause))?;
        self.taken.take().ok_or_else(|| self.failure(&"its message is gone"))
    }

    async fn close(self: Box<Self>) {
        close(&self.channel).await;
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        // Without a runtime the connection is gone, or soon will be.
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && self.channel.status().connected()
        {
            let channel = self.channel.clone();
            runtime.spawn(async move { close(&channel).await });
        }
    }
}
