//! The problems of the monitor (RFC 9457): what every refusal looks like.

use std::fmt::Display;

use axum::http::StatusCode;
use fleet::settings::Refusal;
use tellers_http::problem::Kind;
pub use tellers_http::problem::{FieldError, Problem};

use crate::control::Refused;

/// A problem of a kind that one place has.
pub(crate) fn of(
    uri: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: impl Display,
) -> Problem {
    Problem::new(Kind::new(uri, status, title), detail.to_string())
}

pub(crate) fn invalid_body(why: impl Display) -> Problem {
    let detail = format!("the body cannot be read: {why}; see docs/monitor-api.md for an example");
    of("/problems/invalid-body", StatusCode::UNPROCESSABLE_ENTITY, "Not what this endpoint takes", detail)
}

pub(crate) fn malformed_body(why: impl Display) -> Problem {
    let detail = format!("the body {why}; docs/monitor-api.md has an example");
    of("/problems/malformed-json", StatusCode::BAD_REQUEST, "Not JSON", detail)
}

pub(crate) fn not_found(path: &str) -> Problem {
    let path: String = path.chars().take(80).collect();
    let detail = format!("there is nothing at {path}; /api/openapi.json lists the paths");
    of("/problems/not-found", StatusCode::NOT_FOUND, "No such resource", detail)
}

pub(crate) fn method_not_allowed(path: &str, method: &str) -> Problem {
    let detail = format!("{path} does not take {method}; the header Allow says what it takes");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    of("/problems/method-not-allowed", status, "Method not allowed here", detail)
}

pub(crate) fn no_such_letter(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    let detail =
        format!("there is no dead letter {id}; GET /api/scalability/dead-letters lists the dead letters");
    of("/problems/dead-letter-not-found", StatusCode::NOT_FOUND, "No such dead letter", detail)
}

pub(crate) fn not_replayable(why: impl Display) -> Problem {
    let detail = format!("the dead letter stays where it is: {why}");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    of("/problems/not-replayable", status, "The dead letter cannot be replayed", detail)
}

pub(crate) fn more_letters(found: u64, matched: u64) -> Problem {
    let detail = format!(
        "`matched` is {matched}, and {found} dead letters are wanted now; nothing was done: preview them again, or add `until`"
    );
    of("/problems/more-dead-letters", StatusCode::CONFLICT, "There are more dead letters now", detail)
}

pub(crate) fn broke_off(why: impl Display) -> Problem {
    let detail =
        format!("it broke off ({why}); the log of the monitor says where, and the audit log what was done");
    of("/problems/internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of ours", detail)
}

pub(crate) fn no_chance(why: impl Display) -> Problem {
    let detail = format!("the machine gives no random numbers ({why}); try again");
    of("/problems/internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of ours", detail)
}

pub(crate) fn queue_unavailable(why: impl Display) -> Problem {
    let detail = format!("{why}; try again once the queue is there");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    of("/problems/queue-unavailable", status, "The queue did not answer", detail)
}
impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let detail = refused.to_string();
        match refused {
            Refused::Invalid(refusals) => {
                let field = |Refusal { field, value, remedy }: Refusal| FieldError {
                    field,
                    value: value.to_string().chars().take(80).collect(),
                    remedy,
                };
                let detail = format!("nothing was changed: {detail}");
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let mut problem = of("/problems/invalid-settings", status, "Not settings", detail);
                problem.errors = refusals.into_iter().map(field).collect();
                problem
            }
            Refused::Away(_) => of(
                "/problems/ledger-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The settings cannot be kept",
                detail,
            ),
            Refused::NoSuchVersion(_) => {
                of("/problems/version-not-found", StatusCode::NOT_FOUND, "No such version", detail)
            }
            Refused::NothingToUndo | Refused::UndoneAlready(_) => {
                of("/problems/nothing-to-undo", StatusCode::CONFLICT, "Nothing to undo", detail)
            }
        }
    }
}
