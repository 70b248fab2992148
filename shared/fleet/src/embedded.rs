//! The bus of a fleet in one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::{Address, Bus, LISTENER_MESSAGES_MAX, Topic};

/// Hands messages over in memory. One per process, shared by its replicas.
pub struct EmbeddedBus {
    since: Instant,
    listeners: Mutex<HashMap<Address, broadcast::Sender<Bytes>>>,
}

impl Default for EmbeddedBus {
    fn default() -> Self {
        EmbeddedBus { since: Instant::now(), listeners: Mutex::default() }
    }
}

impl EmbeddedBus {
    fn sender(&self, address: Address) -> broadcast::Sender<Bytes> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(address).or_insert_with(|| broadcast::Sender::new(LISTENER_MESSAGES_MAX)).clone()
    }

    fn send(&self, address: &Address, message: Bytes) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = listeners.get(address) {
            // Nobody may be listening any more.
            let _ = listeners.send(message);
        }
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn broadcast(&self, topic: Topic, message: Bytes) {
        self.send(&Address::Topic(topic), message);
    }

    async fn listen(&self, topic: Topic) -> broadcast::Receiver<Bytes> {
        self.sender(Address::Topic(topic)).subscribe()
    }

    async fn tell(&self, replica: &str, message: Bytes) {
        self.send(&Address::inbox(replica), message);
    }

    async fn inbox(&self, replica: &str) -> broadcast::Receiver<Bytes> {
        self.sender(Address::inbox(replica)).subscribe()
    }

    fn connected_since(&self) -> Option<Instant> {
        Some(self.since)
    }

    async fn close(&self) {}
}
