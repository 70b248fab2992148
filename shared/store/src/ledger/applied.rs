//! What posting a batch did with one of its jobs.

use domain::entry::Entry;
use domain::job::Job;
use domain::outcome::Outcome;

/// An outcome, and what goes out with it to those who follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What became of the job.
    pub outcome: Outcome,
    /// When its batch was posted, in microseconds since the Unix epoch, by the database's clock. Of a job that had its
    /// outcome before, the batch that found this.
    pub posted_at: i64,
    /// The entries that this batch wrote for it, in the order of its legs.
    pub entries: Vec<Entry>,
}

impl Applied {
    /// The outcomes of a batch with the entries that it wrote, which stand in the order of its jobs.
    pub(crate) fn of_batch(
        outcomes: Vec<Outcome>,
        entries: Vec<Entry>,
        jobs: &[Job],
        posted_at: i64,
    ) -> Vec<Applied> {
        let mut entries = entries.into_iter().peekable();
        let mut applied = Vec::with_capacity(outcomes.len());
        for (job, outcome) in jobs.iter().zip(outcomes) {
            let mut own = Vec::new();
            // A job may stand in its batch twice; only the first of the two has entries, and takes all.
            while let Some(entry) = entries.next_if(|entry| entry.job == job.id) {
                own.push(entry);
            }
            applied.push(Applied { outcome, posted_at, entries: own });
        }
        applied
    }
}
