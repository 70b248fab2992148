//! The requested execution date: a date that commands. A payment whose day had not come when its message was made waits for it.

use domain::schedule::ExecuteAt;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};

use super::leaves::Leaves;

/// The element that a reason names where its date is at fault.
pub const ELEMENT: &str = "ReqdExctnDt";

/// What is further back was mistyped.
const YEARS_BACK_MAX: i64 = 100;

/// A day, with a time of day if one is stated, and the zone that it is in: UTC where none is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutionDay {
    /// As it is written.
    pub date: Date,
    offset: Offset,
    /// The first moment of it.
    at: Timestamp,
}

impl ExecutionDay {
    /// Of a payment information; `None` where it has none.
    ///
    /// # Errors
    /// What stands there is no date.
    pub fn of(information: &Leaves) -> Result<Option<ExecutionDay>, String> {
        let written = ["ReqdExctnDt", "ReqdExctnDt/Dt", "ReqdExctnDt/DtTm"]
            .iter()
            .find_map(|path| information.text(path));
        let Some(written) = written else { return Ok(None) };
        let day = ExecutionDay::parse(written);
        day.map(Some).ok_or_else(|| format!("is {written:?}, which is no date; write it like 2026-01-31"))
    }

    /// A date or a date and time of XML Schema, with or without a zone.
    fn parse(text: &str) -> Option<ExecutionDay> {
        let (date, rest) = text.split_at_checked("2026-01-31".len())?;
        let has_form = date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let date = date.parse().ok().filter(|_| has_form)?;
        let (time, zone) = match rest.strip_prefix('T') {
            Some(rest) => {
                let is_of_time = |c: char| c.is_ascii_digit() || c == ':' || c == '.';
                let zone = rest.trim_start_matches(is_of_time);
                (rest.strip_suffix(zone)?.parse().ok()?, zone)
            }
            None => (Time::midnight(), rest),
        };
        let offset = offset(zone)?;
        let at = offset.to_timestamp(Date::to_datetime(date, time)).ok()?;
        Some(ExecutionDay { date, offset, at })
    }

    /// The day has not begun yet in the zone that it is in.
    pub fn is_ahead(self, now: Timestamp) -> bool {
        self.date > self.today(now)
    }

    /// When the payment is to be executed, of a message that was `made` at such a time as it states; `None`: at once. What a
    /// file says does not depend on the day on which it is read: read again, its payments are the same.
    ///
    /// # Errors
    /// The day is so far ahead or back that it was mistyped.
    pub fn execute_at(self, made: Option<&str>, now: Option<Timestamp>) -> Result<Option<Timestamp>, String> {
        let made = made.and_then(ExecutionDay::parse).map(|made| made.at);
        if let Some(now) = now {
            let (date, today) = (self.date, self.today(now));
            let earliest = today.checked_sub(YEARS_BACK_MAX.years()).unwrap_or(Date::MIN);
            if date < earliest {
                return Err(format!("is {date}, more than {YEARS_BACK_MAX} years ago; correct it"));
            }
            let day = ExecuteAt::from_microseconds(self.at.as_microsecond());
            if let Some(Err(range)) = day.map(|day| day.check(today)) {
                return Err(format!(
                    "is {date}; a payment waits for a day until {} at the latest; correct it",
                    range.last
                ));
            }
        }
        let is_ahead = made.is_none_or(|made| self.at > made) || now.is_some_and(|now| self.at > now);
        Ok(is_ahead.then_some(self.at))
    }

    fn today(self, now: Timestamp) -> Date {
        self.offset.to_datetime(now).date()
    }
}

fn offset(zone: &str) -> Option<Offset> {
    let sign = match zone.as_bytes().first() {
        None => return Some(Offset::UTC),
        Some(b'Z') if zone.len() == 1 => return Some(Offset::UTC),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let digits = |text: &str| {
        let has_form = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|_| has_form)
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| hours <= 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, made: Option<&str>, now: &str) -> Result<Option<String>, String> {
        let day = ExecutionDay::parse(text).ok_or("no date")?;
        let at = day.execute_at(made, Some(now.parse().unwrap()))?;
        Ok(at.map(|at| at.to_string()))
    }

    #[test]
    fn a_payment_waits_for_its_day_in_the_zone_that_is_stated_and_for_its_hour() {
        let (made, now) = (Some("2026-11-28T10:00:00Z"), "2026-11-28T23:30:00Z");
        for (day, first) in [
            ("2026-11-29", "2026-11-29T00:00:00Z"),
            ("2026-11-29Z", "2026-11-29T00:00:00Z"),
            ("2026-11-29+01:00", "2026-11-28T23:00:00Z"),
            ("2026-11-29-05:00", "2026-11-29T05:00:00Z"),
            ("2026-11-29T08:30:00", "2026-11-29T08:30:00Z"),
            ("2026-11-29T08:30:00.5+01:00", "2026-11-29T07:30:00.5Z"),
            // Later on the day on which the message was made.
            ("2026-11-28T18:00:00Z", "2026-11-28T18:00:00Z"),
            ("2036-11-28", "2036-11-28T00:00:00Z"),
        ] {
            assert_eq!(at(day, made, now), Ok(Some(first.to_owned())), "{day}");
        }
        for day in ["2026-11-28", "2026-11-28T10:00:00Z", "2026-02-28", "1926-11-28"] {
            assert_eq!(at(day, made, now), Ok(None), "{day}");
        }
        for day in ["1926-11-27", "0001-01-01"] {
            assert!(at(day, made, now).unwrap_err().contains("100 years"), "{day}");
        }
        for day in ["2036-11-29", "2999-01-01"] {
            assert!(at(day, made, now).unwrap_err().contains("until 2036-11-28 at the latest"), "{day}");
        }
    }

    #[test]
    fn a_message_says_the_same_whenever_it_is_read() {
        for now in ["2026-11-28T12:00:00Z", "2026-12-28T12:00:00Z", "2027-12-28T12:00:00Z"] {
            let made = Some("2026-11-28T10:00:00");
            assert_eq!(at("2026-12-01", made, now), Ok(Some("2026-12-01T00:00:00Z".to_owned())), "{now}");
            assert_eq!(at("2026-12-01", None, now), Ok(Some("2026-12-01T00:00:00Z".to_owned())), "{now}");
        }
        // It says that it was made after its day; the day has not come all the same.
        let odd = at("2026-12-01", Some("2027-01-01T00:00:00Z"), "2026-11-28T12:00:00Z");
        assert_eq!(odd, Ok(Some("2026-12-01T00:00:00Z".to_owned())));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "31.01.2026",
            "2026-1-31",
            "2026-02-30",
            "20260131",
            "2026-01-31x",
            "2026-01-31+1:00",
            "2026-01-31+01:60",
            "2026-01-31T",
            "2026-01-31T10:00:00+15:00",
            "2026-01-31 10:00",
            "２０２６-01-31",
        ] {
            assert_eq!(ExecutionDay::parse(text), None, "{text}");
        }
    }
}
