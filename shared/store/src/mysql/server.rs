//! One server of the database: the pool of connections to it, and when they are given up.
//!
//! An address outlives the server behind it. After a failover the old server may live on, read-only or silent, and the
//! connections to it with it; then nothing but a new connection leads to the new one. So a server that takes no more
//! writes, or that does not answer, is *left*: all connections to it are given up, the idle ones and, as soon as they are
//! looked at, those in use.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use std::time::{Duration, Instant};

use contract::report::PoolReport;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, MySql, MySqlConnection, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::address::{self, Address};
use super::nodelay::send_at_once;
use super::standing::{ANSWER_TIMEOUT, Standing, TRUSTED_MAX, Writes};
use crate::error::StoreError;
use crate::failure::{Failure, mysql as errors};
use crate::sql::pool::MeasuredPool;
use crate::sql::script::{Dialect, Script, Step};
use crate::sql::session::{self, Session};

/// How long the pool itself waits for a connection, at the most: then it goes by the address anew, which may lead
/// elsewhere by then. It tries a server that is away at intervals of up to a fifth of this, so that a fleet is back within
/// a second of its database.
const ACQUIRE_SLICE_MAX: Duration = Duration::from_secs(3);
/// How often a server that is at a script is asked whether it is still there.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a connection may take to come back to the pool: a server that is silent then would keep its place for ever.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection lies idle before it is closed, which lets the overflow shrink after a peak.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How old a connection grows: where an address has moved and the old server lives on as if nothing were, it is left
/// after this all the same.
const AGE_MAX: Duration = Duration::from_secs(300);

/// What every connection is set to, whatever the server's own defaults.
///
/// READ COMMITTED locks the rows that are named and no gaps between them. A lock is waited for no longer
/// than a batch that holds it could reasonably take.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     SESSION innodb_lock_wait_timeout = 5";

/// What the connections that write are set to besides: how long the server waits for a client that is silent in the
/// midst of a transaction, or of a packet. Then it rolls back, so that a process that stopped, or whose host is gone,
/// keeps its locks no longer than that, and whoever waits for them goes on within 10 s.
///
/// MariaDB limits the silence within a transaction by itself. MySQL, which reads the last comment and MariaDB does not,
/// limits any silence: a connection that lay idle for that long is found closed when it is tried, and is replaced.
/// <https://mariadb.com/kb/en/comment-syntax/>
const WRITING_SESSION: &str = "SET SESSION net_read_timeout = 6, SESSION net_write_timeout = 6 \
     /*M!100300 , SESSION idle_transaction_timeout = 6 */ /*!80000 , SESSION wait_timeout = 6 */";

/// A server, and the connections to it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pool: MeasuredPool<MySql>,
    connections: Pool<MySql>,
    address: Arc<Address>,
    standing: Arc<Standing>,
    patience: Duration,
}

