//! Many jobs in one request: each line stands for itself.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::join_all;
use serde::Serialize;
use shared::domain::id::JobId;
use shared::domain::job::Kind;
use shared::domain::lane::Lane;
use shared::domain::text::Client;
use utoipa::ToSchema;

use crate::batch::{self, Line};
use crate::body::{self, MediaType};
use crate::identity::IdempotencyKey;
use crate::ingress::Ingress;
use crate::intake::Intake;
use crate::keys::Submitter;
use crate::observe;
use crate::openapi::{JobBody, Refusals};
use crate::problem::Problem;
use crate::routes::jobs::document::Status;

/// Lines after which others get their turn: some two milliseconds of work.
const LINES_PER_TURN: usize = 256;

/// What became of each line of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Lines whose jobs are on disk.
    accepted: usize,
    /// Lines that were refused.
    refused: usize,
    /// One for each line, in their order.
    results: Vec<LineResult>,
}

/// What became of one line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LineResult {
    /// Its job is on disk.
    Accepted {
        /// The number of the line, from 1.
        line: usize,
        /// The job's id.
        #[schema(value_type = String, format = Uuid)]
        id: JobId,
        /// Always `queued`.
        status: Status,
    },
    /// Nothing of it was accepted.
    Refused {
        /// The number of the line, from 1.
        line: usize,
        /// Always `refused`.
        status: Refused,
        /// Why, and what to do.
        #[schema(value_type = Problem)]
        error: Box<Problem>,
    },
}

/// The status of a line that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Its only value.
    Refused,
}

/// Submits up to 10,000 jobs: a JSON array, or one job a line (NDJSON).
///
/// Each line is accepted or refused on its own. Jobs that draw on one account keep the order of their lines.
/// `202` if at least one was accepted, `422` if every line is wrong, `503` if the queue took none.
#[utoipa::path(
    post, path = "/api/jobs/batch", tag = "jobs",
    params((
        "Idempotency-Key" = Option<String>, Header,
        description = "Gives a line without a `reference` an id of this key and the number of the line, so that the same body can be sent again.",
    )),
    request_body(
        description = "At most 16 MiB.",
        content((Vec<JobBody> = "application/json"), (String = "application/x-ndjson")),
    ),
    responses(
        Refusals,
        (status = 202, description = "At least one line was accepted.", body = BatchAnswer),
        (
            status = 422, description = "Every line is wrong; or the body is no batch, then a problem.",
            content((BatchAnswer = "application/json"), (Problem = "application/problem+json")),
        ),
    ),
)]
pub async fn submit(
    State(ingress): State<Arc<Ingress>>,
    Submitter(client): Submitter,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::of(&headers)?;
    let mut room = ingress.admission.room();
    let body = body::read_into(&headers, body, body::BATCH, |bytes| room.grow_to(bytes)).await?;
    let mut sorted = Sorted::new(usize::from(ingress.parts.lanes.count()));
    {
        let lines = split(&headers, &body)?;
        sorted.sort(&ingress, &client, key.as_ref(), &lines).await;
    }
    drop(body);
    publish(&ingress, sorted).await
}

fn split<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Vec<Line<'a>>, Problem> {
    match (MediaType::of(headers), body.trim_ascii_start().first()) {
        (MediaType::Ndjson, _) | (MediaType::Unknown, Some(b'{') | None) => batch::lines(body),
        (MediaType::Json, _) | (MediaType::Unknown, Some(b'[')) => batch::elements(body),
        (MediaType::Unknown, _) => {
            Err(body::unsupported(headers, "an array as application/json or lines as application/x-ndjson"))
        }
    }
}

/// The lines of a batch: what was refused, and what goes to which lane, in order.
struct Sorted {
    results: Vec<LineResult>,
    lanes: Vec<LaneJobs>,
}

#[derive(Default)]
struct LaneJobs {
    messages: Vec<Bytes>,
    /// Where the result of each stands among all, and what it does.
    places: Vec<(usize, Kind)>,
}

impl Sorted {
    fn new(lanes: usize) -> Sorted {
        Sorted { results: Vec::new(), lanes: std::iter::repeat_with(LaneJobs::default).take(lanes).collect() }
    }

    async fn sort(
        &mut self,
        ingress: &Ingress,
        client: &Client,
        key: Option<&IdempotencyKey>,
        lines: &[Line<'_>],
    ) {
        let intake = Intake { ingress, client, key };
        self.results.reserve_exact(lines.len());
        for some in lines.chunks(LINES_PER_TURN) {
            some.iter().for_each(|line| self.take(intake, *line));
            tokio::task::yield_now().await;
        }
    }

    fn take(&mut self, intake: Intake<'_>, Line { number: line, json }: Line<'_>) {
        match intake.line(line, json) {
            Ok(job) => {
                // Until it is published, which decides.
                let place = self.results.len();
                self.results.push(LineResult::Accepted { line, id: job.id, status: Status::Queued });
                if let Some(lane) = self.lanes.get_mut(usize::from(job.lane.0)) {
                    lane.messages.push(job.message);
                    lane.places.push((place, job.kind));
                }
            }
            Err(problem) => self.results.push(LineResult::refused(line, problem)),
        }
    }
}

impl LineResult {
    fn refused(line: usize, problem: Problem) -> LineResult {
        observe::count_refused(&problem);
        LineResult::Refused { line, status: Refused::Refused, error: Box::new(problem) }
    }
}

async fn publish(ingress: &Ingress, Sorted { mut results, lanes }: Sorted) -> Result<Response, Problem> {
    let published = join_all((0..).map(Lane).zip(lanes).filter(|(_, jobs)| !jobs.messages.is_empty()).map(
        async |(lane, LaneJobs { messages, places })| {
            places.into_iter().zip(ingress.parts.publisher.publish_many(lane, messages).await)
        },
    ))
    .await;

    let mut accepted = [0_u64; Kind::ALL.len()];
    let mut unpublished: Option<(JobId, shared::queue::PublishError)> = None;
    let mut refused = Vec::new();
    for ((place, kind), outcome) in published.into_iter().flatten() {
        match outcome {
            Ok(_) => accepted[kind as usize] += 1,
            Err(error) => refused.push((place, error)),
        }
    }
    let accepted_in_all: u64 = accepted.iter().sum();
    ingress.admission.note(accepted_in_all, refused.len() as u64);
    for (place, error) in refused {
        if let Some(result) = results.get_mut(place)
            && let LineResult::Accepted { line, id, .. } = *result
        {
            *result = LineResult::refused(line, ingress.admission.refusal(id, &error));
            unpublished.get_or_insert((id, error));
        }
    }
    for (kind, jobs) in Kind::ALL.into_iter().zip(accepted).filter(|(_, jobs)| *jobs > 0) {
        observe::count_accepted(kind, jobs);
    }

    let accepted = usize::try_from(accepted_in_all).unwrap_or_default();
    let status = match (accepted, unpublished) {
        (0, Some((id, error))) => return Err(ingress.admission.refusal(id, &error)),
        (0, None) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::ACCEPTED,
    };
    let refused = results.len() - accepted;
    Ok((status, Json(BatchAnswer { accepted, refused, results })).into_response())
}
