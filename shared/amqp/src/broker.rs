//! Connections to RabbitMQ: a small pool, opened on demand, with backoff while the broker is away.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError};
use lapin::{Channel, ConnectionStatus};
use tokio::time::timeout;

use crate::BrokerError;
use crate::backoff::Backoff;
use crate::connector::{self, Connector};
use crate::rights;

/// Seconds between heartbeats: a peer that vanished without a word is noticed after twice as long.
/// RabbitMQ advises against less than some seconds, which a busy machine may miss.
const HEARTBEAT_SECONDS: u16 = 4;
/// Bytes of a frame. lapin keeps room for 32 of them each way for every connection, so with RabbitMQ's 128 KiB each
/// connection took 8 MB; an envelope of 100 jobs, some 30 kB, still goes in one frame.
const FRAME_BYTES: u32 = 32 << 10;
/// How long a connection may take to open, its handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a channel may take to open or close on a connection that works.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(4);

/// A pool of connections to one broker.
pub struct Broker {
    pool: Pool<Connector>,
    /// Where it is, without the password.
    address: String,
    backoff: Backoff,
}

/// A channel, and the state of the connection that it runs on.
pub struct OpenChannel {
    /// The channel.
    pub channel: Channel,
    /// The state of its connection.
    pub connection: ConnectionStatus,
}

impl Broker {
    /// Prepares a pool of up to `connections`, named `name` in RabbitMQ's listings; opens none.
    ///
    /// # Errors
    /// The URL is not one of AMQP, or a part of it is not understood.
    pub fn new(url: &str, name: &str, connections: usize) -> Result<Broker, BrokerError> {
        let (mut uri, host) = connector::read(url)?;
        let address = format!("RabbitMQ at {host}:{}", uri.authority.port);
        if uri.vhost.is_empty() {
            // `amqp://host/`: by the letter a virtual host without a name, which nobody has.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_BYTES);
        let milliseconds = u64::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout.get_or_insert(milliseconds);
        let pool = Pool::builder(Connector::new(uri, name))
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|cause| BrokerError::Failed(format!("no pool of AMQP connections: {cause}")))?;
        Ok(Broker { pool, address, backoff: Backoff::default() })
    }

    /// Where the broker is, without credentials; for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// An error that says what could not be done and where.
    pub fn failure(&self, doing: &str, cause: &lapin::Error) -> BrokerError {
        BrokerError::Failed(format!("{doing} failed on {}: {}", self.address, rights::explained(cause)))
    }

    /// A connection out of the pool, opened where none works. It goes back when it is dropped;
    /// channels opened on it live on.
    pub async fn connection(&self) -> Result<Object<Connector>, BrokerError> {
        let attempt = self.backoff.attempt()?;
        let connected = match timeout(CONNECT_TIMEOUT, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(cause)) => {
                let why =
                    format!("{} cannot be reached: {}", self.address, self.pool.manager().explain(&cause));
                let is_shut_out = matches!(&cause, PoolError::Backend(cause) if rights::is_shut_out(cause));
                Err(if is_shut_out { BrokerError::ShutOut(why) } else { BrokerError::Failed(why) })
            }
            Err(_) => Err(BrokerError::Failed(format!("{} does not answer", self.address))),
        };
        match connected {
            Ok(connection) => {
                attempt.succeeded();
                Ok(connection)
            }
            Err(cause) => Err(attempt.failed(cause)),
        }
    }

    /// Opens a channel.
    pub async fn channel(&self) -> Result<OpenChannel, BrokerError> {
        let connection = self.connection().await?;
        if connection.status().blocked() {
            // Nothing is sent on it until the broker lifts this, a new channel no more than a message.
            return Err(blocked(&self.address));
        }
        match timeout(CHANNEL_TIMEOUT, connection.create_channel()).await {
            Ok(Ok(channel)) => Ok(OpenChannel { channel, connection: connection.status().clone() }),
            Ok(Err(cause)) => Err(self.failure("opening a channel", &cause)),
            Err(_) => {
                // Half open: no other may get this connection.
                drop(Object::take(connection));
                Err(BrokerError::Failed(format!("{} does not open a channel", self.address)))
            }
        }
    }

    /// Connected, and not blocked by the broker.
    pub async fn ready(&self) -> Result<(), BrokerError> {
        let connection = self.connection().await?;
        if connection.status().blocked() {
            return Err(blocked(&self.address));
        }
        Ok(())
    }

    /// Closes what is idle; what is still in use closes with its last channel.
    pub async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        for connection in idle {
            let _ = timeout(CHANNEL_TIMEOUT, connection.close(200, "bye".into())).await;
        }
    }
}

/// The broker takes nothing until it has memory and disk again.
pub fn blocked(address: &str) -> BrokerError {
    BrokerError::Alarm(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_message_shows_the_password() {
        for url in [
            "amqp://teller:s3cret@127.0.0.1:1/v",
            "http://teller:s3cret@host",
            "s3cret",
            "amqp://a:s3cret@h:x",
        ] {
            let failure = match Broker::new(url, "test", 1) {
                Ok(broker) => broker.channel().await.err().expect("nothing listens on port 1"),
                Err(failure) => failure,
            };
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_away_is_named_and_not_tried_at_once_again() {
        let broker = Broker::new("amqp://127.0.0.1:1", "test", 1).unwrap();
        let first = broker.channel().await.err().unwrap().to_string();
        assert!(first.starts_with("RabbitMQ at 127.0.0.1:1 cannot be reached"), "{first}");
        assert_eq!(broker.backoff.attempt().err().unwrap().to_string(), first);
    }
}
