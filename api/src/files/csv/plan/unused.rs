//! Columns that a map passes over, and that may contradict it.

use super::super::super::mapping::{Mapping, Target};
use super::super::dialect::Found;
use super::{Plan, Text, cell_of, wanted};

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

/// The column that says the currency of a row, where the map has one for all rows and does not look at it.
pub(super) fn currency(plan: &Plan, mapping: &Mapping, found: &Found) -> Option<usize> {
    let is_one_for_all = matches!(plan.fields.get(&Target::Currency)?.text, Text::Value(_));
    let used: Vec<usize> = wanted(mapping).iter().filter_map(|column| cell_of(column, found).ok()).collect();
    let mut columns = found.names.iter().enumerate();
    let column = columns.find(|(index, name)| {
        !used.contains(index) && CURRENCY_COLUMNS.contains(&name.trim().to_lowercase().as_str())
    });
    column.map(|(index, _)| index).filter(|_| is_one_for_all)
}
