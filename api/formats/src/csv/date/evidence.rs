//! What the dates of a whole file prove of the order in which they are written.

use std::collections::BTreeMap;

use domain::value_date::plausible;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::super::plan::{Cut, Plan};
use super::written::{Layout, Mark, Order, Shape, Written};
use crate::decimal::Direction;
use crate::mapping::Target;

/// Years ahead of today beyond which a reading is none where another one stays: standing orders and instalments are
/// planned for less.
const YEARS_AHEAD_MAX: i16 = 2;

/// The year before the first in which two digits may be a year or a day: dates of one file whose two digits are both lie
/// between it and today. A reading that puts them further apart is none where another one stays.
const YEARS_START: i16 = 2000;

/// Years in which the rows of a file that was exported lately lie.
const LATE_YEARS: i32 = 3;

/// How the dates of one shape can be read.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Dates that a usual order reads.
    rows: u64,
    /// How many of them each order reads.
    fits: [u64; 4],
    /// Dates that only rare orders read, for each of these.
    rare_fits: [u64; 4],
    /// Dates that no usual order reads.
    doubts: u64,
    /// The first and the last date by each order.
    spans: [Option<(Date, Date)>; 4],
}

/// What has been seen of a file's dates; the same whatever the order of its rows.
#[derive(Debug, Clone)]
pub struct Evidence {
    shapes: BTreeMap<Shape, Tally>,
    /// Texts like dates that have no form that is known.
    doubts: u64,
    has_dollars: bool,
    /// The rows are those that were refused before: what their neighbours proved is gone.
    pub is_rest: bool,
    /// One of them was refused because it has no date.
    pub were_wanted: bool,
    today: Date,
}

/// Orders in which the dates of a shape may be written.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// A date is sure where all of them agree.
    pub orders: Vec<Order>,
    /// Dates prove opposite orders.
    pub is_contradictory: bool,
    /// Orders that put dates decades apart or years ahead: they alone make none sure.
    pub implausible: Vec<Order>,
}

/// How each shape of a file's dates is read.
#[derive(Debug, Clone, Default)]
pub struct Choices(BTreeMap<Shape, Choice>);

impl Choices {
    /// Of one shape; any usual order where the file has none of it.
    pub fn of(&self, shape: Shape) -> Choice {
        let usual = || Choice { orders: shape.usual().to_vec(), ..Choice::default() };
        self.0.get(&shape).cloned().unwrap_or_else(usual)
    }
}

impl Evidence {
    /// Of a file of which nothing has been seen.
    pub fn new(today: Date) -> Evidence {
        Evidence {
            shapes: BTreeMap::new(),
            doubts: 0,
            has_dollars: false,
            is_rest: false,
            were_wanted: false,
            today,
        }
    }

    /// Takes a row.
    pub fn add_row(&mut self, plan: &Plan, row: Cut<'_>, joined: &mut String) {
        // Only America writes the month first with dashes.
        let currency = plan.fields.get(&Target::Currency);
        self.has_dollars |= currency.is_some_and(|field| field.text.read(row, None, joined) == "USD");
        let Some(field) = plan.fields.get(&Target::ValueDate) else { return };
        let sides: &[Option<Direction>] =
            if field.text.turns() { &[Some(Direction::In), Some(Direction::Out)] } else { &[None] };
        for side in sides {
            let text = field.text.read(row, *side, joined);
            if !text.is_empty() {
                self.add(text);
            }
        }
    }

    /// Takes the date of a row.
    pub(super) fn add(&mut self, text: &str) {
        let Some(written) = Written::parse(text) else {
            self.doubts += u64::from(is_like_date(text));
            return;
        };
        let read = |order: Order| written.read(order).filter(|date| plausible(*date, self.today).is_ok());
        let dates = Order::ALL.map(read);
        let is_read = |order: &Order| dates.get(order.index()).is_some_and(Option::is_some);
        let shape = written.shape;
        let tally = self.shapes.entry(shape).or_default();
        if shape.usual().iter().any(is_read) {
            tally.rows += 1;
            for order in shape.usual().iter().chain(shape.rare()).filter(|order| is_read(order)) {
                tally.take(*order, dates.get(order.index()).copied().flatten());
            }
        } else if shape.rare().iter().any(is_read) {
            tally.doubts += 1;
            for order in shape.rare().iter().filter(|order| is_read(order)) {
                tally.rare_fits.iter_mut().skip(order.index()).take(1).for_each(|fits| *fits += 1);
            }
        } else if !written.is_zero() && Order::ALL.iter().all(|order| written.read(*order).is_none()) {
            // What lies beyond all value dates says nothing of its form.
            tally.doubts += 1;
        }
    }

    /// Whether any row has a date.
    pub fn has_dates(&self) -> bool {
        !self.shapes.is_empty()
    }

    /// How each shape is read.
    pub fn choices(&self) -> Choices {
        let choice = |(shape, tally): (&Shape, &Tally)| (*shape, self.choice(*shape, tally));
        Choices(self.shapes.iter().map(choice).collect())
    }

