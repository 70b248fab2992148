//! Many jobs in one request: each line stands for itself.

mod waiting;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::trace::TraceParent;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::outcome::Rejection;
use futures::future::join_all;
use jiff::Timestamp;
use queue::PublishError;
use queue::publisher::ToQueue;
use serde::Serialize;
use tellers_http::query::Query;
use tellers_http::trail::Who;
use utoipa::ToSchema;

use self::waiting::Wait;
use crate::admission::{Behind, Place};
use crate::batch::{self, Line};
use crate::body::{self, MediaType};
use crate::context::Ingress;
use crate::identity::{Claims, IdempotencyKey};
use crate::intake::{Intake, SaidBefore};
use crate::keys::Caller;
use crate::observe;
use crate::openapi::{JobBody, RejectionName};
use crate::problem::{Problem, ProblemType};
use crate::routes::jobs::document::Status;
use crate::routes::jobs::{self, SubmitQuery};

/// Lines after which others get their turn: some two milliseconds of work.
const LINES_PER_TURN: usize = 256;

/// The results of the lines of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Number of lines whose jobs are on disk.
    accepted: usize,
    /// Number of lines that were refused. After a wait it counts lines whose key or reference belongs to
    /// another job, too.
    refused: usize,
    /// A result for each line, in the order of the lines.
    results: Vec<LineResult>,
}

/// The result of one line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LineResult {
    /// The job of the line is on disk.
    #[schema(title = "AcceptedLine")]
    Accepted {
        /// The number of the line, from 1.
        line: usize,
        /// The job's id.
        #[schema(value_type = String, format = Uuid)]
        id: JobId,
        /// `queued`; after a wait, the job's status if it is known.
        status: Status,
        /// Why it was rejected.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<RejectionName>)]
        reason: Option<Rejection>,
        /// Whether this replica knows that a job with this id came before. The line is then that job, and no
        /// other. Absent where the replica knows of none.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        came_before: bool,
    },
    /// The line was refused, and nothing of it was accepted.
    #[schema(title = "RefusedLine")]
    Refused {
        /// The number of the line, from 1.
        line: usize,
        /// Always `refused`.
        status: Refused,
        /// Why the line was refused, and what to do.
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
/// The service accepts or refuses each line on its own. Jobs that draw on one account keep the order of their
/// lines. The status is `202` if at least one line was accepted, `422` if every line is wrong, and `429` or `503` if
/// none was taken and some may come again.
#[utoipa::path(
    post, path = "/api/jobs/batch", tag = "jobs", operation_id = "submit_batch",
    params(
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "A line without a `reference` gets an id from this key and the content of the line, so that the same body can be sent again. A line that was refused, corrected and sent again is another job.",
        ),
        ("Content-Encoding" = Option<String>, Header, description = "`gzip`, once, or `identity`. The limits count the unpacked body."),
        ("Prefer" = Option<String>, Header, description = "`wait=N` waits up to N seconds for the outcomes of all lines (RFC 7240).", example = "wait=5"),
        SubmitQuery,
    ),
    request_body(
        content = Vec<JobBody>,
        description = "At most 16 MiB, and 64 KiB a line. One job a line is taken as `application/x-ndjson`.",
    ),
    responses(
        (
            status = 200, description = "Every accepted line has an outcome. The client waited for the outcomes.", body = BatchAnswer,
            headers(("Preference-Applied" = String, description = "`wait=N`")),
        ),
        (
            status = 202, description = "At least one line was accepted. After a wait that ran out, the answer has the outcomes so far.",
            body = BatchAnswer, headers(
                ("Preference-Applied" = String, description = "`wait=N`, if the answer waited."),
                ("Retry-After" = u64, description = "Seconds after which lines that were refused as too many, or since their lane is behind, may come again."),
            ),
        ),
        (
            status = 422, description = "Every line is wrong. Where the body is no batch, the answer is a problem document.",
            content((BatchAnswer = "application/json"), (Problem = "application/problem+json")),
        ),
    ),
)]
pub async fn submit(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    sender: Who,
    Extension(place): Extension<Place>,
    Query(query): Query<SubmitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::of(&headers)?;
    let wait = jobs::wait_asked(&ingress, &query, &headers);
    let mut room = ingress.admission.room(&caller)?;
    let body = body::read_into(&headers, body, body::BATCH, |bytes| room.grow_to(bytes)).await?;
    let mut sorted = Sorted::new(usize::from(ingress.parts.lanes.count()), place.trace);
    // A client that goes away before its batch is published has claimed nothing.
    let mut claims = Claims::new(&ingress.recent);
    let (wait, more_after) = {
        let lines = split(&headers, &body)?;
        let granted = ingress.admission.jobs(&caller, lines.len())?;
        let wait = wait.and_then(|wait| Wait::new(&ingress, wait, lines.len()));
        let who = ingress.who(&caller.client);
        let intake = Intake::of(&ingress, &caller, &who, key.as_ref());
        let (now, later) = lines.split_at(granted.jobs.min(lines.len()));
        let behind = ingress.admission.behind(&caller, now.len());
        sorted.sort((intake, &behind), now, &mut claims, wait.is_some()).await;
        // From the first line on that is too many: those behind it must not overtake it.
        sorted.results.extend(later.iter().map(|line| LineResult::refused(line.number, granted.refusal())));
        let late = (!later.is_empty())
            .then(|| granted.seconds())
            .max(behind.seconds().filter(|_| sorted.late.is_some()));
        (wait, late.map(|seconds| [(RETRY_AFTER, seconds.to_string())]))
    };
    drop(body);
    sorted.note_refused(&ingress, &sender);
    for (lane, jobs) in (0..).map(Lane).zip(&sorted.lanes).filter(|(_, jobs)| !jobs.messages.is_empty()) {
        ingress.admission.sent(&caller, lane, jobs.messages.len());
    }
    let answer = match wait {
        None => publish(&ingress, sorted, claims).await.map(BatchAnswer::accepted),
        Some(wait) => wait.publish(&ingress, sorted, claims, &place, room).await,
    };
    Ok((more_after, answer?).into_response())
}

