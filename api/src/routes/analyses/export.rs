//! What a run found, as CSV (RFC 4180), streamed: a page of accounts at a time.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use domain::account::AccountNumber;
use domain::id::JobId;
use futures::stream::{self, Stream};
use patterns::{Anomaly, Direction, Patterns, Recurring};
use store::StoreError;
use store::analyses::{Analyses, Found};

use crate::problem::Problem;

/// Accounts that are read at once.
const PAGE_ACCOUNTS: u32 = 100;

const HEADER: &str = "what,account,kind,direction,counterparty_account,counterparty_name,memo,amount,amount_min,\
                      amount_max,first,last,next_expected,count,missed,score,why,job\r\n";

/// Which lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Recurring,
    Anomalies,
    Both,
}

impl What {
    pub(super) fn parse(text: Option<&str>) -> Result<What, Problem> {
        match text {
            None => Ok(What::Both),
            Some("recurring") => Ok(What::Recurring),
            Some("anomalies") => Ok(What::Anomalies),
            Some(other) => Err(Problem::parameter(
                "what",
                other,
                "must be `recurring` or `anomalies`; leave it out for both",
            )),
        }
    }
}

enum Place {
    Start,
    Behind(AccountNumber),
    End,
}

/// The header, then the lines. An error cuts the answer short, which a client sees.
pub(super) fn lines(
    analyses: Arc<dyn Analyses>,
    run: JobId,
    what: What,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream::try_unfold(Place::Start, move |place| {
        let analyses = analyses.clone();
        async move {
            let (after, mut text) = match place {
                Place::Start => (None, HEADER.to_owned()),
                Place::Behind(account) => (Some(account), String::new()),
                Place::End => return Ok(None),
            };
            let page = analyses.found(run, after.as_ref(), PAGE_ACCOUNTS).await?;
            for found in &page {
                of_account(&mut text, found, what)?;
            }
            let next = page.into_iter().next_back().map_or(Place::End, |last| Place::Behind(last.account));
            Ok(Some((Bytes::from(text), next)))
        }
    })
}

fn of_account(text: &mut String, found: &Found, what: What) -> Result<(), StoreError> {
    let patterns: Patterns = serde_json::from_str(&found.body).map_err(|error| {
        StoreError::Permanent(format!("the patterns of {} cannot be read: {error}", found.account))
    })?;
    if what != What::Anomalies {
        patterns.recurring.iter().for_each(|recurring| line_of_recurring(text, &found.account, recurring));
    }
    if what != What::Recurring {
        patterns.anomalies.iter().for_each(|anomaly| line_of_anomaly(text, &found.account, anomaly));
    }
    Ok(())
}

fn line_of_recurring(text: &mut String, account: &AccountNumber, recurring: &Recurring) {
    let next = recurring.next_expected.map(|date| date.to_string());
    line(
        text,
        &[
            "recurring",
            account.as_str(),
            recurring.period.name(),
            name(recurring.direction),
            recurring.party.account.as_deref().unwrap_or_default(),
            recurring.party.name.as_deref().unwrap_or_default(),
            recurring.memo.as_deref().unwrap_or_default(),
            &recurring.amount.typical.to_string(),
            &recurring.amount.min.to_string(),
            &recurring.amount.max.to_string(),
            &recurring.first.to_string(),
            &recurring.last.to_string(),
            next.as_deref().unwrap_or_default(),
            &recurring.count.to_string(),
            &recurring.missed_total.to_string(),
            &recurring.confidence.to_string(),
            &recurring.evidence,
            "",
        ],
    );
}

fn line_of_anomaly(text: &mut String, account: &AccountNumber, anomaly: &Anomaly) {
    let direction = if anomaly.amount < 0 { Direction::Out } else { Direction::In };
    let (amount, date) = (anomaly.amount.unsigned_abs().to_string(), anomaly.date.to_string());
    let job = anomaly.job.map(|job| job.to_string());
    line(
        text,
        &[
            "anomaly",
            account.as_str(),
            anomaly.kind.name(),
            name(direction),
            anomaly.party.account.as_deref().unwrap_or_default(),
            anomaly.party.name.as_deref().unwrap_or_default(),
            "",
            &amount,
            &amount,
            &amount,
            &date,
            &date,
            "",
            "",
            "",
            &anomaly.score.to_string(),
            &anomaly.reason,
            job.as_deref().unwrap_or_default(),
        ],
    );
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

fn line(text: &mut String, fields: &[&str; 18]) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            // Writing to a string never fails.
            let _ = write!(text, "\"{}\"", field.replace('"', "\"\""));
        } else {
            text.push_str(field);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_a_name_for_each_field_and_what_needs_quotes_gets_them() {
        assert_eq!(HEADER.trim_end().split(',').count(), 18);
        let mut fields = [""; 18];
        (fields[0], fields[1], fields[2]) = ("plain", "a, b", "say \"hi\"");
        let mut text = String::new();
        line(&mut text, &fields);
        assert_eq!(text, format!("plain,\"a, b\",\"say \"\"hi\"\"\"{}\r\n", ",".repeat(15)));
    }
}
