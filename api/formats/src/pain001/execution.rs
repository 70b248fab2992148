//! The requested execution date: a date that commands. A payment is posted as soon as its row is read, so one whose day
//! has not come is refused.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};

use super::leaves::Leaves;

/// The element that a reason names where its date is at fault.
pub const ELEMENT: &str = "ReqdExctnDt";

/// What is further back was mistyped.
const YEARS_BACK_MAX: i64 = 100;

/// A day, and the zone that it is in: UTC where none is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutionDay {
    /// As it is written.
    pub date: Date,
    offset: Offset,
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
        let zone = match rest.strip_prefix('T') {
            Some(time) => {
                let is_of_time = |c: char| c.is_ascii_digit() || c == ':' || c == '.';
                let zone = time.trim_start_matches(is_of_time);
                (zone.len() < time.len()).then_some(zone)?
            }
            None => rest,
        };
        Some(ExecutionDay { date, offset: offset(zone)? })
    }

    /// The day has not begun yet in the zone that it is in.
    pub fn is_ahead(self, now: Timestamp) -> bool {
        self.date > self.today(now)
    }

    /// # Errors
    /// The day is ahead, or so far back that it was mistyped.
    pub fn check(self, now: Timestamp) -> Result<(), String> {
        let (date, today) = (self.date, self.today(now));
        let zone = if self.offset == Offset::UTC { "UTC".to_owned() } else { self.offset.to_string() };
        if self.is_ahead(now) {
            return Err(format!(
                "is {date}, which is ahead (today is {today}, {zone}), and the payment would be posted at once; \
                 send it on that day"
            ));
        }
        let earliest = today.checked_sub(YEARS_BACK_MAX.years()).unwrap_or(Date::MIN);
        if date < earliest {
            return Err(format!("is {date}, more than {YEARS_BACK_MAX} years ago; correct it"));
        }
        Ok(())
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

    fn told(text: &str, now: &str) -> Result<Date, String> {
        let day = ExecutionDay::parse(text).ok_or("no date")?;
        day.check(now.parse().unwrap()).map(|()| day.date)
    }

    #[test]
    fn a_day_that_has_begun_where_it_is_stated_is_not_ahead() {
        let now = "2026-11-28T23:30:00Z";
        for day in [
            "2026-11-28",
            "2026-11-28Z",
            "2026-11-28T23:59:59",
            "2026-11-28T23:59:59.999Z",
            "2026-11-29+01:00",
            "2026-11-29T00:15:00+01:00",
            "2026-11-27-05:00",
            "2026-02-28",
            "1926-11-28",
        ] {
            assert!(told(day, now).is_ok(), "{day}: {:?}", told(day, now));
        }
        for day in [
            "2026-11-29",
            "2026-11-29Z",
            "2026-11-29T00:00:00Z",
            "2026-11-29T00:00:00",
            "2026-11-29-05:00",
            "2026-11-29T01:00:00-05:00",
            "2026-11-30+14:00",
            "2999-01-01",
        ] {
            assert!(told(day, now).unwrap_err().contains("send it on that day"), "{day}");
        }
        for day in ["1926-11-27", "0001-01-01"] {
            assert!(told(day, now).unwrap_err().contains("100 years"), "{day}");
        }
    }

    #[test]
    fn the_day_that_was_advised_is_taken() {
        for day in ["2026-12-29", "2026-12-29+13:00", "2026-12-29T10:00:00-08:00"] {
            assert!(told(day, "2026-11-29T12:00:00Z").is_err());
            assert_eq!(told(day, "2026-12-29T12:00:00Z").unwrap().to_string(), "2026-12-29");
        }
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
