//! Small histories by hand.

use domain::job::Kind;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::history::{account, due, named};
use crate::{AnomalyKind, Direction, Movement, Party, Patterns, Period, analyse};

const TODAY: Date = Date::constant(2026, 11, 24);

fn paid(day: Date, amount: i64, party: Party) -> Movement {
    let kind = if amount < 0 { Kind::Withdrawal } else { Kind::Deposit };
    Movement { value_date: day, amount, party, memo: None, kind, job: None }
}

fn every(period: Period, first: Date, times: i32, amount: i64, party: &Party) -> Vec<Movement> {
    (0..times).map(|n| paid(due(first, period, n), amount, party.clone())).collect()
}

fn periods(patterns: &Patterns) -> Vec<(Period, u64, usize)> {
    patterns.recurring.iter().map(|found| (found.period, found.amount.typical, found.count)).collect()
}

#[test]
fn every_period_is_distinguished_from_the_others() {
    for period in Period::ALL.iter().copied() {
        for times in [4, 6, 12] {
            let history = every(period, date(2010, 1, 13), times, -1_500, &account(7));
            let found = analyse(&history, TODAY);
            assert_eq!(periods(&found), [(period, 1_500, usize::try_from(times).unwrap())]);
            assert!(found.recurring[0].amount.fixed && found.recurring[0].confidence > 0.9);
        }
    }
}

#[test]
fn three_payments_are_enough_when_they_are_exact() {
    let exact = every(Period::Monthly, date(2026, 3, 17), 3, -9_900, &account(1));
    assert_eq!(periods(&analyse(&exact, TODAY)), [(Period::Monthly, 9_900, 3)]);
    let days = [date(2026, 3, 17), date(2026, 4, 13), date(2026, 5, 20)];
    let loose: Vec<_> = days.into_iter().map(|day| paid(day, -9_900, account(1))).collect();
    assert_eq!(periods(&analyse(&loose, TODAY)), []);
}

#[test]
fn the_end_of_the_month_is_a_day_of_the_month() {
    let history = every(Period::Monthly, date(2025, 1, 31), 14, -70_000, &account(1));
    let found = analyse(&history, TODAY);
    assert_eq!(periods(&found), [(Period::Monthly, 70_000, 14)]);
    assert_eq!(found.recurring[0].day_of_month, Some(31));
    assert_eq!(found.recurring[0].next_expected, Some(date(2026, 3, 31)));
}

#[test]
fn several_orders_to_one_account_are_kept_apart() {
    let landlord = account(5);
    let history = [
        every(Period::Monthly, date(2024, 1, 5), 24, -80_000, &landlord),
        every(Period::Monthly, date(2024, 1, 5), 24, -9_000, &landlord),
        every(Period::Quarterly, date(2024, 2, 20), 8, -30_000, &landlord),
    ]
    .concat();
    let found = analyse(&history, TODAY);
    let expected =
        [(Period::Monthly, 80_000, 24), (Period::Quarterly, 30_000, 8), (Period::Monthly, 9_000, 24)];
    assert_eq!(periods(&found), expected);
}

#[test]
fn two_orders_of_one_amount_on_two_days_are_two() {
    let child = account(5);
    let history = [
        every(Period::Monthly, date(2024, 1, 1), 18, -5_000, &child),
        every(Period::Monthly, date(2024, 1, 15), 18, -5_000, &child),
    ]
    .concat();
    assert_eq!(periods(&analyse(&history, TODAY)), [(Period::Monthly, 5_000, 18); 2]);
}

#[test]
fn an_order_whose_amount_was_raised_is_still_one() {
    let mut history = every(Period::Monthly, date(2024, 1, 8), 12, -999, &named("Films"));
    history.extend(every(Period::Monthly, date(2025, 1, 8), 10, -1_199, &named("FILMS ")));
    let found = analyse(&history, TODAY);
    assert_eq!(periods(&found), [(Period::Monthly, 999, 22)]);
    let amount = found.recurring[0].amount;
    assert_eq!((amount.fixed, amount.min, amount.max), (false, 999, 1_199));
}

