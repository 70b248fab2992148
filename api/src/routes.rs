//! The routes, one file for each group.

pub mod accounts;
pub mod analyses;
pub mod batch;
mod docs;
pub mod imports;
pub mod jobs;
pub mod operations;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admission::admit;
use crate::ingress::Ingress;
use crate::observe;
use crate::openapi::Document;
use crate::problem::{Problem, ProblemType};

/// Everything that the ingress serves.
pub fn router(ingress: Arc<Ingress>) -> Router {
    let limited = OpenApiRouter::new()
        .routes(routes!(jobs::submit, jobs::list::list))
        .routes(routes!(jobs::show))
        .routes(routes!(batch::submit))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::entries))
        .routes(routes!(imports::submit, imports::list))
        .routes(routes!(imports::show, imports::cancel))
        .routes(routes!(imports::refused))
        .routes(routes!(imports::report::report))
        .routes(routes!(accounts::patterns))
        .routes(routes!(analyses::start, analyses::list))
        .routes(routes!(analyses::show, analyses::cancel))
        .routes(routes!(analyses::export))
        .routes(routes!(accounts::statement::show))
        .layer(from_fn_with_state(Arc::clone(&ingress), admit));
    // Whoever looks after the fleet is never turned away.
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(limited)
        .routes(routes!(operations::livez))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .split_for_parts();
    router
        .merge(docs::routes(document))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(from_fn(observe::measure))
        .with_state(ingress)
}

async fn not_found(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    let detail = format!("there is nothing at {path}; see /docs for what there is");
    Problem::new(ProblemType::NotFound, detail)
}

async fn method_not_allowed(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    let method: String = request.method().as_str().chars().take(20).collect();
    let detail = format!("{path} does not take {method}; the header Allow says what it takes");
    Problem::new(ProblemType::MethodNotAllowed, detail)
}

/// That a request's query is empty: a parameter that means nothing here is not passed over in silence.
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoParameters, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let Some(first) = query.split('&').find(|parameter| !parameter.is_empty()) else {
            return Ok(NoParameters);
        };
        let (name, value) = first.split_once('=').unwrap_or((first, ""));
        Err(Problem::parameter(name, value, "is no parameter here, there is none; remove it"))
    }
}

/// A query that cannot be read, such as one with a name that the route does not take.
fn bad_query(error: &QueryRejection, takes: &str) -> Problem {
    let detail = format!("{}; the query takes {takes}", error.body_text());
    Problem::new(ProblemType::InvalidParameter, detail.chars().take(300).collect::<String>())
}
