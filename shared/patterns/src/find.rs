//! Finding what recurs: the payments of one counterparty, apart by what they are for, each part fitted to the
//! calendar.
//!
//! One counterparty may get several standing orders, one order may change its amount, and noise of the same
//! merchant may lie between: so the whole is tried first, then its memos, exact amounts, and amounts that lie
//! near each other, and what is found is joined again where one continues the other.

use super::calendar::Period;
use super::fit::{self, Demand, Fit, Point};
use super::group::Groups;
use super::movement::{Direction, Key};

/// One thing that recurs.
#[derive(Debug, Clone)]
pub(super) struct Series<'a> {
    pub direction: Direction,
    pub key: &'a Key,
    pub fit: Fit,
}

impl Series<'_> {
    /// The middle amount, in minor units.
    pub fn typical(&self) -> u64 {
        median(&amounts(&self.fit))
    }
}

/// Amounts this far apart are not one standing order that was changed, in percent of the smaller.
const APART_PERCENT: u128 = 130;
/// A step in sorted amounts that separates two clusters, in percent.
const STEP_PERCENT: u128 = 125;
/// How far from the middle an amount may be for its series to vary little, in percent.
const NEAR_PERCENT: u128 = 25;
/// How far from the middle a single payment may be to be taken for one of a series that is found.
const JOIN_PERCENT: u128 = 35;

/// All that recurs in a history.
pub(super) fn recurring<'a>(groups: &'a Groups<'_>) -> Vec<Series<'a>> {
    let mut found = Vec::new();
    for ((direction, key), places) in &groups.groups {
        if places.len() < 3 {
            continue;
        }
        let mut search = Search { groups, key, fits: Vec::new() };
        let left = search.all(groups.points(places));
        search.join();
        search.absorb(left);
        found.extend(search.fits.into_iter().map(|fit| Series { direction: *direction, key, fit }));
    }
    found
}

struct Search<'a> {
    groups: &'a Groups<'a>,
    key: &'a Key,
    fits: Vec<Fit>,
}

impl Search<'_> {
    /// Finds what it can and returns the rest.
    fn all(&mut self, points: Vec<Point>) -> Vec<Point> {
        let Some(rest) = self.pure(points) else { return Vec::new() };
        let parts = self.groups.by_memo(&rest);
        let rest = if parts.len() > 1 && parts.len() * 3 <= rest.len() {
            let mut left = Vec::new();
            for part in parts {
                let part = self.pure(part).unwrap_or_default();
                left.extend(self.by_amount(part));
            }
            left.sort_by_key(|point| (point.day, point.index));
            left
        } else {
            rest
        };
        let rest = self.by_amount(rest);
        // Whatever the amounts, if the days are too regular for chance.
        self.take(rest, 0.3, 1)
    }

    /// Takes the whole where it is one thing and little else.
    fn pure(&mut self, points: Vec<Point>) -> Option<Vec<Point>> {
        let points = if is_separable(&points) { points } else { self.take(points, 0.05, 1) };
        (!points.is_empty()).then_some(points)
    }

    fn by_amount(&mut self, points: Vec<Point>) -> Vec<Point> {
        let rest = self.by_exact_amount(points);
        let clusters = clusters(rest, |smaller, larger| exceeds(larger, smaller, STEP_PERCENT));
        let candidates = clusters.iter().filter(|cluster| cluster.len() >= 3).count().max(1);
        let mut left = Vec::new();
        for cluster in clusters {
            left.extend(self.take(cluster, 0.2, candidates));
        }
        left.sort_by_key(|point| (point.day, point.index));
        left
    }

    fn by_exact_amount(&mut self, points: Vec<Point>) -> Vec<Point> {
        let clusters = clusters(points, |smaller, larger| larger > smaller);
        let candidates = clusters.iter().filter(|cluster| cluster.len() >= 3).count().max(1);
        let mut left = Vec::new();
        for cluster in clusters {
            let cluster = self.take(cluster, 0.34, candidates);
            left.extend(self.take_twin(cluster));
        }
        left.sort_by_key(|point| (point.day, point.index));
        left
    }

    /// Takes what fits; returns what is left. `candidates` were looked at, so each must be as much surer.
    fn take(&mut self, points: Vec<Point>, extras_share_max: f64, candidates: usize) -> Vec<Point> {
        if points.len() < 3 {
            return points;
        }
        let demand = self.demand(&points, extras_share_max, candidates);
        match fit::best(&points, &demand) {
            Some(mut fit) => {
                let left = std::mem::take(&mut fit.extras);
                self.fits.push(fit);
                left
            }
            None => points,
        }
    }

    /// Takes two orders of one amount, as for the 1st and the 15th, if they leave nothing.
    fn take_twin(&mut self, points: Vec<Point>) -> Vec<Point> {
        if points.len() < 8 {
            return points;
        }
        let demand = Demand { shortest: Period::FourWeekly, ..self.demand(&points, 0.6, 2) };
        let Some(mut one) = fit::best(&points, &demand) else { return points };
        let others = std::mem::take(&mut one.extras);
        let twin = fit::best(&others, &Demand { extras_share_max: 0.0, ..demand });
        let Some(other) = twin.filter(|other| other.grid.period == one.grid.period) else { return points };
        self.fits.extend([one, other]);
        Vec::new()
    }

    /// The less is known, and the more amounts vary, the more the days have to prove.
    fn demand(&self, points: &[Point], extras_share_max: f64, candidates: usize) -> Demand {
        let named = self.key.names_someone();
        let (chance_max, short_chance_max, hits_min, shortest) = match (self.key, Spread::of(points)) {
            (Key::Bare(..), _) => (1e-4, 1e-6, 5, Period::Weekly),
            (_, Spread::None) if named => (0.03, 5e-3, 3, Period::Weekly),
            (_, Spread::None) => (0.01, 1e-3, 3, Period::Weekly),
            (Key::Account(_), Spread::Little) => (0.02, 1e-4, 3, Period::Weekly),
            (_, Spread::Little) if named => (2e-3, 1e-6, 3, Period::Weekly),
            (_, Spread::Little) => (5e-4, 1e-7, 4, Period::Weekly),
            (_, Spread::Much) => (1e-5, 0.0, 6, Period::FourWeekly),
        };
        let candidates = candidates as f64;
        Demand {
            chance_max: chance_max / candidates,
            short_chance_max: short_chance_max / candidates,
            extras_share_max,
            hits_min,
            shortest,
        }
    }

    /// Joins series of which one goes on where the other ended, with another amount.
    fn join(&mut self) {
        self.fits.sort_by_key(|fit| fit.hits.first().map(|(_, _, point)| (point.day, point.index)));
        let mut joined: Vec<Fit> = Vec::new();
        for fit in std::mem::take(&mut self.fits) {
            let place = joined.iter().position(|earlier| continues(earlier, &fit));
            let one = place.and_then(|place| self.as_one(&joined[place], &fit).map(|one| (place, one)));
            match one {
                Some((place, one)) => joined[place] = one,
                None => joined.push(fit),
            }
        }
        self.fits = joined;
    }

    fn as_one(&self, earlier: &Fit, later: &Fit) -> Option<Fit> {
        let points: Vec<Point> = earlier.hits.iter().chain(&later.hits).map(|(_, _, point)| *point).collect();
        let one = fit::best(&points, &self.demand(&points, 0.0, 1))?;
        (one.grid.period == earlier.grid.period).then_some(one)
    }

    /// Gives due dates that were missed, or come next, the payments nearby that differ a little.
    fn absorb(&mut self, left: Vec<Point>) {
        let typicals: Vec<u64> = self.fits.iter().map(|fit| median(&amounts(fit))).collect();
        for point in left {
            for (fit, &typical) in self.fits.iter_mut().zip(&typicals) {
                let near = !exceeds(point.amount, typical, 100 + JOIN_PERCENT)
                    && !exceeds(typical, point.amount, 100 + JOIN_PERCENT);
                if near && fit.absorb(point) {
                    break;
                }
            }
        }
    }
}

