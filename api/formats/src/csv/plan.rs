//! A map put to a file's columns: where each field's text comes from.

use std::collections::BTreeMap;

use super::header::{self, listed, shown};
use super::record::Cells;
use super::start::Layout;
use crate::decimal::Direction;
use crate::error::FileError;
use crate::mapping::{Column, Condition, Expression, Mapping, Target};
use crate::reader::REFUSED_BECAUSE;
use crate::text::is_blank;

/// What a field's text is made of; columns from 0.
pub type Text = Expression<usize>;

/// A field and its text.
#[derive(Debug, Clone)]
pub struct Field {
    pub text: Text,
    /// The map names it: texts are cut to what fits, as a bank's columns do not know our limits.
    pub is_mapped: bool,
}

/// A cell that decides whether a row is a job.
#[derive(Debug, Clone)]
pub struct Test {
    pub cell: usize,
    pub texts: Vec<String>,
}

/// The fields of a file's rows.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub fields: BTreeMap<Target, Field>,
    pub ignore: Vec<Test>,
    pub keep: Vec<Test>,
    pub require: Vec<usize>,
    /// Columns that may say the currency of a row, where the map has one for all and does not look at them.
    pub unused_currencies: Vec<usize>,
    names: Vec<String>,
}

/// One record and its cells.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    pub record: &'a [u8],
    pub cells: &'a Cells,
}

impl<'a> Cut<'a> {
    /// A cell without blanks around it; empty where there is none.
    pub fn cell(self, index: usize) -> &'a str {
        let cell = self.cells.get(self.record, index).unwrap_or_default();
        std::str::from_utf8(cell).unwrap_or_default().trim_matches(is_blank)
    }
}

impl Test {
    /// Whether the cell is one of the texts.
    pub fn holds(&self, row: Cut<'_>) -> bool {
        let cell = row.cell(self.cell);
        self.texts.iter().any(|text| match text.strip_suffix('*') {
            Some(start) => cell.starts_with(start),
            None => cell == text,
        })
    }
}

impl Plan {
    /// Whether the map takes a row for a job.
    pub fn takes(&self, row: Cut<'_>) -> bool {
        !self.ignore.iter().any(|test| test.holds(row))
            && self.keep.iter().all(|test| test.holds(row))
            && self.require.iter().all(|cell| !row.cell(*cell).is_empty())
    }

    /// Puts the map to the columns that were found.
    pub fn new(mapping: &Mapping, found: &Layout) -> Result<Plan, FileError> {
        let refuse = |reason: String| match found.names.as_slice() {
            [] => FileError::Header(reason),
            names => FileError::Header(format!("{reason}; the columns are {}", listed(names))),
        };
        let mut plan = Plan { names: found.names.clone(), ..Plan::default() };
        for (target, expression) in &mapping.fields {
            if let Some(expression) = expression {
                let text = expression.with(&|column| cell_of(column, found)).map_err(refuse)?;
                plan.fields.insert(target.clone(), Field { text, is_mapped: true });
            }
        }
        for (index, name) in found.names.iter().enumerate() {
            let target = Target::named(name);
            let Some(target) = target else {
                if mapping.names_no_fields() && !name.is_empty() && name != REFUSED_BECAUSE {
                    return Err(refuse(format!(
                        "the column {} is no field of a job; say what it is with map=, or remove it",
                        shown(name)
                    )));
                }
                continue;
            };
            // Amounts in two columns, and one called amount beside them: the map has said which count.
            let is_split =
                plan.fields.contains_key(&Target::AmountIn) || plan.fields.contains_key(&Target::AmountOut);
            let is_given = mapping.fields.contains_key(&target) || (is_split && target == Target::Amount);
            if is_given {
                continue;
            }
            if let Some(first) = plan.cell_of(&target) {
                let (first, second, shown) = (first + 1, index + 1, shown(name));
                return Err(refuse(format!(
                    "there are several columns {shown}; say which counts: write {name}=#{first} or {name}=#{second}"
                )));
            }
            plan.fields.insert(target, Field { text: Text::Cell(index), is_mapped: false });
        }
        let tests = |conditions: &[Condition]| -> Result<Vec<Test>, FileError> {
            let test = |condition: &Condition| {
                let cell = cell_of(&condition.column, found).map_err(refuse)?;
                Ok(Test { cell, texts: condition.texts.clone() })
            };
            conditions.iter().map(test).collect()
        };
        plan.ignore = tests(&mapping.rows.ignore)?;
        plan.keep = tests(&mapping.rows.keep)?;
        let require = mapping.rows.require.iter().map(|column| cell_of(column, found).map_err(refuse));
        plan.require = require.collect::<Result<_, _>>()?;
        plan.unused_currencies = unused_currencies(&plan, mapping, found);
        Ok(plan)
    }

    /// The first cell that a field is made of, for saying where it is wrong.
    pub fn cell_of(&self, target: &Target) -> Option<usize> {
        let text = &self.fields.get(target)?.text;
        text.find(&mut |part| if let Text::Cell(cell) = part { Some(*cell) } else { None })
    }

    /// What a map calls a column.
    pub fn label(&self, cell: usize) -> String {
        let is_plain = |name: &&String| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || " ./-_()€".contains(c))
        };
        let name = self.names.get(cell).filter(is_plain);
        let name = name.filter(|name| header::place(&self.names, name) == Ok(cell) && name.len() < 60);
        name.cloned().unwrap_or_else(|| format!("#{}", cell + 1))
    }
}

