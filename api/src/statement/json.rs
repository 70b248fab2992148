//! Statements as JSON: amounts in minor units, as everywhere in this API.

use serde_with::skip_serializing_none;
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
    /// Name of the account's holder.
    holder: Option<String>,
    /// The currency (ISO 4217).
    currency: String,
    /// The first moment of the period (RFC 3339, UTC).
    #[schema(format = DateTime)]
    from: String,
    /// The first moment after the period (RFC 3339, UTC).
    #[schema(format = DateTime)]
    to: String,
    /// The balance before the first entry, in minor units.
    opening_balance: i64,
    /// The balance after the last entry, in minor units.
    closing_balance: i64,
    /// Number of entries of the statement.
    count: u64,
    /// The entries, the oldest first.
    entries: Vec<StatementEntry<'static>>,
}

/// An entry on a statement.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
pub struct StatementEntry<'a> {
    /// The entry's place among the account's entries, from 1, without gaps.
    seq: i64,
    /// The day on which the entry was posted (UTC).
    booking_date: jiff::civil::Date,
    /// The business day: the job's value date, or else the day on which the job was accepted (UTC).
    value_date: jiff::civil::Date,
    /// When the entry was posted (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    posted_at: Rfc3339,
    /// The amount in minor units: a credit is positive, a debit negative.
    amount: i64,
    /// The account's balance after the entry, in minor units.
    balance_after: i64,
    /// The kind of that job.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// The id of the job that made the entry.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The client's own name for that job.
    reference: Option<&'a str>,
    /// The text on the statement.
    memo: Option<&'a str>,
    /// The other side: the counterparty that the job names, or else the job's other account.
    #[serde(skip_serializing_if = "Other::is_unknown")]
    #[schema(value_type = Option<Other>)]
    counterparty: &'a Other,
    /// The names of the payment, from ISO 20022.
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
