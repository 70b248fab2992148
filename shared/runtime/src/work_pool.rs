//! Blocking work, such as reading files and computing, on bounded, named and measured pools: the tasks that
//! answer requests and take deliveries never wait behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use contract::report::PoolReport;
use metrics::{counter, histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::names;

/// A share of the process' threads for blocking work, with a bounded queue before it. Clones share it.
#[derive(Debug, Clone)]
pub struct WorkPool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    name: &'static str,
    threads: usize,
    queue_max: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    refused: AtomicU64,
}

/// The pool works and its queue is full: nothing was begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the pool `{pool}` is full: {threads} threads work and {queue_max} tasks wait for one; try again later, or raise \
     {setting} (threads) or ASYNC_QUEUE_SIZE (tasks that wait)",
    setting = setting_of(pool)
)]
pub struct PoolFull {
    /// The pool's name.
    pub pool: &'static str,
    /// How many threads it has.
    pub threads: usize,
    /// How many tasks may wait for one.
    pub queue_max: usize,
}

/// The pools of a process.
#[derive(Debug, Clone)]
pub struct WorkPools {
    /// Spooling and reading files.
    pub io: WorkPool,
    /// Computing.
    pub cpu: WorkPool,
}

impl WorkPools {
    /// What they are called in reports.
    pub const NAMES: [&str; 2] = ["io", "cpu"];

    /// Pools with as many threads; `queue_max` tasks may wait for each.
    pub fn new(io_threads: usize, cpu_threads: usize, queue_max: usize) -> WorkPools {
        let [io, cpu] = Self::NAMES;
        WorkPools {
            io: WorkPool::new(io, io_threads, queue_max),
            cpu: WorkPool::new(cpu, cpu_threads, queue_max),
        }
    }

    /// How they stand.
    pub fn report(&self) -> Vec<PoolReport> {
        vec![self.io.report(), self.cpu.report()]
    }
}

impl WorkPool {
    /// A pool that works on up to `threads` tasks at once, at least one, while up to `queue_max` wait.
    pub fn new(name: &'static str, threads: usize, queue_max: usize) -> WorkPool {
        let threads = threads.clamp(1, Semaphore::MAX_PERMITS);
        let (free, waiting, refused) =
            (Arc::new(Semaphore::new(threads)), AtomicUsize::default(), AtomicU64::default());
        WorkPool(Arc::new(Pool { name, threads, queue_max, free, waiting, refused }))
    }

    /// Does `work` on a thread of this pool, after what came before it. Work that has begun goes on to its end, and
    /// counts as such, when the caller goes away; work that waits is forgotten then.
    ///
    /// # Errors
    /// The queue is full, which is known at once.
    ///
    /// # Panics
    /// `work` does, as if the caller had done it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let asked = Instant::now();
        let place = self.place().await;
        histogram!(names::POOL_ACQUIRE_SECONDS, names::POOL => self.0.name).record(asked.elapsed());
        let place = place?;
        let working = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        match working.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and with it whoever waits here.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, PoolFull> {
        let pool = &*self.0;
        if let Ok(place) = pool.free.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::one_more(pool).ok_or_else(|| {
            pool.refused.fetch_add(1, Relaxed);
            counter!(names::POOL_TIMEOUTS, names::POOL => pool.name).increment(1);
            self.full()
        })?;
        // Nobody closes the semaphore.
        pool.free.clone().acquire_owned().await.map_err(|_| self.full())
    }

    fn full(&self) -> PoolFull {
        let Pool { name: pool, threads, queue_max, .. } = *self.0;
        PoolFull { pool, threads, queue_max }
    }

    /// How it stands, as for connections: `timeouts` are tasks that were refused because the queue was full.
    pub fn report(&self) -> PoolReport {
        let pool = &*self.0;
        let idle = pool.free.available_permits();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        PoolReport {
            name: pool.name.to_owned(),
            size_max: count(pool.threads),
            idle: count(idle),
            in_use: count(pool.threads.saturating_sub(idle)),
            waiting: count(pool.waiting.load(Relaxed)),
            timeouts: pool.refused.load(Relaxed),
        }
    }
}

/// The setting that says how many threads a pool has.
fn setting_of(pool: &str) -> String {
    format!("{}_THREAD_POOL_SIZE", pool.to_uppercase())
}

/// Counted for as long as it lives: who waits may go away.
struct Waiting<'a>(&'a Pool);

impl Waiting<'_> {
    /// `None`: as many wait as may.
    fn one_more(pool: &Pool) -> Option<Waiting<'_>> {
        let one_more = |waiting: usize| (waiting < pool.queue_max).then_some(waiting + 1);
        pool.waiting.fetch_update(Relaxed, Relaxed, one_more).ok().map(|_| Waiting(pool))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn stands(pool: &WorkPool) -> (u32, u32, u32, u64) {
        let report = pool.report();
        (report.idle, report.in_use, report.waiting, report.timeouts)
    }

    #[tokio::test]
    async fn what_neither_fits_the_threads_nor_the_queue_is_refused_at_once() {
        let pool = WorkPool::new("io", 1, 1);
        let (release, gate) = mpsc::channel::<()>();
        let (began, begins) = tokio::sync::oneshot::channel();
        let mut first = Box::pin(pool.run(move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
            1
        }));
        assert!(futures::poll!(&mut first).is_pending());
        begins.await.unwrap();
        let mut second = Box::pin(pool.run(|| 2));
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(stands(&pool), (0, 1, 1, 0));

        let refused = pool.run(|| 3).await.unwrap_err();
        assert_eq!(refused, PoolFull { pool: "io", threads: 1, queue_max: 1 });
        let told = refused.to_string();
        assert!(told.contains("`io`") && told.contains("IO_THREAD_POOL_SIZE"), "{told}");
        assert_eq!(stands(&pool), (0, 1, 1, 1));

        release.send(()).unwrap();
        assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
        assert_eq!(stands(&pool), (1, 0, 0, 1));
    }

    #[tokio::test]
    async fn who_goes_away_does_not_wait_any_more_and_what_has_begun_goes_on() {
        let pool = WorkPool::new("cpu", 1, 5);
        let (release, gate) = mpsc::channel::<()>();
        let (ended, ends) = tokio::sync::oneshot::channel();
        let mut first = Box::pin(pool.run(move || {
            gate.recv().unwrap();
            ended.send(()).unwrap();
        }));
        assert!(futures::poll!(&mut first).is_pending());
        let mut waits = Box::pin(pool.run(|| panic!("nobody waits for it")));
        assert!(futures::poll!(&mut waits).is_pending());
        drop((first, waits));
        assert_eq!(stands(&pool), (0, 1, 0, 0), "the thread is at work still");
        release.send(()).unwrap();
        ends.await.unwrap();
        assert_eq!(pool.run(|| 4).await, Ok(4), "the place is free again");
    }

    #[tokio::test]
    async fn a_panic_is_its_callers() {
        let pool = WorkPool::new("cpu", 1, 1);
        let panics = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| panic!("a fault")).await }
        });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(pool.run(|| 5).await, Ok(5), "the pool goes on");
    }
}
