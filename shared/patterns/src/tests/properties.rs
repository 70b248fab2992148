//! What holds for any history.

use domain::job::Kind;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::history::{self, account, named};
use crate::calendar::Day;
use crate::{Movement, Party, Patterns, analyse};

const TODAY: Date = Date::constant(2600, 1, 1);

fn movement() -> impl Strategy<Value = Movement> {
    let day = prop_oneof![5 => 0..900_i32, 1 => -4_000_000..3_500_000_i32];
    let amount = prop_oneof![
        5 => prop_oneof![Just(-1_000_i64), Just(-1_200), Just(2_000), -3_000..3_000_i64],
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()],
    ];
    let party = prop_oneof![
        Just(Party::default()),
        (0..3_u32).prop_map(account),
        prop_oneof![Just("A Shop"), Just("  "), Just("Žižkov 12")].prop_map(named),
    ];
    let memo = prop::option::of(prop_oneof![Just("Rent 3/2024"), Just(""), Just("17")]);
    (day, amount, party, memo).prop_map(|(day, amount, party, memo)| Movement {
        value_date: Day(day).date(),
        amount,
        party,
        memo: memo.map(str::to_owned),
        kind: if amount < 0 { Kind::Withdrawal } else { Kind::Deposit },
        job: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_input_does_not_matter_and_nothing_panics(
        movements in prop::collection::vec(movement(), 0..80),
        seed in any::<u64>(),
    ) {
        let once = analyse(&movements, TODAY);
        let mut shuffled = movements.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(&once, &analyse(&shuffled, TODAY));
        let json = serde_json::to_string(&once).unwrap();
        let back: Patterns = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back.recurring.len(), once.recurring.len());
        prop_assert_eq!(back.cash_flow, once.cash_flow);
    }

    #[test]
    fn days_and_dates_are_one_to_one(day in -4_371_222..2_932_896_i32) {
        prop_assert_eq!(Day::of(Day(day).date()), Day(day));
        let date = Day(day).date();
        prop_assert_eq!((date - date_zero()).get_days(), day);
    }
}

fn date_zero() -> Date {
    date(1970, 1, 1)
}

/// The calendar repeats after 400 years, weekdays and leap years with it.
#[test]
fn the_same_history_centuries_later_shows_the_same() {
    for seed in 0..10 {
        let history = history::household(seed, history::USUAL);
        let mut later = history.movements.clone();
        for movement in &mut later {
            movement.value_date = movement.value_date.checked_add(400.years()).unwrap();
        }
        let (now, then) = (analyse(&history.movements, TODAY), analyse(&later, TODAY));
        assert_eq!(now.recurring.len(), then.recurring.len(), "seed {seed}");
        assert!(!now.recurring.is_empty(), "seed {seed}");
        for (now, then) in now.recurring.iter().zip(&then.recurring) {
            assert_eq!((now.period, now.amount, now.count), (then.period, then.amount, then.count));
            assert_eq!(now.evidence, then.evidence);
            assert_eq!(now.last.checked_add(400.years()).unwrap(), then.last);
        }
        assert_eq!(now.anomalies_total, then.anomalies_total, "seed {seed}");
    }
}

#[test]
fn what_is_dated_after_today_is_not_history() {
    let history = history::household(3, history::USUAL);
    let today = history.movements.iter().map(|movement| movement.value_date).min().unwrap();
    let patterns = analyse(&history.movements, today);
    assert_eq!((patterns.from, patterns.through), (Some(today), Some(today)));
    assert!(patterns.movements < history.movements.len());
}
