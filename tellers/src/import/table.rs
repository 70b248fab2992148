//! What came of an import, as tables.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;

/// Counts of rows that did not come into the ledger.
const SHORT: [&str; 4] = ["refused", "rejected", "conflicts", "dead"];

/// Rows whose jobs had been cancelled; shown where there are any.
const CANCELLED: &str = "cancelled";

/// Of the duplicates, those whose job did not come into the ledger when it was there before; shown where there
/// are any.
const DUPLICATES_NOT_POSTED: &str = "duplicates_not_posted";

const COUNTS: [&str; 7] = ["accepted", "refused", "posted", "rejected", "duplicates", "conflicts", "dead"];

/// Every row is in the ledger, by this import or by one before.
pub(crate) fn are_all_in_the_books(import: &Value) -> bool {
    SHORT.iter().all(|count| import[*count] == 0)
        && duplicates_not_posted(import) == 0
        && cancelled(import) == 0
}

fn duplicates_not_posted(import: &Value) -> u64 {
    import[DUPLICATES_NOT_POSTED].as_u64().unwrap_or_default()
}

fn cancelled(import: &Value) -> u64 {
    import[CANCELLED].as_u64().unwrap_or_default()
}

/// The counts, the first refusals, and the end in a sentence.
pub(crate) fn of(import: &Value) -> String {
    let mut lines = vec![counts(import)];
    let refusals = import["first_refusals"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !refusals.is_empty() {
        lines.push(first(refusals));
    }
    if let Some(rows) = import["refused_rows"].as_str() {
        lines.push(format!("The refused rows, to be corrected and sent again: {rows}"));
    }
    lines.extend(shares(import));
    let not_posted = duplicates_not_posted(import);
    if not_posted > 0 {
        lines.push(format!(
            "Of the duplicates, {not_posted} were not posted when they came before, and are not in the ledger now."
        ));
    }
    let cancelled = cancelled(import);
    if cancelled > 0 {
        lines.push(format!("Somebody cancelled {cancelled} of the jobs, and they are not in the ledger."));
    }
    let scheduled = import["scheduled"].as_u64().unwrap_or_default();
    if scheduled > 0 {
        lines.push(format!(
            "{scheduled} of the jobs are scheduled: the ledger decides about each when it is due."
        ));
    }
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
        "done" => "Every row that was accepted has its outcome, or is scheduled.".to_owned(),
        "cancelled" => "Cancelled. The queued rows stay queued.".to_owned(),
        "refused" => format!("The file is refused: {why}"),
        other => format!("The import has {other}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_duplicate_of_what_was_never_posted_is_not_in_the_books() {
        let counts = json!({"refused": 0, "rejected": 0, "conflicts": 0, "dead": 0, "duplicates": 3});
        assert!(are_all_in_the_books(&counts));
        let told = |name: &str, count: u64| {
            let mut counts = counts.clone();
            counts[name] = json!(count);
            counts
        };
        assert!(are_all_in_the_books(&told(DUPLICATES_NOT_POSTED, 0)));
        let short = told(DUPLICATES_NOT_POSTED, 2);
        assert!(!are_all_in_the_books(&short) && of(&short).contains("Of the duplicates, 2 were not posted"));
        let stopped = told(CANCELLED, 1);
        assert!(!are_all_in_the_books(&stopped) && of(&stopped).contains("cancelled 1 of the jobs"));
        for count in SHORT {
            assert!(!are_all_in_the_books(&told(count, 1)), "{count}");
        }
    }
}
