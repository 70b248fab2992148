//! Threads that compute where nothing else wants to.

use tokio::sync::oneshot;

/// The lowest priority that a thread may have (setpriority(2)).
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// Runs `work` on a thread of its own, of the lowest priority: posting on the same machine comes first. There are
/// as many at once as callers; a batch takes long enough to be worth a thread.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("analysis".to_owned());
    let started = thread.spawn(move || {
        yield_to_others();
        // Who asked may have gone away.
        let _ = done.send(work());
    });
    started.map_err(|error| format!("no thread to compute on: {error}"))?;
    result.await.map_err(|_| "the analysis broke off; its log says where".to_owned())
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
