//! The bus on RabbitMQ: a fanout exchange per topic, a direct one for inboxes, and one exclusive
//! queue per replica, bound to what it listens to.
//!
//! One task owns the connection. It comes back by itself after a failure and binds everything anew;
//! what was sent meanwhile is lost, as the port allows.

mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amqp::BrokerError;
use amqp::broker::Broker;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::session::Outgoing;
use super::{Address, Bus, LISTENER_MESSAGES_MAX, Topic};

/// Messages that wait to be sent; beyond them the newest are dropped. Seconds of a busy replica.
const OUTGOING_MESSAGES_MAX: usize = 4096;
/// How long `listen` waits for the broker to know of it; after that it is bound when it can be.
const BIND_TIMEOUT: Duration = Duration::from_secs(2);

/// The bus on RabbitMQ.
pub struct RabbitMqBus {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    stopping: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the bus and its task both see.
struct Shared {
    broker: Broker,
    listeners: Mutex<HashMap<Address, broadcast::Sender<Bytes>>>,
    /// Addresses that were ever listened to; the task binds them in this order.
    addresses: watch::Sender<Vec<Address>>,
    bound: watch::Sender<Bound>,
}

/// How far the task has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bound {
    /// `None` while the broker is away.
    since: Option<Instant>,
    /// How many of the addresses are bound in this connection.
    addresses: usize,
}

impl RabbitMqBus {
    /// Starts connecting; `url` is `amqp://` or `amqps://`. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The URL is not one of AMQP.
    pub fn new(url: &str) -> Result<RabbitMqBus, BrokerError> {
        let shared = Arc::new(Shared {
            broker: Broker::new(url, "tellers bus", 1)?,
            listeners: Mutex::default(),
            addresses: watch::Sender::new(Vec::new()),
            bound: watch::Sender::new(Bound::default()),
        });
        let stopping = CancellationToken::new();
        let (outgoing, to_send) = mpsc::channel(OUTGOING_MESSAGES_MAX);
        let task = tokio::spawn(session::run(shared.clone(), to_send, stopping.clone()));
        Ok(RabbitMqBus { shared, outgoing, stopping, task: Mutex::new(Some(task)) })
    }

    async fn receiver(&self, address: Address) -> broadcast::Receiver<Bytes> {
        let receiver = self.shared.sender(&address).subscribe();
        let mut position = 0;
        self.shared.addresses.send_if_modified(|addresses| {
            let known = addresses.iter().position(|known| *known == address);
            position = known.unwrap_or(addresses.len());
            if known.is_none() {
                addresses.push(address);
            }
            known.is_none()
        });
        let mut bound = self.shared.bound.subscribe();
        let known_to_broker = bound.wait_for(|bound| bound.addresses > position);
        let _ = timeout(BIND_TIMEOUT, known_to_broker).await;
        receiver
    }

    fn send(&self, address: Address, message: Bytes) {
        // While the broker is away nothing is kept: an old report misleads.
        if self.connected_since().is_some() {
            let _ = self.outgoing.try_send(Outgoing { address, message });
        }
    }
}

impl Shared {
    fn sender(&self, address: &Address) -> broadcast::Sender<Bytes> {
        let mut listeners = self.listeners();
        let sender = listeners.entry(address.clone());
        sender.or_insert_with(|| broadcast::Sender::new(LISTENER_MESSAGES_MAX)).clone()
    }

    fn hand_out(&self, address: &Address, message: Bytes) {
        if let Some(listeners) = self.listeners().get(address) {
            // Nobody may be listening any more.
            let _ = listeners.send(message);
        }
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<Address, broadcast::Sender<Bytes>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bus for RabbitMqBus {
    async fn broadcast(&self, topic: Topic, message: Bytes) {
        self.send(Address::Topic(topic), message);
    }

    async fn listen(&self, topic: Topic) -> broadcast::Receiver<Bytes> {
        self.receiver(Address::Topic(topic)).await
    }

    async fn tell(&self, replica: &str, message: Bytes) {
        self.send(Address::inbox(replica), message);
    }

    async fn inbox(&self, replica: &str) -> broadcast::Receiver<Bytes> {
        self.receiver(Address::inbox(replica)).await
    }

    fn connected_since(&self) -> Option<Instant> {
        self.shared.bound.borrow().since
    }

    async fn close(&self) {
        self.stopping.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
        self.shared.broker.close().await;
    }
}

impl Drop for RabbitMqBus {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
