//! The OpenAPI 3.1 document: what is not said beside the routes themselves.

mod job_body;
mod problems;

use tellers_http::openapi::flatten;
use utoipa::OpenApi;

pub use self::job_body::{
    AnalysePatternsJob, CounterpartyBody, JobBody, KeyStatus, KindName, OutcomeSchema, RejectionName,
    RuleBody, ScopeName,
};
pub use self::problems::of as problems_of;
use crate::problem::{FieldError, Problem};
use crate::routes::analyses::What;
use crate::routes::imports::FileFormat;
use crate::statement::Format;
use crate::trial_balance::ReportFormat;

/// The document before the routes join it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tellers",
        description = "Submit banking jobs, read their outcomes, read accounts.\n\n\
            A `202` means that a job is on disk. Every job takes effect exactly once; jobs that draw on one account \
            apply in the order in which they were accepted. Amounts and \
            balances are integers in minor units, never more than 9007199254740991 (2^53 - 1) away from zero, so that every \
            reader of JSON has them exactly. A body that is no JSON is answered `400`, one that is JSON and no job `422`, one that calls itself something else `415`. \
            Every refusal is a \
            problem document (RFC 9457), whose `type` leads to a page that explains it.",
    ),
    tags(
        (name = "jobs", description = "Submitting jobs and reading their outcomes."),
        (name = "accounts", description = "Accounts and their entries."),
        (name = "imports", description = "Files of jobs."),
        (name = "analyses", description = "Recurring payments, anomalies, cash flow and forecasts of accounts."),
        (name = "webhooks", description = "Endpoints that events are posted to."),
        (name = "keys", description = "Keys of clients, and the audit log."),
        (name = "operations", description = "Probes and metrics for operators."),
    ),
    components(schemas(
        AnalysePatternsJob, FieldError, FileFormat, Format, KindName, OutcomeSchema, Problem, RejectionName, ReportFormat, What
    )),
    // Beside this document's folder, wherever a proxy puts it.
    servers((url = "..", description = "The service that answered with this document")),
)]
pub struct Document;

/// Makes the body of a job a `oneOf` by `kind`, which generators of clients turn into types.
pub fn name_kinds(document: &mut utoipa::openapi::OpenApi) {
    if flatten(document, "JobBody", "kind", "Job").is_none() {
        tracing::error!("the body of a job is not described as it should be; generated clients lack it");
    }
    job_body::add_analyses(document);
    // What was flattened is there as the kinds.
    if let Some(components) = &mut document.components {
        components.schemas.remove("Action");
    }
}
