//! A load test as it is stored and reported.

use jiff::Timestamp;
use load_test::progress::ProgressView;
use load_test::{Plan, Report};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A running load test is reported this often; one without a report for three times as long was broken off.
pub(crate) const TOLD_SECONDS: i64 = 2;

/// A load test, running or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTest)]
pub struct Run {
    /// The load test's number; a later load test has a higher one.
    #[serde(default)]
    pub id: u64,
    /// The state of the load test.
    pub state: State,
    /// The plan of the load test.
    pub plan: Plan,
    /// When the load test was asked for (RFC 3339, UTC).
    pub requested_at: Timestamp,
    /// When the monitor wrote this (RFC 3339, UTC).
    #[serde(alias = "told_at")] // Until release 0.1.
    pub reported_at: Timestamp,
    /// When the load test ended (RFC 3339, UTC); `null`: it is running.
    pub ended_at: Option<Timestamp>,
    /// The id of the monitor that runs the load test.
    pub monitor: String,
    /// The progress of the load test while it runs.
    pub progress: Option<ProgressView>,
    /// Why there is no result, and what to do.
    pub reason: Option<String>,
    /// The result, once the load test is done.
    pub result: Option<Report>,
}

/// The state of a load test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestState)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Running,
    /// It has its result, passed or failed.
    Done,
    /// It could not begin.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The monitor ended meanwhile.
    BrokenOff,
}

/// A load test in a line.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = LoadTestSummary)]
pub struct Summary {
    /// The load test's number.
    pub id: u64,
    /// The state of the load test.
    pub state: State,
    /// The plan of the load test.
    pub plan: Plan,
    /// When the load test was asked for (RFC 3339, UTC).
    pub requested_at: Timestamp,
    /// When the load test ended (RFC 3339, UTC); `null`: it is running.
    pub ended_at: Option<Timestamp>,
    /// Whether the load test passed; `null`: there is no verdict.
    pub passed: Option<bool>,
    /// The verdict, or why there is none, in a sentence.
    pub sentence: Option<String>,
}

/// The load tests that are kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadTestsPage)]
pub struct Summaries {
    /// The load tests, the newest first.
    pub load_tests: Vec<Summary>,
}

impl Run {
    pub(crate) fn requested(id: u64, plan: Plan, monitor: String) -> Run {
        let now = Timestamp::now();
        Run {
            id,
            state: State::Running,
            plan,
            requested_at: now,
            reported_at: now,
            ended_at: None,
            monitor,
            progress: None,
            reason: None,
            result: None,
        }
    }

    /// As it was kept. What runs no more and has no end was broken off.
    pub(crate) fn kept(id: u64, body: &str, this_monitor: &str) -> Option<Run> {
        let mut run: Run = serde_json::from_str(body).ok()?;
        run.id = id;
        if run.state == State::Running && !run.runs_elsewhere(this_monitor) {
            run.state = State::BrokenOff;
            run.progress = None;
            run.reason = Some(
                "the monitor that ran the load test ended meanwhile; start the load test again".to_owned(),
            );
        }
        Some(run)
    }

    /// Another monitor reported it just now. A monitor knows its own load tests without a report.
    pub(crate) fn runs_elsewhere(&self, this_monitor: &str) -> bool {
        let silent_seconds = Timestamp::now().as_second() - self.reported_at.as_second();
        self.state == State::Running && self.monitor != this_monitor && silent_seconds < 3 * TOLD_SECONDS
    }
}

impl From<Run> for Summary {
    fn from(run: Run) -> Summary {
        let verdict = run.result.map(|result| result.verdict);
        Summary {
            id: run.id,
            state: run.state,
            plan: run.plan,
            requested_at: run.requested_at,
            ended_at: run.ended_at,
            passed: verdict.as_ref().map(|verdict| verdict.passed),
            sentence: verdict.map(|verdict| verdict.sentence).or(run.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use load_test::Request;

    use super::*;

    #[test]
    fn what_no_monitor_runs_any_more_was_broken_off() {
        let plan = Plan::of(&Request::default()).unwrap();
        let mut run = Run::requested(0, plan, "monitor-1".to_owned());
        let kept = |run: &Run, monitor| Run::kept(7, &serde_json::to_string(run).unwrap(), monitor).unwrap();
        assert_eq!(kept(&run, "monitor-2").state, State::Running, "told just now");
        assert_eq!(kept(&run, "monitor-1").state, State::BrokenOff, "it would know");
        run.reported_at = Timestamp::from_second(run.reported_at.as_second() - 60).unwrap();
        let broken_off = kept(&run, "monitor-2");
        assert_eq!((broken_off.id, broken_off.state), (7, State::BrokenOff));
        assert!(broken_off.reason.is_some());
        run.state = State::Cancelled;
        assert_eq!(kept(&run, "monitor-2").state, State::Cancelled);
    }
}