fn cell_of(column: &Column, found: &Layout) -> Result<usize, String> {
    match column {
        Column::Name(name) if found.names.is_empty() => {
            Err(format!("there is no header to find the column {name:?} in; write #1 for the first column"))
        }
        Column::Name(name) => header::place(&found.names, name),
        // Whether any row has that many cells is known when all have been seen.
        Column::Number(number) => Ok(number - 1),
    }
}

/// How banks name the column that says the currency of a row's amount.
const CURRENCY_COLUMNS: [&str; 14] = [
    "currency",
    "ccy",
    "currency code",
    "währung",
    "waehrung",
    "devise",
    "divisa",
    "moneda",
    "moeda",
    "munt",
    "muntsoort",
    "valuta",
    "waluta",
    "deviza",
];

/// The columns that may say the currency of a row, where the map has one for all rows and does not look at them.
///
/// A column by which rows are kept is looked at. One by which rows are left out is not: it may say more than what is
/// left out.
fn unused_currencies(plan: &Plan, mapping: &Mapping, found: &Layout) -> Vec<usize> {
    let field = plan.fields.get(&Target::Currency);
    if !field.is_some_and(|field| matches!(field.text, Text::Value(_))) {
        return Vec::new();
    }
    let used = mapping.columns_of_fields().chain(mapping.rows.keep.iter().map(|condition| &condition.column));
    let used: Vec<usize> = used.filter_map(|column| cell_of(column, found).ok()).collect();
    let is_named = |name: &str| CURRENCY_COLUMNS.contains(&name.trim().to_lowercase().as_str());
    let columns = found.names.iter().enumerate();
    columns.filter(|(index, name)| !used.contains(index) && is_named(name)).map(|(index, _)| index).collect()
}

impl Text {
    /// Whether it is another one for money that comes in than for money that goes out.
    pub fn turns(&self) -> bool {
        self.has(|part| matches!(part, Text::ByDirection { .. }))
    }

    /// The texts of a row that are added to one amount, and whether each is taken off. Empty ones are left out.
    pub fn for_each_term(&self, row: Cut<'_>, is_taken_off: bool, each: &mut impl FnMut(&str, bool)) {
        match self {
            Text::Sum { terms, .. } => {
                for (term, is_other_way) in terms {
                    term.for_each_term(row, is_taken_off != *is_other_way, each);
                }
            }
            Text::FirstOf(parts) => {
                let first = parts.iter().find(|part| !part.read(row, None, &mut String::new()).is_empty());
                if let Some(part) = first {
                    part.for_each_term(row, is_taken_off, each);
                }
            }
            other => {
                let mut joined = String::new();
                let text = other.read(row, None, &mut joined);
                if !text.is_empty() {
                    each(text, is_taken_off);
                }
            }
        }
    }

    /// Whether numbers are added because the map lists columns, and not because it says `sum`.
    pub fn is_listed_sum(&self) -> bool {
        match self {
            Text::Sum { is_stated, .. } => !is_stated,
            Text::FirstOf(parts) => parts.iter().any(Text::is_listed_sum),
            _ => false,
        }
    }

    /// Whether the map takes numbers off.
    pub fn takes_off(&self) -> bool {
        match self {
            Text::Sum { terms, .. } => {
                terms.iter().any(|(term, is_taken_off)| *is_taken_off || term.takes_off())
            }
            Text::FirstOf(parts) => parts.iter().any(Text::takes_off),
            _ => false,
        }
    }

    /// The text of one row; empty where there is nothing. `joined` is room for what is put together.
    pub fn read<'a>(&'a self, row: Cut<'a>, direction: Option<Direction>, joined: &'a mut String) -> &'a str {
        match self {
            Text::Value(text) => text,
            Text::Cell(cell) => row.cell(*cell),
            other => {
                joined.clear();
                other.append(row, direction, joined);
                joined
            }
        }
    }

    fn append(&self, row: Cut<'_>, direction: Option<Direction>, to: &mut String) {
        match self {
            Text::Value(text) => to.push_str(text),
            Text::Cell(cell) => to.push_str(row.cell(*cell)),
            Text::Join(parts, joint) => {
                for part in parts {
                    let start = to.len();
                    if start > 0 {
                        to.push_str(joint);
                    }
                    let filled = to.len();
                    part.append(row, direction, to);
                    if to.len() == filled {
                        to.truncate(start);
                    }
                }
            }
            // For a reader: what is added is read term by term.
            Text::Sum { terms, .. } => {
                let start = to.len();
                for (term, is_taken_off) in terms {
                    let before = to.len();
                    if before > start || *is_taken_off {
                        to.push_str(if *is_taken_off { " - " } else { " + " });
                    }
                    let filled = to.len();
                    term.append(row, direction, to);
                    if to.len() == filled {
                        to.truncate(before);
                    }
                }
            }
            Text::FirstOf(parts) => {
                let start = to.len();
                for part in parts {
                    part.append(row, direction, to);
                    if to.len() > start {
                        break;
                    }
                }
            }
            Text::ByDirection { income, outgo } => {
                let side = match direction {
                    Some(Direction::In) => income,
                    Some(Direction::Out) => outgo,
                    None => &None,
                };
                if let Some(side) = side {
                    side.append(row, direction, to);
                }
            }
            Text::Translated(part, texts) => {
                let start = to.len();
                part.append(row, direction, to);
                if let Some(text) = to.get(start..).and_then(|text| texts.get(text)) {
                    let text = text.clone();
                    to.truncate(start);
                    to.push_str(&text);
                }
            }
        }
    }
}
