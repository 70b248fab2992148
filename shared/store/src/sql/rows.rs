//! Rows of either database, and what they stand for.

use domain::account::{Account, AccountNumber, AccountStatus};
use domain::entry::{Digest, Entry};
use domain::fingerprint::Fingerprint;
use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::money::{Amount, Currency, OverdraftLimit};
use domain::outcome::{Recorded, RecordedOutcome};
use runtime::clock;

use crate::failure::Failure;
use crate::imports::RowOutcome;
use crate::ledger::record::{EntryRecord, JobRecord};

/// The cells of a row, by their places. An error is a cell of another type than was asked for.
pub(crate) trait Cells: Send + Sync {
    /// A number.
    fn int(&self, place: usize) -> Result<i64, Failure>;
    /// A number or `NULL`.
    fn int_or_null(&self, place: usize) -> Result<Option<i64>, Failure>;
    /// A text.
    fn text(&self, place: usize) -> Result<&str, Failure>;
    /// A text or `NULL`.
    fn text_or_null(&self, place: usize) -> Result<Option<&str>, Failure>;
    /// Bytes.
    fn bytes(&self, place: usize) -> Result<&[u8], Failure>;
}

macro_rules! cells_of {
    ($($row:ty),*) => {$(
        impl Cells for $row {
            fn int(&self, place: usize) -> Result<i64, Failure> {
                Ok(sqlx::Row::try_get(self, place)?)
            }
            fn int_or_null(&self, place: usize) -> Result<Option<i64>, Failure> {
                Ok(sqlx::Row::try_get(self, place)?)
            }
            fn text(&self, place: usize) -> Result<&str, Failure> {
                Ok(sqlx::Row::try_get(self, place)?)
            }
            fn text_or_null(&self, place: usize) -> Result<Option<&str>, Failure> {
                Ok(sqlx::Row::try_get(self, place)?)
            }
            fn bytes(&self, place: usize) -> Result<&[u8], Failure> {
                Ok(sqlx::Row::try_get(self, place)?)
            }
        }
    )*};
}

cells_of!(sqlx::mysql::MySqlRow, sqlx::sqlite::SqliteRow);

/// What [`account`] reads, of `accounts a`.
pub(super) const ACCOUNT: &str = "a.id, a.number, a.currency, a.balance, a.held, a.overdraft_limit, a.status, \
     a.seq, a.digest, a.holder";

pub(super) fn account(row: &impl Cells) -> Result<Account, Failure> {
    let limit = row.int(5)?;
    Ok(Account {
        key: Some(row.int(0)?),
        number: number(row.text(1)?)?,
        currency: currency(row.text(2)?)?,
        balance: row.int(3)?,
        held: row.int(4)?,
        overdraft_limit: OverdraftLimit::new(limit)
            .ok_or_else(|| Failure::unreadable("overdraft limit", limit))?,
        status: account_status(row.text(6)?)?,
        seq: row.int(7)?,
        digest: Digest(fixed(row.bytes(8)?, "digest")?),
        holder: row.text_or_null(9)?.map(str::to_owned),
    })
}

/// What `select_now` gives: in microseconds since the Unix epoch.
pub(super) fn now<Row: Cells>(found: &[Row]) -> Result<i64, Failure> {
    let row = found.first().ok_or_else(|| Failure::unreadable("time", "no row"))?;
    Ok(row.int_or_null(0)?.unwrap_or_else(clock::now_us))
}

/// What `select_now_and_latest` gives beside: the same; long ago where nothing was posted yet.
pub(super) fn latest<Row: Cells>(found: &[Row]) -> Result<i64, Failure> {
    let latest = found.first().map(|row| row.int_or_null(1)).transpose()?;
    Ok(latest.flatten().unwrap_or(i64::MIN))
}

/// What [`recorded`] reads, of `jobs j`.
pub(super) const RECORDED: &str =
    "j.id, j.fingerprint, j.outcome, j.reason, j.ingress, j.accepted_at, j.posted_at";

pub(super) fn recorded(row: &impl Cells) -> Result<(JobId, Recorded), Failure> {
    let fingerprint = Fingerprint(fixed(row.bytes(1)?, "fingerprint")?);
    Ok((id(row.bytes(0)?)?, Recorded { fingerprint, outcome: outcome(row.text(2)?, row.text_or_null(3)?)? }))
}

/// What [`hold`] reads, of `holds h JOIN accounts a`.
pub(super) const HOLD: &str =
    "h.id, a.number, h.currency, h.amount, h.status, h.captured, h.expires_at, h.account_id";

pub(super) fn hold(row: &impl Cells) -> Result<Hold, Failure> {
    let status = match (row.text(4)?, row.int_or_null(5)?) {
        ("active", None) => HoldStatus::Active,
        ("captured", Some(captured)) => HoldStatus::Captured(amount(captured)?),
        ("released", None) => HoldStatus::Released,
        other => return Err(Failure::unreadable("status of a hold", other)),
    };
    Ok(Hold {
        id: id(row.bytes(0)?)?,
        account: number(row.text(1)?)?,
        currency: currency(row.text(2)?)?,
        amount: amount(row.int(3)?)?,
        expires_at: row.int_or_null(6)?,
        status,
    })
}

/// What [`job`] reads, of `jobs j`.
pub(super) const JOB: &str = "j.id, j.client, j.reference, j.kind, j.lane, j.body, j.fingerprint, j.outcome, \
     j.reason, j.accepted_at, j.posted_at";

