//! Cancelling a job that waits or is scheduled, exactly: either it never posts, or the answer says what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::cancellation::Whose;
use domain::id::JobId;
use domain::outcome::RecordedOutcome;
use domain::text::{Client, Why};
use serde::{Deserialize, Deserializer};
use store::ledger::{Cancellation, Cancelled, JobRecord, NewCancellation, Reads};
use tellers_http::query::{self, Query};
use tellers_http::trail::Who;
use utoipa::IntoParams;

use super::document::Job;
use super::issued;
use crate::context::Ingress;
use crate::keys::{Caller, Scope, sees_run};
use crate::problem::{Problem, ProblemType};
use crate::rfc3339::Rfc3339;

/// What a client says about a job that it cancels.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// Why, for those who ask for the job later.
    #[serde(default, deserialize_with = "why")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 140)]
    reason: Option<Why>,
}

/// Cancels a job that waits or is scheduled.
///
/// `200` means that the job never posts: whether it is scheduled, waits, was sent and is on its way, or is sent later. Once it has another
/// outcome the answer is `409`, and what it did stays. A client cancels its own jobs: of an id that another client sends
/// a job under, its answer cancels nothing. A key with the scope `operate` for all accounts cancels anybody's. The same may be
/// asked again. An analysis is cancelled at its own path.
#[utoipa::path(
    delete, path = "/api/jobs/{id}", tag = "jobs", operation_id = "cancel_job",
    params(
        ("id" = String, Path, description = "The id in the answer that accepted the job.", format = Uuid),
        CancelQuery,
    ),
    responses((status = 200, description = "The job, cancelled.", body = Job)),
)]
pub async fn cancel(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<CancelQuery>,
) -> Result<Json<Job>, Problem> {
    let id = issued(path)?;
    let ledger = ingress.primary();
    let ledger = &*ledger;
    // It takes an id in the ledger, as a job does.
    ingress.admission.jobs(&caller, 1)?;
    let recorded = ingress.read(ledger.job(id)).await?;
    let whose = if caller.runs_all() { Whose::Anybodys } else { Whose::Clients(caller.client.clone()) };
    if let Some(record) = shown(&ingress, ledger, &caller, recorded).await?
        && !is_scheduled_for(&record, &whose)
    {
        return recorded_already(&ingress, ledger, &record).await;
    }
    let run = ingress.read(ingress.parts.analyses.run_as_read(id)).await?;
    if run.is_some_and(|run| run.is_begun() && sees_run(&caller, &run)) {
        let detail = format!("{id} is an analysis and no job; DELETE /api/analyses/{id} cancels it");
        return Err(Problem::new(ProblemType::JobNotFound, detail));
    }
    let new = NewCancellation { whose, by: caller.client.to_string(), reason: query.reason };
    let cancelled = ingress.read_records(ingress.parts.ledger.cancel_job(id, &new)).await?;
    let cancellation = match cancelled {
        Cancelled::Waiting(cancellation) => cancellation,
        Cancelled::Recorded(record) => {
            if let Some(record) = shown(&ingress, ledger, &caller, Some(*record)).await? {
                return recorded_already(&ingress, ledger, &record).await;
            }
            // Another client's job, which for this one is not there: the answer is that of an id that nobody has sent.
            let found = ingress.read(ledger.cancellations(id)).await?;
            let own = found.into_iter().find(|found| found.whose == new.whose);
            own.ok_or_else(|| Problem::new(ProblemType::LedgerUnavailable, AGAIN))?
        }
    };
    let reason = new.reason.as_ref().map(|reason| reason.as_str()).unwrap_or_default();
    ingress.config.trail.note_change("job_cancelled", &who, &[("job", &id.to_string()), ("reason", reason)]);
    Ok(Json(Job::cancelled(id, &cancellation)))
}

