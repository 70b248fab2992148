//! Waiting for what is about to happen.

use std::time::{Duration, Instant};

/// Tries again until there is something, for a bounded time.
pub async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within 10 s");
        tokio::task::yield_now().await;
    }
}
