//! Analyses: runs that look for patterns in accounts' histories.

pub mod document;
mod export;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use contract::analysis::{AnalysisWork, RunOrder, request};
use domain::id::JobId;
use runtime::clock;
use serde::{Deserialize, Deserializer};
use store::analyses::{ANY_CLIENT, NewRun, REQUEST_UNKNOWN, Run};
use tellers_http::query::{self, Limit, NoParameters, Query};
use utoipa::IntoParams;

use self::document::{Analyses, Analysis, AnalysisBody};
pub use self::export::What;
use crate::body::{self, BodyLimit};
use crate::context::Ingress;
use crate::identity::{IdempotencyKey, ReferenceAsSent};
use crate::keys::{Caller, not_granted, sees_run};
use crate::order::Order;
use crate::problem::{Problem, ProblemType};

/// A list of 10,000 accounts is some 400 KiB.
const LIMIT: BodyLimit = BodyLimit { bytes_max: 1024 * 1024, read_max: Duration::from_secs(10) };

/// Starts an analysis of some accounts, or of all.
///
/// `202` means that the analysis is queued on disk. It runs beside posting, on threads of the lowest
/// priority. `/api/accounts/{number}/patterns` then shows recurring payments, anomalies, cash flow and a
/// forecast.
#[utoipa::path(
    post, path = "/api/analyses", tag = "analyses", operation_id = "start_analysis",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters. A retry with the same key is the same analysis.")),
    request_body(content = AnalysisBody, description = "At most 1 MiB. An empty body analyses all accounts."),
    responses(
        (status = 202, description = "The analysis was accepted and is on disk.", body = Analysis, headers(("Location" = String, description = "Path of the analysis, which shows its progress."))),
    ),
)]
pub async fn start(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::of(&headers)?;
    let json = body::read(&headers, body, LIMIT).await?;
    let (id, at) = submit(&ingress, &caller, key.as_ref(), Order::of_run(&json)?).await?;
    Ok(accepted(id, Analysis::queued(id, at)))
}

/// Queues a run; returns its id, and when it was accepted in microseconds since the Unix epoch.
pub(super) async fn submit(
    ingress: &Ingress,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    order: Order,
) -> Result<(JobId, i64), Problem> {
    check_granted(caller, &order)?;
    let client = &caller.client;
    let reference = order.reference.as_ref();
    let reference = reference.map(|reference| ReferenceAsSent { canonical: reference, sent: reference });
    let id = ingress.issuer.of_job(&ingress.who(client), key, reference).id;
    if key.is_some() || order.reference.is_some() {
        // Where the ledger is away the worker tells an analysis that was asked for before from another one.
        if let Ok(Some(run)) = ingress.read_records(ingress.parts.analyses.run(id)).await
            && [client.as_str(), ANY_CLIENT].contains(&run.new.client.as_str())
        {
            return asked_before(&run, &order);
        }
    }
    let requested_at = clock::now_us();
    let run = RunOrder { run: id, client: client.to_string(), requested_at, from: order.from, to: order.to };
    let work = AnalysisWork::Plan { run, accounts: order.accounts };
    let message = serde_json::to_vec(&work).map_err(|error| {
        tracing::error!(%error, "an analysis has no JSON form");
        Problem::new(ProblemType::Internal, "the analysis could not be written down")
    })?;
    let published = ingress.parts.queue.publish_work(Bytes::from(message)).await;
    published.map_err(|error| ingress.admission.refusal(id, &error))?;
    Ok((id, requested_at))
}

/// Refuses an analysis of accounts that the caller may not read.
fn check_granted(caller: &Caller, order: &Order) -> Result<(), Problem> {
    if caller.accounts.are_all() {
        return Ok(());
    }
    let Some(accounts) = &order.accounts else {
        let detail = format!(
            "this API key is for the accounts {}, and an analysis without `accounts` is of all; name those to analyse in \
             `accounts`",
            caller.accounts
        );
        return Err(Problem::new(ProblemType::NotGranted, detail).by_grant());
    };
    let foreign = accounts.iter().enumerate().find(|(_, number)| !caller.accounts.contain(number));
    foreign.map_or(Ok(()), |(place, number)| {
        Err(not_granted(format!("accounts[{place}]"), number, &caller.accounts))
    })
}

/// The same request under the same key is the same run; another one is refused.
fn asked_before(run: &Run, order: &Order) -> Result<(JobId, i64), Problem> {
    let NewRun { id, requested_at, request: known, .. } = &run.new;
    // One that was cancelled before it began is not known any more.
    if run.is_cancelled() || *known == request(order.accounts.as_deref(), order.from, order.to) {
        return Ok((*id, *requested_at));
    }
    let detail = format!(
        "the key or reference already belongs to the analysis {id}, which was asked for as {known}; this one is not \
         begun. Send it with a key of its own, or ask for /api/analyses/{id}"
    );
    Err(Problem::new(ProblemType::Conflict, detail))
}

/// `202`, and where the run will be.
pub(super) fn accepted(id: JobId, answer: impl serde::Serialize) -> Response {
    (StatusCode::ACCEPTED, [(LOCATION, format!("/api/analyses/{id}"))], Json(answer)).into_response()
}

