//! Anomalies: movements that stand out from the account's own history.
//!
//! What recurs is not held against the rest: rent is large, and regular. It is held against itself.

use std::collections::HashMap;

use domain::id::JobId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::SUM_MAX;
use super::calendar::Day;
use super::chance;
use super::find::Series;
use super::group::Groups;
use super::movement::{Direction, Key, Party};

/// Something that stands out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// In which way.
    pub kind: AnomalyKind,
    /// The value date; of a burst, its last day.
    pub date: Date,
    /// Minor units; of a burst, their sum. What goes out is negative.
    pub amount: i64,
    /// The other side; of a burst none.
    pub party: Party,
    /// The job that made it, of several the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// How far out it is: of amounts in robust standard deviations, else powers of ten against chance.
    pub score: f64,
    /// Why it stands out, in words and figures.
    pub reason: String,
}

/// In which way something stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AnomalyKind {
    /// An amount far above what the account pays or receives, or far from what this payment always is.
    UnusualAmount,
    /// The first movement with somebody, and a large one.
    NewCounterparty,
    /// Many movements within few days.
    Burst,
    /// The same counterparty and amount again within days.
    ProbableDuplicate,
}

impl AnomalyKind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Movements of one direction below which there is no "usual".
const HISTORY_MIN: usize = 12;
/// Robust standard deviations, of the logarithm, beyond which an amount is unusual; of a payment to somebody
/// new, less is enough.
const UNUSUAL_SCORE: f64 = 4.5;
const UNUSUAL_SCORE_NEW: f64 = 3.0;
/// The median absolute deviation of a normal distribution, in standard deviations.
const MAD_OF_NORMAL: f64 = 0.6745;
/// The least deviation to measure by: 15 %, so that an account of all but equal amounts is not alarmed by cents.
const DEVIATION_MIN: f64 = 0.14;
/// Days of history before somebody is called new.
const NEW_AFTER_DAYS: i32 = 60;
/// Days of a burst, and the fewest movements of one.
const BURST_DAYS: i32 = 2;
const BURST_MIN: usize = 6;
/// The chance below which a burst is none, over the whole history.
const BURST_LN_CHANCE: f64 = -11.5;
/// Days within which the same again is probably a mistake.
const DUPLICATE_DAYS: i32 = 3;

/// All that stands out, the highest score first.
pub(super) fn find(groups: &Groups<'_>, found: &[Series<'_>]) -> Vec<Anomaly> {
    let context = Context::of(groups, found);
    let mut anomalies = Vec::new();
    for direction in [Direction::In, Direction::Out] {
        context.amounts(direction, &mut anomalies);
        context.bursts(direction, &mut anomalies);
    }
    context.within_series(found, &mut anomalies);
    context.duplicates(&mut anomalies);
    anomalies.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then_with(|| (a.date, a.amount, a.kind, &a.party).cmp(&(b.date, b.amount, b.kind, &b.party)))
    });
    anomalies
}

struct Context<'a> {
    groups: &'a Groups<'a>,
    /// Whether the movement at each place recurs.
    recurs: Vec<bool>,
    /// Whether it is the first of its group, which names somebody.
    is_first: Vec<bool>,
}

