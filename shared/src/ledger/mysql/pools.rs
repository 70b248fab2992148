//! Connections: four pools, so that no dashboard ever waits for the posting or the other way round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Executor, MySql, MySqlConnection, Pool};

use super::MySqlConfig;
use super::address::{self, Address};
use super::durability;
use crate::contract::report::PoolReport;
use crate::ledger::durability::LatestLook;
use crate::ledger::failure::Failure;
use crate::ledger::sql::Purpose;
use crate::ledger::sql::pool::MeasuredPool;
use crate::ledger::{Durability, LedgerError};

/// Connections for records: one monitor writes a few a minute.
const RECORDS_CONNECTIONS_MAX: u32 = 2;
/// How long the pool itself waits for a connection, at the most. It tries a server that is away at intervals of up to a
/// fifth of this, so that a fleet is back about a second after its database is.
const ACQUIRE_SLICE_MAX: Duration = Duration::from_secs(5);
/// A connection that lay idle for longer is tried before it is used: the server may have restarted.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(1);
/// How long such a try may take: a server that went without a word never answers.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection lies idle before it is closed, which lets the overflow shrink after a peak.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What the connections that write are set to besides: how long the server waits for a client that is silent in the
/// midst of a transaction, or of a packet. Then it rolls back, so that a process that stopped, or whose host is gone,
/// keeps its locks no longer than that, and whoever waits for them goes on within 10 s.
///
/// MariaDB limits the silence within a transaction by itself. MySQL, which reads the last comment and MariaDB does not,
/// limits any silence: a connection that lay idle for that long is found closed when it is tried, and is replaced.
/// <https://mariadb.com/kb/en/comment-syntax/>
const WRITING_SESSION: &str = "SET SESSION net_read_timeout = 6, SESSION net_write_timeout = 6 \
     /*M!100300 , SESSION idle_transaction_timeout = 6 */ /*!80000 , SESSION wait_timeout = 6 */";

/// What every connection is set to, whatever the server's own defaults.
///
/// READ COMMITTED locks the rows that are named and no gaps between them. A lock is waited for no longer
/// than a batch that holds it could reasonably take.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     SESSION innodb_lock_wait_timeout = 5";

/// A pool of connections, and where they go.
#[derive(Debug, Clone)]
struct Server {
    pool: MeasuredPool<MySql>,
    address: Address,
}

/// The connections of a ledger, by what they are for.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    primary: Server,
    reads: Server,
    analytics: Server,
    records: Server,
    timeout: Duration,
    reads_replica: bool,
    looking: Looking,
}

/// What is done on a connection when it has been made, beside [`SESSION`].
#[derive(Debug, Clone)]
enum OnConnect {
    Read,
    Write,
    /// It writes what nobody has elsewhere: the server is looked at first.
    Post(Looking),
}

/// Looks at the durability of a server, and notes what it finds.
#[derive(Debug, Clone)]
struct Looking {
    latest: LatestLook,
    is_weak_allowed: bool,
}

impl Looking {
    async fn look(&self, connection: &mut MySqlConnection) -> Result<(), Failure> {
        let weaknesses = durability::look(connection).await?;
        self.latest.note(Durability { weaknesses, is_weak_allowed: self.is_weak_allowed });
        Ok(())
    }
}

impl Pools {
    /// Connects when first asked for something.
    pub(super) fn connect(config: &MySqlConfig) -> Result<Pools, LedgerError> {
        let slice = config.pool_timeout / slices(config.pool_timeout);
        let primary = ("DATABASE_URL", config.url.as_str());
        let reads = config.readonly_url.as_deref().map_or(primary, |url| ("DATABASE_READONLY_URL", url));
        let analytics = config.analytics_url.as_deref().map_or(reads, |url| ("DATABASE_ANALYTICS_URL", url));
        let looking =
            Looking { latest: LatestLook::default(), is_weak_allowed: config.allow_weak_durability };
        Ok(Pools {
            primary: server(
                "primary",
                primary,
                config.pool_size.saturating_add(config.max_overflow),
                slice,
                OnConnect::Post(looking.clone()),
            )?,
            reads: server("reads", reads, config.readonly_pool_size, slice, OnConnect::Read)?,
            analytics: server("analytics", analytics, config.analytics_pool_size, slice, OnConnect::Read)?,
            records: server("records", primary, RECORDS_CONNECTIONS_MAX, slice, OnConnect::Write)?,
            timeout: config.pool_timeout,
            reads_replica: config.readonly_url.is_some(),
            looking,
        })
    }

