//! A date as it is written: its parts and marks, before it is known which part is which.

use jiff::civil::Date;

use super::pieces::{
    full_year, gap, is_blank, is_rest, is_tight_time, month_at, ordinal, trimmed, without_day,
};

/// What stands between the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    Nothing,
    Blank,
    Point,
    Dash,
    Slash,
    /// `2025年11月3日`
    Chinese,
    /// `2025년 11월 3일`
    Korean,
}

/// Which parts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// `2025-11-03`
    YearFirst,
    /// `03-11-2025`
    YearLast,
    /// `03-11-25`
    Short,
    /// `20251103`; a time of day may follow at once
    EightDigits,
    /// `251103`
    SixDigits,
    /// `2025-Nov-03`
    NamedYearFirst,
    /// `03-Nov-2025`
    NamedYearLast,
    /// `03-Nov-25`
    NamedShort,
    /// `Nov 03 2025`
    NameFirst,
    /// `Nov 03 25`
    NameFirstShort,
}

/// What the dates of one hand have in common. Dates of another shape prove nothing for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    pub layout: Layout,
    pub mark: Mark,
    /// `19.04.19.`, as in Hungary, where the year comes first, and in Croatia, where it does not.
    pub has_point_at_end: bool,
}

/// Which part is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    DayFirst,
    MonthFirst,
    YearFirst,
    /// Year, day, month.
    DayInMiddle,
}

impl Order {
    /// Every order, in that in which readings are named.
    pub const ALL: [Order; 4] = [Order::DayFirst, Order::MonthFirst, Order::YearFirst, Order::DayInMiddle];

    /// Whether the year stands behind day and month.
    pub fn is_year_last(self) -> bool {
        matches!(self, Order::DayFirst | Order::MonthFirst)
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Shape {
    /// Orders in which dates of this shape are usually written.
    pub fn usual(self) -> &'static [Order] {
        use Order::{DayFirst, MonthFirst, YearFirst};
        match (self.layout, self.mark) {
            (Layout::YearFirst | Layout::NamedYearFirst, _) => &[YearFirst],
            // Where points are between, the day comes first everywhere, unless the year does.
            (Layout::YearLast, Mark::Point) => &[DayFirst],
            (Layout::YearLast, _) => &[DayFirst, MonthFirst],
            (Layout::Short, Mark::Point) if self.has_point_at_end => &[DayFirst, YearFirst],
            (Layout::Short, Mark::Point) => &[DayFirst],
            (Layout::Short | Layout::EightDigits | Layout::SixDigits, _) => {
                &[DayFirst, MonthFirst, YearFirst]
            }
            (Layout::NamedYearLast | Layout::NamedShort, _) => &[DayFirst],
            (Layout::NameFirst | Layout::NameFirstShort, _) => &[MonthFirst],
        }
    }

    /// Orders that hardly anybody writes: they decide nothing, and are named where no usual one fits.
    pub fn rare(self) -> &'static [Order] {
        use Order::{DayInMiddle, MonthFirst, YearFirst};
        match (self.layout, self.mark) {
            (Layout::YearLast, Mark::Point) => &[MonthFirst],
            (Layout::Short, Mark::Point) if self.has_point_at_end => &[MonthFirst, DayInMiddle],
            (Layout::Short, Mark::Point) => &[YearFirst, MonthFirst, DayInMiddle],
            (Layout::YearFirst | Layout::Short | Layout::EightDigits | Layout::SixDigits, _) => {
                &[DayInMiddle]
            }
            (Layout::NamedShort, _) => &[YearFirst],
            _ => &[],
        }
    }

