//! What is said of the server.

use std::time::Duration;

/// Where the database is, and how many connections it is worth.
#[derive(Debug, Clone)]
pub struct MySqlConfig {
    /// `mysql://USER:PASSWORD@HOST:PORT/NAME` of the primary.
    pub url: String,
    /// The same of a replica for single reads; `None`: the primary.
    pub readonly_url: Option<String>,
    /// The same of a replica for audits and totals; `None`: that for single reads.
    pub analytics_url: Option<String>,
    /// Connections to the primary.
    pub pool_size: u32,
    /// Connections above that at peaks; closed when they have been idle for a minute.
    pub max_overflow: u32,
    /// Connections for single reads.
    pub readonly_pool_size: u32,
    /// Connections for audits, totals and analyses.
    pub analytics_pool_size: u32,
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
    /// Post to a server too that may forget at a power cut what it has committed.
    pub allow_weak_durability: bool,
}

impl MySqlConfig {
    /// One server for everything, with the default pools.
    #[must_use]
    pub fn new(url: impl Into<String>) -> MySqlConfig {
        MySqlConfig {
            url: url.into(),
            readonly_url: None,
            analytics_url: None,
            pool_size: 50,
            max_overflow: 100,
            readonly_pool_size: 10,
            analytics_pool_size: 5,
            pool_timeout: Duration::from_secs(30),
            allow_weak_durability: false,
        }
    }
}
