//! The problems of the monitor (RFC 9457): what every refusal looks like.

use std::fmt::Display;

use axum::http::StatusCode;
use fleet::settings::Refusal;
pub(crate) use tellers_http::problem::{BODY_TOO_LARGE, INCOMPLETE_BODY, UNSUPPORTED_MEDIA_TYPE};
pub use tellers_http::problem::{FieldError, Problem};
use tellers_http::problem::{
    INTERNAL, INVALID_PARAMETER, KEYS_UNAVAILABLE, Kind, MALFORMED_JSON, UNAUTHORIZED,
};

use crate::control::Refused;

macro_rules! kinds {
    ($($name:ident: $status:ident, $uri:literal, $title:literal;)*) => {
        $(pub(crate) const $name: Kind = Kind::new($uri, StatusCode::$status, $title);)*

        /// Every kind that is only the monitor's.
        #[cfg(test)]
        const KINDS: &[Kind] = &[$($name),*];
    };
}

kinds! {
    INVALID_BODY: UNPROCESSABLE_ENTITY, "/problems/invalid-body", "Not what this endpoint takes";
    NOT_FOUND: NOT_FOUND, "/problems/not-found", "No such resource";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed here";
    LANE_NOT_FOUND: NOT_FOUND, "/problems/lane-not-found", "No such lane";
    LETTER_NOT_FOUND: NOT_FOUND, "/problems/dead-letter-not-found", "No such dead letter";
    NOT_REPLAYABLE: UNPROCESSABLE_ENTITY, "/problems/not-replayable", "The dead letter cannot be replayed";
    MORE_LETTERS: CONFLICT, "/problems/more-dead-letters", "There are more dead letters now";
    QUEUE_UNAVAILABLE: SERVICE_UNAVAILABLE, "/problems/queue-unavailable", "The queue did not answer";
    INVALID_SETTINGS: UNPROCESSABLE_ENTITY, "/problems/invalid-settings", "Not settings";
    SETTINGS_UNAVAILABLE: SERVICE_UNAVAILABLE, "/problems/ledger-unavailable", "The settings cannot be kept";
    VERSION_NOT_FOUND: NOT_FOUND, "/problems/version-not-found", "No such version";
    NOTHING_TO_UNDO: CONFLICT, "/problems/nothing-to-undo", "Nothing to undo";
    INVALID_LOAD_TEST: UNPROCESSABLE_ENTITY, "/problems/invalid-load-test", "Not a load test";
    LOAD_TEST_NOT_FOUND: NOT_FOUND, "/problems/load-test-not-found", "No such load test";
    LOAD_TEST_WITHOUT_RESULT: CONFLICT, "/problems/load-test-without-result", "The load test has no result";
    LOAD_TEST_OVER: CONFLICT, "/problems/load-test-over", "It is over";
    LOAD_TEST_RUNNING: CONFLICT, "/problems/load-test-running", "A load test is running";
    NO_INGRESS: SERVICE_UNAVAILABLE, "/problems/no-ingress", "No ingress is known";
    INGRESS_UNAVAILABLE: SERVICE_UNAVAILABLE, "/problems/ingress-unavailable", "No ingress answered";
    RATE_LIMITED: TOO_MANY_REQUESTS, "/problems/rate-limited", "Too many requests from one client";
    OVERLOADED: SERVICE_UNAVAILABLE, "/problems/overloaded", "Too many requests at once";
    LEDGER_UNAVAILABLE: SERVICE_UNAVAILABLE, "/problems/ledger-unavailable", "The ledger is away";
}

/// Where a body of JSON is read.
const BODY: &[Kind] =
    &[MALFORMED_JSON, INCOMPLETE_BODY, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_BODY];
/// Where settings are changed.
const SETTINGS: &[Kind] = &[INVALID_SETTINGS, VERSION_NOT_FOUND, NOTHING_TO_UNDO, SETTINGS_UNAVAILABLE];

/// The problems that an operation may answer with, by its id, beside those of keys and faults of ours, which any may.
/// A test asks for every operation.
pub(crate) fn of_operation(operation: &str) -> Vec<Kind> {
    let groups: &[&[Kind]] = match operation {
        "change_settings" => &[BODY, SETTINGS],
        "undo_settings" => &[BODY, &[VERSION_NOT_FOUND, NOTHING_TO_UNDO, SETTINGS_UNAVAILABLE]],
        "optimize_fleet" => &[BODY, &[INVALID_SETTINGS, NOTHING_TO_UNDO, SETTINGS_UNAVAILABLE]],
        "pause_lane" => &[BODY, &[LANE_NOT_FOUND, SETTINGS_UNAVAILABLE]],
        "resume_lane" => &[&[LANE_NOT_FOUND, SETTINGS_UNAVAILABLE]],
        "show_history" => &[&[INVALID_PARAMETER]],
        "list_dead_letters" => &[&[INVALID_PARAMETER, QUEUE_UNAVAILABLE]],
        "show_dead_letter" => &[&[LETTER_NOT_FOUND, QUEUE_UNAVAILABLE]],
        "preview_dead_letters" => &[BODY, &[INVALID_PARAMETER, QUEUE_UNAVAILABLE]],
        "replay_dead_letters" | "discard_dead_letters" => &[BODY, &[MORE_LETTERS, QUEUE_UNAVAILABLE]],
        "replay_dead_letter" => &[&[LETTER_NOT_FOUND, NOT_REPLAYABLE, QUEUE_UNAVAILABLE]],
        "discard_dead_letter" => &[&[LETTER_NOT_FOUND, QUEUE_UNAVAILABLE]],
        "start_load_test" => &[BODY, &[INVALID_LOAD_TEST, LOAD_TEST_RUNNING, NO_INGRESS, LEDGER_UNAVAILABLE]],
        "list_load_tests" => &[&[INVALID_PARAMETER, LEDGER_UNAVAILABLE]],
        "show_load_test" => &[&[LOAD_TEST_NOT_FOUND, LEDGER_UNAVAILABLE]],
        "show_load_test_report" => &[&[LOAD_TEST_NOT_FOUND, LOAD_TEST_WITHOUT_RESULT, LEDGER_UNAVAILABLE]],
        "stop_load_test" => &[&[LOAD_TEST_NOT_FOUND, LOAD_TEST_OVER, LEDGER_UNAVAILABLE]],
        "begin_session" => &[BODY, &[UNAUTHORIZED, KEYS_UNAVAILABLE]],
        _ => &[],
    };
    groups.concat()
}