/// A recorded job, if this caller is shown it: who cancels may not read what others have for that alone.
async fn shown(
    ingress: &Ingress,
    ledger: &dyn Reads,
    caller: &Caller,
    record: Option<JobRecord>,
) -> Result<Option<JobRecord>, Problem> {
    let is_own = |record: &JobRecord| record.client == caller.client.as_str();
    let reads = caller.may(Scope::Read) || caller.may(Scope::Audit) || caller.runs_all();
    ingress.shown(ledger, caller, record.filter(|record| reads || is_own(record))).await
}

/// Whether a job waits for its day, and such a cancellation stops it.
fn is_scheduled_for(record: &JobRecord, whose: &Whose) -> bool {
    let client = record.client.parse::<Client>();
    record.outcome == RecordedOutcome::Scheduled && client.is_ok_and(|client| whose.stops(&client))
}

/// What was written a moment ago does not show.
const AGAIN: &str = "the ledger does not show what was written; ask again";

/// The answer about a job that has its outcome.
async fn recorded_already(
    ingress: &Ingress,
    ledger: &dyn Reads,
    record: &JobRecord,
) -> Result<Json<Job>, Problem> {
    let (id, at) = (record.id, Rfc3339::from_microseconds(record.posted_at));
    let detail = match record.outcome {
        RecordedOutcome::Cancelled => {
            let cancellation = of_record(ingress, ledger, record).await?;
            return Ok(Json(Job::recorded(record).cancelled_by(cancellation.as_ref())));
        }
        RecordedOutcome::Posted => {
            format!(
                "the job {id} was posted at {at}; a job of kind reversal undoes what one that moved money did"
            )
        }
        RecordedOutcome::Rejected(reason) => {
            format!(
                "the job {id} was rejected at {at} ({reason}) and has changed nothing; there is nothing to cancel"
            )
        }
        RecordedOutcome::Scheduled => {
            let detail = format!(
                "the job {id} is scheduled, and another client's: that client cancels it, or a key with the scope operate \
                 for all accounts"
            );
            return Err(Problem::new(ProblemType::JobNotFound, detail));
        }
        RecordedOutcome::Dead => format!(
            "the job {id} could not be posted and is kept as a dead letter; discard that (at the monitor, POST \
             /api/scalability/dead-letters/discard with the filter {{\"job\":\"{id}\"}}), and the job never posts"
        ),
    };
    Err(Problem::new(ProblemType::TooLate, detail))
}

/// By whom a recorded job was cancelled, or one that is scheduled.
pub(super) async fn of_record(
    ingress: &Ingress,
    ledger: &dyn Reads,
    record: &JobRecord,
) -> Result<Option<Cancellation>, Problem> {
    if !matches!(record.outcome, RecordedOutcome::Cancelled | RecordedOutcome::Scheduled) {
        return Ok(None);
    }
    let Ok(client) = record.client.parse::<Client>() else { return Ok(None) };
    let found = ingress.read(ledger.cancellations(record.id)).await?;
    Ok(earliest(found.into_iter().filter(|found| found.whose.stops(&client))))
}

/// By whom an id was cancelled whose job is not shown, as far as this caller may know: by themselves, or by an operator if
/// they see what others have. What another client has cancelled may stop nothing: whose job it is shows once it comes.
pub(super) async fn of_waiting(
    ingress: &Ingress,
    ledger: &dyn Reads,
    caller: &Caller,
    id: JobId,
) -> Result<Option<Cancellation>, Problem> {
    let own = Whose::Clients(caller.client.clone());
    let found = ingress.read(ledger.cancellations(id)).await?;
    Ok(earliest(
        found
            .into_iter()
            .filter(|found| found.whose == own || (found.whose == Whose::Anybodys && caller.sees_all())),
    ))
}

fn earliest(cancellations: impl Iterator<Item = Cancellation>) -> Option<Cancellation> {
    cancellations.min_by_key(|cancellation| cancellation.at)
}

fn why<'de, D: Deserializer<'de>>(reason: D) -> Result<Option<Why>, D::Error> {
    let must = "must be 1 to 140 characters, none of them a control character";
    query::parameter(reason, must, |text| Why::parse(text).ok()).map(Some)
}
