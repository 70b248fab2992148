//! The OpenAPI 3.1 document: what is not said beside the routes themselves.

mod job_body;

use std::collections::BTreeMap;

use strum::VariantArray as _;
use tellers_http::problem::Kind;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

pub use self::job_body::{JobBody, KindName, RejectionName};
use crate::problem::{FieldError, MEDIA_TYPE, Problem, ProblemType};

/// The document before the routes join it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tellers",
        description = "Submit banking jobs, read their outcomes, read accounts.\n\n\
            A `202` means that a job is on disk. Every job takes effect exactly once; jobs that draw on one account \
            apply in the order in which they were accepted. Amounts and \
            balances are integers in minor units, never more than 9007199254740991 (2^53 - 1) away from zero, so that every \
            reader of JSON has them exactly. A body that is no JSON is answered `400`, one that is JSON and no job `422`. \
            Every refusal is a \
            problem document (RFC 9457).",
    ),
    tags(
        (name = "jobs", description = "Submitting jobs and reading their outcomes."),
        (name = "accounts", description = "Accounts and their entries."),
        (name = "imports", description = "Files of jobs."),
        (name = "analyses", description = "Recurring payments, anomalies, cash flow and forecasts of accounts."),
        (name = "keys", description = "Keys of clients, and the audit log."),
        (name = "operations", description = "Probes and metrics for operators."),
    ),
    components(schemas(Problem, FieldError, KindName, RejectionName)),
    modifiers(&Security),
    // Beside this document's folder, wherever a proxy puts it.
    servers((url = "..", description = "The service that answered with this document")),
)]
pub struct Document;

/// A key in either of two headers, or none where none is asked for.
struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        components.add_security_scheme("key", header);
    }
}

/// The problems that any route may answer with, by status.
pub struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status = BTreeMap::<u16, Vec<Kind>>::new();
        for kind in ProblemType::VARIANTS.iter().map(|problem| problem.kind()) {
            by_status.entry(kind.status.as_u16()).or_default().push(kind);
        }
        let document = |kinds: Vec<Kind>| {
            let described = kinds.iter().map(|kind| format!("`{}`: {}.", kind.uri, kind.title));
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let description = described.collect::<Vec<_>>().join(" ");
            ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
        };
        by_status.into_iter().map(|(status, kinds)| (status.to_string(), RefOr::T(document(kinds)))).collect()
    }
}
