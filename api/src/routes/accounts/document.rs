//! What clients read of accounts and entries. Amounts are in minor units of the account's currency.

use domain::account::{self, AccountNumber, AccountStatus};
use domain::id::JobId;
use domain::job::Kind;
use domain::money::Currency;
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::openapi::KindName;
use crate::rfc3339::Rfc3339;
use crate::statement::{Line, Other, PaymentNames};

/// An account: its balance, holds, limit and status.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// The account's number.
    #[schema(value_type = String)]
    number: AccountNumber,
    /// The one currency that the account holds (ISO 4217).
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
    /// Sum of the account's entries, in minor units; never more than 9007199254740991 away from zero, so
    /// every reader of JSON has it exactly.
    balance: i64,
    /// Sum of the account's active holds, in minor units; part of `balance`, at most 9007199254740991.
    held: i64,
    /// What one job may draw, in minor units: balance less holds plus overdraft limit, at most
    /// 9007199254740991, the largest amount. Absent for the system's own accounts, which have no limit.
    available: Option<i64>,
    /// How far below zero the available amount may go, in minor units.
    overdraft_limit: i64,
    /// Whether the account takes entries.
    #[schema(value_type = AccountStatusName)]
    status: AccountStatus,
    /// Number of the account's entries.
    entries: i64,
    /// Name of the account's holder.
    holder: Option<String>,
}

/// Whether an account takes entries.
#[derive(ToSchema)]
#[schema(as = AccountStatus, rename_all = "snake_case")]
#[allow(dead_code)] // Only its schema is used.
pub enum AccountStatusName {
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

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountsPage)]
pub struct Accounts {
    /// The accounts, in the order of their numbers.
    accounts: Vec<Account>,
    /// Path of the next page; null on the last page.
    next: Option<String>,
}

impl Accounts {
    /// A page of what the ledger has.
    pub fn new(accounts: Vec<account::Account>, next: Option<String>) -> Accounts {
        Accounts { accounts: accounts.into_iter().map(Account::from).collect(), next }
    }
}

/// A page of an account's entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntriesPage)]
pub struct Entries {
    /// The account's number.
    #[schema(value_type = String)]
    account: AccountNumber,
    /// The entries, the newest first.
    entries: Vec<Entry>,
    /// Path of the next page, with older entries; null on the last page.
    next: Option<String>,
}

/// One leg of a posted job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The entry's place among the account's entries, from 1, without gaps.
    seq: i64,
    /// The id of the job that made the entry.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The kind of that job.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// The amount in minor units: a credit is positive, a debit negative.
    amount: i64,
    /// The account's balance after the entry, in minor units.
    balance_after: i64,
    /// When the entry was posted (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    posted_at: Rfc3339,
    /// The business day: the job's value date, or else the day on which the job was accepted (UTC).
    value_date: jiff::civil::Date,
    /// The text on the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<String>,
    /// The other side: the counterparty that the job names, or else the job's other account.
    #[serde(skip_serializing_if = "Other::is_unknown")]
    #[schema(value_type = Option<Other>)]
    counterparty: Other,
    /// The names of the payment, from ISO 20022.
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
