//! Load tests over HTTP: start one, follow it, stop it, read what came of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse, Response};
use domain::json;
use load_test::{Plan, Request, page};
use serde::{Deserialize, Deserializer};
use tellers_http::query::{self, Limit, Query};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::run::{Run, State as RunState, Summaries};
use super::{LoadTests, refusal};
use crate::problem::Problem;
use crate::routes::body::Body;

/// Unless the request says otherwise, its answer is held back for so long for the result.
const WAIT: Duration = Duration::from_secs(20);
/// A load test that is stopped ends within moments.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// The routes of the load tests.
pub(crate) fn router(tests: Arc<LoadTests>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(start, list))
        .routes(routes!(show, stop))
        .routes(routes!(report))
        .with_state(tests)
}

/// Starts a load test.
///
/// The load test moves money between accounts of its own in XTS, the currency for testing, reads every
/// accepted job again, and judges the result. The answer waits up to `wait_seconds` for the result. A load
/// test that takes longer is at `Location`.
#[utoipa::path(
    post, path = "/api/scalability/load-test", tag = "load tests", operation_id = "start_load_test",
    request_body(content = Request, description = "Nothing, or the members that differ from their defaults."),
    responses(
        (status = 200, description = "The load test has ended: with a result, or with the reason why there is none.", body = Run),
        (status = 202, description = "The load test is running.", body = Run, headers(("Location" = String, description = "Path of the load test, which shows its progress."))),
    ),
)]
async fn start(State(tests): State<Arc<LoadTests>>, Body(body): Body) -> Result<Response, Problem> {
    let request = read(&body)?;
    let plan = Plan::of(&request).map_err(refusal::not_a_plan)?;
    let wait = request.wait(WAIT).map_err(refusal::not_a_plan)?;
    let current = tests.start(plan).await?;
    let location = [(LOCATION, format!("/api/scalability/load-test/{}", current.id()))];
    Ok(match current.ended_within(wait).await {
        Some(run) => (location, Json(run)).into_response(),
        None => (StatusCode::ACCEPTED, location, Json(current.view())).into_response(),
    })
}

/// Which load tests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Load tests in the answer: 1 to 100; 20 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<20, 100>,
    /// Lists load tests with a number below this.
    #[serde(default, deserialize_with = "number")]
    before: Option<u64>,
}

fn number<'de, D: Deserializer<'de>>(before: D) -> Result<Option<u64>, D::Error> {
    query::parameter(before, "must be the number of a load test", |text| text.parse().ok()).map(Some)
}

/// Lists the load tests that are kept, newest first.
#[utoipa::path(
    get, path = "/api/scalability/load-test", tag = "load tests", operation_id = "list_load_tests",
    params(ListQuery),
    responses(
        (status = 200, description = "The load tests that are kept.", body = Summaries),
    ),
)]
async fn list(
    State(tests): State<Arc<LoadTests>>,
    Query(ListQuery { limit: Limit(limit), before }): Query<ListQuery>,
) -> Result<Json<Summaries>, Problem> {
    Ok(Json(Summaries { load_tests: tests.list(before, limit).await.map_err(refusal::unreadable)? }))
}

/// Shows the progress or the result of a load test.
#[utoipa::path(
    get, path = "/api/scalability/load-test/{id}", tag = "load tests", operation_id = "show_load_test",
    params(("id" = u64, Path, description = "The number of the load test.")),
    responses(
        (status = 200, description = "The load test, as far as it is.", body = Run),
    ),
)]
async fn show(
    State(tests): State<Arc<LoadTests>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Run>, Problem> {
    found(&tests, path).await.map(Json)
}

/// Stops a load test. Its accepted jobs are posted all the same.
#[utoipa::path(
    delete, path = "/api/scalability/load-test/{id}", tag = "load tests", operation_id = "stop_load_test",
    params(("id" = u64, Path, description = "The number of the load test.")),
    responses(
        (status = 200, description = "The load test has stopped.", body = Run),
        (status = 202, description = "The load test is about to stop.", body = Run),
    ),
)]
async fn stop(
    State(tests): State<Arc<LoadTests>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let run = found(&tests, path).await?;
    let current = tests.current(run.id).await.filter(|_| run.state == RunState::Running);
    let current = current.ok_or_else(|| refusal::over(run.id))?;
    current.cancel();
    Ok(match current.ended_within(STOP_WAIT).await {
        Some(run) => Json(run).into_response(),
        None => (StatusCode::ACCEPTED, Json(current.view())).into_response(),
    })
}

/// Shows the result of a load test as a page with charts, to read, print or send on.
#[utoipa::path(
    get, path = "/api/scalability/load-test/{id}/report", tag = "load tests", operation_id = "show_load_test_report",
    params(("id" = u64, Path, description = "The number of the load test.")),
    responses(
        (status = 200, description = "A page that needs no other file.", body = String, content_type = "text/html"),
    ),
)]
async fn report(
    State(tests): State<Arc<LoadTests>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Html<String>, Problem> {
    let run = found(&tests, path).await?;
    match &run.result {
        Some(result) => Ok(Html(page::of(result))),
        None => {
            let why = run.reason.unwrap_or_else(|| "it is still running".to_owned());
            Err(refusal::without_result(format!("load test {} has no result: {why}", run.id)))
        }
    }
}

async fn found(tests: &LoadTests, path: Result<Path<String>, PathRejection>) -> Result<Run, Problem> {
    let id = path.map_or_else(|_| String::new(), |Path(id)| id);
    let run = match id.parse() {
        Ok(number) => tests.get(number).await.map_err(refusal::unreadable)?,
        Err(_) => None,
    };
    run.ok_or_else(|| refusal::unknown(&id))
}

/// An empty body asks for the usual.
fn read(body: &Bytes) -> Result<Request, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Request::default());
    }
    json::check(body).map_err(refusal::malformed)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refusal::not_a_request(error.path().to_string(), error.inner()))
}
