//! Fitting due dates to payments: which period and which day explain them best, and whether chance would too.

use super::calendar::{Day, Grid, Period, Step, window_days};
use super::chance;

/// One payment of a series in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub day: Day,
    /// Minor units, without sign.
    pub amount: u64,
    /// Its place in the history.
    pub index: usize,
}

/// Due dates, and what was paid of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    pub grid: Grid,
    /// Number of the due date, days late, payment; in the order of the due dates, one for each.
    pub hits: Vec<(i32, i32, Point)>,
    /// Payments that are near no due date, or second at one.
    pub extras: Vec<Point>,
    /// Natural logarithm of the probability that as many random dates would fit as well.
    pub ln_chance: f64,
}

/// How much a fit must hold to be believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// The most that chance may explain it.
    pub chance_max: f64,
    /// The same of what comes every week or two, as shopping does.
    pub short_chance_max: f64,
    /// The largest share of payments beside the due dates.
    pub extras_share_max: f64,
    /// The fewest payments; of what comes more often than every two weeks one more.
    pub hits_min: usize,
    /// The shortest period in question.
    pub shortest: Period,
}

/// Misses in a row that count as a pause, which is one decision and not many failures.
const PAUSE_MISSES_MIN: i32 = 4;
/// What a pause counts in misses.
const PAUSE_COST: usize = 2;
/// The least share of due dates that were paid between the first and the last.
const COVERAGE_MIN: f64 = 0.6;
/// Payments up to which days that did not occur are tried as well: with few, each may have been moved.
const FEW_POINTS: usize = 6;
/// Payments whose days are tried, spread over the series: their days repeat.
const ANCHORS_MAX: usize = 48;

/// The best fit of `points`, sorted by day; `None`: nothing that would be believed.
pub(super) fn best(points: &[Point], demand: &Demand) -> Option<Fit> {
    let mut best: Option<(f64, i32, Fit)> = None;
    for period in Period::ALL.iter().copied().filter(|period| *period >= demand.shortest) {
        if !is_plausible(points, period, demand) {
            continue;
        }
        for grid in grids(points, period) {
            let Some(fit) = on(grid, points, demand) else { continue };
            let late: i32 = fit.hits.iter().map(|(_, late, _)| late.abs()).sum();
            let better = best
                .as_ref()
                .is_none_or(|(ln_chance, best_late, _)| (fit.ln_chance, late) < (*ln_chance, *best_late));
            if better {
                best = Some((fit.ln_chance, late, fit));
            }
        }
    }
    best.map(|(_, _, fit)| fit)
}

/// Whether the number of payments is near the number of due dates at all.
fn is_plausible(points: &[Point], period: Period, demand: &Demand) -> bool {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return false };
    let dates = f64::from(last.day.0 - first.day.0) / period.days() + 1.0;
    let count = points.len() as f64;
    count >= demand.hits_min as f64 && count * (1.0 - demand.extras_share_max) <= dates + 1.0
}

/// The grids to try: on the days on which it was paid, and where those are few also on the days around them.
fn grids(points: &[Point], period: Period) -> Vec<Grid> {
    let around = if points.len() <= FEW_POINTS { 2 } else { 0 };
    let mut grids: Vec<Grid> = Vec::new();
    let mut seen: Vec<(i32, i32)> = Vec::new();
    let every = points.len().div_ceil(ANCHORS_MAX).max(1);
    for point in points.iter().step_by(every) {
        for shift in -around..=around {
            let anchor = Day(point.day.0 + shift);
            let (month, day) = anchor.month();
            let (phase, mut days) = match period.step() {
                Step::Days(days) => (anchor.0.rem_euclid(days), vec![0]),
                Step::Months(months) => (month.rem_euclid(months), vec![day]),
            };
            // The last day of a short month may stand for any later one.
            if matches!(period.step(), Step::Months(_)) && Day::in_month(month, 31) == anchor {
                days.extend(day + 1..=31);
            }
            for day in days {
                if !seen.contains(&(phase, day)) {
                    seen.push((phase, day));
                    grids.push(Grid::new(period, anchor, day));
                }
            }
        }
    }
    grids
}

