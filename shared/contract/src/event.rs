//! Events: what became of jobs, for whoever follows the event stream.
//!
//! A message of the stream is a batch in the JSON form of CloudEvents 1.0
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>, section 4): an array of events,
//! in the order in which they happened on their lanes.
//!
//! ```json
//! [{"specversion":"1.0","id":"0190….posted","source":"/tellers/lanes/3","type":"tellers.job.posted",
//!   "subject":"0190…","time":"2026-11-19T10:00:00.000007Z","datacontenttype":"application/json",
//!   "data":{"job":"0190…","client":"acme","kind":"deposit","outcome":"posted","account":"a","amount":100,
//!           "currency":"EUR","accepted_at":"2026-11-19T10:00:00Z",
//!           "entries":[{"account":"a","amount":100,"balance_after":100}]}}]
//! ```
//!
//! Every event comes at least once, and one that comes again has the same `source` and `id`. Fields may be added.

use std::fmt::Display;

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::entry::Entry;
use domain::id::JobId;
use domain::job::{Job, Kind, Money, Origin};
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// Media type of a message of the stream.
pub const BATCH_CONTENT_TYPE: &str = "application/cloudevents-batch+json";
/// Media type of one event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The version of CloudEvents.
const SPEC_VERSION: &str = "1.0";
const DATA_CONTENT_TYPE: &str = "application/json";

/// What an event says. As text: `tellers.job.posted`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum EventType {
    /// The job's entries are in the ledger.
    #[serde(rename = "tellers.job.posted")]
    #[strum(serialize = "tellers.job.posted")]
    JobPosted,
    /// The job was turned down; nothing was changed.
    #[serde(rename = "tellers.job.rejected")]
    #[strum(serialize = "tellers.job.rejected")]
    JobRejected,
    /// The job could not be written and is kept as a dead letter; a replay may bring another event of it.
    #[serde(rename = "tellers.job.dead")]
    #[strum(serialize = "tellers.job.dead")]
    JobDead,
    /// The job was cancelled before it was posted.
    #[serde(rename = "tellers.job.cancelled")]
    #[strum(serialize = "tellers.job.cancelled")]
    JobCancelled,
    /// The job is to be executed later, and is recorded; another event says what became of it then.
    #[serde(rename = "tellers.job.scheduled")]
    #[strum(serialize = "tellers.job.scheduled")]
    JobScheduled,
    /// Another body came under the id of a job that is recorded; the other body never takes effect.
    #[serde(rename = "tellers.job.conflict")]
    #[strum(serialize = "tellers.job.conflict")]
    JobConflict,
}

impl EventType {
    /// Each of them.
    pub const ALL: &'static [EventType] = EventType::VARIANTS;

    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// That which says that a job has this outcome.
    fn of(outcome: RecordedOutcome) -> EventType {
        match outcome {
            RecordedOutcome::Posted => EventType::JobPosted,
            RecordedOutcome::Rejected(_) => EventType::JobRejected,
            RecordedOutcome::Dead => EventType::JobDead,
            RecordedOutcome::Cancelled => EventType::JobCancelled,
            RecordedOutcome::Scheduled => EventType::JobScheduled,
        }
    }
}

/// One event.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The version of CloudEvents.
    pub specversion: String,
    /// With `source` unique to what happened: the job's id, and the last part of the type.
    pub id: String,
    /// The lane that it happened on: events of a lane are in order.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The job's id.
    pub subject: String,
    /// When it happened, by the database's clock; `None` where that is not known any more.
    pub time: Option<Timestamp>,
    /// The media type of `data`.
    pub datacontenttype: String,
    /// The job and what became of it.
    pub data: JobEvent,
}

/// A job and what became of it.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Its id.
    pub job: JobId,
    /// The client that submitted it.
    pub client: String,
    /// The client's own name for it.
    pub reference: Option<String>,
    /// What it does.
    pub kind: Kind,
    /// What became of it; of a conflict, what became of the job that has the id.
    #[serde(flatten)]
    pub outcome: RecordedOutcome,
    /// Of a dead job: why it could not be posted.
    pub cause: Option<String>,
    /// The account that it draws on, and whose order it keeps.
    pub account: AccountNumber,
    /// Minor units, where the job states an amount.
    pub amount: Option<i64>,
    /// ISO 4217 code of the currency, where the job states one.
    pub currency: Option<String>,
    /// When the ingress accepted it; of a replay and of a scheduled job that is executed, when it came on its lane again.
    pub accepted_at: Timestamp,
    /// When it is to be executed, or was to be, where the job states that.
    pub execute_at: Option<Timestamp>,
    /// The row of an import that it comes from.
    pub import: Option<Origin>,
    /// What it changed, in the order of its legs. `None`: nothing, or, of an event that comes again, it is not known any
    /// more (`GET /api/jobs/{id}` has it).
    pub entries: Option<Vec<EventEntry>>,
    /// The event may have come before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// One entry of a posted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    /// The account that it changed; it may be one of the system's own.
    #[serde(deserialize_with = "any_account")]
    pub account: AccountNumber,
    /// Minor units; a credit is positive, a debit negative.
    pub amount: i64,
    /// The account's balance after it, in minor units.
    pub balance_after: i64,
}

