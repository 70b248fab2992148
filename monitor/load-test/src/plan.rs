//! What a load test is to do: a request with its gaps filled and its bounds checked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Users at once; each has a connection.
pub const USERS_MAX: u32 = 2_000;
/// Requests in all: what is kept of each is 24 bytes.
pub const REQUESTS_MAX: u32 = 1_000_000;
/// Requests a second of an open loop.
pub const RATE_MAX: u32 = 50_000;
/// The longest load.
pub const SECONDS_MAX: u32 = 30 * 60;
/// Accounts that the transfers go between.
pub const ACCOUNTS_MAX: u32 = 1_000;
/// The longest wait for outcomes once the load has ended.
pub const OUTCOME_SECONDS_MAX: u32 = 600;
/// The longest that the answer to the request is held back for the result.
pub const WAIT_SECONDS_MAX: u32 = 60;
/// The longest time between a user's requests.
pub const PACE_SECONDS_MAX: f64 = 60.0;

/// Of the load that is the measure in `validate`, and of the load that is judged: ten times as many users.
pub const BASELINE_USERS: u32 = 10;
/// See [`BASELINE_USERS`].
pub const LOADED_USERS: u32 = 100;
const VALIDATE_REQUESTS_PER_USER: u32 = 20;
/// Each of them sends a request every 200 ms. Without a pace, ten users would offer as much as the fleet can
/// take, and a hundred no more: only users with a pace of their own make ten times the load.
const VALIDATE_PACE: Duration = Duration::from_millis(200);

/// The plan that is asked for. Every member may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = LoadTestRequest, example = json!({"concurrent_users": 20, "requests_per_user": 5}))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The way the load is made; `closed` by default.
    pub mode: Option<Mode>,
    /// Of `closed` and `sustained`: concurrent users, each of which sends its next request when the one
    /// before is answered; 1 to 2,000; 20 by default.
    pub concurrent_users: Option<u32>,
    /// Of `closed`: requests of each user; 5 by default.
    pub requests_per_user: Option<u32>,
    /// Of `closed` and `sustained`: a user sends at most one request in so many seconds; 0 to 60; 0 by
    /// default.
    pub pace_seconds: Option<f64>,
    /// Of `open`: requests per second, whatever becomes of earlier requests; 1 to 50,000; 100 by default.
    pub rate: Option<u32>,
    /// Of `open`: seconds of load, 1 to 1,800; 10 by default.
    pub duration_seconds: Option<u32>,
    /// Of `sustained`: minutes of load, fractions allowed, up to 30; 1 by default.
    pub minutes: Option<f64>,
    /// Accounts that the transfers go between: 2 to 1,000; by default twice the users and at least 100.
    pub accounts: Option<u32>,
    /// Seconds after the load within which every accepted job must have its outcome: 1 to 600; 60 by default.
    pub outcome_seconds: Option<u32>,
    /// Seconds for which the answer waits for the result: 0 to 60; 20 by default.
    pub wait_seconds: Option<u32>,
}

/// The way the load is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestMode)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Users who each send a number of requests, one after the other.
    Closed,
    /// Requests at a steady rate; the latency of a request counts from the time at which it was due.
    Open,
    /// Users who send requests for a time.
    Sustained,
    /// 10 users with 20 requests each, then 100 with 20 each, at the same pace; the second is judged by the
    /// first.
    Validate,
}

/// A load test with every member filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestPlan)]
pub struct Plan {
    /// The way the load is made.
    #[serde(flatten)]
    pub load: Load,
    /// Number of accounts that the transfers go between.
    pub accounts: u32,
    /// Seconds after the load within which every accepted job must have its outcome.
    pub outcome_seconds: u32,
}

/// The way the load is made, with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestLoad)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Load {
    /// Users who each send a number of requests, one after the other.
    Closed {
        /// Number of concurrent users.
        concurrent_users: u32,
        /// Number of requests of each user.
        requests_per_user: u32,
        /// A user sends at most one request in so many seconds.
        pace_seconds: f64,
    },
    /// Requests at a steady rate.
    Open {
        /// Requests per second.
        rate: u32,
        /// Seconds of load.
        duration_seconds: u32,
    },
    /// Users who send requests for a time.
    Sustained {
        /// Number of concurrent users.
        concurrent_users: u32,
        /// Minutes of load.
        minutes: f64,
        /// A user sends at most one request in so many seconds.
        pace_seconds: f64,
    },
    /// A baseline, then ten times as many users.
    Validate,
}

/// A stretch of load that is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
}

/// How the requests of a phase come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Users { users: u32, pace: Duration, until: Until },
    Rate { per_second: u32, span: Duration },
}

