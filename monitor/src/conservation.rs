//! The line that must always add up: accepted = posted + rejected + dead + duplicates + conflicts + in flight.

use jiff::Timestamp;
use shared::contract::report::Counts;

use crate::figures::rates::settled;
use crate::views::health::Conservation;
use crate::words::grouped;

/// Samples in a row at which nothing waits and nothing is counted before the count is closed: the reports of
/// what was posted last are in by then.
const QUIET_SAMPLES: u32 = 4;

/// Follows the count from one quiet moment on.
pub(crate) struct Count {
    since: Timestamp,
    base: Counts,
    /// Nothing was in flight at `since`, or not more than is known.
    from_quiet: bool,
    quiet_samples: u32,
    /// As of the sample before.
    last: Counts,
    /// A replica was lost with what it had not yet reported.
    lost: Option<String>,
}

/// What the count goes by at one moment.
pub(crate) struct Moment<'a> {
    pub(crate) at: Timestamp,
    /// Counted by all replicas since the monitor's start.
    pub(crate) counted: Counts,
    /// Nothing waits in the queue and no worker has anything in hand; `None`: not known.
    pub(crate) quiet: Option<bool>,
    /// A replica that was lost in the meantime, by its id.
    pub(crate) lost: Option<&'a str>,
    /// The books balance; `None`: they can not be read.
    pub(crate) balanced: Option<bool>,
}

impl Count {
    pub(crate) fn from(since: Timestamp) -> Count {
        let none = Counts::default();
        Count { since, base: none, from_quiet: false, quiet_samples: 0, last: none, lost: None }
    }

    pub(crate) fn take(&mut self, moment: &Moment<'_>) -> Conservation {
        let still = moment.quiet == Some(true) && moment.counted == self.last;
        self.quiet_samples = if still { self.quiet_samples.saturating_add(1) } else { 0 };
        self.last = moment.counted;
        let quiet = self.quiet_samples >= QUIET_SAMPLES;
        if quiet && !self.from_quiet {
            // What was on its way when the monitor came is posted: from here on nothing is missing.
            (self.since, self.base, self.from_quiet) = (moment.at, moment.counted, true);
        }
        if let Some(lost) = moment.lost {
            self.lost = Some(lost.to_owned());
        }
        let since = |count: fn(&Counts) -> u64| count(&moment.counted).saturating_sub(count(&self.base));
        let accepted = since(|counts| counts.accepted);
        let difference = signed(accepted) - signed(since(settled));
        let unaccounted = (quiet && self.from_quiet).then_some(difference);
        let mut count = Conservation {
            since: self.since,
            accepted,
            posted: since(|counts| counts.posted),
            rejected: since(|counts| counts.rejected),
            // Conflicts are kept as dead letters, and told apart from those here.
            dead: since(|counts| counts.dead),
            duplicates: since(|counts| counts.duplicate),
            conflicts: since(|counts| counts.conflict),
            in_flight: if quiet { 0 } else { difference.max(0).unsigned_abs() },
            unaccounted,
            holds: unaccounted.filter(|_| self.lost.is_none()).map(|difference| difference == 0),
            debits_equal_credits: moment.balanced,
            sentence: String::new(),
        };
        if unaccounted == Some(0) {
            // It adds up again: whatever was lost had nothing to tell, or it came by another way.
            self.lost = None;
            count.holds = Some(true);
        }
        count.sentence = self.sentence(&count);
        count
    }

    fn sentence(&self, count: &Conservation) -> String {
        let books = match count.debits_equal_credits {
            Some(true) => "debits equal credits",
            Some(false) => "DEBITS DO NOT EQUAL CREDITS",
            None => "the ledger can not be read",
        };
        let mut sum = format!(
            "{} accepted = {} posted + {} rejected + {} dead",
            grouped(count.accepted),
            grouped(count.posted),
            grouped(count.rejected),
            grouped(count.dead)
        );
        for (amount, what) in [(count.duplicates, "duplicates"), (count.conflicts, "conflicts")] {
            if amount > 0 {
                sum += &format!(" + {} {what}", grouped(amount));
            }
        }
        sum += &format!(" + {} in flight", grouped(count.in_flight));
        let caveat = match (count.unaccounted, &self.lost) {
            (Some(0) | None, _) => String::new(),
            (Some(off), Some(lost)) => {
                format!("; {off:+} since {lost} was lost before it could report its last second")
            }
            (Some(off), None) => format!(
                "; {off:+} that no replica accounts for (below zero: jobs that were replayed, or queued though their \
                 client was told to try again)"
            ),
        };
        format!("{sum}{caveat}; {books}")
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(count: &mut Count, accepted: u64, posted: u64, quiet: bool, lost: Option<&str>) -> Conservation {
        let counted = Counts { accepted, posted, ..Counts::default() };
        let moment = Moment { at: Timestamp::now(), counted, quiet: Some(quiet), lost, balanced: Some(true) };
        count.take(&moment)
    }

    fn quiet(count: &mut Count, accepted: u64, posted: u64) -> Conservation {
        let mut last = None;
        for _ in 0..=QUIET_SAMPLES {
            last = Some(take(count, accepted, posted, true, None));
        }
        last.unwrap()
    }

    #[test]
    fn what_was_on_its_way_when_the_monitor_came_is_not_missed() {
        let mut count = Count::from(Timestamp::UNIX_EPOCH);
        // 300 jobs that were accepted before are posted first.
        assert_eq!(take(&mut count, 100, 350, false, None).unaccounted, None);
        let settled = quiet(&mut count, 100, 400);
        assert_eq!((settled.unaccounted, settled.holds, settled.accepted), (Some(0), Some(true), 0));
        let later = take(&mut count, 150, 410, false, None);
        assert_eq!((later.accepted, later.posted, later.in_flight, later.holds), (50, 10, 40, None));
        assert_eq!(quiet(&mut count, 150, 450).holds, Some(true));
    }

    #[test]
    fn a_moments_calm_under_load_closes_nothing() {
        let mut count = Count::from(Timestamp::UNIX_EPOCH);
        quiet(&mut count, 0, 0);
        for accepted in 1..50 {
            // The worker's report is a second behind.
            let taken = take(&mut count, accepted * 10, accepted * 10 - 10, true, None);
            assert_eq!((taken.unaccounted, taken.in_flight), (None, 10));
        }
    }

    #[test]
    fn a_job_that_is_nowhere_shows() {
        let mut count = Count::from(Timestamp::UNIX_EPOCH);
        quiet(&mut count, 0, 0);
        let short = quiet(&mut count, 100, 99);
        assert_eq!((short.unaccounted, short.holds), (Some(1), Some(false)), "{}", short.sentence);
    }

    #[test]
    fn after_a_loss_it_is_not_claimed_to_hold_until_it_does() {
        let mut count = Count::from(Timestamp::UNIX_EPOCH);
        quiet(&mut count, 0, 0);
        take(&mut count, 50, 20, false, Some("worker-1"));
        let unsure = quiet(&mut count, 100, 97);
        assert_eq!((unsure.unaccounted, unsure.holds), (Some(3), None));
        assert!(unsure.sentence.contains("worker-1 was lost"), "{}", unsure.sentence);
        assert_eq!(quiet(&mut count, 103, 103).holds, Some(true));
    }
}
