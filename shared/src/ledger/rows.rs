//! Rows as both databases give them, and what they stand for.

use sqlx::FromRow;

use super::failure::Failure;
use super::{EntryRecord, JobRecord};
use crate::domain::account::{Account, AccountNumber, AccountStatus};
use crate::domain::entry::{Digest, Entry};
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::id::JobId;
use crate::domain::job::{Fingerprint, Kind};
use crate::domain::lane::Lane;
use crate::domain::money::{Amount, Currency, OverdraftLimit};
use crate::domain::outcome::{Recorded, Verdict};

/// The name of a status, as stored.
pub(super) fn account_status_name(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Open => "open",
        AccountStatus::Frozen => "frozen",
        AccountStatus::Closed => "closed",
    }
}

/// The name of a hold's status, as stored, and what was captured, in minor units.
pub(super) fn hold_status_columns(status: HoldStatus) -> (&'static str, Option<i64>) {
    match status {
        HoldStatus::Active => ("active", None),
        HoldStatus::Captured(amount) => ("captured", Some(amount.minor_units())),
        HoldStatus::Released => ("released", None),
    }
}

/// The columns `outcome` and `reason` of a verdict.
pub(super) fn verdict_columns(verdict: Verdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        Verdict::Posted => ("posted", None),
        Verdict::Rejected(reason) => ("rejected", Some(reason.name())),
        Verdict::Dead => ("dead", None),
    }
}

/// A row of `accounts`. `holder` is read for people only; posting does without it.
#[derive(Debug, FromRow)]
pub(super) struct AccountRow {
    pub(super) id: i64,
    number: String,
    currency: String,
    balance: i64,
    held: i64,
    overdraft_limit: i64,
    status: String,
    seq: i64,
    digest: Vec<u8>,
    #[sqlx(default)]
    holder: Option<String>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Failure;

    fn try_from(row: AccountRow) -> Result<Account, Failure> {
        let status = match row.status.as_str() {
            "open" => AccountStatus::Open,
            "frozen" => AccountStatus::Frozen,
            "closed" => AccountStatus::Closed,
            _ => return Err(Failure::unreadable("status of an account", row.status)),
        };
        Ok(Account {
            key: Some(row.id),
            number: number(&row.number)?,
            currency: currency(&row.currency)?,
            balance: row.balance,
            held: row.held,
            overdraft_limit: OverdraftLimit::new(row.overdraft_limit)
                .ok_or_else(|| Failure::unreadable("overdraft limit", row.overdraft_limit))?,
            status,
            seq: row.seq,
            digest: Digest(bytes(row.digest, "digest")?),
            holder: row.holder,
        })
    }
}

/// What posting needs to know of a job that the ledger holds already.
#[derive(Debug, FromRow)]
pub(super) struct RecordedRow {
    id: Vec<u8>,
    fingerprint: Vec<u8>,
    outcome: String,
    reason: Option<String>,
}

impl TryFrom<RecordedRow> for (JobId, Recorded) {
    type Error = Failure;

    fn try_from(row: RecordedRow) -> Result<(JobId, Recorded), Failure> {
        let fingerprint = Fingerprint(bytes(row.fingerprint, "fingerprint")?);
        Ok((job_id(row.id)?, Recorded { fingerprint, verdict: verdict(row.outcome, row.reason.as_deref())? }))
    }
}

/// A row of `holds`, with its account's number.
#[derive(Debug, FromRow)]
pub(super) struct HoldRow {
    id: Vec<u8>,
    account: String,
    currency: String,
    amount: i64,
    captured: Option<i64>,
    status: String,
    expires_at: Option<i64>,
}

impl TryFrom<HoldRow> for Hold {
    type Error = Failure;

