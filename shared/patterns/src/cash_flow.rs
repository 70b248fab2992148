//! Cash flow: what came in and went out in each month.

use std::str::FromStr;

use derive_more::Display;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use super::SUM_MAX;
use super::calendar::Day;
use super::group::Groups;

/// A month, `2026-11` as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display)]
#[display("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1)]
#[derive(SerializeDisplay, DeserializeFromStr)]
pub struct Month {
    /// Months since January of the year 0.
    number: i32,
}

impl Month {
    pub(super) fn of(day: Day) -> Month {
        Month { number: day.month().0 }
    }

    pub(super) fn start(self) -> Day {
        Day::month_start(self.number)
    }

    pub(super) fn plus(self, months: i32) -> Month {
        Month { number: self.number.saturating_add(months) }
    }

    pub(super) fn since(self, earlier: Month) -> i32 {
        self.number - earlier.number
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Month, String> {
        let parsed = text.rsplit_once('-').and_then(|(year, month)| {
            let month: i32 = month.parse().ok().filter(|month| (1..=12).contains(month))?;
            let year: i32 = year.parse().ok().filter(|year| (-9999..=9999).contains(year))?;
            Some(Month { number: year * 12 + month - 1 })
        });
        parsed.ok_or_else(|| format!("`{text}` is no month such as 2026-11"))
    }
}

/// What flowed in a month, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthFlow {
    /// The month.
    pub month: Month,
    /// What came in.
    pub r#in: i64,
    /// What went out, without sign.
    pub out: i64,
    /// What came in less what went out.
    pub net: i64,
    /// Movements.
    pub movements: usize,
}

impl MonthFlow {
    pub(super) fn none(month: Month) -> MonthFlow {
        MonthFlow { month, r#in: 0, out: 0, net: 0, movements: 0 }
    }

    /// Adds a movement. A sum stays at [`SUM_MAX`]: only money that goes round and round comes to more in a month.
    pub(super) fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.r#in = self.r#in.saturating_add(amount).min(SUM_MAX);
        } else {
            self.out = self.out.saturating_sub(amount).min(SUM_MAX);
        }
        self.net = self.r#in.saturating_sub(self.out);
        self.movements += 1;
    }
}

/// The most months that are shown, the newest: twenty years, some 16 KiB. One payment with a date of long ago
/// does not make an answer of nothing but empty months.
const MONTHS_MAX: i32 = 240;

/// Every month from the first movement to the last, [`MONTHS_MAX`] at the most; one without movements is there, with nothing in it.
pub(super) fn monthly(groups: &Groups<'_>) -> Vec<MonthFlow> {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return Vec::new() };
    let last = Month::of(last);
    let first = Month::of(first).max(last.plus(1 - MONTHS_MAX));
    let mut flows: Vec<MonthFlow> = (0..=last.since(first)).map(|n| MonthFlow::none(first.plus(n))).collect();
    for (day, movement) in &groups.history {
        let place = usize::try_from(Month::of(*day).since(first));
        if let Some(flow) = place.ok().and_then(|place| flows.get_mut(place)) {
            flow.add(movement.amount);
        }
    }
    flows
}
