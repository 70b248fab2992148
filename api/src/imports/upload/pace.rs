//! How fast a file has to come: who stalls or drips holds a place that others need.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::problem::{Problem, ProblemType};

/// Whoever sends nothing for so long is gone.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);
/// What comes in each [`IDLE_MAX`] after the first, at the least: some 2 KiB a second, which any line has.
const BYTES_MIN: u64 = 64 * 1024;

/// Waits for what is to come within [`IDLE_MAX`].
pub(super) async fn in_time<T>(coming: impl Future<Output = T>) -> Result<T, Problem> {
    until(Instant::now() + IDLE_MAX, coming).await
}

/// Waits for what is to come by then.
pub(super) async fn until<T>(deadline: Instant, coming: impl Future<Output = T>) -> Result<T, Problem> {
    timeout_at(deadline, coming).await.map_err(|_| {
        too_slow(format!("nothing came for {IDLE_MAX:?}; nothing of the file was accepted. Send it again"))
    })
}

/// How fast one file comes. Only the time that its sender was waited for counts, not that of our disk.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    bytes: u64,
    is_past_first: bool,
}

impl Pace {
    /// So many bytes came after so long.
    ///
    /// # Errors
    /// Too few come.
    pub fn came(&mut self, bytes: usize, waited: Duration) -> Result<(), Problem> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < IDLE_MAX {
            return Ok(());
        }
        if self.is_past_first && self.bytes < BYTES_MIN {
            let detail = format!(
                "only {} bytes came in {IDLE_MAX:?}, and {BYTES_MIN} are the least; nothing of the file was accepted. \
                 Send it again over a faster line, or packed with gzip",
                self.bytes
            );
            return Err(too_slow(detail));
        }
        *self = Pace { is_past_first: true, ..Pace::default() };
        Ok(())
    }
}

fn too_slow(detail: String) -> Problem {
    Problem::new(ProblemType::RequestTimeout, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_is_cut_off_and_who_is_slow_is_not() {
        let nearly = IDLE_MAX - Duration::from_secs(1);
        let mut drip = Pace::default();
        let pieces = (0..10).take_while(|_| drip.came(1, nearly).is_ok()).count();
        assert!(pieces < 5, "{pieces} bytes, each just in time");

        let mut slow = Pace::default();
        for piece in 0..1_000 {
            let came = slow.came(40 * 1024, nearly / 2);
            assert!(came.is_ok(), "piece {piece}: {came:?}");
        }
    }

    #[test]
    fn the_time_of_our_own_disk_is_nobodys_fault() {
        let mut quick = Pace::default();
        for _ in 0..1_000 {
            quick.came(1, Duration::ZERO).unwrap();
        }
    }
}