    fn choice(&self, shape: Shape, tally: &Tally) -> Choice {
        let usual = shape.usual();
        let misfits = |order: &Order| tally.rows - tally.fits(*order);
        let full: Vec<Order> = usual.iter().copied().filter(|order| misfits(order) == 0).collect();
        let mut choice = if full.is_empty() {
            Choice { orders: usual.to_vec(), is_contradictory: true, implausible: Vec::new() }
        } else {
            self.choice_of(shape, tally, full)
        };
        // Dates that nothing reads say that a form may be missing: as many proofs against an order may be by chance.
        let doubts = tally.doubts + self.doubts;
        let by_chance = |order: &&Order| (1..=doubts).contains(&misfits(order));
        // Nobody is known to write the day between a long year and the month: a slip in one row is no doubt of others.
        let proofs_min = if shape.layout == Layout::YearFirst { tally.rows.max(1) } else { 1 };
        let rare_proven = |order: &&Order| tally.rare_fits(**order) >= misfits(order).max(proofs_min);
        let more = usual.iter().filter(by_chance).chain(shape.rare().iter().filter(rare_proven));
        for order in more {
            if !choice.orders.contains(order) {
                choice.orders.push(*order);
            }
        }
        if self.may_be_year_first(shape, tally) && !choice.orders.contains(&Order::YearFirst) {
            choice.orders.push(Order::YearFirst);
        }
        if doubts == 0 && self.is_european(shape, tally) {
            choice.orders.retain(|order| *order != Order::MonthFirst);
        }
        choice
    }

    /// Of the usual orders that read every date, those that put them where dates of one file can be.
    fn choice_of(&self, shape: Shape, tally: &Tally, full: Vec<Order>) -> Choice {
        let is_plausible = |order: &Order| self.is_plausible(tally, *order);
        // Readings that differ in day and month alone lie too close together to tell them apart by this.
        let stays = |order: &Order| {
            full.iter().any(|other| other.is_year_last() == order.is_year_last() && is_plausible(other))
        };
        let orders: Vec<Order> = full.iter().copied().filter(stays).collect();
        if !orders.is_empty() {
            return Choice { orders, ..Choice::default() };
        }
        // One day that is none may have excluded the true order, and a rare one may be the true one.
        let is_other = |order: &&Order| full.iter().all(|full| full.is_year_last() != order.is_year_last());
        let others = shape.usual().iter().filter(is_other);
        let rare =
            |order: &&Order| is_other(order) && is_plausible(order) && tally.rows == tally.fits(**order);
        let others: Vec<Order> = others.chain(shape.rare().iter().filter(rare)).copied().collect();
        let implausible = if others.is_empty() { Vec::new() } else { full.clone() };
        Choice { orders: [full, others].concat(), is_contradictory: false, implausible }
    }

    /// Whether a reading puts the rows where those of one file can be.
    fn is_plausible(&self, tally: &Tally, order: Order) -> bool {
        let Some((first, last)) = tally.spans.get(order.index()).copied().flatten() else { return true };
        last <= self.today.saturating_add(YEARS_AHEAD_MAX.years())
            && last <= first.saturating_add((self.today.year() - YEARS_START).max(1).years())
    }

    /// Whether points, or a month's name, stand between short years and days: the day comes first nearly everywhere, but
    /// where so the rows lie far back or apart, and the other way round they are of late, both are to be asked about.
    fn may_be_year_first(&self, shape: Shape, tally: &Tally) -> bool {
        let span = |order: Order| tally.spans.get(order.index()).copied().flatten();
        let is_of_late = |(first, last): &(Date, Date)| {
            *first >= self.today.saturating_sub(LATE_YEARS.years())
                && *last <= self.today.saturating_add(1.year())
        };
        let is_pointed =
            (shape.layout, shape.mark, shape.has_point_at_end) == (Layout::Short, Mark::Point, false);
        (is_pointed || shape.layout == Layout::NamedShort)
            && tally.rows == tally.fits(Order::YearFirst)
            && span(Order::YearFirst).as_ref().is_some_and(is_of_late)
            && !span(Order::DayFirst).as_ref().is_some_and(is_of_late)
    }

    /// Whether dashes stand between days of one month, which are the same day of several months if they are read as
    /// in America. Only a file of dollars may be from there.
    fn is_european(&self, shape: Shape, tally: &Tally) -> bool {
        let days = tally.spans.get(Order::DayFirst.index()).copied().flatten();
        (shape.layout, shape.mark) == (Layout::YearLast, Mark::Dash)
            && !self.has_dollars
            && !self.is_rest
            && tally.rows == tally.fits(Order::DayFirst)
            && days
                .is_some_and(|(first, last)| first != last && first.first_of_month() == last.first_of_month())
    }
}

impl Tally {
    fn take(&mut self, order: Order, date: Option<Date>) {
        self.fits.iter_mut().skip(order.index()).take(1).for_each(|fits| *fits += 1);
        let (Some(span), Some(date)) = (self.spans.get_mut(order.index()), date) else { return };
        *span = Some(span.map_or((date, date), |(first, last)| (first.min(date), last.max(date))));
    }

    fn fits(&self, order: Order) -> u64 {
        self.fits.get(order.index()).copied().unwrap_or(0)
    }

    fn rare_fits(&self, order: Order) -> u64 {
        self.rare_fits.get(order.index()).copied().unwrap_or(0)
    }
}

/// Whether a text without a form that is known may be a date all the same.
fn is_like_date(text: &str) -> bool {
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let (count, digits) = groups.fold((0, 0), |(count, digits), group| (count + 1, digits + group.len()));
    count >= 2 || digits >= 6
}
