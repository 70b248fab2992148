//! Which business days a job can mean.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// Years before today: nobody books for a day that nobody remembers. Year 1 and 1900 are "none" of some databases.
pub const YEARS_BEFORE_MAX: i32 = 100;
/// Years after today. 2568 is a Thai year, and 9999 is "none" of some databases.
pub const YEARS_AFTER_MAX: i32 = 10;

/// A day that the calendar has and no bank means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day from {first} to {last}")]
pub struct Implausible {
    /// The first day that is taken.
    pub first: Date,
    /// The last one.
    pub last: Date,
}

/// Whether a day is one that a bank can mean, as of `today`.
///
/// # Errors
/// It is more than [`YEARS_BEFORE_MAX`] years before or [`YEARS_AFTER_MAX`] years after today.
pub fn plausible(date: Date, today: Date) -> Result<(), Implausible> {
    let first = today.saturating_sub(YEARS_BEFORE_MAX.years());
    let last = today.saturating_add(YEARS_AFTER_MAX.years());
    if (first..=last).contains(&date) { Ok(()) } else { Err(Implausible { first, last }) }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_hundred_years_back_and_ten_ahead_are_taken() {
        let today = date(2026, 11, 24);
        for day in [date(1926, 11, 24), date(2036, 11, 24), today, date(1999, 12, 31)] {
            assert_eq!(plausible(day, today), Ok(()), "{day}");
        }
        for day in [
            date(1926, 11, 23),
            date(2036, 11, 25),
            date(2568, 11, 5),
            date(25, 11, 5),
            date(1, 1, 1),
            date(0, 1, 1),
            date(-1, 1, 1),
            Date::MIN,
            date(9999, 12, 31),
        ] {
            let told = plausible(day, today).unwrap_err().to_string();
            assert_eq!(told, "must be a day from 1926-11-24 to 2036-11-24", "{day}");
        }
    }

    #[test]
    fn a_leap_day_has_a_range_too() {
        let today = date(2028, 2, 29);
        assert_eq!(plausible(date(1928, 2, 29), today), Ok(()));
        assert_eq!(plausible(date(2038, 2, 28), today), Ok(()));
        assert!(plausible(date(2038, 3, 1), today).is_err());
    }
}
