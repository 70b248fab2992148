//! How long the phases of an attempt take.

use std::time::Instant;

use metrics::histogram;
use runtime::telemetry::names;

/// Times the phases of an attempt, one after the other.
pub(super) struct Phases(Instant);

impl Phases {
    pub(super) fn start() -> Phases {
        Phases(Instant::now())
    }

    /// This one is over, and the next begins.
    pub(super) fn ended(&mut self, phase: &'static str) {
        let began = std::mem::replace(&mut self.0, Instant::now());
        histogram!(names::POSTING_PHASE_SECONDS, names::PHASE => phase).record(self.0 - began);
    }
}
