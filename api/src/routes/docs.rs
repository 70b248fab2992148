//! The page at `/docs/` to try the API, and the document that it shows.
//!
//! Whatever leads from one to the other is relative to where the browser is: a proxy may have put the API behind a
//! path that it strips, and says nothing of it.

use axum::response::Redirect;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The document, as the page at `/docs/` finds it.
const DOCUMENT_FROM_THE_PAGE: &str = "../api/openapi.json";

/// The page, its files, the document, and the ways there.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let page = SwaggerUi::new("/").config(Config::from(DOCUMENT_FROM_THE_PAGE));
    Router::new()
        .route("/", get(async || Redirect::temporary("docs/")))
        .route("/docs", get(async || Redirect::to("docs/")))
        .nest("/docs/", Router::from(page))
        .route("/api/openapi.json", get(async move || Json(document)))
}
