//! By which rule of the calendar a payment recurs.
//!
//! A rule has its dates once and for all: the number of a date counts from the first one, so no date moves when another
//! was late, was skipped or is asked for again.

use std::num::NonZeroU16;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// By which rule a payment recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How far its dates are apart.
    pub every: Every,
    /// No date is before this day.
    pub from: Date,
    /// When it ends.
    pub end: End,
}

/// How far the dates of a rule are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// So many days.
    Days(NonZeroU16),
    /// So many weeks, on the day of the week of the first one.
    Weeks(NonZeroU16),
    /// So many months.
    Months {
        /// How many.
        months: NonZeroU16,
        /// The day of the month, from 1 to 31.
        day: DayOfMonth,
        /// What it means in a month that does not have it.
        missing_day: MissingDay,
    },
}

/// A day of the month, from 1 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOfMonth(i8);

/// Days that the shortest month has.
const DAYS_OF_EVERY_MONTH: i8 = 28;

/// No day of any month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day of the month, from 1 to 31")]
pub struct NoDayOfMonth;

impl DayOfMonth {
    /// # Errors
    /// No month has it.
    pub fn new(day: i8) -> Result<DayOfMonth, NoDayOfMonth> {
        if (1..=31).contains(&day) { Ok(DayOfMonth(day)) } else { Err(NoDayOfMonth) }
    }

    /// The number.
    pub fn get(self) -> i8 {
        self.0
    }

    /// Whether every month has it.
    pub fn is_in_every_month(self) -> bool {
        self.0 <= DAYS_OF_EVERY_MONTH
    }
}

/// What a day means in a month that does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingDay {
    /// The last day of that month.
    Last,
    /// The first day of the next one.
    Next,
    /// There is no payment in that month.
    Skip,
}

/// When a rule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It does not.
    Never,
    /// On this day, which may have the last payment.
    Until(Date),
    /// With so many dates.
    Count(u32),
}

/// One date of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDate {
    /// Its number among the dates, from 1.
    pub number: u32,
    /// The day.
    pub date: Date,
}

impl Rule {
    /// Its dates in their order, to the end of the calendar if it does not end before.
    pub fn dates(&self) -> impl Iterator<Item = DueDate> {
        self.dates_from(self.from)
    }

    /// Its dates on this day and after it.
    pub fn dates_from(&self, day: Date) -> impl Iterator<Item = DueDate> {
        let rule = *self;
        let (first_month, passed) = (rule.first_month(), rule.steps_before(day));
        let steps = (passed..).map_while(move |step| rule.step(first_month, step));
        // A month without the day is passed over, and has no number.
        let dates = steps.flatten().filter(move |date| *date >= rule.from);
        let dates = (passed.saturating_add(1)..).zip(dates).map(|(number, date)| DueDate { number, date });
        let dates = dates.take_while(move |due| match rule.end {
            End::Never => true,
            End::Until(last) => due.date <= last,
            End::Count(count) => due.number <= count,
        });
        dates.skip_while(move |due| due.date < day)
    }

    /// The first date on this day or after it.
    pub fn next(&self, day: Date) -> Option<DueDate> {
        self.dates_from(day).next()
    }

    /// The fewest days between two of its dates.
    pub fn days_apart_min(&self) -> u32 {
        let (count, days) = match self.every {
            Every::Days(days) => (days, 1),
            Every::Weeks(weeks) => (weeks, 7),
            Every::Months { months, .. } => (months, DAYS_OF_EVERY_MONTH.unsigned_abs()),
        };
        u32::from(count.get()) * u32::from(days)
    }

    /// Dates before this day that need not be gone through. Of months all are, since some have no date and no number; in a
    /// hundred years there are 1,200.
    fn steps_before(&self, day: Date) -> u32 {
        let apart = match self.every {
            Every::Days(_) | Every::Weeks(_) => self.days_apart_min(),
            Every::Months { .. } => return 0,
        };
        let days = day.since(self.from).map(|span| span.get_days()).unwrap_or_default();
        u32::try_from(days).unwrap_or_default() / apart
    }

    /// The first day of the month that has the first date: that of `from`, unless its day is over by then.
    fn first_month(&self) -> Date {
        let month = self.from.first_of_month();
        let Every::Months { day, missing_day, .. } = self.every else { return month };
        match day.in_month(month, missing_day) {
            Some(date) if date < self.from => month.saturating_add(1.month()),
            Some(_) | None => month,
        }
    }