    /// The setting that states an order: what `date=` takes.
    pub fn form(self, order: Order) -> String {
        use Layout::{EightDigits, NameFirst, NamedYearFirst, NamedYearLast, YearFirst, YearLast};
        let has_long_year = matches!(
            self.layout,
            YearFirst | YearLast | EightDigits | NamedYearFirst | NamedYearLast | NameFirst
        );
        let is_named = self.layout >= NamedYearFirst;
        let year = if has_long_year { "YYYY" } else { "YY" };
        let month = if is_named { "MMM" } else { "MM" };
        let parts = match order {
            Order::DayFirst => ["DD", month, year],
            Order::MonthFirst => [month, "DD", year],
            Order::YearFirst => [year, month, "DD"],
            Order::DayInMiddle => [year, "DD", month],
        };
        match self.mark {
            Mark::Nothing => parts.concat(),
            Mark::Blank => parts.join(" "),
            Mark::Point => parts.join("."),
            Mark::Dash => parts.join("-"),
            Mark::Slash => parts.join("/"),
            Mark::Chinese => "YYYY年MM月DD日".to_owned(),
            Mark::Korean => "YYYY년MM월DD일".to_owned(),
        }
    }
}

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    number: i16,
    /// None: a month's name.
    digits: usize,
}

/// A date whose parts are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    pub shape: Shape,
    parts: [Part; 3],
    /// All digits, where nothing is between the parts.
    digits: &'a str,
}

impl<'a> Written<'a> {
    /// Takes a text apart; none if it has no form of a date. A weekday may stand before it, a time of day behind.
    pub fn parse(text: &'a str) -> Option<Written<'a>> {
        let text = trimmed(text);
        Written::parse_bare(text).or_else(|| Written::parse_bare(without_day(text)?))
    }

    fn parse_bare(text: &'a str) -> Option<Written<'a>> {
        if let Some(found) = tight(text) {
            return Some(found);
        }
        let (first, rest) = part(text)?;
        let (one, rest) = mark(rest, first)?;
        let (second, rest) = part(rest)?;
        let (two, rest) = mark(rest, second)?;
        let (third, rest) = part(rest)?;
        let is_named = first.digits == 0 || second.digits == 0;
        let mark = joined(one, two, is_named)?;
        let (has_point_at_end, rest) = match mark {
            Mark::Point => match rest.strip_prefix('.') {
                Some(rest) => (true, rest),
                None => (false, rest),
            },
            Mark::Chinese => (false, rest.trim_start_matches(is_blank).strip_prefix('日')?),
            Mark::Korean => (false, rest.trim_start_matches(is_blank).strip_prefix('일')?),
            _ => (false, rest),
        };
        let layout = layout([first, second, third])?;
        let is_rest = is_rest(rest);
        let has_point_at_end = has_point_at_end && layout == Layout::Short;
        let shape = Shape { layout, mark, has_point_at_end };
        is_rest.then_some(Written { shape, parts: [first, second, third], digits: "" })
    }

    /// The date, if the parts make one in this order.
    pub fn read(&self, order: Order) -> Option<Date> {
        let [first, second, third] = self.split(order)?;
        let (year, month, day) = match order {
            Order::DayFirst => (third, second, first),
            Order::MonthFirst => (third, first, second),
            Order::YearFirst => (first, second, third),
            Order::DayInMiddle => (first, third, second),
        };
        let year_number = match year.digits {
            4 => year.number,
            2 => full_year(year.number),
            _ => return None,
        };
        // A name is a month, and no number of four digits is one.
        let is_named = self.shape.layout >= Layout::NamedYearFirst;
        let fits = (month.digits == 0) == is_named && month.digits <= 2 && matches!(day.digits, 1 | 2);
        let (month, day) = (i8::try_from(month.number).ok()?, i8::try_from(day.number).ok()?);
        Date::new(year_number, month, day).ok().filter(|_| fits)
    }

    /// Whether it is one of those that stand for no date: `00.00.0000`.
    pub fn is_zero(&self) -> bool {
        let zeros = |part: &Part| part.digits > 0 && part.number == 0;
        if self.digits.is_empty() {
            self.parts.iter().all(zeros)
        } else {
            self.digits.bytes().all(|byte| byte == b'0')
        }
    }

    fn split(&self, order: Order) -> Option<[Part; 3]> {
        let lengths = match (self.shape.layout, order) {
            (Layout::EightDigits, Order::YearFirst | Order::DayInMiddle) => [4, 2, 2],
            (Layout::EightDigits, _) => [2, 2, 4],
            (Layout::SixDigits, _) => [2, 2, 2],
            _ => return Some(self.parts),
        };
        let mut parts = [Part { number: 0, digits: 0 }; 3];
        let mut rest = self.digits;
        for (part, length) in parts.iter_mut().zip(lengths) {
            let (digits, after) = rest.split_at_checked(length)?;
            (*part, rest) = (Part { number: digits.parse().ok()?, digits: length }, after);
        }
        Some(parts)
    }
}

/// Digits without marks between.
fn tight(text: &str) -> Option<Written<'_>> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let (layout, digits) = match count {
        6 => (Layout::SixDigits, digits),
        8 => (Layout::EightDigits, digits),
        12 | 14 => {
            let (day, time) = digits.split_at_checked(8)?;
            is_tight_time(time).then_some((Layout::EightDigits, day))?
        }
        _ => return None,
    };
    let shape = Shape { layout, mark: Mark::Nothing, has_point_at_end: false };
    is_rest(rest).then_some(Written { shape, parts: [Part { number: 0, digits: 1 }; 3], digits })
}

