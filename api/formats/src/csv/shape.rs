//! Telling a line that is a row of its own from a line of a text that goes on.

use domain::job::Kind;

use super::date;
use super::plan::{Cut, Plan};
use super::record::{self, Cells, Marks};
use super::start::Layout;
use crate::mapping::Target;

/// What a column of kinds may name beside the kinds of jobs that the ledger posts.
const OTHER_KINDS: [&str; 1] = ["analyse_patterns"];

/// The most letters beside the digits of an amount: a currency on one side, a mark on the other.
const AMOUNT_LETTERS_MAX: usize = 8;

/// What a column holds that not just any text can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    Date,
    Amount,
    Currency,
    Kind,
}

/// What the rows of a file have in common.
#[derive(Debug, Clone)]
pub struct RowShape {
    cells_min: usize,
    cells_max: usize,
    typed: Vec<(usize, Typed)>,
    /// The form of dates, where the map states it.
    date: Option<String>,
}

impl RowShape {
    pub fn new(found: &Layout, plan: &Plan, date: Option<&str>) -> RowShape {
        let typed = [
            (Target::ValueDate, Typed::Date),
            (Target::Amount, Typed::Amount),
            (Target::AmountIn, Typed::Amount),
            (Target::AmountOut, Typed::Amount),
            (Target::OverdraftLimit, Typed::Amount),
            (Target::Currency, Typed::Currency),
            (Target::Kind, Typed::Kind),
        ];
        let cell = |(target, typed): (Target, Typed)| Some((plan.cell_of(&target)?, typed));
        RowShape {
            cells_min: found.columns,
            // The separator at a line's end, and a reason of a former refusal.
            cells_max: found.cells.max(found.width) + 2,
            typed: typed.into_iter().filter_map(cell).collect(),
            date: date.map(str::to_owned),
        }
    }

    /// Whether a line has as many cells as a row, and in each place what belongs there.
    pub fn fits(&self, line: &[u8], marks: Marks) -> bool {
        let mut cells = Cells::default();
        if cells.cut(line, marks) != record::Cut::Whole {
            cells.clear();
            cells.cut(line, marks.without_quote());
        }
        if !(self.cells_min..=self.cells_max).contains(&cells.len()) || cells.len() < 2 {
            return false;
        }
        let row = Cut { record: line, cells: &cells };
        let filled = || self.typed.iter().filter(|(cell, _)| !row.cell(*cell).is_empty());
        filled().all(|(cell, typed)| self.is(row.cell(*cell), *typed))
            && filled().count() * 2 >= self.typed.len().max(1)
    }

    fn is(&self, text: &str, typed: Typed) -> bool {
        match typed {
            Typed::Date => date::is_date(text, self.date.as_deref()),
            Typed::Amount => {
                let letters = text.chars().filter(|c| c.is_alphabetic()).count();
                text.contains(|c: char| c.is_ascii_digit()) && letters <= AMOUNT_LETTERS_MAX
            }
            Typed::Currency => text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
            Typed::Kind => Kind::ALL.iter().any(|kind| kind.name() == text) || OTHER_KINDS.contains(&text),
        }
    }
}
