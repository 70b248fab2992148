//! Jobs that have an outcome, by filter.

mod by_reference;
pub mod filter;

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Serialize;
use store::ledger::{JobRecord, JobsCursor, JobsPage};
use tellers_http::problem::ByGrant;
use tellers_http::query::Query;
use utoipa::ToSchema;

use self::filter::JobsQuery;
use super::document::Job;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;
use crate::rfc3339::Rfc3339;
use crate::routes::cursor;

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobsPage)]
pub struct Jobs {
    /// The jobs, the newest first.
    jobs: Vec<Job>,
    /// Path of the next page, with older jobs; null on the last page.
    next: Option<String>,
    /// Where there is a next page: jobs that got their outcome after about this time (RFC 3339, UTC) have been looked at. Of
    /// the jobs of an import, and on the last page, null.
    #[schema(value_type = Option<String>, format = DateTime)]
    looked_back_to: Option<Rfc3339>,
}

/// Lists jobs that have an outcome, the newest first.
///
/// A client sees its own jobs and, with a key for some accounts, the jobs of others that touch them. With a key
/// for all accounts it sees its own jobs. With the scope `audit`, or with `operate` and a key for all accounts, it sees all jobs,
/// and so does everybody where the service asks for no keys.
///
/// A `reference`, the jobs of an `import`, and the posted movements of an `account` are found at once. Anything else is looked for from the
/// newest job back, or from `to` back until `from`. A page looks for about half a second, so it may be short, or empty, and
/// still have a `next`: `looked_back_to` says how far it came. Follow `next` until it is null.
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
    let asked = cursor::without(uri.query().unwrap_or_default());
    let place = cursor::read(&asked, "the same query", query.cursor.as_deref())?;
    let cursor = place.map(|[before, before_entry]| JobsCursor { before, before_entry });
    if query.is_of_another(&caller) || !is_shown(&ingress, &caller, &query).await? {
        // Without a look: not even where a page would end is another one's to know.
        let nothing = Jobs { jobs: Vec::new(), next: None, looked_back_to: None };
        return Ok((Extension(ByGrant), Json(nothing)).into_response());
    }
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = match &query.reference {
        Some(reference) if query.import.is_none() => {
            let jobs = by_reference::find(&ingress, &books, &caller, (&query, &filter), reference).await?;
            page_of(jobs, cursor, query.limit.0)
        }
        _ => ingress.read(books.ledger.jobs(&filter, cursor, query.limit.0)).await?,
    };
    let next = page.next.map(|next| {
        let place = cursor::write(&asked, &[next.before, next.before_entry]);
        cursor::path("/api/jobs", &asked, &place)
    });
    let link = cursor::link(next.as_ref());
    let looked_back_to = page.looked_back_to.map(Rfc3339::from_microseconds);
    let jobs = page.jobs.iter().map(Job::recorded).collect();
    Ok(books.answer((link, Json(Jobs { jobs, next, looked_back_to }))))
}

/// A page of jobs that were all read: here the cursor counts those that were shown.
fn page_of(jobs: Vec<JobRecord>, cursor: Option<JobsCursor>, limit: u32) -> JobsPage {
    let shown = cursor.map_or(0, |cursor| cursor.before);
    let end = shown.saturating_add(i64::from(limit));
    let next = i64::try_from(jobs.len()).is_ok_and(|count| count > end);
    let skipped = usize::try_from(shown).unwrap_or_default();
    let taken = usize::try_from(limit).unwrap_or(usize::MAX);
    let jobs = jobs.into_iter().skip(skipped).take(taken).collect();
    let next = next.then_some(JobsCursor { before: end, before_entry: 0 });
    JobsPage { jobs, next, looked_back_to: None }
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
