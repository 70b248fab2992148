//! The calendar: days as numbers, and the due dates of payments that recur.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// A day as the number of days since 1970-01-01 (proleptic Gregorian).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(pub i32);

const DAYS_OF_ERA: i32 = 146_097;

impl Day {
    pub fn of(date: Date) -> Day {
        Day::civil(i32::from(date.year()), i32::from(date.month()), i32::from(date.day()))
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": `days_from_civil`.
    fn civil(year: i32, month: i32, day: i32) -> Day {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Day(era * DAYS_OF_ERA + day_of_era - 719_468)
    }

    /// The same, back: year, month 1..=12, day 1..=31.
    fn parts(self) -> (i32, i32, i32) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(DAYS_OF_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_OF_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = era * 400 + year_of_era + i32::from(month <= 2);
        (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
    }

    /// As a date; the nearest one where the calendar of dates ends (year 9999).
    pub fn date(self) -> Date {
        let (year, month, day) = self.parts();
        let small = |n: i32| i8::try_from(n).unwrap_or(1);
        let limit = if year < 0 { Date::MIN } else { Date::MAX };
        i16::try_from(year)
            .ok()
            .and_then(|year| Date::new(year, small(month), small(day)).ok())
            .unwrap_or(limit)
    }

    /// Months since year 0, and the day of the month.
    pub fn month(self) -> (i32, i32) {
        let (year, month, day) = self.parts();
        (year * 12 + month - 1, day)
    }

    /// The `day` of a month, or its last day where it is shorter.
    pub fn in_month(month: i32, day: i32) -> Day {
        let first = Day::month_start(month);
        let days = Day::month_start(month + 1).0 - first.0;
        Day(first.0 + day.min(days) - 1)
    }

    /// The first day of a month.
    pub fn month_start(month: i32) -> Day {
        Day::civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1)
    }

    /// 0 is Monday.
    fn weekday(self) -> i32 {
        (self.0 + 3).rem_euclid(7)
    }
}

/// How often something recurs.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // Their names say it.
#[strum(serialize_all = "snake_case")]
pub enum Period {
    Weekly,
    Biweekly,
    FourWeekly,
    Monthly,
    Bimonthly,
    Quarterly,
    HalfYearly,
    Yearly,
}

/// What a period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Days(i32),
    Months(i32),
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: &'static [Period] = Period::VARIANTS;

    pub(super) fn step(self) -> Step {
        match self {
            Period::Weekly => Step::Days(7),
            Period::Biweekly => Step::Days(14),
            Period::FourWeekly => Step::Days(28),
            Period::Monthly => Step::Months(1),
            Period::Bimonthly => Step::Months(2),
            Period::Quarterly => Step::Months(3),
            Period::HalfYearly => Step::Months(6),
            Period::Yearly => Step::Months(12),
        }
    }

    /// Its mean length in days.
    pub(super) fn days(self) -> f64 {
        match self.step() {
            Step::Days(days) => f64::from(days),
            Step::Months(months) => f64::from(months) * 365.2425 / 12.0,
        }
    }

    /// How far from its due date a payment may be, in days: weekends and holidays for what is due in a month,
    /// less where the dates lie so close that anything would be near one.
    pub(super) fn tolerance_days(self) -> i32 {
        match self {
            Period::Weekly | Period::Biweekly => 2,
            Period::FourWeekly => 3,
            Period::Monthly | Period::Bimonthly | Period::Quarterly => 4,
            Period::HalfYearly | Period::Yearly => 6,
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The due dates of one thing that recurs, numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub period: Period,
    /// One due date; of months, with the day before it is clamped to the end of a short one.
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Day(i32),
    Month { month: i32, day: i32 },
}

impl Grid {
    /// The grid of a period that is due on `anchor`; in each month on the `day_of_month`.
    pub fn new(period: Period, anchor: Day, day_of_month: i32) -> Grid {
        let origin = match period.step() {
            Step::Days(_) => Origin::Day(anchor.0),
            Step::Months(_) => Origin::Month { month: anchor.month().0, day: day_of_month },
        };
        Grid { period, origin }
    }

    /// The day that it is due in a month; `None`: it goes by weeks.
    pub fn day_of_month(&self) -> Option<i32> {
        match self.origin {
            Origin::Day(_) => None,
            Origin::Month { day, .. } => Some(day),
        }
    }

    /// The due date with this number.
    pub fn due(&self, number: i32) -> Day {
        match (self.origin, self.period.step()) {
            (Origin::Month { month, day }, Step::Months(months)) => {
                Day::in_month(month + number * months, day)
            }
            (Origin::Day(day), Step::Days(days)) => Day(day + number * days),
            // `new` pairs them.
            (Origin::Month { .. }, Step::Days(_)) | (Origin::Day(_), Step::Months(_)) => Day(0),
        }
    }

    /// The number of the due date that `day` is nearest to, and how many days it is late (negative: early),
    /// weekends allowed for.
    pub fn nearest(&self, day: Day) -> (i32, i32) {
        match (self.origin, self.period.step()) {
            (Origin::Day(origin), Step::Days(days)) => {
                let number = (day.0 - origin + days / 2).div_euclid(days);
                (number, day.0 - (origin + number * days))
            }
            (Origin::Month { month, .. }, Step::Months(months)) => {
                let number = (day.month().0 - month).div_euclid(months);
                let late = |number: i32| (number, lateness(self.due(number), day));
                let here = late(number);
                let other = late(if here.1 < 0 { number - 1 } else { number + 1 });
                if other.1.abs() < here.1.abs() { other } else { here }
            }
            (Origin::Month { .. }, Step::Days(_)) | (Origin::Day(_), Step::Months(_)) => (0, i32::MAX),
        }
    }
}

/// Days from a due date to a payment. A due date on a weekend may be paid, as agreed, on the Friday before or
/// on the Monday after it; late is what goes beyond.
fn lateness(due: Day, paid: Day) -> i32 {
    let late = paid.0 - due.0;
    let (early_allowed, late_allowed) = match due.weekday() {
        5 => (1, 2),
        6 => (2, 1),
        _ => (0, 0),
    };
    if late > 0 { (late - late_allowed).max(0) } else { (late + early_allowed).min(0) }
}

/// Mean number of days that count as late by at most `late_days`, of a period that goes by months: on two of
/// seven days a weekend adds three.
pub(super) fn window_days(period: Period, late_days: i32) -> f64 {
    let weekend = if matches!(period.step(), Step::Months(_)) { 6.0 / 7.0 } else { 0.0 };
    f64::from(2 * late_days + 1) + weekend
}
