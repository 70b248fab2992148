//! The task that owns the bus's connection.

use std::sync::Arc;
use std::time::Duration;

use amqp::BrokerError;
use amqp::broker::OpenChannel;
use amqp::rights;
use bytes::Bytes;
use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, ConnectionStatus, Consumer, ExchangeKind, message::Delivery};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Bound, Shared};
use crate::{Address, Topic};

/// A direct exchange; the routing key is the replica's id.
const INBOX_EXCHANGE: &str = "tellers.inbox";
/// Messages in a replica's queue, beyond which the broker drops the oldest.
const QUEUE_MESSAGES_MAX: i32 = 10_000;
/// Between two attempts to connect; the pool itself holds back longer while the broker is away.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the broker is looked at for whether it blocks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One message on its way out.
pub(super) struct Outgoing {
    pub(super) address: Address,
    pub(super) message: Bytes,
}

/// Connects, serves until it fails, and again; until `stopping`.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut to_send: mpsc::Receiver<Outgoing>,
    stopping: CancellationToken,
) {
    let mut reported = false;
    while let Some(ended) = stopping.run_until_cancelled(serve(&shared, &mut to_send)).await {
        let was_connected = shared.bound.send_replace(Bound::default()).since.is_some();
        // Once for each time that it goes away, not once for each attempt.
        if was_connected || !reported {
            warn!("the fleet bus is away, trying again: {ended}");
            reported = true;
        }
        if stopping.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            break;
        }
    }
    shared.bound.send_replace(Bound::default());
}

/// One connection's life; returns why it ended.
async fn serve(shared: &Shared, to_send: &mut mpsc::Receiver<Outgoing>) -> BrokerError {
    match Session::open(shared).await {
        Ok(session) => session.serve(shared, to_send).await,
        Err(failure) => failure,
    }
}

/// A connection with its queue.
struct Session {
    connection: ConnectionStatus,
    channel: Channel,
    queue: ShortString,
    incoming: Consumer,
}

impl Session {
    async fn open(shared: &Shared) -> Result<Session, BrokerError> {
        let opened = open(shared.broker.channel().await?).await;
        opened.map_err(|cause| shared.broker.failure("opening the fleet bus", &cause))
    }

    /// Serves until the connection is lost; returns why.
    async fn serve(mut self, shared: &Shared, to_send: &mut mpsc::Receiver<Outgoing>) -> BrokerError {
        info!("the fleet bus is connected to {}", shared.broker.address());
        // What waited for the connection is old by now.
        while to_send.try_recv().is_ok() {}
        let mut wanted = shared.addresses.subscribe();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut bound = Bound::default();
        loop {
            let addresses = wanted.borrow_and_update().clone();
            for address in addresses.iter().skip(bound.addresses) {
                if let Err(cause) = self.bind(address).await {
                    return shared.broker.failure("binding to the fleet bus", &cause);
                }
            }
            // A broker that blocks reads nothing: to the others this replica is silent.
            let connected = !self.connection.blocked();
            let since = connected.then(|| bound.since.unwrap_or_else(Instant::now));
            bound = Bound { since, addresses: addresses.len() };
            shared.bound.send_if_modified(|known| std::mem::replace(known, bound) != bound);
            if let Err(cause) = self.until_changed(shared, to_send, &mut wanted, &mut looks).await {
                return BrokerError::Failed(format!("{} has gone away: {cause}", shared.broker.address()));
            }
        }
    }

    /// Sends and hands out until there may be something new to bind or to tell.
    async fn until_changed(
        &mut self,
        shared: &Shared,
        to_send: &mut mpsc::Receiver<Outgoing>,
        wanted: &mut watch::Receiver<Vec<Address>>,
        looks: &mut Interval,
    ) -> Result<(), String> {
        loop {
            tokio::select! {
                delivery = self.incoming.next() => match delivery {
                    Some(Ok(delivery)) => hand_out(shared, delivery),
                    Some(Err(cause)) => return Err(rights::explained(&cause)),
                    None => return Err("the broker has cancelled its consumer".to_owned()),
                },
                Some(outgoing) = to_send.recv() => {
                    self.send(outgoing).await.map_err(|cause| rights::explained(&cause))?;
                }
                _ = looks.tick() => return Ok(()),
                _ = wanted.changed() => return Ok(()),
            }
        }
    }

    async fn bind(&self, address: &Address) -> Result<(), lapin::Error> {
        let (exchange, routing_key) = route(address);
        let binding = QueueBindOptions::default();
        let none = FieldTable::default();
        self.channel.queue_bind(self.queue.clone(), exchange.into(), routing_key.into(), binding, none).await
    }

    async fn send(&self, outgoing: Outgoing) -> Result<(), lapin::Error> {
        if self.connection.blocked() {
            return Ok(());
        }
        let (exchange, routing_key) = route(&outgoing.address);
        let sent = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            BasicPublishOptions::default(),
            &outgoing.message,
            BasicProperties::default(),
        );
        // Blocked in the midst of it, it goes out some day; what comes in does not wait for that.
        timeout(LOOK_EVERY, sent).await.map_or(Ok(()), |sent| sent.map(drop))
    }
}

async fn open(OpenChannel { channel, connection }: OpenChannel) -> Result<Session, lapin::Error> {
    // The exchanges are durable, so that a restarted broker has them before the first replica is
    // back; the queues and messages are not.
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    for topic in Topic::ALL {
        let exchange = topic_exchange(topic).into();
        channel.exchange_declare(exchange, ExchangeKind::Fanout, durable, FieldTable::default()).await?;
    }
    channel
        .exchange_declare(INBOX_EXCHANGE.into(), ExchangeKind::Direct, durable, FieldTable::default())
        .await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    // A virtual host may make quorum queues by default, and those are never exclusive.
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(QUEUE_MESSAGES_MAX));
    let queue = channel.queue_declare("".into(), own, arguments).await?.name().clone();
    let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let incoming =
        channel.basic_consume(queue.clone(), "".into(), unacknowledged, FieldTable::default()).await?;
    Ok(Session { connection, channel, queue, incoming })
}

fn hand_out(shared: &Shared, delivery: Delivery) {
    let exchange = delivery.exchange.as_str();
    let address = match Topic::ALL.into_iter().find(|topic| topic_exchange(*topic) == exchange) {
        Some(topic) => Address::Topic(topic),
        None => Address::Inbox(delivery.routing_key.to_string()),
    };
    shared.hand_out(&address, delivery.data.into());
}

/// Exchange and routing key of an address.
fn route(address: &Address) -> (&str, &str) {
    match address {
        Address::Topic(topic) => (topic_exchange(*topic), ""),
        Address::Inbox(replica) => (INBOX_EXCHANGE, replica),
    }
}

fn topic_exchange(topic: Topic) -> &'static str {
    match topic {
        Topic::Presence => "tellers.presence",
        Topic::Report => "tellers.report",
        Topic::Settings => "tellers.settings",
    }
}
