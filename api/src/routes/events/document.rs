//! What clients read of an event.

use contract::event::{Event, EventEntry, JobEvent};
use domain::id::JobId;
use domain::job::Kind;
use domain::outcome::{RecordedOutcome, Rejection};
use jiff::Timestamp;
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::openapi::{KindName, RejectionName};

/// An event: a CloudEvent 1.0 in its JSON form.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudEvent {
    /// The version of CloudEvents.
    #[schema(example = "1.0")]
    specversion: String,
    /// With `source` unique to what happened; an event that comes again has the same.
    id: String,
    /// The lane that it happened on.
    #[schema(example = "/tellers/lanes/3")]
    source: String,
    /// What happened: `tellers.job.` and `posted`, `rejected`, `dead`, `cancelled`, `scheduled` or `conflict`.
    #[serde(rename = "type")]
    #[schema(example = "tellers.job.posted")]
    event_type: &'static str,
    /// The id of the job.
    subject: String,
    /// When it happened, by the database's clock (RFC 3339, UTC); absent where that is not known any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<Timestamp>,
    /// The media type of `data`.
    #[schema(example = "application/json")]
    datacontenttype: String,
    /// The job and what became of it.
    data: EventData,
}

/// A job and what became of it.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct EventData {
    /// The id of the job.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The client that submitted it.
    client: String,
    /// The client's own name for it.
    reference: Option<String>,
    /// What it does.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// `posted`, `rejected`, `dead`, `cancelled` or `scheduled`; of a conflict, that of the job that has the id.
    #[schema(example = "posted")]
    outcome: &'static str,
    /// Why it was rejected.
    #[schema(value_type = Option<RejectionName>)]
    reason: Option<Rejection>,
    /// Why it could not be posted.
    cause: Option<String>,
    /// The account that it draws on, and whose order it keeps.
    account: String,
    /// Minor units, where the job states an amount.
    amount: Option<i64>,
    /// ISO 4217 code of the currency, where the job states one.
    currency: Option<String>,
    /// When the ingress accepted it (RFC 3339, UTC); of a replay and of a scheduled job that is executed, when it came on its lane again.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
    /// When it is to be executed, or was to be (RFC 3339, UTC), where the job states that.
    #[schema(value_type = Option<String>, format = DateTime)]
    execute_at: Option<Timestamp>,
    /// The row of the import that brought it.
    import: Option<ImportRow>,
    /// What it changed, in the order of its legs. Absent: nothing, or, of an event that comes again, it is not known any more,
    /// and `GET /api/jobs/{id}` has it.
    entries: Option<Vec<EntryOfEvent>>,
    /// True: the event may have come before.
    again: Option<bool>,
}

/// A row of an import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportRowOfEvent)]
pub struct ImportRow {
    /// The number of the import.
    number: u64,
    /// The number of the row in its file, from 1.
    row: u64,
}

/// One entry of a posted job.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryOfEvent {
    /// The account that it changed.
    account: String,
    /// Minor units; a credit is positive, a debit negative.
    amount: i64,
    /// The account's balance after it, in minor units.
    balance_after: i64,
}

impl From<Event> for CloudEvent {
    fn from(event: Event) -> CloudEvent {
        let event_type = event.event_type.name();
        let Event { specversion, id, source, subject, time, datacontenttype, data, .. } = event;
        CloudEvent { specversion, id, source, event_type, subject, time, datacontenttype, data: data.into() }
    }
}

impl From<JobEvent> for EventData {
    fn from(event: JobEvent) -> EventData {
        let JobEvent { job, client, reference, kind, outcome, cause, account, amount, currency, .. } = event;
        let (outcome, reason) = match outcome {
            RecordedOutcome::Posted => ("posted", None),
            RecordedOutcome::Rejected(reason) => ("rejected", Some(reason)),
            RecordedOutcome::Dead => ("dead", None),
            RecordedOutcome::Cancelled => ("cancelled", None),
            RecordedOutcome::Scheduled => ("scheduled", None),
        };
        let entry = |EventEntry { account, amount, balance_after }: EventEntry| EntryOfEvent {
            account: account.to_string(),
            amount,
            balance_after,
        };
        EventData {
            job,
            client,
            reference,
            kind,
            outcome,
            reason,
            cause,
            account: account.to_string(),
            amount,
            currency,
            accepted_at: event.accepted_at,
            execute_at: event.execute_at,
            import: event.import.map(|origin| ImportRow { number: origin.import, row: origin.row }),
            entries: event.entries.map(|entries| entries.into_iter().map(entry).collect()),
            again: event.again.then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_what_is_on_the_stream() {
        let on_the_stream = r#"{"specversion":"1.0","id":"29601a00-7f00-8001-8203-0405069c0b1f.posted","source":"/tellers/lanes/3","type":"tellers.job.posted","subject":"29601a00-7f00-8001-8203-0405069c0b1f","time":"2026-11-23T17:00:00.000007Z","datacontenttype":"application/json","data":{"job":"ID","client":"acme","reference":"r","kind":"deposit","outcome":"rejected","reason":"account_not_found","cause":"c","account":"a","amount":100,"currency":"EUR","accepted_at":"2026-11-23T17:00:00Z","import":{"number":17,"row":5},"entries":[{"account":"a","amount":100,"balance_after":100}],"again":true}}"#;
        let id = JobId::from_chance(1_795_453_200_000, [1, 2, 3, 4, 5, 6]).to_string();
        let on_the_stream = on_the_stream.replace("\"ID\"", &format!("\"{id}\""));
        let event: Event = serde_json::from_str(&on_the_stream).unwrap();
        assert_eq!(serde_json::to_string(&CloudEvent::from(event)).unwrap(), on_the_stream);
    }
}
