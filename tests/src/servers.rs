//! Real servers to test on: private ones that a test may kill, and shared ones for the tests that
//! only use them.
//!
//! `TEST_DATABASE_URL` (an account that may create databases) and `TEST_AMQP_URL` (a virtual host
//! that the tests may empty) name servers to share instead of private ones; tests that kill servers
//! start their own all the same.

mod mariadb;
mod ports;
mod rabbitmq;

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

pub use mariadb::{MariaDb, MariaDbOptions};
pub use ports::free_port;
pub use rabbitmq::RabbitMq;

/// The URL of a new, empty database on the server that this test binary shares.
///
/// # Errors
/// There is no server, and what to install; or the server refused.
pub async fn fresh_database() -> anyhow::Result<String> {
    static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        return mariadb::create_database(&url).await.context("on the server of TEST_DATABASE_URL");
    }
    SHARED.get_or_try_init(MariaDb::start).await?.fresh_database().await
}

/// An empty virtual host on the broker that this test binary shares.
///
/// # Errors
/// There is no broker, and what to install; or the broker refused.
pub async fn fresh_vhost() -> anyhow::Result<Vhost> {
    static SHARED: OnceCell<RabbitMq> = OnceCell::const_new();
    static TURN: OnceCell<Arc<Mutex<()>>> = OnceCell::const_new();
    if let Ok(url) = std::env::var("TEST_AMQP_URL") {
        // AMQP cannot make virtual hosts: the tests take turns on the one that is given.
        let turn = Arc::clone(TURN.get_or_init(async || Arc::default()).await);
        let turn = turn.lock_owned().await;
        rabbitmq::empty(&url).await.context("on the broker of TEST_AMQP_URL")?;
        return Ok(Vhost { url, _turn: Some(turn) });
    }
    let url = SHARED.get_or_try_init(RabbitMq::start).await?.fresh_vhost().await?;
    Ok(Vhost { url, _turn: None })
}

/// A virtual host that no other test uses while this value lives.
#[derive(Debug)]
pub struct Vhost {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Vhost {
    /// Loses all queues with what is in them, as a broker does that is restored from nothing.
    ///
    /// # Errors
    /// There is no broker.
    pub async fn empty(&self) -> anyhow::Result<()> {
        rabbitmq::empty(&self.url).await
    }
}
