//! What a batch writes about the rows of imports. A row that has its outcome keeps it, so that every count is
//! exact however often a batch comes; only a dead one may come to another, by a replay, and a scheduled one, on its day.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::fold::Folded;
use domain::id::JobId;
use domain::job::{Job, Origin};
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};

use crate::imports::RowOutcome;

/// What is written about the rows of imports; nothing where no job comes from one.
#[derive(Debug, Default)]
pub struct Imported<'a> {
    /// Rows that had no outcome.
    pub new_rows: Vec<NewRow<'a>>,
    /// Rows that were dead or scheduled and are not any more.
    pub revived: Vec<NewRow<'a>>,
    /// What that adds to the totals of each import and lane, by [`RowOutcome::ALL`].
    pub tallies: BTreeMap<(u64, Lane), [i64; RowOutcome::ALL.len()]>,
}

/// The outcome of one row.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// The row.
    pub origin: Origin,
    /// Its job.
    pub job: &'a JobId,
    /// What became of it.
    pub outcome: RowOutcome,
    /// As [`ImportedRow::reason`](crate::imports::ImportedRow::reason).
    pub reason: Option<&'static str>,
}

impl Imported<'_> {
    /// Nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.new_rows.is_empty() && self.revived.is_empty()
    }

    fn add(&mut self, origin: Origin, lane: Lane, outcome: RowOutcome, rows: i64) {
        let tally = self.tallies.entry((origin.import, lane)).or_default();
        tally[outcome as usize] += rows;
    }
}

/// Compares what became of the jobs with what is known of their rows.
pub(crate) fn imported<'a>(
    jobs: &'a [Job],
    folded: &Folded,
    known: &HashMap<Origin, RowOutcome>,
) -> Imported<'a> {
    let mut imported = Imported::default();
    let mut seen = HashSet::new();
    for (job, outcome) in jobs.iter().zip(&folded.outcomes) {
        let is_again = matches!(outcome, Outcome::Duplicate(_) | Outcome::Conflict(_));
        let is_executed = folded.executed.contains(&job.id) && !is_again;
        // What goes on waiting keeps its place for the one that is executed.
        let goes_on = |origin: &Origin| !is_executed && known.get(origin) == Some(&RowOutcome::Scheduled);
        // A redelivered envelope and its twin may share a batch.
        let origin = job.origin.filter(|origin| !goes_on(origin) && seen.insert(*origin));
        let Some(origin) = origin else { continue };
        // For a job that came before, to an earlier release, the outcome there counts.
        let recorded = folded.known.get(&job.id).copied().unwrap_or(outcome.recorded());
        let is_first = matches!(outcome, Outcome::Cancelled | Outcome::Scheduled);
        let reason = if is_first { None } else { reason(recorded) };
        let row = NewRow { origin, job: &job.id, outcome: row_outcome(*outcome), reason };
        match known.get(&origin) {
            None => imported.new_rows.push(row),
            Some(RowOutcome::Dead) if has_new_outcome(row.outcome) => {
                imported.revived.push(row);
                imported.add(origin, job.lane, RowOutcome::Dead, -1);
            }
            Some(RowOutcome::Scheduled) => {
                imported.revived.push(row);
                imported.add(origin, job.lane, RowOutcome::Scheduled, -1);
            }
            Some(_) => continue,
        }
        imported.add(origin, job.lane, row.outcome, 1);
    }
    imported
}

fn has_new_outcome(row: RowOutcome) -> bool {
    matches!(row, RowOutcome::Posted | RowOutcome::Rejected | RowOutcome::Cancelled | RowOutcome::Scheduled)
}

fn row_outcome(outcome: Outcome) -> RowOutcome {
    match outcome {
        Outcome::Posted | Outcome::Revived(RecordedOutcome::Posted) => RowOutcome::Posted,
        Outcome::Rejected(Rejection::KnownByFormerId) => RowOutcome::Duplicate,
        Outcome::Rejected(_) | Outcome::Revived(_) => RowOutcome::Rejected,
        Outcome::Cancelled => RowOutcome::Cancelled,
        Outcome::Scheduled => RowOutcome::Scheduled,
        Outcome::Duplicate(_) => RowOutcome::Duplicate,
        Outcome::Conflict(_) => RowOutcome::Conflict,
    }
}

fn reason(outcome: RecordedOutcome) -> Option<&'static str> {
    match outcome {
        RecordedOutcome::Posted => None,
        RecordedOutcome::Rejected(reason) => Some(reason.name()),
        RecordedOutcome::Dead => Some("dead"),
        RecordedOutcome::Cancelled => Some("cancelled"),
        RecordedOutcome::Scheduled => Some("scheduled"),
    }
}