/// A number, which may be an ordinal, or a month's name.
fn part(text: &str) -> Option<(Part, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    if count > 0 {
        let (digits, rest) = text.split_at_checked(count).filter(|_| matches!(count, 1 | 2 | 4))?;
        return Some((Part { number: digits.parse().ok()?, digits: count }, ordinal(rest)));
    }
    let (month, rest) = month_at(text)?;
    Some((Part { number: i16::from(month), digits: 0 }, rest))
}

/// What stands between this part and the next.
fn mark(text: &str, before: Part) -> Option<(Mark, &str)> {
    let rest = text.trim_start_matches(is_blank);
    let first = rest.chars().next()?;
    let found = match first {
        '/' => Mark::Slash,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => Mark::Dash,
        '年' | '月' => Mark::Chinese,
        '년' | '월' => Mark::Korean,
        // `19. April`, `Apr 19, 2019`: what follows the point or the comma tells.
        '.' | ',' => {
            let after = rest.get(1..)?;
            let next = after.trim_start_matches(is_blank);
            let is_point = first == '.' && next.starts_with(|c: char| c.is_ascii_digit());
            let is_tight_name = first == '.' && next.len() == after.len();
            return Some(if is_point || is_tight_name { (Mark::Point, next) } else { (Mark::Blank, next) });
        }
        _ if rest.len() < text.len() => return Some((Mark::Blank, gap(text)?)),
        // `19Apr2019`
        _ if before.digits == 0 || first.is_alphabetic() => return Some((Mark::Nothing, rest)),
        _ => return None,
    };
    Some((found, rest.get(first.len_utf8()..)?.trim_start_matches(is_blank)))
}

/// The mark of a date whose parts have these between them.
fn joined(one: Mark, two: Mark, is_named: bool) -> Option<Mark> {
    if one == two {
        return Some(one);
    }
    let is_soft = |mark| matches!(mark, Mark::Blank | Mark::Point);
    (is_named && is_soft(one) && is_soft(two)).then_some(Mark::Blank)
}

fn layout(parts: [Part; 3]) -> Option<Layout> {
    let [first, second, third] = parts.map(|part| part.digits);
    match (first, second, third) {
        (4, 1 | 2, 1 | 2) => Some(Layout::YearFirst),
        (1 | 2, 1 | 2, 4) => Some(Layout::YearLast),
        (1 | 2, 1 | 2, 1 | 2) => Some(Layout::Short),
        (4, 0, 1 | 2) => Some(Layout::NamedYearFirst),
        (1 | 2, 0, 4) => Some(Layout::NamedYearLast),
        (1 | 2, 0, 1 | 2) => Some(Layout::NamedShort),
        (0, 1 | 2, 4) => Some(Layout::NameFirst),
        (0, 1 | 2, 1 | 2) => Some(Layout::NameFirstShort),
        _ => None,
    }
}
