//! The forecast of a month: what recurs falls due, and the rest goes on as it did.
//!
//! How well that works on this account is measured, not claimed: for each of the last months the same is done
//! with nothing but what was known before it, and the difference to what came is the error.

use serde::{Deserialize, Serialize};

use super::SUM_MAX;
use super::calendar::Day;
use super::cash_flow::{Month, MonthFlow};
use super::find::{self, Series};
use super::group::Groups;
use super::movement::Direction;

/// What next month should bring, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The month.
    pub month: Month,
    /// What should come in.
    pub r#in: i64,
    /// What should go out, without sign.
    pub out: i64,
    /// The one less the other.
    pub net: i64,
    /// Of `in`, what recurs and falls due in the month.
    pub recurring_in: i64,
    /// Of `out`, what recurs and falls due in the month.
    pub recurring_out: i64,
    /// How it is made, in words.
    pub method: String,
    /// How far off the same method was on months that it did not know; absent: there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ForecastError>,
}

/// How far off forecasts of past months were, each made from what was known before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastError {
    /// The months.
    pub held_out: Vec<Month>,
    /// Mean absolute error of what came in, in minor units.
    pub r#in: i64,
    /// Mean absolute error of what went out, in minor units.
    pub out: i64,
    /// Mean absolute error of the net, in minor units.
    pub net: i64,
    /// The same of the net for the plainest forecast, "as in the month before", in minor units.
    pub net_as_month_before: i64,
}

const METHOD: &str = "recurring payments and incomes due in the month, at their typical amount, plus the \
                      median of what else flowed in each of the last 12 whole months";

/// Whole months that a forecast needs.
const MONTHS_MIN: i32 = 3;
/// Months of the past whose median stands for what does not recur.
const MEDIAN_MONTHS: i32 = 12;
/// Months that are held out, at the most.
const HELD_OUT_MAX: i32 = 3;

/// The month after the history; after the current one where that goes on.
pub(super) fn next_month(
    groups: &Groups<'_>,
    found: &[Series<'_>],
    today: jiff::civil::Date,
) -> Option<Forecast> {
    let last = Month::of(groups.last()?);
    // The current month is not whole: it is neither learnt from nor measured on.
    let whole = if last == Month::of(Day::of(today)) { last } else { last.plus(1) };
    let expected = expect(groups, found, last.plus(1), whole)?;
    let [recurring_in, recurring_out] = expected.recurring;
    let flow = expected.flow();
    Some(Forecast {
        month: flow.month,
        r#in: flow.r#in,
        out: flow.out,
        net: flow.net,
        recurring_in,
        recurring_out,
        method: METHOD.to_owned(),
        error: backtest(groups, whole),
    })
}

struct Expected {
    month: Month,
    /// In and out.
    recurring: [i64; 2],
    rest: [i64; 2],
}

impl Expected {
    fn flow(&self) -> MonthFlow {
        let mut flow = MonthFlow::none(self.month);
        flow.add(self.recurring[0].saturating_add(self.rest[0]));
        flow.add(self.recurring[1].saturating_add(self.rest[1]).saturating_neg());
        flow
    }
}

/// What is to be expected in `month` from the months before `whole`.
fn expect(groups: &Groups<'_>, found: &[Series<'_>], month: Month, whole: Month) -> Option<Expected> {
    let months = whole.since(Month::of(groups.first()?));
    if months < MONTHS_MIN {
        return None;
    }
    let months = months.min(MEDIAN_MONTHS);
    Some(Expected {
        month,
        recurring: recurring(groups, found, month),
        rest: rest(groups, found, whole, months),
    })
}

/// What falls due in the month of what goes on.
fn recurring(groups: &Groups<'_>, found: &[Series<'_>], month: Month) -> [i64; 2] {
    let (start, end) = (month.start(), month.plus(1).start());
    let mut due = [0_i64; 2];
    for series in found.iter().filter(|series| goes_on(groups, series)) {
        let Some((last, _, _)) = series.fit.hits.last() else { continue };
        let dates = (1..).map(|n| series.fit.grid.due(last + n)).take_while(|day| *day < end);
        for _ in dates.filter(|day| *day >= start) {
            let amount = i64::try_from(series.typical()).unwrap_or(i64::MAX);
            let side = &mut due[side(series.direction)];
            *side = side.saturating_add(amount).min(SUM_MAX);
        }
    }
    due
}

fn goes_on(groups: &Groups<'_>, series: &Series<'_>) -> bool {
    let Some((last, _, _)) = series.fit.hits.last() else { return false };
    groups.last().is_some_and(|through| series.fit.grid.due(last + 3) >= through)
}

/// The median of what else flowed in each of the `months` before `whole`.
fn rest(groups: &Groups<'_>, found: &[Series<'_>], whole: Month, months: i32) -> [i64; 2] {
    let mut recurs = vec![false; groups.movements()];
    for (_, _, point) in found.iter().flat_map(|series| &series.fit.hits) {
        recurs[point.index] = true;
    }
    let from = whole.plus(-months);
    let mut flows: Vec<MonthFlow> = (0..months).map(|n| MonthFlow::none(from.plus(n))).collect();
    for ((day, movement), recurs) in groups.history.iter().zip(recurs) {
        let place = usize::try_from(Month::of(*day).since(from));
        if let Some(flow) = place.ok().and_then(|place| flows.get_mut(place)).filter(|_| !recurs) {
            flow.add(movement.amount);
        }
    }
    let middle = |of: fn(&MonthFlow) -> i64| {
        let mut amounts: Vec<i64> = flows.iter().map(of).collect();
        amounts.sort_unstable();
        amounts[(amounts.len() - 1) / 2].midpoint(amounts[amounts.len() / 2])
    };
    [middle(|flow| flow.r#in), middle(|flow| flow.out)]
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::In => 0,
        Direction::Out => 1,
    }
}

/// Forecasts each of the last months before `whole` from what was known before it.
fn backtest(groups: &Groups<'_>, whole: Month) -> Option<ForecastError> {
    let mut errors: Vec<(Month, [u64; 4])> = Vec::new();
    for n in 1..=HELD_OUT_MAX {
        let month = whole.plus(-n);
        let known = groups.before(month.start());
        let Some(expected) = expect(&known, &find::recurring(&known), month, month) else { break };
        let expected = expected.flow();
        let (came, before) = (flow(groups, month), flow(groups, month.plus(-1)));
        let off = [
            came.r#in.abs_diff(expected.r#in),
            came.out.abs_diff(expected.out),
            came.net.abs_diff(expected.net),
            came.net.abs_diff(before.net),
        ];
        errors.push((month, off));
    }
    if errors.is_empty() {
        return None;
    }
    errors.reverse();
    let count = errors.len() as u128;
    let mean = |figure: usize| {
        let sum: u128 = errors.iter().map(|(_, off)| u128::from(off[figure])).sum();
        i64::try_from(sum / count).unwrap_or(SUM_MAX).min(SUM_MAX)
    };
    let held_out = errors.iter().map(|(month, _)| *month).collect();
    Some(ForecastError { held_out, r#in: mean(0), out: mean(1), net: mean(2), net_as_month_before: mean(3) })
}

/// What flowed in a month.
fn flow(groups: &Groups<'_>, month: Month) -> MonthFlow {
    let (start, end) = (month.start(), month.plus(1).start());
    let from = groups.history.partition_point(|(day, _)| *day < start);
    let mut flow = MonthFlow::none(month);
    let of_month = groups.history[from..].iter().take_while(|(day, _)| *day < end);
    of_month.for_each(|(_, movement)| flow.add(movement.amount));
    flow
}
