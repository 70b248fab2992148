//! Groups: a history split by who is on the other side, sorted by day.

use std::collections::BTreeMap;

use super::calendar::Day;
use super::fit::Point;
use super::movement::{Direction, Key, Movement, words};

/// A history until today, in an order that does not depend on the order of input.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    /// By day; what is equal in all respects is interchangeable.
    pub history: Vec<(Day, &'a Movement)>,
    /// By direction and key: places in `history`.
    pub groups: BTreeMap<(Direction, Key), Vec<usize>>,
}

impl<'a> Groups<'a> {
    pub fn of(movements: &'a [Movement], today: Day) -> Groups<'a> {
        let past = movements.iter().map(|movement| (Day::of(movement.value_date), movement));
        let mut history: Vec<(Day, &Movement)> =
            past.filter(|(day, movement)| *day <= today && movement.amount != 0).collect();
        history.sort_by(|(a_day, a), (b_day, b)| {
            (a_day, a.amount, &a.party, &a.memo, a.kind).cmp(&(b_day, b.amount, &b.party, &b.memo, b.kind))
        });
        let mut groups: BTreeMap<(Direction, Key), Vec<usize>> = BTreeMap::new();
        for (index, (_, movement)) in history.iter().enumerate() {
            groups.entry((Direction::of(movement.amount), Key::of(movement))).or_default().push(index);
        }
        Groups { history, groups }
    }

    /// The same history as it was before `day`.
    pub fn before(&self, day: Day) -> Groups<'a> {
        let end = self.history.partition_point(|(at, _)| *at < day);
        let known = |places: &Vec<usize>| places[..places.partition_point(|place| *place < end)].to_vec();
        let groups = self.groups.iter().map(|(key, places)| (key.clone(), known(places)));
        Groups {
            history: self.history[..end].to_vec(),
            groups: groups.filter(|(_, places)| !places.is_empty()).collect(),
        }
    }

    pub fn movements(&self) -> usize {
        self.history.len()
    }

    pub fn first(&self) -> Option<Day> {
        self.history.first().map(|(day, _)| *day)
    }

    pub fn last(&self) -> Option<Day> {
        self.history.last().map(|(day, _)| *day)
    }

    pub fn movement(&self, place: usize) -> &'a Movement {
        self.history[place].1
    }

    pub fn points(&self, places: &[usize]) -> Vec<Point> {
        let point = |place: &usize| {
            let (day, movement) = self.history[*place];
            Point { day, amount: movement.amount.unsigned_abs(), index: *place }
        };
        places.iter().map(point).collect()
    }

    /// Points apart by the words of their memos; one part: they do not differ.
    pub fn by_memo(&self, points: &[Point]) -> Vec<Vec<Point>> {
        let mut parts: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for point in points {
            let memo = self.movement(point.index).memo.as_deref().map(words).unwrap_or_default();
            parts.entry(memo).or_default().push(*point);
        }
        parts.into_values().collect()
    }
}