/// The fit on one grid; `None`: not to be believed.
fn on(grid: Grid, points: &[Point], demand: &Demand) -> Option<Fit> {
    let (hits, extras) = assign(grid, points);
    let tight = if matches!(grid.period, Period::Weekly) { demand.hits_min + 1 } else { demand.hits_min };
    if hits.len() < tight || extras.len() as f64 > demand.extras_share_max * points.len() as f64 {
        return None;
    }
    let missed = misses(&hits);
    // With so few payments every one of them has to fit, and hardly one may be missing.
    let few = hits.len() < 5;
    if few && (missed > hits.len().saturating_sub(2) || !extras.is_empty()) {
        return None;
    }
    let coverage = hits.len() as f64 / (hits.len() + missed) as f64;
    if coverage < COVERAGE_MIN {
        return None;
    }
    let ln_chance = ln_chance(grid, &hits, points.len(), missed);
    let short = grid.period < Period::FourWeekly;
    let chance_max = if short { demand.short_chance_max } else { demand.chance_max };
    (ln_chance <= chance_max.ln()).then_some(Fit { grid, hits, extras, ln_chance })
}

type Hit = (i32, i32, Point);

/// Gives each due date the payment that is nearest to it, within the tolerance.
fn assign(grid: Grid, points: &[Point]) -> (Vec<Hit>, Vec<Point>) {
    let tolerance = grid.period.tolerance_days();
    let mut hits: Vec<Hit> = Vec::with_capacity(points.len());
    let mut extras = Vec::new();
    for point in points {
        let (number, late) = grid.nearest(point.day);
        match hits.last_mut() {
            _ if late.abs() > tolerance => extras.push(*point),
            // Points come by day, so their due dates do not go back.
            Some(held) if held.0 >= number => {
                if late.abs() < held.1.abs() && held.0 == number {
                    extras.push(held.2);
                    *held = (number, late, *point);
                } else {
                    extras.push(*point);
                }
            }
            _ => hits.push((number, late, *point)),
        }
    }
    (hits, extras)
}

/// Due dates without a payment between the first and the last hit; a pause counts as [`PAUSE_COST`].
fn misses(hits: &[Hit]) -> usize {
    let gaps = hits.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1);
    gaps.map(|gap| if gap >= PAUSE_MISSES_MIN { PAUSE_COST } else { usize::try_from(gap).unwrap_or(0) }).sum()
}

/// The chance of random dates: that so many of the others lie within some days of the due dates that one of
/// them sets, for the number of days that is most telling, and that no two are at the same one.
fn ln_chance(grid: Grid, hits: &[Hit], points: usize, missed: usize) -> f64 {
    let period_days = grid.period.days();
    let tried = (points as f64).min(period_days).ln();
    let different = chance::ln_all_different(hits.len(), hits.len() + missed);
    let within = |days: i32| {
        let near = hits.iter().filter(|(_, late, _)| late.abs() <= days).count();
        let share = (window_days(grid.period, days) / period_days).min(1.0);
        // One of them sets the dates, and one more number of days was tried.
        chance::ln_at_least(points - 1, near.saturating_sub(1), share) + f64::from(days + 1).ln()
    };
    let dates = (0..=grid.period.tolerance_days()).map(within).fold(0.0, f64::min);
    (tried + different + dates).min(0.0)
}

/// Due dates before the first and after the last payment that one more may be of.
const REACH: i32 = 2;

impl Fit {
    /// Gives a due date that is free the payment, where it is near one. `false`: it is not.
    pub fn absorb(&mut self, point: Point) -> bool {
        let (number, late) = self.grid.nearest(point.day);
        let (Some(first), Some(last)) = (self.hits.first(), self.hits.last()) else { return false };
        let reached = (first.0.saturating_sub(REACH)..=last.0.saturating_add(REACH)).contains(&number);
        match self.hits.binary_search_by_key(&number, |(number, _, _)| *number) {
            Err(place) if reached && late.abs() <= self.grid.period.tolerance_days() => {
                self.hits.insert(place, (number, late, point));
                true
            }
            _ => false,
        }
    }

    /// Numbers of the due dates between the first and the last payment that were not paid.
    pub fn missed(&self) -> impl Iterator<Item = i32> {
        self.hits.windows(2).flat_map(|pair| pair[0].0 + 1..pair[1].0)
    }
}
