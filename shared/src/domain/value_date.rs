//! Which value dates a bank can mean. An entry never changes, so a date that is none must not come in.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// Years that a value date may lie back: older books are not carried over.
pub const YEARS_BACK_MAX: i16 = 100;

/// Years that a value date may lie ahead: loans are planned that far. The Thai year 2568 lies beyond, and so does 9999,
/// which stands for "none" in some databases.
pub const YEARS_AHEAD_MAX: i16 = 10;

/// A date that no bank means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Implausible {
    /// It lies too far back.
    #[error(
        "{date} lies more than {YEARS_BACK_MAX} years before today ({today}), so it is no value date; correct it"
    )]
    Past {
        /// The date.
        date: Date,
        /// What it was compared with.
        today: Date,
    },
    /// It lies too far ahead.
    #[error(
        "{date} lies more than {YEARS_AHEAD_MAX} years after today ({today}), so it is no value date; correct it"
    )]
    Future {
        /// The date.
        date: Date,
        /// What it was compared with.
        today: Date,
    },
}

/// Whether a value date lies where one can lie, seen from `today`.
///
/// # Errors
/// It is more than [`YEARS_BACK_MAX`] years before or [`YEARS_AHEAD_MAX`] years after.
pub fn plausible(date: Date, today: Date) -> Result<(), Implausible> {
    if date < today.saturating_sub(YEARS_BACK_MAX.years()) {
        return Err(Implausible::Past { date, today });
    }
    if date > today.saturating_add(YEARS_AHEAD_MAX.years()) {
        return Err(Implausible::Future { date, today });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Implausible, plausible};

    #[test]
    fn a_value_date_lies_within_a_lifetime_and_a_loan() {
        let today = date(2024, 2, 29);
        for sound in [today, date(1924, 2, 29), date(2034, 2, 28), date(2025, 11, 5)] {
            assert_eq!(plausible(sound, today), Ok(()), "{sound}");
        }
        for past in [date(1924, 2, 28), date(1900, 1, 1), date(25, 11, 5), date(1, 1, 1), date(0, 1, 1)] {
            assert_eq!(plausible(past, today), Err(Implausible::Past { date: past, today }));
        }
        for future in [date(2034, 3, 1), date(2568, 11, 5), date(9999, 12, 31)] {
            assert_eq!(plausible(future, today), Err(Implausible::Future { date: future, today }));
        }
        let told = Implausible::Future { date: date(2568, 11, 5), today }.to_string();
        assert!(told.starts_with("2568-11-05 lies more than 10 years after today (2024-02-29)"), "{told}");
    }
}
