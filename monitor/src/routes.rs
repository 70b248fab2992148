//! What the monitor answers, one file for each group of routes.

mod alerts;
mod body;
mod config;
mod dead_letters;
mod fleet;
mod optimize;
mod stream;
mod who;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use runtime::telemetry::PrometheusHandle;
use tellers_http::keys::{Keys, Scope};
use tellers_http::probes;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Shared;
use crate::load_tests::{self, LoadTests};
use crate::page;
use crate::problem::{self, FieldError, Problem};

/// The document before the routes join it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tellers monitor",
        description = "Facts about the fleet, its health, and what to change.\n\nNames end in their unit. What is not known is \
            `null`, never zero. Every refusal is a problem document (RFC 9457).",
    ),
    tags(
        (name = "fleet", description = "What the fleet does, and whether it is well."),
        (name = "control", description = "What to change, and how to change it."),
    ),
    components(schemas(Problem, FieldError)),
    // Beside this document's folder, wherever a proxy puts it.
    servers((url = "..", description = "The service that answered with this document")),
)]
struct Document;

/// Where clients' own text can be read.
const DEAD_LETTERS: &str = "/api/scalability/dead-letters";

pub(crate) fn router(
    shared: Arc<Shared>,
    load_tests: Arc<LoadTests>,
    prometheus: PrometheusHandle,
) -> Router {
    let keys = shared.parts.keys.clone();
    // The monitor is ready when it answers: it is there to tell when the others are not.
    let readiness: probes::Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(fleet::dashboard))
        .routes(routes!(fleet::status))
        .routes(routes!(fleet::realtime))
        .routes(routes!(fleet::history))
        .routes(routes!(alerts::alerts))
        .routes(routes!(config::show, config::change))
        .routes(routes!(config::undo))
        .routes(routes!(optimize::optimize))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::discard))
        .with_state(shared)
        .merge(load_tests::routes::router(load_tests))
        .split_for_parts();
    router
        .route("/api/openapi.json", axum::routing::get(async move || Json(document)))
        .merge(probes::routes(readiness, prometheus))
        .merge(page::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(keys, guard))
}

async fn not_found(request: Request) -> Problem {
    problem::not_found(request.uri().path())
}

async fn method_not_allowed(request: Request) -> Problem {
    problem::method_not_allowed(request.uri().path(), request.method().as_str())
}

/// Figures are for whoever reaches the monitor; without keys, nobody does but this machine. A change takes a key that allows it, wherever the fleet has
/// keys, and so does reading a dead letter, which is a client's own text.
async fn guard(State(keys): State<Arc<Keys>>, mut request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let scope = match (reads, request.uri().path()) {
        (false, _) => Scope::Operate,
        (true, path) if path.starts_with(DEAD_LETTERS) => Scope::Read,
        (true, _) => {
            return match keys.check(request.headers()) {
                Ok(()) => next.run(request).await,
                Err(denied) => Problem::from(denied).into_response(),
            };
        }
    };
    match keys.authorize(request.headers(), scope) {
        Ok(client) if !keys.is_empty() => {
            request.extensions_mut().insert(client);
            next.run(request).await
        }
        Ok(_) => next.run(request).await,
        Err(denied) => Problem::from(denied).into_response(),
    }
}
