//! One job: submit it, see what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use contract::trace::TraceParent;
use domain::id::JobId;
use domain::job::Origin;
use domain::outcome::RecordedOutcome;
use jiff::Timestamp;
use queue::publisher::ToQueue;
use serde::{Deserialize, Deserializer};
use store::ledger::JobRecord;
use tellers_http::problem::ByGrant;
use tellers_http::query::{self, Query};
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use crate::admission::Place;
use crate::body::{self, MediaType};
use crate::context::Ingress;
use crate::identity::IdempotencyKey;
use crate::intake::{Intake, Prepared};
use crate::keys::{Caller, sees_run};
use crate::ledger_reads::LedgerReads;
use crate::observe::{self, Brought, Waited};
use crate::openapi::JobBody;
use crate::order::Order;
use crate::problem::{self, Problem, ProblemType};
use crate::routes::analyses;
use crate::routes::jobs::document::{Job, Queued};
use crate::wait::{self, Ended, REPORTED_POLL, UNREPORTED_POLL};

pub mod cancel;
pub mod document;
pub mod list;
pub mod timeline;

/// What a client asks of a job that it submits.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmitQuery {
    /// Seconds to wait for the outcome; takes precedence over `Prefer: wait=N`.
    #[serde(default, deserialize_with = "seconds")]
    #[param(value_type = Option<u64>)]
    wait: Option<Duration>,
}

/// Submits one job.
///
/// `202` means that the job is on disk and will reach an outcome; a job with `execute_at` on or after that moment. A retry with the same `Idempotency-Key`
/// or `reference` is the same job for ever and never takes effect twice.
///
/// `{"kind": "analyse_patterns", "account": …, "from"?, "to"?}` is work without an order: its `Location` is that of an
/// analysis, as if `POST /api/analyses` had asked for the one account.
#[utoipa::path(
    post, path = "/api/jobs", tag = "jobs", operation_id = "submit_job",
    params(
        ("Content-Encoding" = Option<String>, Header, description = "`gzip`, once, or `identity`. The limit counts the unpacked body."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters, bare or as a quoted string (RFC 9651). A retry with the same key is the same job. A `reference` in the body takes precedence."),
        ("Prefer" = Option<String>, Header, description = "`wait=N` waits up to N seconds for the outcome (RFC 7240).", example = "wait=5"),
        SubmitQuery,
    ),
    request_body(content = JobBody, description = "A job of at most 64 KiB."),
    responses(
        (status = 200, description = "The outcome of the job, for a client that waited.", body = Job, headers(("Preference-Applied" = String, description = "`wait=N`"))),
        (status = 202, description = "The job was accepted and is on disk.", body = Queued, headers(("Location" = String, description = "Path of the job, which shows its outcome."))),
    ),
)]
pub async fn submit(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Extension(place): Extension<Place>,
    Query(query): Query<SubmitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::of(&headers)?;
    let wait = wait_asked(&ingress, &query, &headers);
    let json = body::read(&headers, body, body::JOB).await?;
    if let Some(order) = Order::of_job(&json) {
        let (id, at) = analyses::submit(&ingress, &caller, key.as_ref(), order?).await?;
        return Ok(analyses::accepted(id, Queued::unordered(id, at)));
    }
    ingress.admission.jobs(&caller, 1).inspect_err(|problem| count_refused(&ingress, problem))?;
    let who = ingress.who(&caller.client);
    let intake = Intake::of(&ingress, &caller, &who, key.as_ref());
    let prepared = intake.job(&json, wait.is_some()).map_err(|problem| match json.trim_ascii().first() {
        // What is neither called JSON nor looks like it is neither JSON nor a job with a mistake in it.
        Some(byte) if *byte != b'{' && MediaType::of(&headers) == MediaType::Unknown => {
            body::unsupported(&headers, "one job as application/json")
        }
        _ => problem,
    });
    let prepared = prepared
        .and_then(|job| intake.on_time(job, &ingress.admission.behind(&caller, 1)))
        .inspect_err(|problem| count_refused(&ingress, problem))?;
    ingress.admission.sent(&caller, prepared.lane, 1);
    let answer = match wait {
        None => accepted(&prepared, publish(&ingress, &prepared, place.trace).await?),
        Some(wait) => submit_and_wait(&ingress, &prepared, &place, wait).await?,
    };
    Ok((Extension(Brought(prepared.id)), answer).into_response())
}

