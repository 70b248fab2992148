//! Waiting on conditions, never for a length of time in the hope that it is enough.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

/// How often a condition is looked at; short against every deadline used in the tests.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks at `condition` until it holds, and returns what it found.
///
/// # Errors
/// It did not hold `within` that time; the message is `what` with the condition's last word on why not.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match condition().await {
            Ok(found) => return Ok(found),
            Err(not_yet) if started.elapsed() >= within => {
                return Err(not_yet.context(format!("not within {within:?}: {what}")));
            }
            Err(_) => {}
        }
    }
}