impl<'a> Context<'a> {
    fn of(groups: &'a Groups<'a>, found: &[Series<'_>]) -> Context<'a> {
        let mut recurs = vec![false; groups.movements()];
        for (_, _, point) in found.iter().flat_map(|series| &series.fit.hits) {
            recurs[point.index] = true;
        }
        let mut firsts: HashMap<&Key, usize> = HashMap::new();
        for ((_, key), places) in groups.groups.iter().filter(|((_, key), _)| key.names_someone()) {
            let first = places[0];
            firsts.entry(key).and_modify(|place| *place = first.min(*place)).or_insert(first);
        }
        let mut is_first = vec![false; groups.movements()];
        firsts.into_values().for_each(|place| is_first[place] = true);
        Context { groups, recurs, is_first }
    }

    /// Places of one direction that do not recur.
    fn irregular(&self, direction: Direction) -> impl Iterator<Item = usize> {
        (0..self.groups.movements()).filter(move |place| {
            !self.recurs[*place] && Direction::of(self.groups.movement(*place).amount) == direction
        })
    }

    fn amounts(&self, direction: Direction, anomalies: &mut Vec<Anomaly>) {
        let places: Vec<usize> = self.irregular(direction).collect();
        let usual = Usual::of(places.iter().map(|place| self.size(*place)).collect());
        let Some(usual) = usual else { return };
        let Some(first) = self.groups.first() else { return };
        for place in places {
            let score = usual.score(self.size(place));
            let known_for = self.groups.history[place].0.0 - first.0;
            let is_new = self.is_first[place] && known_for >= NEW_AFTER_DAYS;
            let times = self.size(place) / usual.typical();
            if is_new && score >= UNUSUAL_SCORE_NEW {
                let reason = format!(
                    "the first movement with this counterparty in {known_for} days, at {times:.1} times the \
                     typical amount of {:.0} minor units",
                    usual.typical()
                );
                anomalies.push(self.anomaly(AnomalyKind::NewCounterparty, place, score, reason));
            } else if score >= UNUSUAL_SCORE {
                let reason = format!(
                    "{times:.1} times the typical amount of {:.0} minor units; {score:.1} robust standard \
                     deviations above it",
                    usual.typical()
                );
                anomalies.push(self.anomaly(AnomalyKind::UnusualAmount, place, score, reason));
            }
        }
    }

    /// Payments of a series that are far from what it always is.
    fn within_series(&self, found: &[Series<'_>], anomalies: &mut Vec<Anomaly>) {
        for series in found {
            let places: Vec<usize> = series.fit.hits.iter().map(|(_, _, point)| point.index).collect();
            let Some(usual) = Usual::of(places.iter().map(|place| self.size(*place)).collect()) else {
                continue;
            };
            for place in places {
                let score = usual.score(self.size(place)).abs();
                if score >= UNUSUAL_SCORE {
                    let reason = format!(
                        "a {} payment that is typically {:.0} minor units; {score:.1} robust standard \
                         deviations away from it",
                        series.fit.grid.period,
                        usual.typical()
                    );
                    anomalies.push(self.anomaly(AnomalyKind::UnusualAmount, place, score, reason));
                }
            }
        }
    }

    fn bursts(&self, direction: Direction, anomalies: &mut Vec<Anomaly>) {
        let places: Vec<usize> = self.irregular(direction).collect();
        let days: Vec<Day> = places.iter().map(|place| self.groups.history[*place].0).collect();
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
        let span = (last.0 - first.0 + 1).max(BURST_DAYS);
        let share = f64::from(BURST_DAYS) / f64::from(span);
        let windows = f64::from(span).ln();
        let mut end = 0;
        while end < days.len() {
            // All of a day belong together; the window is the days that end with it.
            let next = end + days[end..].iter().take_while(|day| **day == days[end]).count();
            let start = days.partition_point(|day| day.0 <= days[end].0 - BURST_DAYS);
            let count = next - start;
            let ln_chance = chance::ln_at_least(days.len(), count, share) + windows;
            if count >= BURST_MIN && ln_chance <= BURST_LN_CHANCE {
                let sum = places[start..next].iter().map(|place| self.groups.movement(*place).amount);
                let amount = sum.fold(0, i64::saturating_add).clamp(-SUM_MAX, SUM_MAX);
                let reason = format!(
                    "{count} movements within {BURST_DAYS} days, where {:.2} are usual",
                    days.len() as f64 * share
                );
                let score = -ln_chance / std::f64::consts::LN_10;
                let burst = self.anomaly(AnomalyKind::Burst, places[next - 1], score, reason);
                anomalies.push(Anomaly { amount, party: Party::default(), ..burst });
            }
            end = next;
        }
    }

    /// Pairs of a named counterparty and one amount, unless that is how the two always deal.
    fn duplicates(&self, anomalies: &mut Vec<Anomaly>) {
        for ((_, key), places) in &self.groups.groups {
            if !key.names_someone() {
                continue;
            }
            let mut last_of: HashMap<i64, usize> = HashMap::new();
            let mut pairs = Vec::new();
            for &place in places {
                let amount = self.groups.movement(place).amount;
                if let Some(before) = last_of.insert(amount, place) {
                    let apart = self.groups.history[place].0.0 - self.groups.history[before].0.0;
                    let both_due = self.recurs[place] && self.recurs[before];
                    if apart <= DUPLICATE_DAYS && !both_due {
                        pairs.push((before, place, apart));
                    }
                }
            }
            if pairs.len() * 5 > places.len().max(9) {
                continue;
            }
            for (before, place, apart) in pairs {
                let reason = format!(
                    "the same amount and counterparty as on {}, {apart} days before",
                    self.groups.history[before].0.date()
                );
                // The rarer such pairs are here, the more one says.
                let score = (places.len() as f64 / f64::from(apart + 1)).ln_1p() + 2.0;
                anomalies.push(self.anomaly(AnomalyKind::ProbableDuplicate, place, score, reason));
            }
        }
    }

    fn size(&self, place: usize) -> f64 {
        self.groups.movement(place).amount.unsigned_abs() as f64
    }

    fn anomaly(&self, kind: AnomalyKind, place: usize, score: f64, reason: String) -> Anomaly {
        let (day, movement) = self.groups.history[place];
        Anomaly {
            kind,
            date: day.date(),
            amount: movement.amount,
            party: movement.party.clone(),
            job: movement.job,
            score: (score * 100.0).round() / 100.0,
            reason,
        }
    }
}

/// What amounts usually are: median and median absolute deviation of their logarithms, since amounts of money
/// are spread by factors.
struct Usual {
    median: f64,
    deviation: f64,
}

impl Usual {
    /// `None`: too few to say.
    fn of(amounts: Vec<f64>) -> Option<Usual> {
        if amounts.len() < HISTORY_MIN {
            return None;
        }
        let logs: Vec<f64> = amounts.into_iter().map(f64::ln).collect();
        let median = middle(logs.clone());
        let deviation = middle(logs.into_iter().map(|log| (log - median).abs()).collect());
        Some(Usual { median, deviation: (deviation / MAD_OF_NORMAL).max(DEVIATION_MIN) })
    }

    fn score(&self, amount: f64) -> f64 {
        (amount.ln() - self.median) / self.deviation
    }

    fn typical(&self) -> f64 {
        self.median.exp()
    }
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let (below, above) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
    f64::midpoint(below, above)
}
