//! Generated histories: households with standing orders, salaries, fees, shops and cash, and what is true of
//! them.

use domain::job::Kind;
use fastrand::Rng;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

use crate::{Direction, Movement, Party, Period};

/// Something that recurs by construction.
#[derive(Debug, Clone)]
pub struct Truth {
    pub party: Party,
    pub memo: Option<String>,
    pub direction: Direction,
    pub period: Period,
    /// Minor units.
    pub amount: u64,
    pub payments: usize,
}

/// How untidy a history is.
#[derive(Debug, Clone, Copy)]
pub struct Untidiness {
    /// Share of payments that are one to three days late.
    pub late: f64,
    /// Share of payments that do not come.
    pub missed: f64,
    /// Share of orders whose amounts vary by up to 20 %.
    pub varying: f64,
    /// Visits to shops a month.
    pub visits: u32,
}

pub const USUAL: Untidiness = Untidiness { late: 0.1, missed: 0.03, varying: 0.25, visits: 12 };
pub const WILD: Untidiness = Untidiness { late: 0.25, missed: 0.08, varying: 0.5, visits: 30 };

pub struct History {
    pub movements: Vec<Movement>,
    pub truths: Vec<Truth>,
    rng: Rng,
    how: Untidiness,
    start: Date,
    end: Date,
}

pub fn account(number: impl std::fmt::Display) -> Party {
    Party { account: Some(format!("CZ{number:0>10}")), name: None }
}

pub fn named(name: &str) -> Party {
    Party { account: None, name: Some(name.to_owned()) }
}

/// A household over some years.
pub fn household(seed: u64, how: Untidiness) -> History {
    let mut rng = Rng::with_seed(seed);
    let start = date(rng.i16(1993..2024), rng.i8(1..=12), 1);
    let end = start.saturating_add(i32::from(rng.i16(14..60)).months());
    let mut history = History { movements: Vec::new(), truths: Vec::new(), rng, how, start, end };
    for n in 0..history.rng.u32(2..=6) {
        let party = account(1_000 + n);
        history.order(party.clone(), Direction::Out);
        if history.rng.f64() < 0.25 {
            history.order(party, Direction::Out);
        }
    }
    history.order(named("ACME Payroll"), Direction::In);
    history.monthly_memo("interest credited");
    history.shops();
    history.cash();
    history.strangers();
    history.rng.clone().shuffle(&mut history.movements);
    history
}

impl History {
    fn order(&mut self, party: Party, direction: Direction) {
        let period = match self.rng.u32(0..20) {
            0 => Period::Weekly,
            1 => Period::Biweekly,
            2 => Period::FourWeekly,
            3 => Period::Bimonthly,
            4 | 5 => Period::Quarterly,
            6 => Period::HalfYearly,
            7 => Period::Yearly,
            _ => Period::Monthly,
        };
        let amount = loop {
            let amount = self.rng.u64(500..2_000_000);
            // Two orders of nearly one amount to one account are one to any reader.
            let apart = |other: &Truth| amount.abs_diff(other.amount) * 2 > amount.max(other.amount);
            if self.truths.iter().filter(|truth| truth.party == party).all(apart) {
                break amount;
            }
        };
        let varying = self.rng.f64() < self.how.varying;
        let changes = !varying && self.rng.f64() < 0.2;
        let first = self.start.saturating_add(self.rng.i32(0..365).days());
        let stops = self.rng.f64() < 0.3;
        let last = if stops { first.saturating_add(self.rng.i32(60..700).days()) } else { self.end };
        let mut payments = 0;
        for n in 0..400 {
            let due = due(first, period, n);
            if due > last.min(self.end) {
                break;
            }
            if self.rng.f64() < self.how.missed {
                continue;
            }
            let percent = if varying { self.rng.u64(80..=120) } else { 100 };
            let raised = if changes && due > self.start.saturating_add(20.months()) { 110 } else { 100 };
            let paid = self.paid(due);
            self.pay(paid, direction, amount * percent * raised / 10_000, party.clone(), None);
            payments += 1;
        }
        self.truths.push(Truth { party, memo: None, direction, period, amount, payments });
    }