/// What a client asks of the list of runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Runs of a page: 1 to 100; 20 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<20, 100>,
    /// Where a page starts; take it from `next`.
    #[serde(default, deserialize_with = "next")]
    before: Option<i64>,
}

fn next<'de, D: Deserializer<'de>>(before: D) -> Result<Option<i64>, D::Error> {
    query::parameter(before, "must be taken from a `next`", |text| text.parse().ok()).map(Some)
}

/// Lists analyses that have begun, the newest first.
#[utoipa::path(
    get, path = "/api/analyses", tag = "analyses", operation_id = "list_analyses",
    params(ListQuery),
    responses((status = 200, description = "A page of runs.", body = Analyses)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Query(ListQuery { limit: Limit(limit), before }): Query<ListQuery>,
) -> Result<Json<Analyses>, Problem> {
    let client = (!caller.reads_any()).then_some(caller.client.as_str());
    let runs = ingress.read_records(ingress.parts.analyses.runs(client, before, limit)).await?;
    Ok(Json(Analyses::new(&runs, limit)))
}

/// Shows how far an analysis is.
#[utoipa::path(
    get, path = "/api/analyses/{id}", tag = "analyses", operation_id = "show_analysis",
    params(("id" = String, Path, description = "The id in the answer that accepted the analysis.", format = Uuid)),
    responses((status = 200, description = "The analysis, as far as it is.", body = Analysis)),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Analysis>, Problem> {
    let id = issued(path)?;
    stands(&ingress, &caller, id, run_of(&ingress, id).await?.as_ref()).await.map(Json)
}

async fn run_of(ingress: &Ingress, id: JobId) -> Result<Option<Run>, Problem> {
    ingress.read_records(ingress.parts.analyses.run(id)).await
}

/// The analysis with this id as the caller is shown it; `run`: what was read of it.
async fn stands(
    ingress: &Ingress,
    caller: &Caller,
    id: JobId,
    run: Option<&Run>,
) -> Result<Analysis, Problem> {
    if let Some(run) = run.filter(|run| sees_run(caller, run)) {
        return Ok(Analysis::of(run));
    }
    let job = ingress.read(ingress.parts.ledger.job(id)).await?;
    if ingress.shown(&*ingress.parts.ledger, caller, job).await?.is_some() {
        return Err(unknown(&format!("{id} is a job and no analysis; ask for /api/jobs/{id}")));
    }
    // On the queue, or never accepted.
    Ok(Analysis::pending(id))
}

/// Cancels an analysis. The results so far stay.
#[utoipa::path(
    delete, path = "/api/analyses/{id}", tag = "analyses", operation_id = "cancel_analysis",
    params(("id" = String, Path, description = "The id in the answer that accepted the analysis.", format = Uuid)),
    responses((status = 200, description = "The analysis: cancelled, or done if it ended before.", body = Analysis)),
)]
pub async fn cancel(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Analysis>, Problem> {
    let id = issued(path)?;
    let run = run_of(&ingress, id).await?;
    let before = stands(&ingress, &caller, id, run.as_ref()).await?;
    if run.is_some_and(|run| run.is_begun() && !caller.may_stop(&run.new.client)) {
        // Another client's stays as it is, and for this one it is not there.
        return Ok(Json(before));
    }
    let now = clock::now_us();
    // One that nobody has begun is noted as cancelled, so that nobody begins it.
    let client = if caller.runs_all() { ANY_CLIENT } else { caller.client.as_str() };
    let unbegun =
        NewRun { id, client: client.to_owned(), requested_at: now, request: REQUEST_UNKNOWN.to_owned() };
    ingress.read_records(ingress.parts.analyses.cancel(&unbegun, now)).await?;
    stands(&ingress, &caller, id, run_of(&ingress, id).await?.as_ref()).await.map(Json)
}

/// What a client asks of an export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `recurring` or `anomalies`; by default the export has both.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<What>)]
    what: Option<What>,
}

/// Exports the results of an analysis as CSV: a line for each recurring payment or income and for each
/// anomaly.
///
/// An account that a later analysis covered again is in the export of the later one.
#[utoipa::path(
    get, path = "/api/analyses/{id}/export", tag = "analyses", operation_id = "export_analysis",
    params(
        ("id" = String, Path, description = "The id in the answer that accepted the analysis.", format = Uuid),
        ExportQuery,
    ),
    responses((status = 200, description = "CSV lines, sorted by account.", body = String, content_type = "text/csv")),
)]
pub async fn export(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let id = issued(path)?;
    let run = run_of(&ingress, id).await?;
    stands(&ingress, &caller, id, run.as_ref()).await?;
    // A run that is not shown has found nothing, as one that is not there.
    let run = run.filter(|run| sees_run(&caller, run)).map(|run| run.new.id);
    let lines = Body::from_stream(export::lines(ingress.parts.analyses.clone(), run, query.what));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"patterns-{id}.csv\"")),
    ];
    Ok((headers, lines).into_response())
}

/// The id of a path, if the fleet ever issued it.
fn issued(path: Result<Path<String>, PathRejection>) -> Result<JobId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        unknown(&format!("{shown:?} is no id that this fleet issued; GET /api/analyses lists the runs"))
    })
}

fn unknown(detail: &str) -> Problem {
    Problem::new(ProblemType::NotFound, detail.to_owned())
}