pub(super) fn job(row: &impl Cells) -> Result<JobRecord, Failure> {
    Ok(JobRecord {
        id: id(row.bytes(0)?)?,
        client: row.text(1)?.to_owned(),
        reference: row.text_or_null(2)?.map(str::to_owned),
        kind: kind(row.text(3)?)?,
        lane: lane(row.int(4)?)?,
        body: row.text(5)?.to_owned(),
        fingerprint: Fingerprint(fixed(row.bytes(6)?, "fingerprint")?),
        outcome: outcome(row.text(7)?, row.text_or_null(8)?)?,
        accepted_at: row.int(9)?,
        posted_at: row.int(10)?,
        conflicts: None,
    })
}

/// What [`entry`] reads, of `entries e`.
pub(super) const ENTRY: &str = "e.seq, e.job, e.amount, e.balance_after, e.posted_at";

pub(super) fn entry(row: &impl Cells, account: &AccountNumber) -> Result<Entry, Failure> {
    Ok(Entry {
        account: account.clone(),
        seq: row.int(0)?,
        job: id(row.bytes(1)?)?,
        amount: row.int(2)?,
        balance_after: row.int(3)?,
        posted_at: row.int(4)?,
    })
}

/// [`ENTRY`] and then `j.kind, j.body, j.accepted_at`.
pub(super) fn entry_record(row: &impl Cells, account: &AccountNumber) -> Result<EntryRecord, Failure> {
    Ok(EntryRecord {
        entry: entry(row, account)?,
        kind: kind(row.text(5)?)?,
        body: row.text(6)?.to_owned(),
        accepted_at: row.int(7)?,
    })
}

pub(super) fn id(value: &[u8]) -> Result<JobId, Failure> {
    let bytes = fixed(value, "id of a job")?;
    JobId::from_bytes(bytes).map_err(|_| Failure::unreadable("id of a job", bytes))
}

pub(super) fn number(value: &str) -> Result<AccountNumber, Failure> {
    AccountNumber::from_books(value).ok_or_else(|| Failure::unreadable("account number", value))
}

pub(super) fn currency(value: &str) -> Result<Currency, Failure> {
    value.parse().map_err(|_| Failure::unreadable("currency", value))
}

pub(super) fn count(value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(|_| Failure::unreadable("count", value))
}

pub(super) fn row_outcome(value: &str) -> Result<RowOutcome, Failure> {
    value.parse().map_err(|_| Failure::unreadable("outcome of a row", value))
}

pub(super) fn kind(value: &str) -> Result<Kind, Failure> {
    let found = Kind::ALL.iter().copied().find(|kind| kind.name() == value);
    found.ok_or_else(|| Failure::unreadable("kind of a job", value))
}

pub(super) fn lane(value: i64) -> Result<Lane, Failure> {
    u16::try_from(value).map(Lane).map_err(|_| Failure::unreadable("lane", value))
}

fn amount(value: i64) -> Result<Amount, Failure> {
    Amount::new(value).map_err(|_| Failure::unreadable("amount", value))
}

pub(super) fn fixed<const LENGTH: usize>(value: &[u8], what: &str) -> Result<[u8; LENGTH], Failure> {
    value.try_into().map_err(|_| Failure::unreadable(what, value))
}

fn account_status(name: &str) -> Result<AccountStatus, Failure> {
    match name {
        "open" => Ok(AccountStatus::Open),
        "frozen" => Ok(AccountStatus::Frozen),
        "closed" => Ok(AccountStatus::Closed),
        _ => Err(Failure::unreadable("status of an account", name)),
    }
}

/// The name of a status, as stored.
pub(super) fn account_status_name(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Open => "open",
        AccountStatus::Frozen => "frozen",
        AccountStatus::Closed => "closed",
    }
}

/// The columns `status` and `captured` of a hold.
pub(super) fn hold_status_columns(status: HoldStatus) -> (&'static str, Option<i64>) {
    match status {
        HoldStatus::Active => ("active", None),
        HoldStatus::Captured(amount) => ("captured", Some(amount.minor_units())),
        HoldStatus::Released => ("released", None),
    }
}

/// What `outcome` says of a job that is to be executed later.
pub(super) const SCHEDULED: &str = "scheduled";

pub(super) fn outcome(outcome: &str, reason: Option<&str>) -> Result<RecordedOutcome, Failure> {
    match (outcome, reason.map(str::parse)) {
        ("posted", None) => Ok(RecordedOutcome::Posted),
        ("rejected", Some(Ok(reason))) => Ok(RecordedOutcome::Rejected(reason)),
        ("dead", None) => Ok(RecordedOutcome::Dead),
        ("cancelled", None) => Ok(RecordedOutcome::Cancelled),
        (SCHEDULED, None) => Ok(RecordedOutcome::Scheduled),
        _ => Err(Failure::unreadable("outcome of a job", (outcome, reason))),
    }
}

/// The columns `outcome` and `reason` of an outcome.
pub(super) fn outcome_columns(outcome: RecordedOutcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        RecordedOutcome::Posted => ("posted", None),
        RecordedOutcome::Rejected(reason) => ("rejected", Some(reason.name())),
        RecordedOutcome::Dead => ("dead", None),
        RecordedOutcome::Cancelled => ("cancelled", None),
        RecordedOutcome::Scheduled => (SCHEDULED, None),
    }
}