impl BatchAnswer {
    fn accepted(self) -> Response {
        let status = if self.accepted == 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::ACCEPTED };
        (status, Json(self)).into_response()
    }
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
    /// Where a client waits: the jobs, and where the result of each stands among all.
    expected: Vec<(usize, JobId, Fingerprint)>,
    /// Why the first of the lines whose lane is behind was refused.
    late: Option<Problem>,
    /// The span of the request.
    traced: Option<TraceParent>,
}

#[derive(Default)]
struct LaneJobs {
    messages: Vec<Bytes>,
    places: Vec<Placed>,
}

/// A job of a lane.
#[derive(Debug, Clone, Copy)]
struct Placed {
    /// Where its result stands among all.
    result: usize,
    /// What it does.
    kind: Kind,
    /// Its id and body, if nothing had come under the id.
    claim: Option<(JobId, Fingerprint)>,
}

impl Sorted {
    fn new(lanes: usize, traced: Option<TraceParent>) -> Sorted {
        let lanes = std::iter::repeat_with(LaneJobs::default).take(lanes).collect();
        Sorted { results: Vec::new(), lanes, expected: Vec::new(), late: None, traced }
    }

    async fn sort(
        &mut self,
        (intake, behind): (Intake<'_>, &Behind),
        lines: &[Line<'_>],
        claims: &mut Claims<'_>,
        reply: bool,
    ) {
        let mut said = SaidBefore::default();
        self.results.reserve_exact(lines.len());
        for some in lines.chunks(LINES_PER_TURN) {
            for line in some {
                if let Some((id, body)) = self.take((intake, behind), *line, &mut said, reply) {
                    claims.add(id, body);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Notes that lines were refused, which the answer as a whole does not say: once, with the first of them.
    fn note_refused(&self, ingress: &Ingress, sender: &Who) {
        let mut refused = self.results.iter().filter_map(|result| match result {
            LineResult::Refused { error, .. } if error.is_by_grant() => Some(error),
            _ => None,
        });
        if let Some(first) = refused.next() {
            let lines = (1 + refused.count()).to_string();
            ingress.config.trail.note(
                "grant_refused",
                sender,
                &[("lines", &lines), ("first", first.detail())],
            );
        }
    }

    fn take(
        &mut self,
        (intake, behind): (Intake<'_>, &Behind),
        Line { number: line, json }: Line<'_>,
        said: &mut SaidBefore,
        reply: bool,
    ) -> Option<(JobId, Fingerprint)> {
        let mut claim = None;
        let read = small(json).and_then(|json| intake.line(line, json, said, reply));
        let on_time = |job| {
            let on_time = intake.on_time(job, behind);
            if let (Err(why), None) = (&on_time, &self.late) {
                self.late = Some(why.clone());
            }
            on_time
        };
        let result = read.and_then(on_time).and_then(|job| {
            let none = || Problem::new(ProblemType::Internal, format!("the fleet has no {}", job.lane));
            let lane = self.lanes.get_mut(usize::from(job.lane.0)).ok_or_else(none)?;
            lane.messages.push(job.message);
            claim = job.is_new.then_some((job.id, job.fingerprint));
            lane.places.push(Placed { result: self.results.len(), kind: job.kind, claim });
            if reply {
                self.expected.push((self.results.len(), job.id, job.fingerprint));
            }
            // As the answer will have it unless the queue refuses the job.
            let came_before = job.came_before;
            Ok(LineResult::Accepted { line, id: job.id, status: Status::Queued, reason: None, came_before })
        });
        self.results.push(result.unwrap_or_else(|problem| LineResult::refused(line, problem)));
        claim
    }
}

/// A line, if it is no longer than a job on its own may be.
fn small(json: &[u8]) -> Result<&[u8], Problem> {
    let (bytes, bytes_max) = (json.len(), body::JOB.bytes_max);
    if bytes > bytes_max {
        let detail =
            format!("the line has {bytes} bytes, and {bytes_max} are the most of a job; send less in it");
        return Err(Problem::new(ProblemType::BodyTooLarge, detail));
    }
    Ok(json)
}

impl LineResult {
    fn refused(line: usize, problem: Problem) -> LineResult {
        observe::count_refused(&problem);
        LineResult::Refused { line, status: Refused::Refused, error: Box::new(problem) }
    }
}

/// Publishes what was not refused. `Err`: the queue took none of it.
async fn publish(
    ingress: &Ingress,
    Sorted { mut results, lanes, late, traced, .. }: Sorted,
    claims: Claims<'_>,
) -> Result<BatchAnswer, Problem> {
    let mut accepted = [0_usize; Kind::ALL.len()];
    let mut refused = Vec::new();
    for (job, outcome) in publish_lanes(ingress, lanes, traced).await {
        match outcome {
            Ok(_) => accepted[job.kind as usize] += 1,
            Err(error) => refused.push((job, error)),
        }
    }
    claims.keep();
    for (kind, jobs) in Kind::ALL.iter().copied().zip(accepted).filter(|(_, jobs)| *jobs > 0) {
        observe::count_accepted(kind, jobs as u64);
    }
    let accepted = accepted.iter().sum();
    ingress.admission.note(accepted as u64, refused.len() as u64);

    let mut first = late;
    for (job, error) in refused {
        if let Some(result) = results.get_mut(job.result)
            && let LineResult::Accepted { line, id, .. } = *result
        {
            if let Some((id, body)) = job.claim.filter(|_| error.is_definite()) {
                ingress.recent.release(id, body);
            }
            let problem = ingress.admission.refusal(id, &error);
            first.get_or_insert_with(|| problem.clone());
            *result = LineResult::refused(line, problem);
        }
    }
    let refused = results.len() - accepted;
    ingress.refused.fetch_add(refused as u64, Relaxed);
    match (accepted, first) {
        (0, Some(problem)) => Err(problem),
        _ => Ok(BatchAnswer { accepted, refused, results }),
    }
}

/// Publishes all lanes at once and each in order.
async fn publish_lanes(
    ingress: &Ingress,
    lanes: Vec<LaneJobs>,
    traced: Option<TraceParent>,
) -> impl Iterator<Item = (Placed, Result<Timestamp, PublishError>)> {
    let filled = (0..).map(Lane).zip(lanes).filter(|(_, jobs)| !jobs.messages.is_empty());
    let published = join_all(filled.map(async |(lane, LaneJobs { messages, places })| {
        let jobs = messages.into_iter().map(|message| ToQueue::requested(message, traced));
        let outcomes = ingress.parts.publisher.publish_each(lane, jobs).await;
        places.into_iter().zip(outcomes)
    }));
    published.await.into_iter().flatten()
}
