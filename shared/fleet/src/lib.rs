//! The fleet bus port: what replicas tell each other. Nothing on it is durable, and nothing that is
//! promised to a client depends on it.

pub mod assignment;
pub mod config;
pub mod embedded;
pub mod rabbitmq;
pub mod reporter;
pub mod settings;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast;

/// Small, unordered, best-effort messages between replicas.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells every replica that listens to `topic`. A message that cannot be sent is dropped.
    async fn broadcast(&self, topic: Topic, message: Bytes);

    /// Everything that is broadcast on `topic` from now on, the sender's own messages included.
    /// A slow listener loses the oldest.
    async fn listen(&self, topic: Topic) -> broadcast::Receiver<Bytes>;

    /// Tells one replica, by its id.
    async fn tell(&self, replica: &str, message: Bytes);

    /// Everything that is sent to `replica` (this one) from now on.
    async fn inbox(&self, replica: &str) -> broadcast::Receiver<Bytes>;

    /// Whether messages reach the bus, and since when: silence of others means nothing while it is down.
    fn connected_since(&self) -> Option<tokio::time::Instant>;

    /// Ends what runs in the background.
    async fn close(&self);
}

/// Messages that a listener may lag behind before it loses the oldest.
pub const LISTENER_MESSAGES_MAX: usize = 4096;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Address {
    Topic(Topic),
    /// The replica with this id.
    Inbox(String),
}

/// Bytes of a replica's id that tell it from others; RabbitMQ's routing keys hold no more.
const REPLICA_ID_BYTES_MAX: usize = 255;

impl Address {
    /// A replica's id may come out of a stranger's message: a long one is cut, not a panic.
    fn inbox(replica: &str) -> Address {
        Address::Inbox(replica[..replica.floor_char_boundary(REPLICA_ID_BYTES_MAX)].to_owned())
    }
}

/// What a broadcast is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A worker's heartbeat with the lanes that it holds, several times a second.
    Presence,
    /// A replica's full report, each second.
    Report,
    /// Settings that changed.
    Settings,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 3] = [Topic::Presence, Topic::Report, Topic::Settings];
}
