//! What the monitor answers, one file for each group of routes.

mod alerts;
pub(crate) mod body;
mod config;
mod dead_letters;
mod fleet;
mod lanes;
mod optimize;
mod reads;
mod session;
mod stream;
mod who;

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::{Json, Router};
use runtime::telemetry::Exposition;
use tellers_http::access::{Door, Route, guard};
use tellers_http::keys::Scope::{self, Audit, Operate, Read};
use tellers_http::openapi::{complete, flatten};
use tellers_http::probes;
use tellers_http::problem::pages;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::fleet::HistorySpan;
use self::reads::Passage;
use self::session::Sessions;
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
            `null`, never zero. Every refusal is a problem document (RFC 9457), whose `type` leads to a page \
            that explains it.",
    ),
    tags(
        (name = "fleet", description = "What the fleet does, and whether it is well."),
        (name = "control", description = "What to change, and how to change it."),
        (name = "load tests", description = "Load on the fleet, measured and judged."),
    ),
    components(schemas(Problem, FieldError, HistorySpan)),
    // Beside this document's folder, wherever a proxy puts it.
    servers((url = "..", description = "The service that answered with this document")),
)]
struct Document;

/// What each route asks for: figures of the fleet, dead letters, which are clients' own text, and changes.
const ROUTES: &[Route] = &[
    Route::of("GET", "/api/scalability/dashboard", FIGURES),
    Route::of("GET", "/api/scalability/status", FIGURES),
    Route::of("GET", "/api/scalability/metrics/realtime", FIGURES),
    Route::of("GET", "/api/scalability/history", FIGURES),
    Route::of("GET", "/api/scalability/alerts", FIGURES),
    Route::of("GET", "/api/scalability/config", FIGURES),
    Route::of("PATCH", "/api/scalability/config", &[Operate]).for_all().noted("settings_changed"),
    Route::of("POST", "/api/scalability/config/undo", &[Operate]).for_all().noted("settings_undone"),
    Route::of("POST", "/api/scalability/optimize", &[Operate]).for_all().noted("settings_optimized"),
    Route::of("GET", "/api/scalability/lanes", FIGURES),
    Route::of("PUT", "/api/scalability/lanes/{lane}/pause", &[Operate]).for_all(),
    Route::of("DELETE", "/api/scalability/lanes/{lane}/pause", &[Operate]).for_all(),
    Route::of("GET", "/api/scalability/dead-letters", FIGURES),
    Route::of("GET", "/api/scalability/dead-letters/{id}", FIGURES),
    // Noted by the deed itself, which knows the jobs.
    Route::of("POST", "/api/scalability/dead-letters/{id}/replay", &[Operate]),
    Route::of("DELETE", "/api/scalability/dead-letters/{id}", &[Operate]),
    Route::of("POST", "/api/scalability/dead-letters/preview", &[Operate]),
    Route::of("POST", "/api/scalability/dead-letters/replay", &[Operate]),
    Route::of("POST", "/api/scalability/dead-letters/discard", &[Operate]),
    Route::of("POST", "/api/scalability/load-test", &[Operate]).for_all().noted("load_test_started"),
    Route::of("GET", "/api/scalability/load-test", FIGURES),
    Route::of("GET", "/api/scalability/load-test/{id}", FIGURES),
    Route::of("DELETE", "/api/scalability/load-test/{id}", &[Operate]).for_all().noted("load_test_stopped"),
    Route::of("GET", "/api/scalability/load-test/{id}/report", FIGURES),
    Route::of("GET", session::PATH, Scope::ALL),
];

/// Whoever reads or runs the fleet.
const FIGURES: &[Scope] = &[Read, Audit, Operate];

/// The page, the runbooks, the document, the probes and Prometheus' figures tell nothing of any client.
const OPEN: &[Route] = &[
    Route::open("/api/openapi.json"),
    Route::open("/livez"),
    Route::open("/readyz"),
    Route::open("/metrics"),
    Route::anyone("POST", session::PATH),
    Route::anyone("DELETE", session::PATH),
    pages::PATHS[0],
    pages::PATHS[1],
];

pub(crate) fn router(
    shared: Arc<Shared>,
    load_tests: Arc<LoadTests>,
    prometheus: Exposition,
    is_tls: bool,
) -> anyhow::Result<Router> {
    let (keys, trail) = (shared.parts.keys.clone(), shared.parts.trail.clone());
    let passage = Passage::new(shared.parts.api_url.clone(), shared.snapshot.clone(), keys.clone())?;
    let passage = Arc::new(passage);
    let sessions = Arc::new(Sessions::new(keys.clone(), is_tls, trail.clone()));
    // The monitor is ready when it answers: it is there to tell when the others are not.
    let readiness: probes::Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(fleet::dashboard))
        .routes(routes!(fleet::status))
        .routes(routes!(fleet::realtime))
        .routes(routes!(fleet::history))
        .routes(routes!(alerts::alerts))
        .routes(routes!(config::show, config::change))
        .routes(routes!(config::undo))
        .routes(routes!(optimize::optimize))
        .routes(routes!(lanes::list))
        .routes(routes!(lanes::pause, lanes::resume))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show, dead_letters::discard))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::preview))
        .routes(routes!(dead_letters::replay_many))
        .routes(routes!(dead_letters::discard_many))
        .with_state(shared)
        .merge(load_tests::routes::router(load_tests))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(session::show, session::begin, session::end))
                .with_state(sessions.clone()),
        )
        .split_for_parts();
    name_plans(&mut document);
    complete(&mut document, ROUTES, problem::of_operation);
    let routes =
        ROUTES.iter().chain(reads::ROUTES).chain(OPEN).copied().chain(page::paths().map(Route::open));
    let door = Door::new(keys, routes, trail);
    let router = router
        .route("/api/openapi.json", axum::routing::get(async move || Json(document)))
        .merge(probes::routes(readiness, prometheus))
        .merge(reads::router(passage))
        .merge(page::routes())
        .merge(pages::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::new(door), guard))
        .layer(from_fn_with_state(sessions, session::present_key));
    Ok(router)
}

/// Makes the plan of a load test a `oneOf` by `mode`, which generators of clients turn into types.
fn name_plans(document: &mut utoipa::openapi::OpenApi) {
    if flatten(document, "LoadTestPlan", "mode", "LoadTestPlan").is_none() {
        tracing::error!(
            "the plan of a load test is not described as it should be; generated clients lack it"
        );
    }
    if let Some(components) = &mut document.components {
        components.schemas.remove("LoadTestLoad");
    }
}

async fn not_found(request: Request) -> Problem {
    problem::not_found(request.uri().path())
}

async fn method_not_allowed(request: Request) -> Problem {
    problem::method_not_allowed(request.uri().path(), request.method().as_str())
}
