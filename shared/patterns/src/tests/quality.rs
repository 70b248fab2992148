//! Precision and recall on generated histories. The seeds are fixed: what is asserted is what was measured.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::history::{self, History, Truth, Untidiness};
use crate::{Period, Recurring, analyse};

#[derive(Debug, Default, Clone, Copy)]
struct Score {
    true_orders: usize,
    found_orders: usize,
    called: usize,
    called_rightly: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.found_orders as f64 / self.true_orders.max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.called_rightly as f64 / self.called.max(1) as f64
    }
}

fn matches(truth: &Truth, found: &Recurring) -> bool {
    let ratio = found.amount.typical as f64 / truth.amount as f64;
    let memo = truth.memo.as_ref().is_none_or(|memo| {
        (0.3..3.0).contains(&ratio) && found.memo.as_ref().is_some_and(|found| found.starts_with(memo))
    });
    let amount = truth.memo.is_some() || (0.75..1.3).contains(&ratio);
    found.direction == truth.direction && found.party == truth.party && memo && amount
}

fn score(history: &History, by_period: &mut BTreeMap<Period, (usize, usize)>, score: &mut Score) {
    let patterns = analyse(&history.movements, date(2040, 1, 1));
    for truth in history.truths.iter().filter(|truth| truth.payments >= 3) {
        let found = patterns.recurring.iter().any(|found| {
            let most = found.count * 5 >= truth.payments * 3;
            matches(truth, found) && found.period == truth.period && most
        });
        let counts = by_period.entry(truth.period).or_default();
        counts.0 += 1;
        counts.1 += usize::from(found);
        score.true_orders += 1;
        score.found_orders += usize::from(found);
        if !found {
            println!("  missed {truth:?}");
        }
    }
    for found in &patterns.recurring {
        let right = history.truths.iter().any(|truth| matches(truth, found));
        score.called += 1;
        score.called_rightly += usize::from(right);
        if !right {
            println!("  wrong {:?} {} {:?}", found.party, found.period, found.amount);
        }
    }
}

fn measure(name: &str, how: Untidiness) {
    for block in 0..4 {
        let mut total = Score::default();
        let mut by_period = BTreeMap::new();
        for seed in 0..60 {
            score(&history::household(block * 1_000 + seed, how), &mut by_period, &mut total);
        }
        println!(
            "{name}, seeds {}..{}: recall {:.3} of {} orders, precision {:.3} of {} called recurring; {by_period:?}",
            block * 1_000,
            block * 1_000 + 60,
            total.recall(),
            total.true_orders,
            total.precision(),
            total.called
        );
        assert!(total.true_orders > 200, "the histories have orders in them");
        assert!(total.recall() >= 0.95, "{name}: recall {:.3}", total.recall());
        assert!(total.precision() >= 0.90, "{name}: precision {:.3}", total.precision());
    }
}

#[test]
fn standing_orders_are_found_in_usual_histories_and_little_else() {
    measure("usual", history::USUAL);
}

#[test]
fn standing_orders_are_found_in_wild_histories_and_little_else() {
    measure("wild", history::WILD);
}

#[test]
fn histories_without_anything_that_recurs_have_next_to_nothing_called_so() {
    let mut called = 0;
    let mut groups = 0;
    for seed in 0..100 {
        let mut history = history::household(9_000 + seed, history::WILD);
        let parties: Vec<_> = history.truths.iter().map(|truth| truth.party.clone()).collect();
        history.movements.retain(|movement| {
            movement.memo.is_none()
                && (movement.party.name.is_none() || !parties.contains(&movement.party))
                && movement.party.account.is_none()
        });
        groups += 35;
        called += analyse(&history.movements, date(2040, 1, 1)).recurring.len();
    }
    println!("{called} of about {groups} irregular counterparties were called recurring");
    assert!(called * 200 <= groups, "{called} of {groups}");
}