    /// On the next working day, some of them late.
    fn paid(&mut self, due: Date) -> Date {
        let late = if self.rng.f64() < self.how.late { self.rng.i32(1..=3) } else { 0 };
        let mut paid = due;
        while matches!(paid.weekday(), Weekday::Saturday | Weekday::Sunday) {
            paid = paid.saturating_add(1.day());
        }
        paid.saturating_add(late.days())
    }

    /// At the end of each month, with another amount each time and nobody's name.
    fn monthly_memo(&mut self, memo: &str) {
        let mut payments = 0;
        for n in 0..400 {
            let due = self.start.saturating_add(n.months()).last_of_month();
            if due > self.end {
                break;
            }
            let amount = self.rng.u64(1_000..9_000);
            self.pay(due, Direction::In, amount, Party::default(), Some(format!("{memo} {n}/2024")));
            payments += 1;
        }
        self.truths.push(Truth {
            party: Party::default(),
            memo: Some(memo.to_owned()),
            direction: Direction::In,
            period: Period::Monthly,
            amount: 5_000,
            payments,
        });
    }

    fn shops(&mut self) {
        let shops = ["Supermarket", "Bakery", "Fuel"];
        for name in shops {
            let visits = self.rng.u32(0..=self.how.visits / 2);
            self.noise(&named(name), visits * self.months() / 2, |rng| rng.u64(300..20_000));
        }
        let coffees = self.rng.u32(0..=self.how.visits / 4);
        self.noise(&named("Coffee to go"), coffees * self.months(), |rng| 250 + 50 * rng.u64(0..4));
    }

    fn cash(&mut self) {
        let withdrawals = self.rng.u32(1..=self.how.visits / 4) * self.months();
        self.noise(&Party::default(), withdrawals, |rng| 10_000 * rng.u64(1..=10));
    }

    /// Shops that are seen a few times, and friends that get the same sum now and then.
    fn strangers(&mut self) {
        for n in 0..self.how.visits {
            let visits = self.rng.u32(1..=8);
            self.noise(&named(&format!("Shop {}", letters(n))), visits, |rng| rng.u64(500..60_000));
        }
        let times = self.rng.u32(3..10);
        self.noise(&named("A friend"), times, |rng| 5_000 * rng.u64(1..=4));
    }

    fn noise(&mut self, party: &Party, count: u32, amount: impl Fn(&mut Rng) -> u64) {
        let days = (self.end - self.start).get_days();
        for _ in 0..count {
            let day = self.start.saturating_add(self.rng.i32(0..=days).days());
            let amount = amount(&mut self.rng);
            self.pay(day, Direction::Out, amount, party.clone(), None);
        }
    }

    fn months(&self) -> u32 {
        u32::try_from((self.end - self.start).get_days() / 30).unwrap()
    }

    fn pay(&mut self, day: Date, direction: Direction, amount: u64, party: Party, memo: Option<String>) {
        let amount = i64::try_from(amount).unwrap();
        let (amount, kind) = match direction {
            Direction::In => (amount, Kind::Deposit),
            Direction::Out => (-amount, Kind::Withdrawal),
        };
        self.movements.push(Movement { value_date: day, amount, party, memo, kind, job: None });
    }
}

/// The due date with this number, worked out by the calendar of dates and not by ours.
pub fn due(first: Date, period: Period, n: i32) -> Date {
    first.saturating_add(match period {
        Period::Weekly => n.weeks(),
        Period::Biweekly => (2 * n).weeks(),
        Period::FourWeekly => (4 * n).weeks(),
        Period::Monthly => n.months(),
        Period::Bimonthly => (2 * n).months(),
        Period::Quarterly => (3 * n).months(),
        Period::HalfYearly => (6 * n).months(),
        Period::Yearly => n.years(),
    })
}

/// A number as a word: digits in names are not read.
fn letters(n: u32) -> String {
    n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}
