//! Histories of another make than those the finder was shaped on, modelled after what a bank's own records look like:
//! orders that post on the next working day, partners that get several of them, salaries and pensions that vary,
//! interest, fees, cash by habit, cards. Measured by what the bank knows of the other side: all of it, or only a part.

use std::collections::BTreeMap;

use domain::id::{Identity, JobId};
use domain::job::Kind;
use domain::text::Client;
use fastrand::Rng;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

use super::history::due;
use crate::calendar::Day;
use crate::group::Groups;
use crate::{Movement, Party, Period, find};

/// What is known of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Account, name and what it is for.
    All,
    /// Its account.
    Account,
    /// Its name, and a memo with the date in it.
    Name,
    /// What it is for, with a number in it.
    Memo,
}

/// Something that moves money, by a rule or without.
struct Source {
    period: Option<Period>,
    is_order: bool,
    payments: usize,
}

struct Bank {
    rng: Rng,
    known: Known,
    start: Date,
    end: Date,
    sources: Vec<Source>,
    movements: Vec<Movement>,
}

const PURPOSES: [&str; 6] = ["SIPO", "UVER", "POJISTNE", "LEASING", "rent", "savings plan"];

impl Bank {
    fn client(seed: u64, known: Known) -> Bank {
        let mut rng = Rng::with_seed(seed);
        let start = date(rng.i16(1993..=2022), rng.i8(1..=12), rng.i8(1..=28));
        let end = start.saturating_add(rng.i32(10..70).months());
        let mut bank = Bank { rng, known, start, end, sources: Vec::new(), movements: Vec::new() };
        bank.orders();
        bank.incomes();
        bank.charges();
        bank.cash();
        bank.cards();
        bank.acquaintances();
        bank
    }

    fn orders(&mut self) {
        for n in 0..self.rng.usize(1..=5) {
            // Now and then the partner of the one before gets another one.
            let partner = if n > 0 && self.rng.u8(0..5) == 0 { n - 1 } else { n };
            let period = match self.rng.u8(0..20) {
                0 => Period::Weekly,
                1 => Period::Biweekly,
                2 | 3 => Period::Quarterly,
                4 => Period::HalfYearly,
                5 => Period::Yearly,
                _ => Period::Monthly,
            };
            let purpose = PURPOSES[(partner + n) % PURPOSES.len()];
            let amount =
                if self.rng.bool() { self.rng.i64(3..90) * 10_000 } else { self.rng.i64(9_000..1_400_000) };
            let raised = if self.rng.u8(0..6) == 0 { self.rng.usize(2..20) } else { usize::MAX };
            let party = self.party(&format!("{:04}", 7_100 + partner), &format!("Partner {}", word(partner)));
            self.rule(period, true, |_, n| {
                let amount = if n >= raised { amount * 23 / 20 } else { amount };
                (-amount, party.clone(), format!("{purpose} {}", 100 + n))
            });
        }
    }

    /// A salary that varies or a pension that does not; some families have both.
    fn incomes(&mut self) {
        for (name, spread) in [("Works", 18_i64), ("DUCHOD", 0)] {
            if self.rng.u8(0..3) > 0 {
                let base = self.rng.i64(400_000..3_000_000);
                let party = self.party(&format!("9{spread:03}"), name);
                self.rule(Period::Monthly, false, |rng, n| {
                    (base * (100 + rng.i64(-spread..=spread)) / 100, party.clone(), format!("{name} {n}"))
                });
            }
        }
    }

    fn charges(&mut self) {
        self.rule(Period::Monthly, false, |rng, _| {
            (rng.i64(800..25_000), Party::default(), "UROK".to_owned())
        });
        self.rule(Period::Monthly, false, |_, _| (-1_460, Party::default(), "SLUZBY".to_owned()));
    }

    /// Round sums at the counter and the machine, some weeks more than others.
    fn cash(&mut self) {
        let often = self.rng.i32(1..8);
        self.noise(often, |rng| (-rng.i64(1..60) * 10_000, Party::default(), "VYBER".to_owned()));
        let seldom = self.rng.i32(0..2);
        self.noise(seldom, |rng| (rng.i64(1..200) * 10_000, Party::default(), "VKLAD".to_owned()));
    }

    fn cards(&mut self) {
        let often = self.rng.i32(0..6);
        self.noise(often, |rng| (-rng.i64(1_000..90_000), Party::default(), "VYBER KARTOU".to_owned()));
        for shop in ["Grocer", "Petrol", "Kiosk"] {
            let often = self.rng.i32(0..7);
            let party = self.party(&format!("5{:03}", shop.len()), shop);
            self.noise(often, |rng| (-rng.i64(200..40_000), party.clone(), shop.to_owned()));
        }
    }

    /// People who get something three to nine times in years.
    fn acquaintances(&mut self) {
        for n in 0..self.rng.usize(2..9) {
            let party = self.party(&format!("3{n:03}"), &format!("Friend {}", word(n)));
            let round = self.rng.bool();
            self.sources.push(Source { period: None, is_order: false, payments: 0 });
            for _ in 0..self.rng.usize(3..10) {
                let day = self.day();
                let amount = if round { self.rng.i64(1..4) * 50_000 } else { self.rng.i64(1_000..500_000) };
                self.pay(day, -amount, party.clone(), format!("thanks {}", word(n)));
            }
        }
    }

    fn party(&self, account: &str, name: &str) -> Party {
        let has_account = matches!(self.known, Known::All | Known::Account);
        let has_name = matches!(self.known, Known::All | Known::Name);
        Party {
            account: has_account.then(|| format!("CZ65 0800 {account}")),
            name: has_name.then(|| name.to_owned()),
        }
    }

