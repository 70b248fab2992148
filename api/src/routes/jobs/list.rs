//! Jobs that have an outcome, by filter.

mod filter;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Serialize;
use store::ledger::JobsCursor;
use tellers_http::problem::ByGrant;
use tellers_http::query::Query;
use utoipa::ToSchema;

use self::filter::JobsQuery;
use super::document::Job;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;
use crate::routes::cursor;

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobsPage)]
pub struct Jobs {
    /// The jobs, the newest first.
    jobs: Vec<Job>,
    /// Path of the next page, with older jobs; null on the last page.
    next: Option<String>,
}

/// Lists jobs that have an outcome, the newest first.
///
/// A client sees its own jobs and, with a key for some accounts, the jobs of others that touch them. With a key
/// for all accounts it sees its own jobs. With the scope `audit`, or with `operate` and a key for all accounts, it sees all jobs,
/// and so does everybody where the service asks for no keys. A page looks at a bounded number of jobs, so it may be short, or empty, and
/// still have a `next`: follow `next` until it is null.
#[utoipa::path(
    get, path = "/api/jobs", tag = "jobs", operation_id = "list_jobs",
    params(JobsQuery),
    responses(
        (status = 200, description = "A page of jobs.", body = Jobs, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known."))),
    ),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<JobsQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(&caller)?;
    let asked = filter::without_cursor(uri.query().unwrap_or_default());
    let place = cursor::read(&asked, "the same query", query.cursor.as_deref())?;
    let cursor = place.map(|[before, before_entry]| JobsCursor { before, before_entry });
    if !is_shown(&ingress, &caller, &query).await? {
        // Without a look: not even where a page would end is another one's to know.
        return Ok((Extension(ByGrant), Json(Jobs { jobs: Vec::new(), next: None })).into_response());
    }
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = ingress.read(books.ledger.jobs(&filter, cursor, query.limit.0)).await?;
    let next = page.next.map(|next| {
        let joint = if asked.is_empty() { "" } else { "&" };
        format!("/api/jobs?{asked}{joint}cursor={}", cursor::write(&asked, &[next.before, next.before_entry]))
    });
    // What a client asked for need not be fit for a header.
    let link = next.as_ref().and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok());
    let jobs = page.jobs.iter().map(Job::recorded).collect();
    Ok(books.answer((link.map(|link| [(LINK, link)]), Json(Jobs { jobs, next }))))
}

/// Whether the account and the import that are asked for are the caller's to see.
async fn is_shown(ingress: &Ingress, caller: &Caller, query: &JobsQuery) -> Result<bool, Problem> {
    if query.account.as_ref().is_some_and(|number| !caller.sees(number)) {
        return Ok(false);
    }
    let Some(number) = query.import.filter(|_| !caller.sees_all()) else { return Ok(true) };
    let import = ingress.read_records(ingress.parts.imports.import(number)).await?;
    Ok(import.is_some_and(|import| caller.sees_client(&import.client)))
}
