//! What recurs, in words and figures.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::calendar::{Day, Period};
use super::find::{self, Series};
use super::group::Groups;
use super::movement::{Direction, Key, Party};

/// A payment or an income that recurs.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recurring {
    /// Whether it is paid or received.
    pub direction: Direction,
    /// The other side, as its last payment names it.
    pub party: Party,
    /// The memo of its last payment.
    pub memo: Option<String>,
    /// What its payments have in common: `account`, `name`, `memo`, or `kind_and_amount`.
    pub grouped_by: String,
    /// How often it comes.
    pub period: Period,
    /// The day of the month that it is due on, 31 for the last; absent: it goes by weeks.
    pub day_of_month: Option<u8>,
    /// Minor units, without sign.
    pub amount: Amounts,
    /// Value date of the first payment.
    pub first: Date,
    /// Value date of the last payment.
    pub last: Date,
    /// Payments.
    pub count: usize,
    /// The next due date; absent: it has ended, for the last three were not paid.
    pub next_expected: Option<Date>,
    /// Due dates since the first payment that were not paid, newest last, at most [`Recurring::MISSED_MAX`].
    pub missed: Vec<Date>,
    /// How many were missed in all.
    pub missed_total: usize,
    /// 0 to 1: how sure it is that this recurs.
    pub confidence: f64,
    /// Why, in words and figures.
    pub evidence: String,
}

/// The amounts of what recurs, in minor units without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Whether all are the same.
    pub fixed: bool,
    /// The middle one.
    pub typical: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

impl Recurring {
    /// The most missed dates that are shown, the newest.
    pub const MISSED_MAX: usize = 24;
}

/// Due dates without a payment after which something has ended.
const ENDED_AFTER_MISSES: usize = 3;

/// What was found, by the money that it moves in a year.
pub(super) fn describe(groups: &Groups<'_>, found: &[Series<'_>]) -> Vec<Recurring> {
    let Some(through) = groups.last() else { return Vec::new() };
    let mut described: Vec<Recurring> =
        found.iter().filter_map(|series| one(groups, series, through)).collect();
    let a_year = |recurring: &Recurring| recurring.amount.typical as f64 / recurring.period.days();
    described.sort_by(|a, b| {
        let by_money = a_year(b).total_cmp(&a_year(a));
        by_money.then_with(|| (a.first, &a.party, &a.memo).cmp(&(b.first, &b.party, &b.memo)))
    });
    described
}

fn one(groups: &Groups<'_>, series: &Series<'_>, through: Day) -> Option<Recurring> {
    let fit = &series.fit;
    let ((_, _, first), (last_number, _, last)) = (fit.hits.first()?, fit.hits.last()?);
    let movement = groups.movement(last.index);
    let amounts = find::amounts(fit);
    let (min, max) = (*amounts.iter().min()?, *amounts.iter().max()?);
    let amount = Amounts { fixed: min == max, typical: find::median(&amounts), min, max };
    let overdue = overdue(series, *last_number, through);
    let ended = overdue.len() >= ENDED_AFTER_MISSES;
    let next = last_number + 1 + i32::try_from(overdue.len()).unwrap_or(0);
    let mut missed: Vec<Day> = fit.missed().map(|number| fit.grid.due(number)).collect();
    if !ended {
        missed.extend(overdue);
    }
    let left_out = missed.len().saturating_sub(Recurring::MISSED_MAX);
    Some(Recurring {
        direction: series.direction,
        party: movement.party.clone(),
        memo: movement.memo.clone(),
        grouped_by: grouped_by(series.key).to_owned(),
        period: fit.grid.period,
        day_of_month: fit.grid.day_of_month().and_then(|day| u8::try_from(day).ok()),
        amount,
        first: first.day.date(),
        last: last.day.date(),
        count: fit.hits.len(),
        next_expected: (!ended).then(|| fit.grid.due(next).date()),
        missed: missed[left_out..].iter().map(|day| day.date()).collect(),
        missed_total: missed.len(),
        confidence: confidence(series),
        evidence: evidence(series, &amount),
    })
}

/// Due dates after the last payment that are past, the days that it may be late included; as many as end it.
fn overdue(series: &Series<'_>, last: i32, through: Day) -> Vec<Day> {
    let grid = series.fit.grid;
    let grace = grid.period.tolerance_days() + 2;
    let after = (1..=i32::try_from(ENDED_AFTER_MISSES).unwrap_or(i32::MAX)).map(|n| grid.due(last + n));
    after.take_while(|due| due.0 + grace < through.0).collect()
}

fn grouped_by(key: &Key) -> &'static str {
    match key {
        Key::Account(_) => "account",
        Key::Name(_) => "name",
        Key::Memo(_) => "memo",
        Key::Bare(..) => "kind_and_amount",
    }
}

/// That it is not chance, times the share of due dates that were paid, times how punctually.
fn confidence(series: &Series<'_>) -> f64 {
    let fit = &series.fit;
    let paid = fit.hits.len() as f64;
    let coverage = paid / (paid + fit.missed().count() as f64);
    let near = fit.hits.iter().filter(|(_, late, _)| late.abs() <= 2).count() as f64 / paid;
    let sure = (1.0 - fit.ln_chance.exp()) * (0.6 + 0.4 * coverage) * (0.8 + 0.2 * near);
    (sure * 1000.0).round() / 1000.0
}

fn evidence(series: &Series<'_>, amount: &Amounts) -> String {
    let fit = &series.fit;
    let paid = fit.hits.len();
    let due = paid + fit.missed().count();
    let days_late_max = fit.hits.iter().map(|(_, late, _)| late.abs()).max().unwrap_or(0);
    let punctual = fit.hits.iter().filter(|(_, late, _)| *late == 0).count();
    let period = series.fit.grid.period;
    let day = match fit.grid.day_of_month() {
        Some(31) => " on the last day of the month".to_owned(),
        Some(day) => format!(" on day {day} of the month"),
        None => String::new(),
    };
    let amounts = if amount.fixed {
        format!("always {}", amount.typical)
    } else {
        format!("{} to {}, typically {}", amount.min, amount.max, amount.typical)
    };
    let chance = match fit.ln_chance / std::f64::consts::LN_10 {
        log if log > -1.0 => "random dates would often fit as well".to_owned(),
        log => format!("random dates would fit as well once in 10^{:.0}", -log),
    };
    format!(
        "{paid} of {due} {period} due dates{day} were paid, {punctual} to the day or over a weekend, none more \
         than {days_late_max} days off; amounts are {amounts} minor units; {chance}"
    )
}
