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
            let mut own: Vec<Entry> = Vec::new();
            // A job may stand in its batch more than once, and one of them alone was posted.
            if outcome.posts() {
                own.extend(std::iter::from_fn(|| entries.next_if(|entry| entry.job == job.id)));
            }
            applied.push(Applied { outcome, posted_at, entries: own });
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use domain::fingerprint::Fingerprint;
    use domain::id::JobId;
    use domain::job::{Action, Spec};
    use domain::lane::Lane;
    use domain::outcome::RecordedOutcome;
    use domain::text::Client;

    use super::*;

    #[test]
    fn entries_go_to_the_job_that_was_posted_and_to_no_twin_before_it() {
        let account: domain::account::AccountNumber = "a".parse().unwrap();
        let job = Job {
            id: JobId::from_chance(1, [0; 6]),
            client: Client::parse("tests").unwrap(),
            lane: Lane(0),
            ingress: "api-1".to_owned(),
            accepted_at: 1,
            fingerprint: Fingerprint::of("{}"),
            origin: None,
            former: Vec::new(),
            grant: None,
            body: "{}".to_owned(),
            spec: Spec::of(Action::FreezeAccount { account: account.clone() }),
        };
        let entry = Entry { account, seq: 1, job: job.id, amount: 5, balance_after: 5, posted_at: 7 };
        let outcomes = vec![
            Outcome::Duplicate(RecordedOutcome::Scheduled),
            Outcome::Revived(RecordedOutcome::Posted),
            Outcome::Duplicate(RecordedOutcome::Posted),
        ];
        let jobs = [job.clone(), job.clone(), job];
        let applied = Applied::of_batch(outcomes, vec![entry.clone()], &jobs, 7);
        let entries: Vec<_> = applied.into_iter().map(|applied| applied.entries).collect();
        assert_eq!(entries, [vec![], vec![entry], vec![]]);
    }
}
