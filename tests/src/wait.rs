//! Waiting on conditions, never for a length of time in the hope that it is enough.

use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval};

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
    let mut patience = Patience::new(within);
    loop {
        let last = patience.ends().await;
        match condition().await {
            Ok(found) => return Ok(found),
            Err(not_yet) if last => return Err(not_yet.context(format!("not within {within:?}: {what}"))),
            Err(_) => {}
        }
    }
}

/// Waits until it is time to look again, in a loop that something else bounds.
pub async fn next_look() {
    let mut patience = Patience::new(Duration::ZERO);
    patience.look.tick().await;
    patience.look.tick().await;
}

/// The pace and the end of looking at something again and again.
#[derive(Debug)]
pub struct Patience {
    end: Instant,
    look: Interval,
}

impl Patience {
    /// Starts now.
    pub fn new(within: Duration) -> Patience {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Patience { end: Instant::now() + within, look }
    }

    /// Waits until it is time to look; at once the first time. Whether that is the last look.
    pub async fn ends(&mut self) -> bool {
        self.look.tick().await;
        Instant::now() >= self.end
    }
}
