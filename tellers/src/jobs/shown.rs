//! Jobs as people read them.

use serde_json::Value;

use crate::output;
use crate::remote::cells::{amount, moment, text, time};
use crate::remote::money;
use crate::remote::table::{Column, Table, facts, left, right};

/// The columns of a list.
pub(super) const COLUMNS: [Column; 10] = [
    left("id"),
    left("posted (UTC)"),
    left("kind"),
    left("outcome"),
    right("amount"),
    left("accounts"),
    left("counterparty"),
    left("reference"),
    left("client"),
    left("memo"),
];

/// A job in a list.
pub(super) fn row(job: &Value) -> Vec<String> {
    let body = &job["body"];
    vec![
        text(&job["id"]),
        time(&job["posted_at"]),
        text(&job["kind"]),
        outcome(job),
        moved(body),
        accounts(body),
        text(&body["counterparty"]["name"]),
        text(&job["reference"]),
        text(&job["client"]),
        text(&body["memo"]),
    ]
}

/// The columns of a list of scheduled jobs.
pub(super) const SCHEDULED_COLUMNS: [Column; 8] = [
    left("id"),
    left("due (UTC)"),
    left("kind"),
    right("amount"),
    left("accounts"),
    left("reference"),
    left("client"),
    left("memo"),
];

/// A scheduled job in a list.
pub(super) fn scheduled_row(job: &Value) -> Vec<String> {
    let body = &job["body"];
    vec![
        text(&job["id"]),
        time(&job["execute_at"]),
        text(&job["kind"]),
        moved(body),
        accounts(body),
        text(&job["reference"]),
        text(&job["client"]),
        text(&body["memo"]),
    ]
}

/// The outcome, with the reason of a rejection.
fn outcome(job: &Value) -> String {
    match (job["reason"].as_str(), job["status"].as_str()) {
        (Some(_), _) => format!("{}: {}", text(&job["status"]), text(&job["reason"])),
        (None, Some("scheduled")) => format!("scheduled for {} UTC", time(&job["execute_at"])),
        (None, _) => text(&job["status"]),
    }
}

/// What the body moves: of a journal, the sum of its credits.
fn moved(body: &Value) -> String {
    let legs = body["legs"].as_array().map(Vec::as_slice).unwrap_or_default();
    if legs.is_empty() {
        return amount(&body["amount"], &body["currency"]);
    }
    let credits = legs.iter().filter_map(|leg| leg["amount"].as_i64()).filter(|amount| *amount > 0);
    let sum = credits.fold(0_i64, i64::saturating_add);
    money::shown(sum, &text(&body["currency"]))
}

/// The accounts that the body names: what it draws on first.
fn accounts(body: &Value) -> String {
    let named = ["account", "from", "to"].into_iter().map(|name| &body[name]);
    let legs = body["legs"].as_array().into_iter().flatten().map(|leg| &leg["account"]);
    let named: Vec<_> = named.chain(legs).map(text).filter(|account| !account.is_empty()).collect();
    match named.as_slice() {
        [one, other, _, _, ..] => format!("{one}, {other} and {} more", named.len() - 2),
        few => few.join(", "),
    }
}