/// When a user has done enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Until {
    Requests(u32),
    Elapsed(Duration),
}

/// A field of a request that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} {remedy}")]
pub struct Invalid {
    /// Its name.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
    /// What should stand there.
    pub remedy: String,
}

impl Plan {
    /// Fills the gaps of a request and checks its bounds.
    ///
    /// # Errors
    /// A field is out of its bounds, or is none of the mode's; says which, and what to do.
    pub fn of(request: &Request) -> Result<Plan, Invalid> {
        let mode = request.mode.unwrap_or(Mode::Closed);
        refuse_fields_of_other_modes(request, mode)?;
        let users = whole("concurrent_users", request.concurrent_users, 20, 1..=USERS_MAX)?;
        let pace_seconds = request.pace_seconds.unwrap_or(0.0);
        if !(0.0..=PACE_SECONDS_MAX).contains(&pace_seconds) {
            return Err(invalid("pace_seconds", pace_seconds, "must be from 0 to 60 seconds"));
        }
        let load = match mode {
            Mode::Closed => {
                let most = REQUESTS_MAX / users;
                let requests_per_user = whole("requests_per_user", request.requests_per_user, 5, 1..=most)?;
                Load::Closed { concurrent_users: users, requests_per_user, pace_seconds }
            }
            Mode::Open => {
                let rate = whole("rate", request.rate, 100, 1..=RATE_MAX)?;
                let most = SECONDS_MAX.min(REQUESTS_MAX / rate);
                let duration_seconds = whole("duration_seconds", request.duration_seconds, 10, 1..=most)?;
                Load::Open { rate, duration_seconds }
            }
            Mode::Sustained => {
                let minutes = request.minutes.unwrap_or(1.0);
                let most = f64::from(SECONDS_MAX / 60);
                if !(minutes > 0.0 && minutes <= most) {
                    return Err(invalid(
                        "minutes",
                        minutes,
                        format!("must be more than 0 and at most {most}"),
                    ));
                }
                Load::Sustained { concurrent_users: users, minutes, pace_seconds }
            }
            Mode::Validate => Load::Validate,
        };
        let accounts_default = match mode {
            Mode::Open | Mode::Validate => 2 * LOADED_USERS,
            Mode::Closed | Mode::Sustained => (2 * users).clamp(100, ACCOUNTS_MAX),
        };
        let accounts = whole("accounts", request.accounts, accounts_default, 2..=ACCOUNTS_MAX)?;
        let outcome_seconds = whole("outcome_seconds", request.outcome_seconds, 60, 1..=OUTCOME_SECONDS_MAX)?;
        Ok(Plan { load, accounts, outcome_seconds })
    }

    /// The stretches of load, in order; the last is judged.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        let users = |users, pace_seconds: f64, until| {
            let pace = Duration::try_from_secs_f64(pace_seconds).unwrap_or_default();
            Shape::Users { users, pace, until }
        };
        let load = |shape| vec![Phase { name: "load", shape }];
        match self.load {
            Load::Closed { concurrent_users, requests_per_user, pace_seconds } => {
                load(users(concurrent_users, pace_seconds, Until::Requests(requests_per_user)))
            }
            Load::Open { rate, duration_seconds } => {
                load(Shape::Rate { per_second: rate, span: Duration::from_secs(u64::from(duration_seconds)) })
            }
            Load::Sustained { concurrent_users, minutes, pace_seconds } => {
                let span = Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default();
                load(users(concurrent_users, pace_seconds, Until::Elapsed(span)))
            }
            Load::Validate => [("baseline", BASELINE_USERS), ("load", LOADED_USERS)]
                .map(|(name, users)| Phase {
                    name,
                    shape: Shape::Users {
                        users,
                        pace: VALIDATE_PACE,
                        until: Until::Requests(VALIDATE_REQUESTS_PER_USER),
                    },
                })
                .to_vec(),
        }
    }
}

impl Request {
    /// How long the answer is held back for the result.
    ///
    /// # Errors
    /// It is longer than may be.
    pub fn wait(&self, default: Duration) -> Result<Duration, Invalid> {
        let Some(seconds) = self.wait_seconds else { return Ok(default) };
        let seconds = whole("wait_seconds", Some(seconds), 0, 0..=WAIT_SECONDS_MAX)?;
        Ok(Duration::from_secs(u64::from(seconds)))
    }
}