/// For how long a client that submits wants to wait: by its query, else by its head.
pub(super) fn wait_asked(ingress: &Ingress, query: &SubmitQuery, headers: &HeaderMap) -> Option<Duration> {
    let wait = query.wait.or_else(|| wait::preferred(headers)).map(|wait| wait.min(ingress.config.wait_max));
    wait.filter(|wait| !wait.is_zero())
}

async fn publish(
    ingress: &Ingress,
    job: &Prepared,
    traced: Option<TraceParent>,
) -> Result<Timestamp, Problem> {
    let to_queue = ToQueue::requested(job.message.clone(), traced);
    match ingress.parts.publisher.publish_one(job.lane, to_queue).await {
        Ok(accepted_at) => {
            ingress.admission.note(1, 0);
            observe::count_accepted(job.kind, 1);
            Ok(accepted_at)
        }
        Err(error) => {
            ingress.admission.note(0, 1);
            if job.is_new && error.is_definite() {
                ingress.recent.release(job.id, job.fingerprint);
            }
            Err(ingress.admission.refusal(job.id, &error))
                .inspect_err(|problem| count_refused(ingress, problem))
        }
    }
}

fn count_refused(ingress: &Ingress, problem: &Problem) {
    ingress.refused.fetch_add(1, Relaxed);
    observe::count_refused(problem);
}

async fn submit_and_wait(
    ingress: &Ingress,
    job: &Prepared,
    place: &Place,
    wait: Duration,
) -> Result<Response, Problem> {
    let until = Instant::now() + wait;
    // Before it is published: the answer may come before the confirmation.
    let ticket = ingress.replies.expect(job.id, Some(job.fingerprint));
    let accepted_at = publish(ingress, job, place.trace).await?;
    if !place.wait(&ingress.admission) {
        return Ok(accepted(job, accepted_at));
    }
    let ended = ticket.outcome(&*ingress.parts.ledger, &ingress.shutdown, REPORTED_POLL, until).await;
    let applied = [("preference-applied", format!("wait={}", wait.as_secs()))];
    let answer = match ended {
        Ended::Recorded(record) => (AppendHeaders(applied), Json(Job::recorded(&record))).into_response(),
        Ended::Reported(outcome) => {
            (AppendHeaders(applied), Json(Job::with_outcome(job.id, outcome))).into_response()
        }
        Ended::Conflict => {
            problem::conflict(job.id, "the key or reference", "one of its own").into_response()
        }
        Ended::Unknown => (AppendHeaders(applied), accepted(job, accepted_at)).into_response(),
    };
    Ok((Extension(Waited), answer).into_response())
}

fn accepted(job: &Prepared, accepted_at: Timestamp) -> Response {
    let location = [(LOCATION, format!("/api/jobs/{}", job.id))];
    let queued = Queued::new(job.id, job.lane, accepted_at, job.execute_at);
    (StatusCode::ACCEPTED, location, Json(queued)).into_response()
}

/// What a client asks of a job.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShowQuery {
    /// Seconds to wait for an outcome, up to 60 by default.
    #[serde(default, deserialize_with = "seconds")]
    #[param(value_type = Option<u64>)]
    wait: Option<Duration>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// Shows a job and its outcome.
