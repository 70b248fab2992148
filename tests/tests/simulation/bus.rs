//! The bus: messages come late, or not at all, and two processes may not hear of each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use fleet::{Bus, LISTENER_MESSAGES_MAX, Topic};
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::world::{Process, World, lock};

/// Between all processes.
#[derive(Clone)]
pub struct Air(Arc<Shared>);

struct Shared {
    world: World,
    listeners: Mutex<BTreeMap<String, (Process, broadcast::Sender<Bytes>)>>,
    loss: Mutex<Loss>,
}

#[derive(Clone, Copy)]
struct Loss {
    /// Of a hundred messages.
    lost: u32,
    /// Milliseconds below which they come.
    late_ms: u32,
    /// The bus is connected since then, or it is not.
    since: Option<Instant>,
}

impl Air {
    /// One that works.
    pub fn new(world: &World) -> Air {
        let loss = Loss { lost: 0, late_ms: 5, since: Some(Instant::now()) };
        let (listeners, loss) = (Mutex::default(), Mutex::new(loss));
        Air(Arc::new(Shared { world: world.clone(), listeners, loss }))
    }

    /// So many of a hundred messages are lost from now on, and others are so late.
    pub fn lose(&self, lost: u32, late_ms: u32) {
        let mut loss = lock(&self.0.loss);
        (loss.lost, loss.late_ms) = (lost, late_ms.max(1));
    }

    /// The bus goes, or comes back.
    pub fn connect(&self, connected: bool) {
        let mut loss = lock(&self.0.loss);
        loss.since = connected.then(|| loss.since.unwrap_or_else(Instant::now));
    }

    /// As one process has it.
    pub fn of(&self, process: &Process) -> Arc<dyn Bus> {
        Arc::new(BusOf { air: self.clone(), process: process.clone() })
    }
}

struct BusOf {
    air: Air,
    process: Process,
}

#[async_trait]
impl Bus for BusOf {
    async fn broadcast(&self, topic: Topic, message: Bytes) {
        self.process.gate().await;
        let (world, loss) = (&self.air.0.world, *lock(&self.air.0.loss));
        if topic != Topic::Presence || loss.since.is_none() {
            return;
        }
        for (process, listener) in lock(&self.air.0.listeners).values() {
            if !world.percent(loss.lost) {
                let (late, message, world) = (world.millis(0, loss.late_ms), message.clone(), world.clone());
                let (process, listener) = (process.clone(), listener.clone());
                self.process.spawn(async move {
                    world.pass(late).await;
                    process.gate().await;
                    // Nobody may be listening any more.
                    let _ = listener.send(message);
                });
            }
        }
    }

    async fn listen(&self, _: Topic) -> broadcast::Receiver<Bytes> {
        self.process.gate().await;
        let sender = broadcast::Sender::new(LISTENER_MESSAGES_MAX);
        let receiver = sender.subscribe();
        let name = self.process.name().to_owned();
        lock(&self.air.0.listeners).insert(name, (self.process.clone(), sender));
        receiver
    }

    async fn tell(&self, _: &str, _: Bytes) {
        self.process.gate().await;
    }

    async fn inbox(&self, _: &str) -> broadcast::Receiver<Bytes> {
        broadcast::Sender::new(1).subscribe()
    }

    fn connected_since(&self) -> Option<Instant> {
        lock(&self.air.0.loss).since
    }

    async fn close(&self) {}
}
