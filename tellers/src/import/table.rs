//! What came of an import, as tables.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;

/// Counts of rows that did not come into the books.
pub(crate) const SHORT: [&str; 4] = ["refused", "rejected", "conflicts", "dead"];

const COUNTS: [&str; 7] = ["accepted", "refused", "posted", "rejected", "duplicates", "conflicts", "dead"];

/// The counts, the first refusals, and the end in a sentence.
pub(crate) fn of(import: &Value) -> String {
    let mut lines = vec![counts(import)];
    let refusals = import["first_refusals"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !refusals.is_empty() {
        lines.push(first(refusals));
    }
    if let Some(rows) = import["refused_rows"].as_str() {
        lines.push(format!("All that were refused, to be corrected and sent again: {rows}"));
    }
    lines.extend(shares(import));
    lines.push(sentence(import));
    lines.join("\n")
}

/// What came before, as far as this file did not come out as the same one.
fn shares(import: &Value) -> Vec<String> {
    let shares = import["shares"].as_array().map(Vec::as_slice).unwrap_or_default();
    let share = |share: &Value| {
        let (rows, other) = (&share["rows"], &share["import"]);
        format!(
            "Look: import {other} has {rows} rows of this one, which have no reference. If they are the same payments, reverse one of the two."
        )
    };
    let is_new = import["duplicates"].as_u64() < import["accepted"].as_u64();
    shares.iter().filter(|_| is_new).map(share).collect()
}

fn counts(import: &Value) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([&["import", "rows"][..], &COUNTS].concat());
    let counts = ["id", "rows_read"].iter().chain(&COUNTS).map(|name| import[*name].to_string());
    table.add_row(counts);
    table.to_string()
}

fn first(refusals: &[Value]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["line", "column", "field", "refused because"]);
    for refusal in refusals {
        let number =
            |name: &str| refusal[name].as_u64().map_or_else(|| "–".to_owned(), |number| number.to_string());
        let text = |name: &str| refusal[name].as_str().unwrap_or("–").to_owned();
        table.add_row([number("line"), number("column"), text("field"), text("reason")]);
    }
    table.to_string()
}

fn sentence(import: &Value) -> String {
    let why = import["error"]["detail"].as_str().unwrap_or_default();
    match import["state"].as_str().unwrap_or_default() {
        "done" if import["dry_run"] == true => "A dry run: nothing was queued.".to_owned(),
        "done" => "Every row that was accepted has its outcome.".to_owned(),
        "cancelled" => "Cancelled. What was queued until then stays queued.".to_owned(),
        "refused" => format!("The file is refused: {why}"),
        other => format!("The import has {other}: {why}"),
    }
}
