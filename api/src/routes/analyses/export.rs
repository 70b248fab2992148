//! What a run found, as CSV (RFC 4180), streamed: a page of accounts at a time.

use std::sync::Arc;

use axum::body::Bytes;
use domain::account::AccountNumber;
use domain::id::JobId;
use futures::stream::{self, Stream};
use patterns::{Anomaly, Direction, Patterns, Recurring};
use store::StoreError;
use store::analyses::{Analyses, PatternsRecord};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::csv::quoted;

/// Accounts that are read at once.
const PAGE_ACCOUNTS: u32 = 100;

const HEADER: &str = "what,account,kind,direction,counterparty_account,counterparty_name,memo,amount,amount_min,\
                      amount_max,first,last,next_expected,count,missed,score,why,job\r\n";

/// Which lines, if not both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, ToSchema)]
#[strum(serialize_all = "snake_case")]
#[schema(as = AnalysisLines, rename_all = "snake_case")]
pub enum What {
    /// Recurring payments.
    Recurring,
    /// Payments that do not fit.
    Anomalies,
}

enum Place {
    Start,
    Behind(AccountNumber),
    End,
}

/// The header, then the lines; of no run the header alone. An error cuts the answer short, which a client sees.
pub(super) fn lines(
    analyses: Arc<dyn Analyses>,
    run: Option<JobId>,
    what: Option<What>,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream::try_unfold(Place::Start, move |place| {
        let analyses = analyses.clone();
        async move {
            let (after, mut text) = match place {
                Place::Start => (None, HEADER.to_owned()),
                Place::Behind(account) => (Some(account), String::new()),
                Place::End => return Ok(None),
            };
            let page = match run {
                Some(run) => analyses.found(run, after.as_ref(), PAGE_ACCOUNTS).await?,
                None => Vec::new(),
            };
            for found in &page {
                of_account(&mut text, found, what)?;
            }
            let next = page.into_iter().next_back().map_or(Place::End, |last| Place::Behind(last.account));
            Ok(Some((Bytes::from(text), next)))
        }
    })
}

fn of_account(text: &mut String, found: &PatternsRecord, what: Option<What>) -> Result<(), StoreError> {
    let patterns: Patterns = serde_json::from_str(&found.body).map_err(|error| {
        StoreError::Permanent(format!("the patterns of {} cannot be read: {error}", found.account))
    })?;
    if what != Some(What::Anomalies) {
        patterns.recurring.iter().for_each(|recurring| line_of_recurring(text, &found.account, recurring));
    }
    if what != Some(What::Recurring) {
        patterns.anomalies.iter().for_each(|anomaly| line_of_anomaly(text, &found.account, anomaly));
    }
    Ok(())
}

fn line_of_recurring(text: &mut String, account: &AccountNumber, recurring: &Recurring) {
    line(
        text,
        &[
            "recurring".to_owned(),
            quoted(Some(account.as_str())),
            recurring.period.name().to_owned(),
            name(recurring.direction).to_owned(),
            quoted(recurring.party.account.as_deref()),
            quoted(recurring.party.name.as_deref()),
            quoted(recurring.memo.as_deref()),
            recurring.amount.typical.to_string(),
            recurring.amount.min.to_string(),
            recurring.amount.max.to_string(),
            recurring.first.to_string(),
            recurring.last.to_string(),
            recurring.next_expected.map_or_else(String::new, |date| date.to_string()),
            recurring.count.to_string(),
            recurring.missed_total.to_string(),
            recurring.confidence.to_string(),
            quoted(Some(&recurring.evidence)),
            String::new(),
        ],
    );
}

fn line_of_anomaly(text: &mut String, account: &AccountNumber, anomaly: &Anomaly) {
    let direction = if anomaly.amount < 0 { Direction::Out } else { Direction::In };
    let (amount, date) = (anomaly.amount.unsigned_abs().to_string(), anomaly.date.to_string());
    line(
        text,
        &[
            "anomaly".to_owned(),
            quoted(Some(account.as_str())),
            anomaly.kind.name().to_owned(),
            name(direction).to_owned(),
            quoted(anomaly.party.account.as_deref()),
            quoted(anomaly.party.name.as_deref()),
            String::new(),
            amount.clone(),
            amount.clone(),
            amount,
            date.clone(),
            date,
            String::new(),
            String::new(),
            String::new(),
            anomaly.score.to_string(),
            quoted(Some(&anomaly.reason)),
            anomaly.job.map_or_else(String::new, |job| job.to_string()),
        ],
    );
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

fn line(text: &mut String, cells: &[String; 18]) {
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_a_name_for_each_field() {
        assert_eq!(HEADER.trim_end().split(',').count(), 18);
    }

    #[test]
    fn what_a_client_wrote_never_becomes_a_formula() {
        let body = serde_json::json!({
            "movements": 3, "from": null, "through": null, "anomalies_total": 1, "cash_flow": [], "forecast": null,
            "recurring": [{
                "direction": "out", "party": {"account": "-1", "name": "=HYPERLINK(\"http://a\")"}, "memo": "@SUM(A1)",
                "grouped_by": "name", "period": "monthly", "amount": {"fixed": true, "typical": 5, "min": 5, "max": 5},
                "first": "2026-01-01", "last": "2026-03-01", "count": 3, "missed": [], "missed_total": 0,
                "confidence": 0.9, "evidence": "3 of 3, each 5",
            }],
            "anomalies": [{
                "kind": "burst", "date": "2026-03-01", "amount": -5, "party": {"name": "+49"}, "score": -0.5,
                "reason": "3 in a day",
            }],
        });
        let account = AccountNumber::parse("alice").unwrap();
        let found =
            PatternsRecord { account, run: JobId::from_chance(1, [0; 6]), at: 0, body: body.to_string() };
        let mut text = String::new();
        of_account(&mut text, &found, None).unwrap();
        let recurring = "recurring,alice,monthly,out,\"'-1\",\"'=HYPERLINK(\"\"http://a\"\")\",\"'@SUM(A1)\",5,5,5,\
                         2026-01-01,2026-03-01,,3,0,0.9,\"3 of 3, each 5\",\r\n";
        let anomaly =
            "anomaly,alice,burst,out,,\"'+49\",,5,5,5,2026-03-01,2026-03-01,,,,-0.5,3 in a day,\r\n";
        assert_eq!(text, format!("{recurring}{anomaly}"));
    }
}