pub(crate) fn invalid_body(why: impl Display) -> Problem {
    let detail = format!("the body cannot be read: {why}; see docs/monitor-api.md for an example");
    Problem::new(INVALID_BODY, detail)
}

pub(crate) fn malformed_body(why: impl Display) -> Problem {
    Problem::new(MALFORMED_JSON, format!("the body {why}; docs/monitor-api.md has an example"))
}

pub(crate) fn not_found(path: &str) -> Problem {
    let path: String = path.chars().take(80).collect();
    Problem::new(NOT_FOUND, format!("there is nothing at {path}; /api/openapi.json lists the paths"))
}

pub(crate) fn method_not_allowed(path: &str, method: &str) -> Problem {
    let detail = format!("{path} does not take {method}; the header Allow says what it takes");
    Problem::new(METHOD_NOT_ALLOWED, detail)
}

pub(crate) fn no_such_lane(lane: &str, lanes: u16) -> Problem {
    let lane: String = lane.chars().take(80).collect();
    let last = lanes.saturating_sub(1);
    Problem::new(LANE_NOT_FOUND, format!("there is no lane {lane}; the lanes are 0 to {last}"))
}

pub(crate) fn no_such_letter(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    let detail =
        format!("there is no dead letter {id}; GET /api/scalability/dead-letters lists the dead letters");
    Problem::new(LETTER_NOT_FOUND, detail)
}

pub(crate) fn not_replayable(why: impl Display) -> Problem {
    Problem::new(NOT_REPLAYABLE, format!("the dead letter stays where it is: {why}"))
}

pub(crate) fn more_letters(found: u64, matched: u64) -> Problem {
    let detail = format!(
        "`matched` is {matched}, and {found} dead letters are wanted now; nothing was done: preview them again, or add `until`"
    );
    Problem::new(MORE_LETTERS, detail)
}

pub(crate) fn broke_off(why: impl Display) -> Problem {
    let detail =
        format!("it broke off ({why}); the log of the monitor says where, and the audit log what was done");
    Problem::new(INTERNAL, detail)
}

pub(crate) fn no_chance(why: impl Display) -> Problem {
    Problem::new(INTERNAL, format!("the machine gives no random numbers ({why}); try again"))
}

pub(crate) fn no_ingress() -> Problem {
    let detail = "the ingress answers this, and none reports where it is; start one with `tellers api`, or set API_URL";
    Problem::new(NO_INGRESS, detail)
}

pub(crate) fn no_ingress_for_keys() -> Problem {
    let detail = "the ingress answers this, and whoever reports to be one is at an address that no API key is sent to, since anybody \
         on the message bus could report it: set API_URL of the monitor to where the ingress is";
    Problem::new(NO_INGRESS, detail)
}

pub(crate) fn ingress_unavailable(tried: &str) -> Problem {
    let detail = format!(
        "the ingress answers this, and none can be reached from the monitor: {tried}; start one with `tellers api`, or set \
         API_URL to where it is"
    );
    Problem::new(INGRESS_UNAVAILABLE, detail)
}

pub(crate) fn busy(at_once: usize) -> Problem {
    let detail =
        format!("the monitor passes on {at_once} requests at once, and as many are under way; send it again");
    Problem::new(OVERLOADED, detail)
}

pub(crate) fn over_share(at_once: usize) -> Problem {
    let detail = format!(
        "the monitor passes on {at_once} requests of one client at once, and as many are under way; send it again when one is done"
    );
    Problem::new(RATE_LIMITED, detail)
}

pub(crate) fn queue_unavailable(why: impl Display) -> Problem {
    Problem::new(QUEUE_UNAVAILABLE, format!("{why}; try again once the queue is there"))
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
                let mut problem = Problem::new(INVALID_SETTINGS, format!("nothing was changed: {detail}"));
                problem.errors = refusals.into_iter().map(field).collect();
                problem
            }
            Refused::Away(_) => Problem::new(SETTINGS_UNAVAILABLE, detail),
            Refused::NoSuchVersion(_) => Problem::new(VERSION_NOT_FOUND, detail),
            Refused::NothingToUndo | Refused::UndoneAlready(_) | Refused::OfALane(_) => {
                Problem::new(NOTHING_TO_UNDO, detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tellers_http::problem::pages::explains;

    use super::*;

    #[test]
    fn every_problem_leads_to_a_page() {
        for kind in KINDS {
            assert!(explains(*kind), "{kind:?} has no page");
        }
    }
}
