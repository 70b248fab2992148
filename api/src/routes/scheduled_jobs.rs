//! The jobs that wait for their day, the next one first.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::account::AccountNumber;
use domain::job::Kind;
use domain::text::Client;
use serde::{Deserialize, Serialize};
use store::ledger::{JobFilter, ScheduleFilter, SchedulePlace};
use tellers_http::problem::ByGrant;
use tellers_http::query::{self, Limit, Query};
use utoipa::{IntoParams, ToSchema};

use super::cursor;
use super::jobs::document::Job;
use super::jobs::list::filter::{account, client};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::openapi::KindName;
use crate::problem::{Problem, ProblemType};
use crate::statement::Period;

/// What a client asks of the scheduled jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScheduledJobsQuery {
    /// An account that the jobs name.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 34)]
    account: Option<AccountNumber>,
    /// The client that submitted the jobs.
    #[serde(default, deserialize_with = "client")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 64)]
    client: Option<Client>,
    /// The kind of the jobs.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<KindName>)]
    kind: Option<Kind>,
    /// The jobs are due on this day (UTC), at this instant (RFC 3339), or later.
    from: Option<String>,
    /// The jobs are due on this day (UTC) at the latest, or before this instant (RFC 3339).
    to: Option<String>,
    /// Jobs of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<50, 500>,
    /// Where a page starts; take it from `next`.
    cursor: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    fresh: bool,
}

/// A page of scheduled jobs, the next one first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScheduledJobs {
    /// The jobs. Each says in `execute_at` when it is due.
    jobs: Vec<Job>,
    /// Path of the next page; null on the last page.
    next: Option<String>,
}

/// Lists the jobs that wait for the day on which they are to be executed, the next one first.
///
/// A client sees its own jobs and, with a key for some accounts, the jobs of others that touch them, as in the list of
/// jobs. A page looks at 20,000 scheduled jobs at the most, so it may be short, or empty, and still have a `next`:
/// follow `next` until it is null.
#[utoipa::path(
    get, path = "/api/scheduled-jobs", tag = "jobs", operation_id = "list_scheduled_jobs",
    params(ScheduledJobsQuery),
    responses((status = 200, description = "A page of scheduled jobs.", body = ScheduledJobs, headers(("Tellers-Fresh-As-Of" = String, description = "The time (RFC 3339, UTC) up to which the answer has everything that was committed. A replica gave the answer. `unknown`: the replica's delay is not known.")))),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ScheduledJobsQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(&caller)?;
    let asked = cursor::without(uri.query().unwrap_or_default());
    let list = format!("scheduled-jobs?{asked}");
    let place = cursor::read(&list, "the same query", query.cursor.as_deref())?;
    let after = place.map(|[due_at, seq]| SchedulePlace { due_at, seq });
    if !query.is_shown(&caller) {
        // Without a look: not even where a page would end is another one's to know.
        let nothing = ScheduledJobs { jobs: Vec::new(), next: None };
        return Ok((Extension(ByGrant), Json(nothing)).into_response());
    }
    let books = LedgerReads::open(&ingress, query.fresh).await?;
    let page = ingress.read(books.ledger.scheduled_jobs(&filter, after, query.limit.0)).await?;
    let next = page.next.map(|SchedulePlace { due_at, seq }| {
        cursor::path("/api/scheduled-jobs", &asked, &cursor::write(&list, &[due_at, seq]))
    });
    let link = cursor::link(next.as_ref());
    let jobs = page.jobs.iter().map(|(_, job)| Job::recorded(job)).collect();
    Ok(books.answer((link, Json(ScheduledJobs { jobs, next }))))
}

impl ScheduledJobsQuery {
    /// Which jobs, of those that the caller is shown.
    fn filter(&self, caller: &Caller) -> Result<ScheduleFilter, Problem> {
        let period = Period::parse(self.from.as_deref(), self.to.as_deref())
            .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
        let is_for_some = !caller.accounts.are_all();
        // What is on one of their accounts they may see, whoever sent it.
        let all = caller.sees_all() || (is_for_some && self.account.is_some());
        let jobs = JobFilter {
            client: (!all).then(|| caller.client.to_string()),
            or_touching: (!all && is_for_some).then(|| caller.accounts.clone()),
            of_client: self.client.as_ref().map(ToString::to_string),
            kind: self.kind,
            account: self.account.clone(),
            ..JobFilter::default()
        };
        Ok(ScheduleFilter { jobs, from: period.from, to: period.to })
    }

    /// Whether the account and the client that are asked for are the caller's to see.
    fn is_shown(&self, caller: &Caller) -> bool {
        let is_foreign = self.client.as_ref().is_some_and(|client| *client != caller.client);
        let sees_own_alone = !caller.sees_all() && caller.accounts.are_all();
        self.account.as_ref().is_none_or(|number| caller.sees(number)) && !(is_foreign && sees_own_alone)
    }
}