    fn rule(
        &mut self,
        period: Period,
        is_order: bool,
        what: impl Fn(&mut Rng, usize) -> (i64, Party, String),
    ) {
        self.sources.push(Source { period: Some(period), is_order, payments: 0 });
        let whole = (self.end - self.start).get_days();
        let first = self.start.saturating_add(self.rng.i32(0..whole / 2).days());
        let last = if self.rng.u8(0..4) == 0 {
            first.saturating_add(self.rng.i32(60..whole.max(90)).days())
        } else {
            self.end
        };
        let forgets = self.rng.u8(0..5) == 0;
        let dues = (0..).map(|n| due(first, period, n)).take_while(|day| *day <= last.min(self.end));
        for (n, day) in dues.collect::<Vec<_>>().into_iter().enumerate() {
            if forgets && self.rng.u8(0..15) == 0 {
                continue;
            }
            let slow = if self.rng.u8(0..12) == 0 { self.rng.i32(1..=3) } else { 0 };
            let mut day = day.saturating_add(slow.days());
            while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                day = day.saturating_add(1.day());
            }
            let (amount, party, memo) = what(&mut self.rng, n);
            self.pay(day, amount, party, memo);
        }
    }

    fn noise(&mut self, a_month: i32, what: impl Fn(&mut Rng) -> (i64, Party, String)) {
        self.sources.push(Source { period: None, is_order: false, payments: 0 });
        let months = (self.end - self.start).get_days() / 30;
        for _ in 0..a_month * months {
            let day = self.day();
            let (amount, party, memo) = what(&mut self.rng);
            self.pay(day, amount, party, memo);
        }
    }

    fn day(&mut self) -> Date {
        let days = (self.end - self.start).get_days();
        self.start.saturating_add(self.rng.i32(0..=days).days())
    }

    /// Its job names the source that it is of.
    fn pay(&mut self, day: Date, amount: i64, party: Party, memo: String) {
        let number = self.sources.len() - 1;
        self.sources[number].payments += 1;
        let memo = match self.known {
            Known::All | Known::Memo => Some(memo),
            Known::Name => Some(format!("{memo} {day}")),
            // What has no partner has nothing else.
            Known::Account => (party == Party::default()).then_some(memo),
        };
        let kind = if amount > 0 { Kind::Deposit } else { Kind::Withdrawal };
        self.movements.push(Movement { value_date: day, amount, party, memo, kind, job: Some(tag(number)) });
    }
}

fn tag(source: usize) -> JobId {
    JobId::derived(&Client::parse("bank").unwrap(), Identity::Key(&source.to_string()))
}

fn word(n: usize) -> &'static str {
    ["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"][n % 10]
}

#[derive(Debug, Default)]
struct Score {
    orders: (usize, usize),
    called: (usize, usize),
    by_period: BTreeMap<Period, (usize, usize)>,
}

fn measure(known: Known, clients: u64) -> Score {
    let mut score = Score::default();
    for seed in 0..clients {
        let bank = Bank::client(77_000 + seed, known);
        let groups = Groups::of(&bank.movements, Day::of(date(2040, 1, 1)));
        let tags: BTreeMap<JobId, usize> = (0..bank.sources.len()).map(|n| (tag(n), n)).collect();
        let mut found = vec![None; bank.sources.len()];
        for series in find::recurring(&groups) {
            let mut of: BTreeMap<usize, usize> = BTreeMap::new();
            for (_, _, point) in &series.fit.hits {
                *of.entry(tags[&groups.movement(point.index).job.unwrap()]).or_default() += 1;
            }
            let (source, most) = of.into_iter().max_by_key(|(_, count)| *count).unwrap();
            let is_one = bank.sources[source].period.is_some() && most * 10 >= series.fit.hits.len() * 7;
            score.called.0 += 1;
            score.called.1 += usize::from(is_one);
            if is_one && most * 2 >= bank.sources[source].payments {
                found[source] = Some(series.fit.grid.period);
            } else {
                println!(
                    "  {known:?} {seed}: {} {:?} {} hits, {most} of one",
                    format_args!("{:?}", series.key),
                    series.fit.grid.period,
                    series.fit.hits.len()
                );
            }
        }
        for (source, found) in bank.sources.iter().zip(found) {
            let Some(period) = source.period.filter(|_| source.is_order && source.payments >= 3) else {
                continue;
            };
            let right = usize::from(found == Some(period));
            let by_period = score.by_period.entry(period).or_default();
            *by_period = (by_period.0 + 1, by_period.1 + right);
            score.orders = (score.orders.0 + 1, score.orders.1 + right);
            if right == 0 {
                println!(
                    "  {known:?} {seed}: missed a {period} order of {} payments, found {found:?}",
                    source.payments
                );
            }
        }
    }
    score
}

#[test]
fn standing_orders_of_a_bank_are_found_whatever_it_reports() {
    for known in [Known::All, Known::Account, Known::Name, Known::Memo] {
        let score = measure(known, 140);
        let share = |(all, right): (usize, usize)| right as f64 / all as f64;
        let (recall, precision) = (share(score.orders), share(score.called));
        println!(
            "{known:?}: recall {recall:.3} of {} orders, precision {precision:.3} of {} called recurring; {:?}",
            score.orders.0, score.called.0, score.by_period
        );
        assert!(score.orders.0 > 400, "there are orders in them");
        assert!(
            recall >= 0.95 && precision >= 0.90,
            "{known:?}: recall {recall:.3}, precision {precision:.3}"
        );
    }
}
