//! Connections: four pools, so that no dashboard ever waits for the posting or the other way round.

use std::sync::Arc;
use std::time::Duration;

use contract::report::PoolReport;

use super::MySqlConfig;
use super::durability::Looking;
use super::server::{Lease, Server};
use super::standing::Writes;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::ledger::durability::Durability;
use crate::sql::session::Purpose;

/// Connections for records: one monitor writes a few a minute.
const RECORDS_CONNECTIONS_MAX: u32 = 2;
/// How long the pools may take to close. Whatever a server keeps waiting then ends with the process, and rolls back.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The connections of a ledger, by what they are for.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    primary: Server,
    reads: Server,
    analytics: Server,
    records: Server,
    reads_replica: bool,
    looking: Looking,
}

impl Pools {
    /// Connects when first asked for something.
    pub(super) fn connect(config: &MySqlConfig) -> Result<Pools, StoreError> {
        let primary = ("DATABASE_URL", config.url.as_str());
        let reads = config.readonly_url.as_deref().map_or(primary, |url| ("DATABASE_READONLY_URL", url));
        let analytics = config.analytics_url.as_deref().map_or(reads, |url| ("DATABASE_ANALYTICS_URL", url));
        let server = |name, at: (&'static str, &str), connections_max, writes: Writes| {
            Server::new(name, at, connections_max, config.pool_timeout, writes)
        };
        // A server that is to be a primary is left when it is none any more, also by those who only read.
        let of = |(setting, _): (&'static str, &str)| match setting {
            "DATABASE_URL" => Writes::Elsewhere,
            _ => Writes::OnPrimary,
        };
        let looking = Looking::new(config.allow_weak_durability);
        let connections_max = config.pool_size.saturating_add(config.max_overflow);
        Ok(Pools {
            primary: server("primary", primary, connections_max, Writes::Posts(looking.clone()))?,
            reads: server("reads", reads, config.readonly_pool_size, of(reads))?,
            analytics: server("analytics", analytics, config.analytics_pool_size, of(analytics))?,
            records: server("records", primary, RECORDS_CONNECTIONS_MAX, Writes::Here)?,
            reads_replica: config.readonly_url.is_some(),
            looking,
        })
    }

    /// A connection for this purpose, in the time that the configuration grants.
    pub(super) async fn acquire(&self, purpose: Purpose) -> Result<Lease, Failure> {
        let server = match purpose {
            Purpose::Posting => &self.primary,
            Purpose::Reading => &self.reads,
            Purpose::Analysis => &self.analytics,
            Purpose::WritingRecords | Purpose::ReadingRecords => &self.records,
        };
        server.lease().await
    }

    /// Looks at the durability of the primary, beside the connections that post.
    pub(super) async fn look_at_durability(&self) -> Result<(), Failure> {
        let mut connection = self.acquire(Purpose::ReadingRecords).await?;
        self.looking.look(&mut connection).await
    }

    /// What was found of it last.
    pub(super) fn durability(&self) -> Option<Arc<Durability>> {
        self.looking.latest()
    }

    /// Whether single reads go to another server than the primary.
    pub(super) fn reads_replica(&self) -> bool {
        self.reads_replica
    }

    /// How each stands.
    pub(super) fn report(&self) -> Vec<PoolReport> {
        [&self.primary, &self.reads, &self.analytics, &self.records].map(Server::report).into()
    }

    /// Closes all connections, as far as the servers let it.
    pub(super) async fn close(&self) {
        let all = async {
            tokio::join!(
                self.primary.close(),
                self.reads.close(),
                self.analytics.close(),
                self.records.close()
            )
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, all).await.is_err() {
            tracing::debug!("the database keeps connections waiting; they end with the process");
        }
    }
}
