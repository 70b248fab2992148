//! Jobs that wait for their day.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::job::Job;
use super::value_date::{self, Implausible};

/// When a job is to be executed: an instant of RFC 3339, kept to the microsecond; a date means 00:00 UTC of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ExecuteAt(Timestamp);

/// What names no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an instant, written as 2026-11-24T17:00:00Z, or a day, written as 2026-11-24, which means 00:00 UTC of it"
)]
pub struct NoMoment;

impl ExecuteAt {
    /// Of microseconds since the Unix epoch; `None` beyond the year 9999.
    pub fn from_microseconds(microseconds: i64) -> Option<ExecuteAt> {
        Timestamp::from_microsecond(microseconds).ok().map(ExecuteAt)
    }

    /// In microseconds since the Unix epoch.
    pub fn microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Its day (UTC).
    pub fn date(self) -> Date {
        Offset::UTC.to_datetime(self.0).date()
    }

    /// Whether a bank can mean it, as of `today`. What lies back is executed at once, however far.
    ///
    /// # Errors
    /// It is more than [`value_date::YEARS_AFTER_MAX`] years ahead.
    pub fn check(self, today: Date) -> Result<(), Implausible> {
        if self.date() <= today { Ok(()) } else { value_date::plausible(self.date(), today) }
    }
}

impl FromStr for ExecuteAt {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<ExecuteAt, NoMoment> {
        const DATE_CHARS: usize = "2026-11-24".len();
        let instant = if text.len() == DATE_CHARS {
            let day: Date = text.parse().map_err(|_| NoMoment)?;
            Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| NoMoment)?
        } else {
            text.parse().map_err(|_| NoMoment)?
        };
        ExecuteAt::from_microseconds(instant.as_microsecond()).ok_or(NoMoment)
    }
}

impl<'de> Deserialize<'de> for ExecuteAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExecuteAt, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The day (UTC) of a job that names no business day itself: that of its acceptance, or that of its execution if it was to
/// wait for it. `accepted_at`: microseconds since the Unix epoch.
pub fn default_value_date(accepted_at: i64, execute_at: Option<ExecuteAt>) -> Option<Date> {
    let accepted_at = ExecuteAt::from_microseconds(accepted_at)?;
    Some(execute_at.map_or(accepted_at, |execute_at| execute_at.max(accepted_at)).date())
}

/// What ends the name under which a worker puts due jobs on their lanes again. It stands in the envelope as the ingress.
const RELEASES: &str = "-replay-of-schedule";

/// The name under which this worker puts due jobs on their lanes again.
pub fn releases_of(replica: &str) -> String {
    format!("{replica}{RELEASES}")
}

impl Job {
    /// Whether the fleet put it on its lane again since it was due, or was cancelled. No other copy of a scheduled job is
    /// executed: this one alone says of which row of which import it is, and has its place in the order of what was due.
    pub fn is_release(&self) -> bool {
        self.ingress.ends_with(RELEASES)
    }

    /// Whether it is to be executed at `now` (µs since the Unix epoch) or earlier.
    pub fn is_due(&self, now: i64) -> bool {
        self.spec.execute_at.is_none_or(|at| at.microseconds() <= now)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn at(text: &str) -> ExecuteAt {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_its_first_instant_and_an_instant_is_kept_to_the_microsecond() {
        assert_eq!(at("2026-11-24"), at("2026-11-24T00:00:00Z"));
        assert_eq!(at("2026-11-24T01:30:00+01:30"), at("2026-11-24"));
        assert_eq!(at("2026-11-24T00:00:00.123456789Z"), at("2026-11-24T00:00:00.123456Z"));
        assert_eq!(serde_json::to_string(&at("2026-11-24")).unwrap(), r#""2026-11-24T00:00:00Z""#);
        for text in ["", "24.11.2026", "2026-02-30", "2026-11-24T17:00:00", "tomorrow", "20261124"] {
            assert_eq!(text.parse::<ExecuteAt>(), Err(NoMoment), "{text}");
        }
    }

    #[test]
    fn ten_years_ahead_are_taken_and_what_lies_back_however_far() {
        let today = date(2026, 11, 24);
        for text in ["0001-01-01", "2026-11-24", "2036-11-24T23:59:59Z"] {
            assert_eq!(at(text).check(today), Ok(()), "{text}");
        }
        let refused = at("2036-11-25").check(today).unwrap_err();
        assert_eq!(refused.last, date(2036, 11, 24));
    }

    #[test]
    fn a_payment_of_a_day_to_come_is_of_that_day() {
        let accepted_at = at("2026-11-24T10:00:00Z").microseconds();
        let day = |execute_at: Option<&str>| default_value_date(accepted_at, execute_at.map(at)).unwrap();
        assert_eq!(day(None), date(2026, 11, 24));
        assert_eq!(day(Some("2026-12-01")), date(2026, 12, 1));
        assert_eq!(day(Some("2026-11-01")), date(2026, 11, 24));
    }
}
