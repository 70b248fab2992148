//! A batch whose client waits for the outcomes of all its lines.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use domain::outcome::RecordedOutcome;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::{BatchAnswer, LineResult, Refused, Sorted, publish};
use crate::admission::{Place, Room};
use crate::context::Ingress;
use crate::identity::Claims;
use crate::observe::Waited;
use crate::problem::{self, Problem};
use crate::routes::jobs::document::Status;
use crate::wait::Reported;

/// A wait that there is room for.
pub(super) struct Wait {
    wait: Duration,
    _jobs: OwnedSemaphorePermit,
}

impl Wait {
    /// `None`: as many jobs are waited for as there may be, so the batch is to be answered at once.
    pub(super) fn new(ingress: &Ingress, wait: Duration, jobs: usize) -> Option<Wait> {
        Some(Wait { wait, _jobs: ingress.admission.wait_for_jobs(jobs)? })
    }

    /// Publishes a batch and waits for its outcomes. `room` is that of its body, which nobody needs while it waits.
    pub(super) async fn publish(
        self,
        ingress: &Ingress,
        mut sorted: Sorted,
        claims: Claims<'_>,
        place: &Place,
        room: Room,
    ) -> Result<Response, Problem> {
        let until = Instant::now() + self.wait;
        let expected = std::mem::take(&mut sorted.expected);
        // Before anything is published: answers may come before the confirmation.
        let mut ticket =
            ingress.replies.expect_all(expected.iter().map(|(_, id, fingerprint)| (*id, *fingerprint)));
        let mut answer = publish(ingress, sorted, claims).await?;
        drop(room);
        if answer.accepted == 0 || !place.wait(&ingress.admission) {
            return Ok(answer.accepted());
        }
        for (job, (line, ..)) in expected.iter().enumerate() {
            if !matches!(answer.results.get(*line), Some(LineResult::Accepted { .. })) {
                ticket.leave(job);
            }
        }
        let all_known = ticket.all_known(&*ingress.parts.ledger, &ingress.shutdown, until).await;
        for ((line, ..), known) in expected.iter().zip(ticket.known()) {
            if let Some(known) = known {
                answer.learn(*line, known);
            }
        }
        let status = match (answer.accepted, all_known) {
            (0, _) => StatusCode::UNPROCESSABLE_ENTITY,
            (_, true) => StatusCode::OK,
            (_, false) => StatusCode::ACCEPTED,
        };
        let applied = AppendHeaders([("preference-applied", format!("wait={}", self.wait.as_secs()))]);
        Ok((status, Extension(Waited), applied, Json(answer)).into_response())
    }
}

impl BatchAnswer {
    /// Tells what became of the line at this place.
    fn learn(&mut self, place: usize, reported: Reported) {
        let Some(result) = self.results.get_mut(place) else { return };
        let LineResult::Accepted { line, id, status, reason, .. } = result else { return };
        match reported {
            Reported::Outcome(RecordedOutcome::Posted) => *status = Status::Posted,
            Reported::Outcome(RecordedOutcome::Rejected(why)) => {
                (*status, *reason) = (Status::Rejected, Some(why))
            }
            Reported::Outcome(RecordedOutcome::Dead) => *status = Status::Dead,
            Reported::Outcome(RecordedOutcome::Cancelled) => *status = Status::Cancelled,
            Reported::Outcome(RecordedOutcome::Scheduled) => *status = Status::Scheduled,
            Reported::Conflict => {
                let error = Box::new(problem::conflict(*id, "the key or reference", "one of its own"));
                *result = LineResult::Refused { line: *line, status: Refused::Refused, error };
                self.accepted -= 1;
                self.refused += 1;
            }
        }
    }
}
