//! What clients read of accounts and entries. Amounts are in minor units of the account's currency.

use domain::account::{self, AccountNumber, AccountStatus};
use domain::id::JobId;
use domain::job::Kind;
use domain::money::Currency;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::KindName;
use crate::rfc3339::Rfc3339;
use crate::statement::{Line, Other, PaymentNames};

/// An account as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// Its number.
    #[schema(value_type = String)]
    number: AccountNumber,
    /// The one currency that it holds (ISO 4217).
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
    /// Sum of its entries; never more than 9007199254740991 away from zero, which every reader of JSON has exactly.
    balance: i64,
    /// Sum of its active holds, at most 9007199254740991; part of the balance.
    held: i64,
    /// What one job may draw: balance less holds plus overdraft limit, told up to 9007199254740991, the largest amount. Of
    /// the system's own accounts, which have no limit, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<i64>,
    /// How far below zero what is available may go.
    overdraft_limit: i64,
    /// Whether it takes entries.
    #[schema(value_type = AccountStatusName)]
    status: AccountStatus,
    /// How many entries it has.
    entries: i64,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
}

/// Whether an account takes entries.
#[derive(ToSchema)]
#[schema(as = AccountStatus, rename_all = "snake_case")]
#[allow(dead_code)] // Only its schema is used.
enum AccountStatusName {
    Open,
    Frozen,
    Closed,
}

impl From<account::Account> for Account {
    fn from(account: account::Account) -> Account {
        let available = Some(account.available()).filter(|_| !account.number.is_external());
        Account {
            available: available.map(exact),
            number: account.number,
            currency: account.currency,
            balance: account.balance,
            held: account.held,
            overdraft_limit: account.overdraft_limit.minor_units(),
            status: account.status,
            entries: account.seq,
            holder: account.holder,
        }
    }
}

/// A figure as every reader of JSON has it.
fn exact(minor_units: i128) -> i64 {
    let most = account::Account::MINOR_UNITS_MAX;
    i64::try_from(minor_units.clamp(i128::from(-most), i128::from(most))).unwrap_or(most)
}

/// A page of an account's entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entries {
    /// The account's number.
    #[schema(value_type = String)]
    account: AccountNumber,
    /// The newest first.
    entries: Vec<Entry>,
    /// Where the older ones are; null on the last page.
    next: Option<String>,
}

/// One leg of a posted job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its place among the account's entries, from 1, without gaps.
    seq: i64,
    /// The job that made it.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// What that job did.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// A credit is positive, a debit negative.
    amount: i64,
    /// The account's balance after it.
    balance_after: i64,
    /// When it was posted.
    #[schema(value_type = String, format = DateTime)]
    posted_at: Rfc3339,
    /// The business day: the job's, or else the day on which it was accepted (UTC).
    #[schema(value_type = String, format = Date)]
    value_date: jiff::civil::Date,
    /// The text on the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<String>,
    /// The other side: as the job names it, or else its other account.
    #[serde(skip_serializing_if = "Other::is_unknown")]
    #[schema(value_type = Option<Other>)]
    counterparty: Other,
    /// What it is called as a payment.
    #[serde(flatten)]
    payment: PaymentNames,
}

impl Entries {
    /// A page of what the ledger has.
    pub fn new(account: AccountNumber, lines: Vec<Line<'_>>, next: Option<String>) -> Entries {
        Entries { account, entries: lines.into_iter().map(Entry::from).collect(), next }
    }
}

impl From<Line<'_>> for Entry {
    fn from(line: Line<'_>) -> Entry {
        let record = line.record;
        Entry {
            seq: record.entry.seq,
            job: record.entry.job,
            kind: record.kind,
            amount: record.entry.amount,
            balance_after: record.entry.balance_after,
            posted_at: Rfc3339::from_microseconds(record.entry.posted_at),
            value_date: line.value_date,
            memo: line.memo,
            counterparty: line.counterparty,
            payment: line.payment,
        }
    }
}
