//! Columns that a map passes over, and that may contradict it.

use super::super::super::mapping::{Mapping, Target};
use super::super::dialect::Found;
use super::{Plan, Text, cell_of, in_fields};

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
pub(super) fn currency(plan: &Plan, mapping: &Mapping, found: &Found) -> Vec<usize> {
    let field = plan.fields.get(&Target::Currency);
    if !field.is_some_and(|field| matches!(field.text, Text::Value(_))) {
        return Vec::new();
    }
    let mut used = in_fields(mapping);
    used.extend(mapping.rows.keep.iter().map(|condition| condition.column.clone()));
    let used: Vec<usize> = used.iter().filter_map(|column| cell_of(column, found).ok()).collect();
    let is_named = |name: &str| CURRENCY_COLUMNS.contains(&name.trim().to_lowercase().as_str());
    let columns = found.names.iter().enumerate();
    columns.filter(|(index, name)| !used.contains(index) && is_named(name)).map(|(index, _)| index).collect()
}