fn any_account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountNumber, D::Error> {
    let text = String::deserialize(deserializer)?;
    AccountNumber::from_books(&text).ok_or_else(|| de::Error::custom("not the number of an account"))
}

impl From<&Entry> for EventEntry {
    fn from(Entry { account, amount, balance_after, .. }: &Entry) -> EventEntry {
        EventEntry { account: account.clone(), amount: *amount, balance_after: *balance_after }
    }
}

impl Event {
    /// What a batch did with a job: `posted_at` is the time of the batch, in microseconds since the Unix epoch.
    pub fn of(job: &Job, outcome: Outcome, posted_at: Option<i64>, entries: &[Entry]) -> Event {
        let recorded = outcome.recorded();
        let (event_type, distinction) = match outcome {
            Outcome::Conflict(_) => (EventType::JobConflict, format!("conflict.{:?}", job.fingerprint)),
            _ => {
                let event_type = EventType::of(recorded);
                let name = event_type.name();
                (event_type, name.rsplit('.').next().unwrap_or(name).to_owned())
            }
        };
        let mut event = Event::about(job, event_type, &distinction, recorded);
        event.time = posted_at.and_then(|at| Timestamp::from_microsecond(at).ok());
        event.data.again = matches!(outcome, Outcome::Duplicate(_));
        event.data.entries = (!entries.is_empty()).then(|| entries.iter().map(EventEntry::from).collect());
        event
    }

    /// A job could not be posted and is kept as a dead letter, for the `attempts`th time.
    pub fn dead(job: &Job, cause: &str, attempts: u32, at: Timestamp) -> Event {
        let distinction = format!("dead.{attempts}");
        let mut event = Event::about(job, EventType::JobDead, &distinction, RecordedOutcome::Dead);
        event.time = Some(at);
        event.data.cause = Some(cause.to_owned());
        event
    }

    fn about(job: &Job, event_type: EventType, distinction: &dyn Display, outcome: RecordedOutcome) -> Event {
        let action = &job.spec.action;
        let money = action.money();
        Event {
            specversion: SPEC_VERSION.to_owned(),
            id: format!("{}.{distinction}", job.id),
            source: format!("/tellers/lanes/{}", job.lane.0),
            event_type,
            subject: job.id.to_string(),
            time: None,
            datacontenttype: DATA_CONTENT_TYPE.to_owned(),
            data: JobEvent {
                job: job.id,
                client: job.client.as_str().to_owned(),
                reference: job.spec.reference.as_ref().map(|reference| reference.as_str().to_owned()),
                kind: action.kind(),
                outcome,
                cause: None,
                account: action.account().clone(),
                amount: money.map(|Money { amount, .. }| amount.minor_units()),
                currency: money.map(|Money { currency, .. }| currency.code().to_owned()),
                accepted_at: Timestamp::from_microsecond(job.accepted_at).unwrap_or_default(),
                execute_at: job
                    .spec
                    .execute_at
                    .and_then(|at| Timestamp::from_microsecond(at.microseconds()).ok()),
                import: job.origin,
                entries: None,
                again: false,
            },
        }
    }

    /// Every account that it names.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountNumber> {
        let entries = self.data.entries.iter().flatten();
        std::iter::once(&self.data.account).chain(entries.map(|entry| &entry.account))
    }

    /// What a client with a key for these accounts sees of it: its own jobs, and, unless the key is for all accounts, those of
    /// others that touch the accounts. Entries of other accounts are left out, with their balances. `None`: nothing.
    pub fn shown_to(&self, client: &str, accounts: &Accounts) -> Option<Event> {
        let touches = || self.accounts().any(|number| accounts.contain(number));
        if self.data.client != client && (accounts.are_all() || !touches()) {
            return None;
        }
        let mut shown = self.clone();
        if self.data.client != client {
            // Whose file it came by is nobody else's.
            shown.data.import = None;
        }
        if let Some(entries) = shown.data.entries.as_mut().filter(|_| !accounts.are_all()) {
            entries.retain(|entry| accounts.contain(&entry.account));
        }
        Some(shown)
    }

    /// Why the job was rejected.
    pub fn reason(&self) -> Option<Rejection> {
        match self.data.outcome {
            RecordedOutcome::Rejected(reason) => Some(reason),
            RecordedOutcome::Posted
            | RecordedOutcome::Dead
            | RecordedOutcome::Cancelled
            | RecordedOutcome::Scheduled => None,
        }
    }
}

/// The events of a message of the stream, in their order, each with its place in the message. What this release does not
/// know is passed over: a later one wrote it.
///
/// # Errors
/// It is no array.
pub fn read_batch(message: &[u8]) -> Result<Vec<(usize, Event)>, serde_json::Error> {
    let events: Vec<&RawValue> = serde_json::from_slice(message)?;
    let known = events.into_iter().enumerate();
    Ok(known.filter_map(|(place, event)| Some((place, serde_json::from_str(event.get()).ok()?))).collect())
}

#[cfg(test)]
mod tests;