    /// The date of a step; `None`: there is none in its month. `None` beyond the calendar.
    fn step(&self, first_month: Date, step: u32) -> Option<Option<Date>> {
        let times = |count: NonZeroU16| i64::from(count.get()) * i64::from(step);
        match self.every {
            Every::Days(days) => self.from.checked_add(times(days).days()).ok().map(Some),
            Every::Weeks(weeks) => self.from.checked_add(times(weeks).weeks()).ok().map(Some),
            Every::Months { months, day, missing_day } => {
                // Each counted from the first, so that the day does not slip behind a short month.
                let month = first_month.checked_add(times(months).months()).ok()?;
                Some(day.in_month(month, missing_day))
            }
        }
    }
}

impl DayOfMonth {
    /// This day of the month that begins so.
    fn in_month(self, month: Date, missing_day: MissingDay) -> Option<Date> {
        let last = month.days_in_month();
        if self.0 <= last {
            return month.checked_add((self.0 - 1).days()).ok();
        }
        match missing_day {
            MissingDay::Last => month.checked_add((last - 1).days()).ok(),
            MissingDay::Next => month.checked_add(1.month()).ok(),
            MissingDay::Skip => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn count(n: u16) -> NonZeroU16 {
        NonZeroU16::new(n).unwrap()
    }

    fn monthly(months: u16, day: i8, missing_day: MissingDay, from: Date) -> Rule {
        let day = DayOfMonth::new(day).unwrap();
        Rule { every: Every::Months { months: count(months), day, missing_day }, from, end: End::Never }
    }

    fn dates(rule: &Rule, many: usize) -> Vec<String> {
        let dates = rule.dates().take(many).enumerate();
        dates
            .map(|(place, due)| {
                assert_eq!(due.number as usize, place + 1);
                due.date.to_string()
            })
            .collect()
    }

    #[test]
    fn months_end_right_whatever_a_missing_day_means() {
        let from = date(2027, 12, 31);
        let rule = |missing_day| monthly(1, 31, missing_day, from);
        let last = ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"];
        assert_eq!(dates(&rule(MissingDay::Last), 6), last);
        let next = ["2027-12-31", "2028-01-31", "2028-03-01", "2028-03-31", "2028-05-01", "2028-05-31"];
        assert_eq!(dates(&rule(MissingDay::Next), 6), next);
        let skip = ["2027-12-31", "2028-01-31", "2028-03-31", "2028-05-31", "2028-07-31", "2028-08-31"];
        assert_eq!(dates(&rule(MissingDay::Skip), 6), skip);
    }

    #[test]
    fn a_leap_day_is_there_every_four_years_or_each_year_on_the_last() {
        let yearly = |missing_day| monthly(12, 29, missing_day, date(2028, 2, 29));
        assert_eq!(dates(&yearly(MissingDay::Skip), 3), ["2028-02-29", "2032-02-29", "2036-02-29"]);
        assert_eq!(dates(&yearly(MissingDay::Last), 3), ["2028-02-29", "2029-02-28", "2030-02-28"]);
        assert_eq!(dates(&yearly(MissingDay::Next), 3), ["2028-02-29", "2029-03-01", "2030-03-01"]);
    }

    #[test]
    fn the_first_date_is_the_first_that_is_not_before_the_beginning() {
        let quarterly = |from| monthly(3, 15, MissingDay::Last, from);
        assert_eq!(dates(&quarterly(date(2027, 1, 15)), 2), ["2027-01-15", "2027-04-15"]);
        assert_eq!(dates(&quarterly(date(2027, 1, 16)), 2), ["2027-02-15", "2027-05-15"]);
        // Where the day before would be put off into the month of the beginning, it is still before it.
        let next = monthly(1, 31, MissingDay::Next, date(2027, 5, 1));
        assert_eq!(dates(&next, 2), ["2027-05-31", "2027-07-01"]);
        let skip = monthly(2, 31, MissingDay::Skip, date(2027, 4, 1));
        assert_eq!(dates(&skip, 2), ["2027-08-31", "2027-10-31"]);
    }

    #[test]
    fn days_and_weeks_are_counted_from_the_beginning() {
        let from = date(2028, 2, 27);
        let every = |every| Rule { every, from, end: End::Never };
        assert_eq!(dates(&every(Every::Days(count(2))), 3), ["2028-02-27", "2028-02-29", "2028-03-02"]);
        assert_eq!(dates(&every(Every::Weeks(count(2))), 3), ["2028-02-27", "2028-03-12", "2028-03-26"]);
        let weekly = every(Every::Weeks(count(1)));
        assert!(weekly.dates().take(500).all(|due| due.date.weekday() == from.weekday()));
    }

    #[test]
    fn a_rule_ends_with_its_last_day_or_its_last_date() {
        let ending = |end| Rule { end, ..monthly(1, 1, MissingDay::Last, date(2027, 1, 1)) };
        assert_eq!(
            dates(&ending(End::Until(date(2027, 3, 1))), 9),
            ["2027-01-01", "2027-02-01", "2027-03-01"]
        );
        assert_eq!(dates(&ending(End::Until(date(2027, 2, 28))), 9).len(), 2);
        assert_eq!(dates(&ending(End::Count(2)), 9), ["2027-01-01", "2027-02-01"]);
        assert!(dates(&ending(End::Until(date(2026, 12, 31))), 9).is_empty());
        assert!(dates(&ending(End::Count(0)), 9).is_empty());
        // To the end of the calendar, which is the end.
        let far = Rule { from: date(9999, 11, 1), ..ending(End::Never) };
        assert_eq!(dates(&far, 9), ["9999-11-01", "9999-12-01"]);
    }

    #[test]
    fn a_date_keeps_its_number_from_whatever_day_one_looks() {
        let rule = monthly(1, 31, MissingDay::Last, date(2027, 1, 31));
        let february = DueDate { number: 2, date: date(2027, 2, 28) };
        for day in [date(2027, 2, 1), date(2027, 2, 28)] {
            assert_eq!(rule.next(day), Some(february));
        }
        assert_eq!(rule.next(date(2027, 3, 1)).unwrap().number, 3);
        assert_eq!(Rule { end: End::Count(2), ..rule }.next(date(2027, 3, 1)), None);
    }

    #[test]
    fn the_dates_from_any_day_on_are_the_same_as_those_from_the_beginning() {
        let from = date(2027, 1, 30);
        let twelve = DayOfMonth::new(30).unwrap();
        let skip = Every::Months { months: count(1), day: twelve, missing_day: MissingDay::Skip };
        for every in [Every::Days(count(1)), Every::Days(count(3)), Every::Weeks(count(2)), skip] {
            for end in [End::Never, End::Until(date(2027, 6, 1)), End::Count(9)] {
                let rule = Rule { every, from, end };
                for day in date(2026, 12, 1).series(1.day()).take(300) {
                    let gone_through = rule.dates().filter(|due| due.date >= day);
                    let expected: Vec<_> = gone_through.take(3).collect();
                    assert_eq!(rule.dates_from(day).take(3).collect::<Vec<_>>(), expected, "{rule:?} {day}");
                }
            }
        }
    }

    #[test]
    fn no_two_dates_are_nearer_than_the_rule_says() {
        let from = date(2027, 1, 1);
        let months = (1..=31).flat_map(|day| {
            [MissingDay::Last, MissingDay::Next, MissingDay::Skip]
                .map(|missing| monthly(1, day, missing, from))
        });
        let every = |every| Rule { every, from, end: End::Never };
        for rule in months.chain([every(Every::Days(count(3))), every(Every::Weeks(count(2)))]) {
            let dates: Vec<_> = rule.dates().take(60).map(|due| due.date).collect();
            let apart = dates.windows(2).map(|pair| pair[1].since(pair[0]).unwrap().get_days()).min();
            assert!(apart >= i32::try_from(rule.days_apart_min()).ok(), "{rule:?}");
        }
    }

    /// Against a calendar that is gone through day by day.
    #[test]
    fn a_year_of_every_rule_has_each_month_once() {
        for day in 1..=31 {
            for missing_day in [MissingDay::Last, MissingDay::Next, MissingDay::Skip] {
                let rule = monthly(1, day, missing_day, date(2027, 1, 1));
                let found: Vec<_> =
                    rule.dates().map(|due| due.date).take_while(|date| date.year() < 2029).collect();
                let expected =
                    date(2027, 1, 1).series(1.day()).take_while(|date| date.year() < 2029).filter(|date| {
                        let before = date.yesterday().unwrap();
                        let put_off = date.day() == 1 && before >= date_of_beginning() && before.day() < day;
                        match missing_day {
                            _ if date.day() == day => true,
                            MissingDay::Last => date.day() == date.days_in_month() && date.day() < day,
                            MissingDay::Next => put_off,
                            MissingDay::Skip => false,
                        }
                    });
                assert_eq!(found, expected.collect::<Vec<_>>(), "{day} {missing_day:?}");
            }
        }
    }

    fn date_of_beginning() -> Date {
        date(2027, 1, 1)
    }
}
