//! Patterns: what recurs in an account's history, what stands out in it, what flows each month, and what to
//! expect next month.
//!
//! Everything goes by value date, and "today" is an argument. Money is integers in minor units; floats are for
//! statistics only, and decide about nothing that is posted.

mod anomaly;
mod calendar;
mod cash_flow;
mod chance;
mod find;
mod fit;
mod forecast;
mod group;
mod movement;
mod recurring;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use anomaly::{Anomaly, AnomalyKind};
pub use calendar::Period;
pub use cash_flow::{Month, MonthFlow};
pub use forecast::{Forecast, ForecastError};
pub use movement::{Direction, Movement, Party};
pub use recurring::{Amounts, Recurring};

use domain::account::Account;

use self::calendar::Day;
use self::group::Groups;

/// The most minor units of a sum over movements: as many as every reader of JSON has exactly.
const SUM_MAX: i64 = Account::MINOR_UNITS_MAX;

/// What one account's history shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patterns {
    /// Movements that were read.
    pub movements: usize,
    /// Value date of the first movement; absent: there was none.
    pub from: Option<Date>,
    /// Value date of the last movement until today. "Next", "missed" and "ended" are as of this day: an account
    /// that has gone silent as a whole says nothing about a payment that did not come.
    pub through: Option<Date>,
    /// Payments and incomes that recur; those with the most money a year first.
    pub recurring: Vec<Recurring>,
    /// What stands out, the highest score first; at most [`Patterns::ANOMALIES_MAX`].
    pub anomalies: Vec<Anomaly>,
    /// How many stood out in all.
    pub anomalies_total: usize,
    /// Each month from the first movement to the last, the newest 240 at the most.
    pub cash_flow: Vec<MonthFlow>,
    /// The month after the history; absent where there are too few whole months to say anything.
    pub forecast: Option<Forecast>,
}

impl Patterns {
    /// The most anomalies that are shown.
    pub const ANOMALIES_MAX: usize = 100;
}

/// Analyses a history, in whatever order it comes. What is dated after `today` is not history and is left out.
pub fn analyse(movements: &[Movement], today: Date) -> Patterns {
    let groups = Groups::of(movements, Day::of(today));
    let found = find::recurring(&groups);
    let flow = cash_flow::monthly(&groups);
    let mut anomalies = anomaly::find(&groups, &found);
    let anomalies_total = anomalies.len();
    anomalies.truncate(Patterns::ANOMALIES_MAX);
    Patterns {
        movements: groups.movements(),
        from: groups.first().map(Day::date),
        through: groups.last().map(Day::date),
        recurring: recurring::describe(&groups, &found),
        anomalies,
        anomalies_total,
        cash_flow: flow,
        forecast: forecast::next_month(&groups, &found, today),
    }
}
