//! A pool of connections that tells how it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use contract::report::PoolReport;
use metrics::{counter, histogram};
use runtime::telemetry::names;
use sqlx::Pool;
use sqlx::pool::PoolConnection;

use crate::error::PoolExhausted;
use crate::failure::Failure;

/// A pool by what it is for, which counts who waits for it.
#[derive(Debug)]
pub(crate) struct MeasuredPool<Db: sqlx::Database> {
    name: &'static str,
    pool: Pool<Db>,
    waiting: Arc<AtomicU32>,
    timeouts: Arc<AtomicU64>,
}

impl<Db: sqlx::Database> Clone for MeasuredPool<Db> {
    fn clone(&self) -> Self {
        let (pool, waiting, timeouts) = (self.pool.clone(), self.waiting.clone(), self.timeouts.clone());
        MeasuredPool { name: self.name, pool, waiting, timeouts }
    }
}

impl<Db: sqlx::Database> MeasuredPool<Db> {
    pub fn new(name: &'static str, pool: Pool<Db>) -> MeasuredPool<Db> {
        MeasuredPool { name, pool, waiting: Arc::default(), timeouts: Arc::default() }
    }

    /// Takes a connection by `acquire`, which may ask the pool more than once.
    ///
    /// # Errors
    /// That of `acquire`; where it ran out of time because all connections are in use, that.
    pub async fn acquire(
        &self,
        acquire: impl AsyncFnOnce(&Pool<Db>) -> Result<PoolConnection<Db>, sqlx::Error>,
    ) -> Result<PoolConnection<Db>, Failure> {
        let waiting = Waiting::one_more(&self.waiting);
        let asked = Instant::now();
        let acquired = acquire(&self.pool).await;
        drop(waiting);
        histogram!(names::POOL_ACQUIRE_SECONDS, names::POOL => self.name).record(asked.elapsed());
        let Err(sqlx::Error::PoolTimedOut) = &acquired else { return Ok(acquired?) };
        self.timeouts.fetch_add(1, Relaxed);
        counter!(names::POOL_TIMEOUTS, names::POOL => self.name).increment(1);
        let PoolReport { name: pool, size_max, in_use, .. } = self.report();
        // While the server is away no connection is in use for long, and none can be made.
        if in_use >= size_max {
            return Err(Failure::PoolExhausted(PoolExhausted { pool, size_max }));
        }
        Ok(acquired?)
    }

    /// How it stands.
    pub fn report(&self) -> PoolReport {
        let size = self.pool.size();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX).min(size);
        PoolReport {
            name: self.name.to_owned(),
            size_max: self.pool.options().get_max_connections(),
            idle,
            in_use: size - idle,
            waiting: self.waiting.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
        }
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Counted for as long as it lives: who waits may go away.
struct Waiting<'a>(&'a AtomicU32);

impl Waiting<'_> {
    fn one_more(waiting: &AtomicU32) -> Waiting<'_> {
        waiting.fetch_add(1, Relaxed);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_pool_tells_who_waits_and_who_gave_up() {
        let options = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(50));
        let pool = MeasuredPool::new("writer", options.connect_lazy("sqlite::memory:").unwrap());
        assert_eq!(
            (pool.report().size_max, pool.report().in_use),
            (1, 0),
            "nothing connects before it is needed"
        );

        let held = pool.acquire(async |pool| pool.acquire().await).await.unwrap();
        assert_eq!((pool.report().idle, pool.report().in_use, pool.report().waiting), (0, 1, 0));
        let mut waits = Box::pin(pool.acquire(async |pool| pool.acquire().await));
        assert!(futures::poll!(&mut waits).is_pending());
        assert_eq!(pool.report().waiting, 1);
        let Err(Failure::PoolExhausted(exhausted)) = waits.await else {
            panic!("the one connection is held")
        };
        assert_eq!((exhausted.pool.as_str(), exhausted.size_max), ("writer", 1));
        assert_eq!((pool.report().waiting, pool.report().timeouts), (0, 1));

        drop(held);
        pool.acquire(async |pool| pool.acquire().await).await.unwrap();
        let mut goes =
            Box::pin(pool.acquire(async |_| std::future::pending::<Result<_, sqlx::Error>>().await));
        assert!(futures::poll!(&mut goes).is_pending());
        drop(goes);
        assert_eq!(
            (pool.report().waiting, pool.report().timeouts),
            (0, 1),
            "who goes away does not wait any more"
        );
    }
}
