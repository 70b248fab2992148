//! Looking through the jobs that wait for their day.

use super::JobFilter;
use crate::ledger::record::JobRecord;

/// Which scheduled jobs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Whose, what they do, and what they touch. Times, outcomes and imports are not looked at.
    pub jobs: JobFilter,
    /// They are due at this moment or later, in microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// They are due before this moment, in microseconds since the Unix epoch.
    pub to: Option<i64>,
}

/// Scheduled jobs, the next one first, and where the later ones are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchedulesPage {
    /// Those that were found, each with when it is due, in microseconds since the Unix epoch.
    pub jobs: Vec<(i64, JobRecord)>,
    /// Where to go on; `None`: there are no others.
    pub next: Option<SchedulePlace>,
}

/// A place among the scheduled jobs, in the order in which they are due: jobs behind it follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulePlace {
    /// When the job there is due, in microseconds since the Unix epoch.
    pub due_at: i64,
    /// Its number in the order of recording.
    pub seq: i64,
}