    /// A connection for this purpose, in the time that the configuration grants.
    pub(super) async fn acquire(&self, purpose: Purpose) -> Result<PoolConnection<MySql>, Failure> {
        let server = match purpose {
            Purpose::Posting => &self.primary,
            Purpose::Reading => &self.reads,
            Purpose::Analysis => &self.analytics,
            Purpose::WritingRecords | Purpose::ReadingRecords => &self.records,
        };
        let patiently = async |pool: &Pool<MySql>| {
            let asked = Instant::now();
            loop {
                match pool.acquire().await {
                    Err(sqlx::Error::PoolTimedOut) if asked.elapsed() < self.timeout => {}
                    acquired => return acquired,
                }
            }
        };
        server.pool.acquire(patiently).await.map_err(|failure| server.address.named_in(failure))
    }

    /// Looks at the durability of the primary, beside the connections that post.
    pub(super) async fn look_at_durability(&self) -> Result<(), Failure> {
        let mut connection = self.acquire(Purpose::ReadingRecords).await?;
        self.looking.look(&mut connection).await
    }

    /// What was found of it last.
    pub(super) fn durability(&self) -> Option<Arc<Durability>> {
        self.looking.latest.get()
    }

    /// Whether single reads go to another server than the primary.
    pub(super) fn reads_replica(&self) -> bool {
        self.reads_replica
    }

    /// How each stands.
    pub(super) fn report(&self) -> Vec<PoolReport> {
        [&self.primary, &self.reads, &self.analytics, &self.records].map(|server| server.pool.report()).into()
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        tokio::join!(
            self.primary.pool.close(),
            self.reads.pool.close(),
            self.analytics.pool.close(),
            self.records.pool.close()
        );
    }
}

/// Into how many equal waits of the pool itself the whole wait is cut.
fn slices(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis().div_ceil(ACQUIRE_SLICE_MAX.as_millis())).unwrap_or(u32::MAX).max(1)
}

/// Prepares a pool; the URL comes with the name of its setting.
fn server(
    name: &'static str,
    (setting, url): (&'static str, &str),
    connections_max: u32,
    slice: Duration,
    on_connect: OnConnect,
) -> Result<Server, LedgerError> {
    let (options, address) = address::read(setting, url)?;
    Ok(Server { pool: pool(name, options, connections_max, slice, on_connect), address })
}

fn pool(
    name: &'static str,
    options: MySqlConnectOptions,
    connections_max: u32,
    slice: Duration,
    on_connect: OnConnect,
) -> MeasuredPool<MySql> {
    // Statements carry clients' data, which has no place in a log.
    let options = options.disable_statement_logging().pipes_as_concat(false).no_engine_substitution(false);
    let pool = MySqlPoolOptions::new()
        .max_connections(connections_max.max(1))
        .acquire_timeout(slice)
        .idle_timeout(IDLE_MAX)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let on_connect = on_connect.clone();
            Box::pin(async move {
                connection.execute(sqlx::raw_sql(SESSION)).await?;
                if !matches!(on_connect, OnConnect::Read) {
                    connection.execute(sqlx::raw_sql(WRITING_SESSION)).await?;
                }
                if let OnConnect::Post(looking) = on_connect {
                    // A server that was not looked at is posted to by nobody.
                    let looked = looking.look(connection).await;
                    looked.map_err(|failure| sqlx::Error::Protocol(failure.to_string()))?;
                }
                Ok(())
            })
        })
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for <= IDLE_TRUSTED_MAX {
                    return Ok(true);
                }
                let answered = tokio::time::timeout(PING_TIMEOUT, sqlx::Connection::ping(connection)).await;
                Ok(matches!(answered, Ok(Ok(()))))
            })
        });
    MeasuredPool::new(name, pool.connect_lazy_with(options))
}