impl Server {
    /// Prepares the connections; the URL comes with the name of its setting.
    pub(super) fn new(
        name: &'static str,
        (setting, url): (&'static str, &str),
        connections_max: u32,
        patience: Duration,
        writes: Writes,
    ) -> Result<Server, StoreError> {
        let (options, address) = address::read(setting, url)?;
        let standing = Arc::new(Standing::new(writes));
        let slice = patience / slices(patience);
        let connections = connections(options, connections_max, slice, standing.clone());
        let pool = MeasuredPool::new(name, connections.clone());
        Ok(Server { pool, connections, address: Arc::new(address), standing, patience })
    }

    /// A connection, in the time that the configuration grants.
    pub(super) async fn lease(&self) -> Result<Lease, Failure> {
        let patiently = async |pool: &Pool<MySql>| {
            let asked = Instant::now();
            loop {
                match pool.acquire().await {
                    Err(sqlx::Error::PoolTimedOut) if asked.elapsed() < self.patience => {}
                    acquired => return acquired,
                }
            }
        };
        let acquired = self.pool.acquire(patiently).await;
        if let Some(why) = self.standing.reason_to_leave() {
            self.close_idle(&why);
        }
        Ok(self.leased(acquired.map_err(|failure| self.address.named_in(failure))?))
    }

    fn leased(&self, connection: PoolConnection<MySql>) -> Lease {
        Lease { connection, server: self.clone(), leased_at: Instant::now(), abandoned: false }
    }

    /// How the pool stands.
    pub(super) fn report(&self) -> PoolReport {
        self.pool.report()
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Gives up all connections, so that the next one goes by the address anew.
    fn leave(&self, why: &str) {
        self.standing.leave();
        self.close_idle(why);
    }

    fn close_idle(&self, why: &str) {
        // Once for each loss: while a server is read-only, it is left each second.
        if self.standing.answers.swap(false, Relaxed) {
            tracing::warn!(server = %self.address, "the connections to the database are given up: {why}");
        }
        while let Some(mut idle) = self.connections.try_acquire() {
            idle.close_on_drop();
        }
    }

    /// Waits until what was leased at this time cannot be relied on any more, and says why; for as long as the server
    /// answers and is what it was, for ever.
    async fn left(&self, leased_at: Instant) -> String {
        while !self.standing.was_left_since(leased_at) {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if self.standing.is_due()
                && let Err(why) = self.ask().await
            {
                self.leave(&why);
            }
        }
        "the database stopped answering, or became a replica, while it was at work".to_owned()
    }

    /// Asks the server how it is: by an idle connection, which goes where the others go, else by a new one.
    async fn ask(&self) -> Result<(), String> {
        while let Some(connection) = self.connections.try_acquire() {
            let mut lease = self.leased(connection);
            if self.standing.ask(&mut lease).await? {
                return Ok(());
            }
            lease.abandon();
        }
        let options = self.connections.connect_options();
        match timeout(ANSWER_TIMEOUT, options.connect()).await {
            Ok(Ok(mut connection)) => self.standing.ask(&mut connection).await.map(drop),
            // It answered: it has no more connections to give, for one.
            Ok(Err(sqlx::Error::Database(_))) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no new connection within {ANSWER_TIMEOUT:?}")),
        }
    }
}

/// Into how many equal waits of the pool itself the whole wait is cut.
fn slices(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis().div_ceil(ACQUIRE_SLICE_MAX.as_millis())).unwrap_or(u32::MAX).max(1)
}

fn connections(
    options: MySqlConnectOptions,
    connections_max: u32,
    slice: Duration,
    standing: Arc<Standing>,
) -> Pool<MySql> {
    // Statements carry clients' data, which has no place in a log.
    let options = options.disable_statement_logging().pipes_as_concat(false).no_engine_substitution(false);
    let port = options.get_port();
    let met = standing.clone();
    let (also, looking) = match &standing.writes {
        Writes::Posts(looking) => (Some(WRITING_SESSION), Some(looking.clone())),
        Writes::Here => (Some(WRITING_SESSION), None),
        Writes::Elsewhere | Writes::OnPrimary => (None, None),
    };
    MySqlPoolOptions::new()
        .max_connections(connections_max.max(1))
        .acquire_timeout(slice)
        .idle_timeout(IDLE_MAX)
        .max_lifetime(AGE_MAX)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (looking, met) = (looking.clone(), met.clone());
            Box::pin(async move {
                send_at_once(port);
                for settings in [SESSION].into_iter().chain(also) {
                    let asked = Instant::now();
                    connection.execute(sqlx::raw_sql(settings)).await?;
                    met.answered_after(asked.elapsed());
                }
                if let Some(looking) = looking {
                    // Nobody posts to a server that was not looked at.
                    let looked = looking.look(connection).await;
                    looked.map_err(|failure| sqlx::Error::Protocol(failure.to_string()))?;
                }
                Ok(())
            })
        })
        .before_acquire(move |connection, meta| {
            let standing = standing.clone();
            Box::pin(async move {
                let now = Instant::now();
                if standing.was_left_since(now.checked_sub(meta.age).unwrap_or(now)) {
                    return Ok(false);
                }
                if meta.idle_for <= TRUSTED_MAX && !standing.is_due() {
                    return Ok(true);
                }
                standing.ask(connection).await.or_else(|why| {
                    standing.leave_soon(why);
                    Ok(false)
                })
            })
        })
        .connect_lazy_with(options)
}

/// A connection that goes back to the pool, or is given up, in bounded time.
#[derive(Debug)]
pub struct Lease {
    connection: PoolConnection<MySql>,
    server: Server,
    leased_at: Instant,
    abandoned: bool,
}

impl Deref for Lease {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

impl Session for Lease {
    type Row = MySqlRow;

    const DIALECT: Dialect = Dialect::MySql;

    async fn run(&mut self, script: Script) -> Result<Vec<Vec<MySqlRow>>, Failure> {
        let ran = tokio::select! {
            biased;
            ran = run(&mut self.connection, script, &self.server.standing) => Ok(ran),
            why = self.server.left(self.leased_at) => Err(why),
        };
        match ran {
            Ok(Err(Failure::ReadOnly(why))) => {
                self.abandon();
                self.server.leave(&why);
                Err(self.server.address.named_in(Failure::ReadOnly(why)))
            }
            Ok(ran) => ran,
            Err(why) => {
                self.abandon();
                Err(self.server.address.named_in(Failure::Transient(why)))
            }
        }
    }

    fn prepares(&self) -> bool {
        self.server.standing.prepares()
    }

    fn abandon(&mut self) {
        self.abandoned = true;
        self.connection.close_on_drop();
    }
}

async fn run(
    connection: &mut MySqlConnection,
    script: Script,
    standing: &Standing,
) -> Result<Vec<Vec<MySqlRow>>, Failure> {
    let mut results = Vec::new();
    for step in script.into_steps() {
        match step {
            Step::Text(text) => results.extend(session::run(&mut *connection, text).await?),
            Step::Prepared { sql, values } => {
                let ran = sqlx::query_with(AssertSqlSafe(sql), values).execute(&mut *connection).await;
                if ran.as_ref().is_err_and(errors::is_about_preparing) {
                    // The next attempt is text.
                    standing.keeps_no_statements();
                }
                ran?;
                results.push(Vec::new());
            }
        }
    }
    Ok(results)
}

impl Drop for Lease {
    /// The pool tries a connection before it takes it back, without a limit of its own.
    fn drop(&mut self) {
        if self.server.standing.was_left_since(self.leased_at) {
            self.abandon();
        }
        if let (false, Ok(runtime)) = (self.abandoned, Handle::try_current()) {
            runtime.spawn(timeout(RETURN_TIMEOUT, self.connection.return_to_pool()));
        }
    }
}