    fn try_from(row: HoldRow) -> Result<Hold, Failure> {
        let status = match (row.status.as_str(), row.captured) {
            ("active", None) => HoldStatus::Active,
            ("captured", Some(captured)) => HoldStatus::Captured(amount(captured)?),
            ("released", None) => HoldStatus::Released,
            _ => return Err(Failure::unreadable("status of a hold", (row.status, row.captured))),
        };
        Ok(Hold {
            id: job_id(row.id)?,
            account: number(&row.account)?,
            currency: currency(&row.currency)?,
            amount: amount(row.amount)?,
            expires_at: row.expires_at,
            status,
        })
    }
}

/// A row of `jobs`.
#[derive(Debug, FromRow)]
pub(super) struct JobRow {
    id: Vec<u8>,
    client: String,
    reference: Option<String>,
    kind: String,
    lane: i64,
    body: String,
    fingerprint: Vec<u8>,
    outcome: String,
    reason: Option<String>,
    accepted_at: i64,
    posted_at: i64,
}

impl TryFrom<JobRow> for JobRecord {
    type Error = Failure;

    fn try_from(row: JobRow) -> Result<JobRecord, Failure> {
        Ok(JobRecord {
            id: job_id(row.id)?,
            client: row.client,
            reference: row.reference,
            kind: kind(&row.kind)?,
            lane: lane(row.lane)?,
            body: row.body,
            fingerprint: Fingerprint(bytes(row.fingerprint, "fingerprint")?),
            verdict: verdict(row.outcome, row.reason.as_deref())?,
            accepted_at: row.accepted_at,
            posted_at: row.posted_at,
        })
    }
}

/// A row of `entries` with the job that made it; that job's columns are absent if its row is.
#[derive(Debug, FromRow)]
pub(super) struct EntryRow {
    seq: i64,
    job: Vec<u8>,
    amount: i64,
    balance_after: i64,
    posted_at: i64,
    kind: String,
    body: String,
}

impl EntryRow {
    pub(super) fn into_record(self, account: &AccountNumber) -> Result<EntryRecord, Failure> {
        let entry = Entry {
            account: account.clone(),
            seq: self.seq,
            job: job_id(self.job)?,
            amount: self.amount,
            balance_after: self.balance_after,
            posted_at: self.posted_at,
        };
        Ok(EntryRecord { entry, kind: kind(&self.kind)?, body: self.body })
    }
}

pub(super) fn job_id(value: Vec<u8>) -> Result<JobId, Failure> {
    let bytes = bytes(value, "id of a job")?;
    JobId::from_bytes(bytes).map_err(|_| Failure::unreadable("id of a job", bytes))
}

pub(super) fn number(value: &str) -> Result<AccountNumber, Failure> {
    AccountNumber::from_books(value).ok_or_else(|| Failure::unreadable("account number", value))
}

pub(super) fn currency(value: &str) -> Result<Currency, Failure> {
    value.parse().map_err(|_| Failure::unreadable("currency", value))
}

fn kind(value: &str) -> Result<Kind, Failure> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == value);
    found.ok_or_else(|| Failure::unreadable("kind of a job", value))
}

fn lane(value: i64) -> Result<Lane, Failure> {
    u16::try_from(value).map(Lane).map_err(|_| Failure::unreadable("lane", value))
}

fn verdict(outcome: String, reason: Option<&str>) -> Result<Verdict, Failure> {
    match (outcome.as_str(), reason.map(str::parse)) {
        ("posted", None) => Ok(Verdict::Posted),
        ("rejected", Some(Ok(reason))) => Ok(Verdict::Rejected(reason)),
        ("dead", None) => Ok(Verdict::Dead),
        _ => Err(Failure::unreadable("outcome of a job", (outcome, reason))),
    }
}

fn amount(value: i64) -> Result<Amount, Failure> {
    Amount::new(value).map_err(|_| Failure::unreadable("amount", value))
}

fn bytes<const LENGTH: usize>(value: Vec<u8>, what: &str) -> Result<[u8; LENGTH], Failure> {
    value.try_into().map_err(|value: Vec<u8>| Failure::unreadable(what, value))
}
