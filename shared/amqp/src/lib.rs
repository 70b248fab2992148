//! Connections to RabbitMQ. The queue's adapter and the fleet bus stand on them; what they send is theirs.

pub mod backoff;
pub mod broker;
pub mod connector;
pub mod rights;

/// The broker could not do what was asked; asking again may work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    /// It is short of memory or disk: it takes no messages, but hands out those that wait. Names the broker.
    #[error("{0} takes no messages: it is short of memory or disk")]
    Alarm(String),
    /// It lets nobody in by the URL: it has no such virtual host, or not this user with this password, or keeps the user
    /// out of the virtual host. Waiting mends nothing, but an administrator may.
    #[error("{0}")]
    ShutOut(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