///
/// A job without an outcome is `pending`, whether or not it was accepted: only a `202` proves acceptance.
/// With `wait` the answer comes as soon as the job has an outcome or is `scheduled`, and after that many seconds at the latest. Without it
/// the answer has what became of the job since: its reversal, its hold, why it is dead, and the row that it came from.
#[utoipa::path(
    get, path = "/api/jobs/{id}", tag = "jobs", operation_id = "show_job",
    params(
        ("id" = String, Path, description = "The id in the answer that accepted the job.", format = Uuid),
        ShowQuery,
    ),
    responses((status = 200, description = "The job. Without an outcome, only its id and status.", body = Job)),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Extension(place): Extension<Place>,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<ShowQuery>,
) -> Result<Response, Problem> {
    let id = issued(path)?;
    let wait = query.wait.unwrap_or_default().min(ingress.config.wait_max);
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let record = ingress.read(books.ledger.job(id)).await?;
    let is_there = record.is_some();
    let shown = ingress.shown(&*books.ledger, &caller, record).await?;
    let by_grant = (is_there && shown.is_none()).then_some(Extension(ByGrant));
    if let Some(record) = shown {
        let is_scheduled = record.outcome == RecordedOutcome::Scheduled;
        // Who waits for an outcome gets that alone: such requests are many. Whether a scheduled job was cancelled its row
        // may not say yet.
        let job = if query.wait.is_some() && !is_scheduled {
            Job::recorded(&record)
        } else {
            let related = ingress.read(books.ledger.related(&record)).await?;
            let row = import_row(&ingress, &books, &caller, &record).await?;
            let cancellation = cancel::of_record(&ingress, &*books.ledger, &record).await?;
            Job::as_it_is_now(&record, related, row).cancelled_by(cancellation.as_ref())
        };
        return Ok(books.answer(Json(job)));
    }
    // What is not shown goes on as what is not there: with the same answer, as late.
    // Whether one that was cancelled before anybody began it is an analysis at all is not known.
    let run = ingress.read(ingress.parts.analyses.run_as_read(id)).await?;
    if let Some(run) = run.filter(|run| run.is_begun() && sees_run(&caller, run)) {
        return Ok(books.answer(Json(Job::analysis(&run))));
    }
    if let Some(cancellation) = cancel::of_waiting(&ingress, &*books.ledger, &caller, id).await? {
        return Ok(books.answer((by_grant, Json(Job::cancelled(id, &cancellation)))));
    }
    if wait.is_zero() || !place.wait(&ingress.admission) {
        return Ok(books.answer((by_grant, Json(Job::pending(id)))));
    }
    let ticket = ingress.replies.expect(id, None);
    let until = Instant::now() + wait;
    let ledger = &*ingress.parts.ledger;
    let shown = match ticket.outcome(ledger, &ingress.shutdown, UNREPORTED_POLL, until).await {
        Ended::Recorded(record) => {
            ingress.shown(ledger, &caller, Some(*record)).await?.map(|record| Job::recorded(&record))
        }
        // Whose it is the ledger would say.
        Ended::Reported(outcome) => caller.accounts.are_all().then(|| Job::with_outcome(id, outcome)),
        Ended::Conflict | Ended::Unknown => None,
    };
    if shown.is_none() {
        tokio::select! {
            () = sleep_until(until) => (),
            () = ingress.shutdown.cancelled() => (),
        }
    }
    Ok((Extension(Waited), by_grant, Json(shown.unwrap_or_else(|| Job::pending(id)))).into_response())
}

/// The row of the file that a job came from, where the caller may see it: a file is its client's.
async fn import_row(
    ingress: &Ingress,
    books: &LedgerReads,
    caller: &Caller,
    record: &JobRecord,
) -> Result<Option<Origin>, Problem> {
    if !caller.sees_client(&record.client) {
        return Ok(None);
    }
    ingress.read(books.ledger.import_row(record)).await
}

/// The id of a path, if the fleet ever issued it.
pub(super) fn issued(path: Result<Path<String>, PathRejection>) -> Result<JobId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        let detail =
            format!("{shown:?} is no id that this fleet issued; use the id that the job was accepted with");
        Problem::new(ProblemType::JobNotFound, detail)
    })
}

fn seconds<'de, D: Deserializer<'de>>(wait: D) -> Result<Option<Duration>, D::Error> {
    let seconds = query::parameter(wait, "must be a whole number of seconds", |text| text.parse().ok())?;
    Ok(Some(Duration::from_secs(seconds)))
}
