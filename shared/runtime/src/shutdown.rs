//! Stopping well: the first SIGTERM or Ctrl-C starts the drain, a second one ends the process at once.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A replica finishes what it has in hand, acknowledges it and exits within this time.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);

/// A server that is away may hold up what is left to close; after this long, the process ends all the same.
/// What it had in hand was not acknowledged and comes again elsewhere.
const STOP_TIMEOUT: Duration = Duration::from_millis(9_500);
const _: () = assert!(STOP_TIMEOUT.as_millis() > DRAIN_TIMEOUT.as_millis());

/// Exit status after a second signal: 128 + SIGINT, as a shell would say it.
const INTERRUPTED: i32 = 130;

/// What is done at once, and again and again until an end.
pub struct Ticks<'a> {
    interval: Interval,
    end: &'a CancellationToken,
}

impl Ticks<'_> {
    /// At least `pause` lies between two, and what takes longer is not made up for.
    #[must_use]
    pub fn every(pause: Duration, end: &CancellationToken) -> Ticks<'_> {
        let mut interval = tokio::time::interval(pause);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ticks { interval, end }
    }

    /// Waits for the next; `false`: it is the end.
    pub async fn next(&mut self) -> bool {
        self.end.run_until_cancelled(self.interval.tick()).await.is_some()
    }
}

/// A token that is cancelled by the first SIGTERM or SIGINT. From then on the process has ten seconds, and for how long
/// it serves on before it stops.
///
/// # Errors
/// The signals cannot be listened to.
pub fn on_signal(pause: Duration) -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let mut signals = 0_u32;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            signals += 1;
            if signals > 1 {
                warn!("stopped at once by a second signal; unfinished jobs come again elsewhere");
                std::process::exit(INTERRUPTED);
            }
            info!("draining: finishing the jobs in hand, taking no new ones; signal again to stop at once");
            token.cancel();
            tokio::spawn(async move {
                tokio::time::sleep(pause + STOP_TIMEOUT).await;
                warn!("not everything could be closed in time; unfinished jobs come again elsewhere");
                std::process::exit(0);
            });
        }
    });
    Ok(shutdown)
}