fn continues(earlier: &Fit, later: &Fit) -> bool {
    let (Some((_, _, last)), Some((_, _, first))) = (earlier.hits.last(), later.hits.first()) else {
        return false;
    };
    let (a, b) = (median(&amounts(earlier)), median(&amounts(later)));
    earlier.grid.period == later.grid.period && last.day < first.day && !exceeds(a.max(b), a.min(b), 150)
}

/// How much the amounts of a series differ.
enum Spread {
    /// Nearly all are the same.
    None,
    /// Nearly all are near the middle one.
    Little,
    Much,
}

impl Spread {
    fn of(points: &[Point]) -> Spread {
        let amounts: Vec<u64> = points.iter().map(|point| point.amount).collect();
        let middle = median(&amounts);
        let most = |like: &dyn Fn(u64) -> bool| {
            amounts.iter().filter(|amount| like(**amount)).count() * 5 >= amounts.len() * 4
        };
        if most(&|amount| amount == middle) {
            Spread::None
        } else if most(&|amount| {
            u128::from(amount.abs_diff(middle)) * 100 <= u128::from(middle) * NEAR_PERCENT
        }) {
            Spread::Little
        } else {
            Spread::Much
        }
    }
}

/// Whether nearly all of it are exact amounts that come again, and two of them lie far apart.
fn is_separable(points: &[Point]) -> bool {
    let mut clusters = clusters(points.to_vec(), |smaller, larger| larger > smaller);
    clusters.retain(|cluster| cluster.len() >= 3);
    let in_clusters: usize = clusters.iter().map(Vec::len).sum();
    let apart = clusters.windows(2).any(|pair| exceeds(pair[1][0].amount, pair[0][0].amount, APART_PERCENT));
    apart && in_clusters * 5 >= points.len() * 4
}

/// Points apart by amount, wherever the step from one to the next is `wide`; each sorted by day.
fn clusters(mut points: Vec<Point>, wide: impl Fn(u64, u64) -> bool) -> Vec<Vec<Point>> {
    points.sort_by_key(|point| (point.amount, point.index));
    let mut clusters: Vec<Vec<Point>> = Vec::new();
    let mut before = None;
    for point in points {
        match clusters.last_mut() {
            Some(cluster) if before.is_some_and(|before| !wide(before, point.amount)) => cluster.push(point),
            _ => clusters.push(vec![point]),
        }
        before = Some(point.amount);
    }
    clusters.iter_mut().for_each(|cluster| cluster.sort_by_key(|point| (point.day, point.index)));
    clusters
}

/// Whether `larger` is more than `percent` of `smaller`.
fn exceeds(larger: u64, smaller: u64, percent: u128) -> bool {
    u128::from(larger) * 100 > u128::from(smaller) * percent
}

pub(super) fn amounts(fit: &Fit) -> Vec<u64> {
    fit.hits.iter().map(|(_, _, point)| point.amount).collect()
}

/// The middle one, of an even number the lower; 0 of none.
pub(super) fn median(amounts: &[u64]) -> u64 {
    let mut sorted = amounts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}
