//! The page at `/docs/` to try the API, and the document that it shows.
//!
//! Whatever leads from one to the other is relative to where the browser is: a proxy may have put the API behind a
//! path that it strips, and says nothing of it.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The document, as the page at `/docs/` finds it.
const DOCUMENT_FROM_THE_PAGE: &str = "../api/openapi.json";

/// Nothing from elsewhere, and in nobody's frame (W3C, "Content Security Policy Level 3"). Swagger UI writes styles into its
/// elements and draws its icons from `data:` URLs.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
                      object-src 'none'; frame-ancestors 'none'; form-action 'none'";

/// The page, its files, the document, and the ways there.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let page = SwaggerUi::new("/").config(Config::from(DOCUMENT_FROM_THE_PAGE));
    Router::new()
        .route("/", get(async || Redirect::temporary("docs/")))
        .route("/docs", get(async || Redirect::to("docs/")))
        .nest("/docs/", Router::from(page).layer(map_response(guarded)))
        .route("/api/openapi.json", get(async move || Json(document)))
}

async fn guarded(response: Response) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, response).into_response()
}
