//! The routes, one file for each group.

pub mod accounts;
pub mod analyses;
pub mod audit;
pub mod batch;
mod cursor;
mod docs;
pub mod events;
pub mod holds;
pub mod imports;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod operations;
pub mod scheduled_jobs;
pub mod standing_orders;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tellers_http::access::{Door, guard};
use tellers_http::openapi::complete;
use tellers_http::problem::pages;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Ingress;
use crate::keys::ROUTES;
use crate::observe;
use crate::openapi::{Document, name_kinds, problems_of};
use crate::problem::{Problem, ProblemType};

/// Everything that the ingress serves.
pub fn router(ingress: Arc<Ingress>) -> Router {
    let limited = OpenApiRouter::new()
        .routes(routes!(jobs::submit, jobs::list::list))
        .routes(routes!(jobs::show, jobs::cancel::cancel))
        .routes(routes!(jobs::timeline::show))
        .routes(routes!(scheduled_jobs::list))
        .routes(routes!(batch::submit))
        .routes(routes!(accounts::list::list))
        .routes(routes!(accounts::show))
        .routes(routes!(holds::list))
        .routes(routes!(standing_orders::list))
        .routes(routes!(standing_orders::show))
        .routes(routes!(accounts::entries))
        .routes(routes!(accounts::balance::show))
        .routes(routes!(ledger::trial_balance))
        .routes(routes!(imports::submit, imports::list))
        .routes(routes!(imports::show, imports::cancel))
        .routes(routes!(imports::refused::refused))
        .routes(routes!(imports::report::report))
        .routes(routes!(accounts::patterns))
        .routes(routes!(analyses::start, analyses::list))
        .routes(routes!(analyses::show, analyses::cancel))
        .routes(routes!(analyses::export))
        .routes(routes!(accounts::statement::show))
        .routes(routes!(events::list))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::actions::rotate))
        .routes(routes!(webhooks::actions::test))
        .routes(routes!(webhooks::actions::resend))
        .routes(routes!(webhooks::actions::enable))
        .routes(routes!(webhooks::attempts::list))
        .layer(from_fn_with_state(Arc::clone(&ingress), admit));
    // Whoever looks after the fleet is never turned away.
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(limited)
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::own::show))
        .routes(routes!(keys::show, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(audit::list))
        .routes(routes!(operations::livez))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .split_for_parts();
    name_kinds(&mut document);
    complete(&mut document, ROUTES, problems_of);
    let door = Door::new(ingress.config.keys.clone(), ROUTES.iter().copied(), ingress.config.trail.clone());
    router
        .merge(docs::routes(document))
        .merge(pages::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Before the span ends, which has the status of the answer.
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(from_fn(observe::trace))
        .layer(from_fn_with_state(Arc::new(door), guard))
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(from_fn(observe::measure))
        .with_state(ingress)
}

/// Lets a request in, with its place among those in flight, or turns it away.
async fn admit(State(ingress): State<Arc<Ingress>>, mut request: Request, next: Next) -> Response {
    let place = match ingress.admission.admit(&request) {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    drop(place);
    response
}

/// The id in a path, as much of it as an id may have and more.
fn id_of(path: Result<Path<String>, PathRejection>) -> String {
    path.map_or_else(|_| String::new(), |Path(id)| id.chars().take(80).collect())
}

async fn not_found(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    let detail = format!("there is nothing at {path}; /docs lists the paths");
    Problem::new(ProblemType::NotFound, detail)
}

async fn method_not_allowed(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    let method: String = request.method().as_str().chars().take(20).collect();
    let detail = format!("{path} does not take {method}; the header Allow says what it takes");
    Problem::new(ProblemType::MethodNotAllowed, detail)
}
