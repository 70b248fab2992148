//! Statements as JSON: amounts in minor units, as everywhere in this API.

use std::fmt::Write as _;

use domain::id::JobId;
use domain::job::Kind;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::line::{Line, Other, PaymentNames};
use super::writer::{Head, Writer};
use crate::openapi::KindName;
use crate::rfc3339::Rfc3339;

/// A statement of an account. Amounts are in minor units of its currency.
#[derive(ToSchema)]
#[schema(as = Statement)]
#[allow(dead_code)] // Only its schema is used: the document is written piece by piece.
pub struct StatementDocument {
    /// The account's number.
    account: String,
    /// Who holds it.
    holder: Option<String>,
    /// The currency (ISO 4217).
    currency: String,
    /// The first moment of the period.
    #[schema(format = DateTime)]
    from: String,
    /// The first moment after the period.
    #[schema(format = DateTime)]
    to: String,
    /// The balance before the first entry.
    opening_balance: i64,
    /// The balance after the last entry.
    closing_balance: i64,
    /// How many entries follow.
    count: u64,
    /// The oldest first.
    entries: Vec<StatementEntry<'static>>,
}

/// An entry on a statement.
#[derive(Serialize, ToSchema)]
pub struct StatementEntry<'a> {
    /// Its place among the account's entries, from 1, without gaps.
    seq: i64,
    /// The day on which it was posted (UTC).
    #[schema(value_type = String, format = Date)]
    booking_date: jiff::civil::Date,
    /// The business day: the job's, or else the day on which it was accepted (UTC).
    #[schema(value_type = String, format = Date)]
    value_date: jiff::civil::Date,
    /// When it was posted.
    #[schema(value_type = String, format = DateTime)]
    posted_at: Rfc3339,
    /// A credit is positive, a debit negative.
    amount: i64,
    /// The account's balance after it.
    balance_after: i64,
    /// What its job did.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// The job that made it.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The client's own name for that job.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<&'a str>,
    /// The other side: as the job names it, or else its other account.
    #[serde(skip_serializing_if = "Other::is_unknown")]
    #[schema(value_type = Option<Other>)]
    counterparty: &'a Other,
    /// What it is called as a payment.
    #[serde(flatten)]
    #[schema(value_type = PaymentNames)]
    payment: &'a PaymentNames,
}

impl<'a> From<&'a Line<'_>> for StatementEntry<'a> {
    fn from(line: &'a Line<'_>) -> StatementEntry<'a> {
        let entry = &line.record.entry;
        StatementEntry {
            seq: entry.seq,
            booking_date: line.booking_date,
            value_date: line.value_date,
            posted_at: Rfc3339::from_microseconds(entry.posted_at),
            amount: entry.amount,
            balance_after: entry.balance_after,
            kind: line.kind(),
            job: line.job(),
            reference: line.reference.as_deref(),
            memo: line.memo.as_deref(),
            counterparty: &line.counterparty,
            payment: &line.payment,
        }
    }
}

/// One object whose last member is `entries`, the oldest first.
pub struct Json;

impl Writer for Json {
    fn begin(&self, head: &Head) -> String {
        let (range, account) = (&head.range, &head.range.account);
        let mut members = json!({
            "account": account.number,
            "currency": account.currency,
            "from": Rfc3339::from_microseconds(head.from()),
            "to": Rfc3339::from_microseconds(head.until()),
            "opening_balance": range.opening,
            "closing_balance": range.closing,
            "count": range.count(),
        });
        if let Some(holder) = &account.holder {
            members["holder"] = json!(holder);
        }
        let mut text = members.to_string();
        text.pop();
        text.push_str(",\"entries\":[");
        text
    }

    fn entry(&self, text: &mut String, head: &Head, line: &Line<'_>) {
        text.push_str(if line.record.entry.seq == head.range.first { "\n" } else { ",\n" });
        // An entry is made of texts and numbers: it always can be written.
        let entry = serde_json::to_string(&StatementEntry::from(line)).unwrap_or_default();
        let _ = write!(text, "{entry}");
    }

    fn end(&self, _: &Head) -> String {
        "\n]}\n".to_owned()
    }
}
