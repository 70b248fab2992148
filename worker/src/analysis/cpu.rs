//! Threads that compute where nothing else wants to.

use runtime::work_pool::WorkPool;
use store::StoreError;

/// The lowest priority that a thread may have (setpriority(2)).
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// Runs `work` in the pool, on a thread of the lowest priority: posting on the same machine comes first. A priority
/// that was lowered cannot be raised again, so it is not the pool's own thread, which others use after this.
///
/// # Errors
/// The pool is full, which passes, or there is no thread to be had.
///
/// # Panics
/// `work` does.
pub(super) async fn run<T: Send + 'static>(
    pool: &WorkPool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let worked = pool.run(move || {
        let yielding = move || {
            yield_to_others();
            work()
        };
        let thread = std::thread::Builder::new().name("analysis".to_owned()).spawn(yielding)?;
        Ok::<T, std::io::Error>(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    match worked.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(StoreError::Transient(format!("no thread to compute on: {error}"))),
        Err(full) => Err(StoreError::Transient(full.to_string())),
    }
}

/// On Linux a priority is a thread's own, whatever POSIX says (setpriority(2), "C library/kernel differences").
#[cfg(target_os = "linux")]
fn yield_to_others() {
    // To lower one is always allowed.
    let _ = rustix::process::setpriority_process(None, NICEST);
}

/// Elsewhere it is the process's, which must not be lowered.
#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}