/// One job, with all that is known of it.
pub(super) fn job(job: &Value) -> anyhow::Result<()> {
    let body = &job["body"];
    let counterparty = [&body["counterparty"]["name"], &body["counterparty"]["account"]].map(text);
    let import = &job["import"];
    let row = match import["import"].as_u64() {
        Some(number) => format!("row {} of import {number}", text(&import["row"])),
        None => String::new(),
    };
    let conflicts = match job["conflicts"]["count"].as_u64() {
        Some(count) => {
            format!(
                "{count} other bodies came under this id and took no effect, the latest {} UTC",
                time(&job["conflicts"]["last_accepted_at"])
            )
        }
        None => String::new(),
    };
    facts(&[
        ("id", text(&job["id"])),
        ("outcome", outcome(job)),
        ("cause", text(&job["cause"])),
        ("kind", text(&job["kind"])),
        ("amount", moved(body)),
        ("accounts", accounts(body)),
        ("counterparty", counterparty.join(" ").trim().to_owned()),
        ("memo", text(&body["memo"])),
        ("reference", text(&job["reference"])),
        ("client", text(&job["client"])),
        ("lane", text(&job["lane"])),
        ("accepted (UTC)", moment(&job["accepted_at"])),
        ("to be executed (UTC)", moment(&job["execute_at"])),
        ("scheduled (UTC)", moment(&job["scheduled_at"])),
        ("posted (UTC)", moment(&job["posted_at"])),
        ("reversed by", text(&job["reversed_by"])),
        ("hold", hold(&job["hold"])),
        ("import", row),
        ("conflicts", conflicts),
        ("analysis", text(&job["analysis"])),
        ("body", text(body)),
    ])?;
    if job["status"] == "pending" {
        output::beside(
            "No outcome is known: the job waits, or no job has this id. Only the answer that accepted it proves that it came.",
        );
    }
    if job["status"] == "scheduled" {
        output::beside(
            "The ledger decides about it when it is due. Until then `tellers jobs cancel ID` cancels it.",
        );
    }
    if job["status"] == "dead" {
        output::beside(
            "Its dead letter waits: `tellers dead-letters preview --job ID` tells what a replay would do.",
        );
    }
    Ok(())
}

/// What became of the hold that a job made.
fn hold(hold: &Value) -> String {
    if hold.is_null() {
        return String::new();
    }
    let what = format!("{} of {}", text(&hold["status"]), amount(&hold["amount"], &hold["currency"]));
    let captured = match hold["captured"].as_i64() {
        Some(_) => format!(", {} captured", amount(&hold["captured"], &hold["currency"])),
        None => String::new(),
    };
    let by = match hold["ended_by"].as_str() {
        Some(_) => format!(" by {} at {} UTC", text(&hold["ended_by"]), time(&hold["ended_at"])),
        None => String::new(),
    };
    let expires = match hold["expires_at"].as_str() {
        Some(_) => format!(", expires {} UTC", time(&hold["expires_at"])),
        None => String::new(),
    };
    format!("{what}{captured}{by}{expires}")
}

/// What happened to a job, in the order of time.
pub(super) fn timeline(timeline: &Value) -> anyhow::Result<()> {
    facts(&[("job", text(&timeline["job"])), ("outcome", text(&timeline["status"]))])?;
    let events = timeline["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        output::beside("Nothing is recorded of it: the job waits, or no job has this id.");
        return Ok(());
    }
    output::line("")?;
    let mut table = Table::new(&[left("at (UTC)"), left("event"), left("what")]);
    for event in events {
        table.row([moment(&event["at"]), text(&event["event"]["type"]), text(&event["text"])]);
    }
    table.write_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_names_what_it_moves_and_between_whom() {
        let transfer = json!({"from": "a", "to": "b", "amount": 12_550, "currency": "EUR"});
        assert_eq!((moved(&transfer), accounts(&transfer)), ("125.50 EUR".to_owned(), "a, b".to_owned()));
        let leg = |account: &str, amount: i64| json!({"account": account, "amount": amount});
        let journal =
            json!({"currency": "EUR", "legs": [leg("a", -300), leg("b", 100), leg("c", 200), leg("d", 0)]});
        assert_eq!(
            (moved(&journal), accounts(&journal)),
            ("3.00 EUR".to_owned(), "a, b and 2 more".to_owned())
        );
        let closing = json!({"account": "a"});
        assert_eq!((moved(&closing), accounts(&closing)), (String::new(), "a".to_owned()));
    }

    #[test]
    fn a_scheduled_job_says_for_when() {
        let job = json!({"status": "scheduled", "execute_at": "2026-12-01T08:00:00.000000Z"});
        assert!(outcome(&job).starts_with("scheduled for 2026-12-01 08:00"), "{}", outcome(&job));
    }
}
