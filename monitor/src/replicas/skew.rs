//! How far the clocks of the replicas are apart: from the time at which each report says that it was sent and
//! the time at which it came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a report counts: among some, one was hardly held up on its way.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// When the latest reports of a replica were sent, against when they came.
#[derive(Debug, Default)]
pub(super) struct ClockTrack(VecDeque<(Instant, i64)>);

impl ClockTrack {
    /// A report was sent at `sent_at` by the replica's clock and came at `came_at` by this monitor's, both in µs since the
    /// Unix epoch.
    pub(super) fn note(&mut self, sent_at: i64, came_at: i64, now: Instant) {
        self.0.push_back((now, sent_at.saturating_sub(came_at)));
        while self.0.pop_front_if(|(at, _)| now.duration_since(*at) > COUNTS_FOR).is_some() {}
    }

    /// How far its clock is ahead of this monitor's, in µs, less what the fastest report took on its way; `None`: nothing
    /// reported lately.
    pub(super) fn ahead_us(&self) -> Option<i64> {
        self.0.iter().map(|(_, ahead)| *ahead).max()
    }
}

/// How far each clock is ahead of the middle one, in seconds: that of this monitor may be the one that is wrong.
pub(super) fn ahead_of_the_middle(ahead_us: &[Option<i64>]) -> Vec<Option<f64>> {
    let mut known: Vec<i64> = ahead_us.iter().flatten().copied().collect();
    known.sort_unstable();
    let middle = known.get(known.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    let seconds = |ahead: i64| (ahead.saturating_sub(middle) / 1_000) as f64 / 1e3;
    ahead_us.iter().map(|ahead| ahead.map(seconds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_differs_from_most_is_the_one_that_is_wrong() {
        let [right, hour] = [Some(-2_000), Some(3_599_998_000)];
        assert_eq!(
            ahead_of_the_middle(&[right, hour, right, None]),
            [Some(0.0), Some(3_600.0), Some(0.0), None]
        );
        // The monitor's own: all others look as if they were behind.
        let [monitor, others] = [Some(0), Some(-90_000_000)];
        assert_eq!(ahead_of_the_middle(&[others, monitor, others]), [Some(0.0), Some(90.0), Some(0.0)]);
        assert_eq!(ahead_of_the_middle(&[]), []);
    }

    #[test]
    fn a_report_that_was_held_up_on_its_way_makes_no_clock_wrong() {
        let (mut clock, start) = (ClockTrack::default(), Instant::now());
        assert_eq!(clock.ahead_us(), None);
        clock.note(1_000_000, 1_003_000, start);
        clock.note(2_000_000, 9_000_000, start + Duration::from_secs(8));
        assert_eq!(clock.ahead_us(), Some(-3_000));
        clock.note(19_000_000, 19_900_000, start + Duration::from_secs(19));
        assert_eq!(clock.ahead_us(), Some(-900_000), "what was long ago counts no more");
    }
}
