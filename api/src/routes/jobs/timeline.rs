//! What happened to a job, in the order of time.

pub mod document;
mod events;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use domain::access::Accounts;
use serde::Deserialize;
use store::ledger::JobRecord;
use tellers_http::problem::ByGrant;
use tellers_http::query::{self, Query};
use utoipa::IntoParams;

use self::document::Timeline;
use self::events::{Known, cancelled, events};
use super::document::Job;
use super::{cancel, import_row, issued};
use crate::context::Ingress;
use crate::keys::{Caller, sees_run};
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;

/// What a client asks of a timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// Shows what happened to a job, in the order of time: when it was accepted and by whom, its outcome, its entries with the
/// balances before and after, and what other jobs made of it since.
///
/// A job without an outcome is `pending` and has no events, whether or not it was accepted. Entries are shown on the accounts of
/// the key. What is not recorded is left out: an event without a time has happened, and nothing says when.
#[utoipa::path(
    get, path = "/api/jobs/{id}/timeline", tag = "jobs", operation_id = "show_timeline",
    params(
        ("id" = String, Path, description = "The id in the answer that accepted the job.", format = Uuid),
        TimelineQuery,
    ),
    responses((status = 200, description = "The events of the job.", body = Timeline, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<TimelineQuery>,
) -> Result<Response, Problem> {
    let id = issued(path)?;
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let record = ingress.read(books.ledger.job(id)).await?;
    let is_there = record.is_some();
    let shown = ingress.shown(&*books.ledger, &caller, record).await?;
    let by_grant = (is_there && shown.is_none()).then_some(Extension(ByGrant));
    if let Some(record) = shown {
        let known = known(&ingress, &books, &caller, &record).await?;
        let job = Job::recorded(&record).cancelled_by(known.cancellation.as_ref());
        return Ok(books.answer(Json(Timeline::of(&job, events(&record, known)))));
    }
    // What is not shown goes on as what is not there: with the same answer, as late.
    let run = ingress.read(ingress.parts.analyses.run_as_read(id)).await?;
    if let Some(run) = run.filter(|run| run.is_begun() && sees_run(&caller, run)) {
        return Ok(books.answer(Json(Timeline::analysis(&run))));
    }
    let timeline = match cancel::of_waiting(&ingress, &*books.ledger, &caller, id).await? {
        Some(cancellation) => Timeline::cancelled(id, cancelled(&cancellation)),
        None => Timeline::pending(id),
    };
    Ok(books.answer((by_grant, Json(timeline))))
}

/// All that is recorded of a job and may be shown to this caller.
async fn known(
    ingress: &Ingress,
    books: &LedgerReads,
    caller: &Caller,
    record: &JobRecord,
) -> Result<Known, Problem> {
    let related = ingress.read(books.ledger.related(record)).await?;
    let row = import_row(ingress, books, caller, record).await?;
    let accounts = if caller.sees_all() { Accounts::all() } else { caller.accounts.clone() };
    let entries = ingress.read(books.ledger.entries_of(record, &accounts)).await?;
    let reversal = match related.reversed_by {
        Some(id) => ingress.read(books.ledger.job(id)).await?,
        None => None,
    };
    let cancellation = cancel::of_record(ingress, &*books.ledger, record).await?;
    Ok(Known { reversed_at: reversal.map(|job| job.posted_at), related, row, entries, cancellation })
}