/// What would be passed over in silence is refused: whoever wrote it expects something of it.
fn refuse_fields_of_other_modes(request: &Request, mode: Mode) -> Result<(), Invalid> {
    use Mode::{Closed, Open, Sustained};
    let given: [(&'static str, bool, &[Mode]); 6] = [
        ("concurrent_users", request.concurrent_users.is_some(), &[Closed, Sustained]),
        ("requests_per_user", request.requests_per_user.is_some(), &[Closed]),
        ("pace_seconds", request.pace_seconds.is_some(), &[Closed, Sustained]),
        ("rate", request.rate.is_some(), &[Open]),
        ("duration_seconds", request.duration_seconds.is_some(), &[Open]),
        ("minutes", request.minutes.is_some(), &[Sustained]),
    ];
    match given.into_iter().find(|(_, given, modes)| *given && !modes.contains(&mode)) {
        Some((field, _, modes)) => {
            let remedy =
                format!("is not used by the mode {mode:?} but by {modes:?}; leave it out, or set `mode`");
            Err(invalid(field, "what it says", remedy.to_lowercase()))
        }
        None => Ok(()),
    }
}

fn whole(
    field: &'static str,
    given: Option<u32>,
    default: u32,
    bounds: std::ops::RangeInclusive<u32>,
) -> Result<u32, Invalid> {
    match given {
        Some(value) if !bounds.contains(&value) => {
            Err(invalid(field, value, format!("must be from {} to {}", bounds.start(), bounds.end())))
        }
        // Where other fields leave room for less than the usual.
        None => Ok(default.clamp(*bounds.start(), *bounds.end())),
        Some(value) => Ok(value),
    }
}

fn invalid(field: &'static str, value: impl ToString, remedy: impl Into<String>) -> Invalid {
    Invalid { field, value: value.to_string(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(request: serde_json::Value) -> Result<Plan, Invalid> {
        Plan::of(&serde_json::from_value(request).unwrap())
    }

    #[test]
    fn the_original_call_is_a_closed_loop() {
        let load = plan(json!({"concurrent_users": 20, "requests_per_user": 5})).unwrap().load;
        let expected = Load::Closed { concurrent_users: 20, requests_per_user: 5, pace_seconds: 0.0 };
        assert_eq!(load, expected);
        assert_eq!(plan(json!({})).unwrap().load, expected, "it is what nothing means");
    }

    #[test]
    fn validate_offers_ten_times_the_baseline_at_the_same_pace() {
        let phases = plan(json!({"mode": "validate"})).unwrap().phases();
        let [
            Phase {
                name: "baseline",
                shape: Shape::Users { users: few, pace: slow, until: Until::Requests(20) },
            },
            Phase { name: "load", shape: Shape::Users { users: many, pace, until: Until::Requests(20) } },
        ] = phases.as_slice()
        else {
            panic!("{phases:?}")
        };
        assert_eq!((*many, pace), (10 * few, slow));
    }

    #[test]
    fn what_is_out_of_bounds_is_named_with_its_remedy() {
        for (field, request) in [
            ("concurrent_users", json!({"concurrent_users": 0})),
            ("concurrent_users", json!({"concurrent_users": 2_001})),
            ("requests_per_user", json!({"concurrent_users": 2_000, "requests_per_user": 501})),
            ("duration_seconds", json!({"mode": "open", "rate": 1, "duration_seconds": 1_801})),
            ("duration_seconds", json!({"mode": "open", "rate": 50_000, "duration_seconds": 21})),
            ("minutes", json!({"mode": "sustained", "minutes": 0.0})),
            ("minutes", json!({"mode": "sustained", "minutes": 30.1})),
            ("pace_seconds", json!({"pace_seconds": -0.1})),
            ("accounts", json!({"accounts": 1})),
            ("outcome_seconds", json!({"outcome_seconds": 0})),
        ] {
            let invalid = plan(request.clone()).expect_err(&request.to_string());
            assert_eq!(invalid.field, field);
            assert!(invalid.remedy.starts_with("must be"), "{invalid}");
        }
        assert_eq!(
            plan(json!({"mode": "open", "rate": 1, "duration_seconds": 1_800})).unwrap().phases().len(),
            1
        );
    }

    #[test]
    fn a_field_of_another_mode_is_refused() {
        for (field, request) in [
            ("rate", json!({"rate": 5})),
            ("minutes", json!({"mode": "closed", "minutes": 1})),
            ("requests_per_user", json!({"mode": "sustained", "requests_per_user": 1})),
            ("concurrent_users", json!({"mode": "validate", "concurrent_users": 5})),
        ] {
            assert_eq!(plan(request).unwrap_err().field, field);
        }
        assert!(
            serde_json::from_value::<Request>(json!({"users": 5})).is_err(),
            "unknown fields are refused"
        );
    }
}