#[test]
fn missed_months_are_named_and_what_stopped_has_no_next_date() {
    let mut history = every(Period::Monthly, date(2025, 1, 10), 20, -4_000, &account(1));
    history.remove(6);
    let still = paid(date(2026, 8, 20), -100, named("Kiosk"));
    let going = analyse(&[history.clone(), vec![still.clone()]].concat(), TODAY);
    assert_eq!(going.recurring[0].missed, [date(2025, 7, 10)]);
    assert_eq!(going.recurring[0].next_expected, Some(date(2026, 9, 10)));

    let late = Movement { value_date: date(2026, 11, 20), ..still };
    let ended = analyse(&[history, vec![late]].concat(), TODAY);
    assert_eq!(ended.recurring[0].next_expected, None, "September, October and November did not come");
}

#[test]
fn the_supermarket_is_not_a_standing_order() {
    let shop = named("Supermarket");
    let mut rng = fastrand::Rng::with_seed(11);
    let day = |rng: &mut fastrand::Rng| date(2025, 1, 1).saturating_add(rng.i32(0..600).days());
    let history: Vec<_> = (0..150).map(|_| paid(day(&mut rng), -rng.i64(500..9_000), shop.clone())).collect();
    assert_eq!(periods(&analyse(&history, TODAY)), []);
}

#[test]
fn what_stands_out_is_named_and_rent_is_not() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut history = every(Period::Monthly, date(2025, 1, 3), 18, -120_000, &account(1));
    for n in 0..90 {
        let day = date(2025, 1, 1).saturating_add((6 * n).days());
        history.push(paid(day, -rng.i64(1_000..6_000), named("Grocer")));
    }
    history.push(paid(date(2026, 2, 10), -900_000, named("A stranger")));
    history.push(paid(date(2026, 3, 1), -33_300, named("Dentist")));
    history.push(paid(date(2026, 3, 2), -33_300, named("Dentist")));
    history.extend((0..9).map(|n| paid(date(2026, 5, 5), -(2_000 + n), named("Games"))));
    let found = analyse(&history, TODAY);
    let of = |kind| found.anomalies.iter().filter(move |anomaly| anomaly.kind == kind);
    assert_eq!(of(AnomalyKind::NewCounterparty).next().unwrap().amount, -900_000);
    assert_eq!(of(AnomalyKind::ProbableDuplicate).map(|it| it.date).collect::<Vec<_>>(), [date(2026, 3, 2)]);
    assert_eq!(of(AnomalyKind::Burst).map(|it| it.date).collect::<Vec<_>>(), [date(2026, 5, 5)]);
    assert!(found.anomalies.iter().all(|anomaly| anomaly.party != account(1)), "rent is large and regular");
}

#[test]
fn months_add_up_and_the_forecast_knows_what_recurs() {
    let mut history = every(Period::Monthly, date(2025, 1, 28), 23, 300_000, &named("Payroll"));
    history.extend(every(Period::Monthly, date(2025, 1, 3), 23, -100_000, &account(1)));
    history.extend(every(Period::Weekly, date(2025, 1, 2), 99, -5_000, &named("Market")));
    history.retain(|movement| movement.value_date <= TODAY);
    let found = analyse(&history, TODAY);
    let january = found.cash_flow[0];
    assert_eq!((january.month.to_string().as_str(), january.r#in), ("2025-01", 300_000));
    assert_eq!((january.out, january.net), (125_000, 175_000));
    let net: i64 = found.cash_flow.iter().map(|month| month.net).sum();
    assert_eq!(net, history.iter().map(|movement| movement.amount).sum::<i64>());
    let forecast = found.forecast.unwrap();
    assert_eq!(forecast.month.to_string(), "2026-12");
    // Five Thursdays.
    assert_eq!((forecast.r#in, forecast.out), (300_000, 125_000));
    let error = forecast.error.unwrap();
    assert_eq!(
        error.held_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2026-08", "2026-09", "2026-10"]
    );
    assert_eq!((error.r#in, error.out, error.net), (0, 0, 0));
    assert!(error.net_as_month_before > 0, "some months have five Thursdays");
}

#[test]
fn an_empty_history_shows_nothing() {
    let none = analyse(&[], TODAY);
    assert_eq!((none.movements, none.from, none.recurring.len()), (0, None, 0));
    assert!(none.forecast.is_none() && none.cash_flow.is_empty());
}

#[test]
fn nobody_and_nothing_but_a_fee_is_found_by_its_amount() {
    let fee = every(Period::Monthly, date(2025, 1, 31), 12, -1_460, &Party::default());
    let found = analyse(&fee, TODAY);
    assert_eq!(periods(&found), [(Period::Monthly, 1_460, 12)]);
    assert_eq!(found.recurring[0].grouped_by, "kind_and_amount");
    assert_eq!(found.recurring[0].direction, Direction::Out);
}
