//! Ids that a job had before: what was submitted to an earlier release, or under an earlier id of its client, may come
//! again, and then has another id. It must not take effect twice.

use super::id::Sameness;
use super::job::{Action, Job};
use super::outcome::RecordedOutcome;

/// What tells whether a recorded job is the one that came again.
#[derive(Debug, Clone, PartialEq)]
pub struct FormerJob {
    /// Its reference, as it was recorded.
    pub reference: Option<String>,
    /// What it did.
    pub action: Action,
    /// What became of it.
    pub outcome: RecordedOutcome,
}

impl FormerJob {
    /// A job that is being recorded.
    pub fn of(job: &Job, outcome: RecordedOutcome) -> FormerJob {
        let reference = job.spec.reference.as_ref().map(ToString::to_string);
        FormerJob { reference, action: job.spec.action.clone(), outcome }
    }

    /// Whether `job` is this one, come again.
    pub fn is(&self, job: &Job, sameness: Sameness) -> bool {
        match sameness {
            Sameness::Always => true,
            Sameness::SameReference => self.has_reference_of(job),
            Sameness::SameMoney => self.moves_money_of(&job.spec.action),
        }
    }

    fn has_reference_of(&self, job: &Job) -> bool {
        let reference = job.spec.reference.as_ref().map(|reference| reference.as_str());
        match (self.reference.as_deref(), reference) {
            (None, None) => true,
            // An earlier release kept what now is trimmed and composed.
            (Some(recorded), Some(reference)) => {
                recorded == reference
                    || super::text::Reference::parse(recorded)
                        .ok()
                        .and_then(|recorded| recorded.canonical().ok())
                        .is_some_and(|recorded| recorded.as_str() == reference)
            }
            _ => false,
        }
    }

    /// A row that is read the other way round than before is the same row.
    fn moves_money_of(&self, action: &Action) -> bool {
        let one_sided = |action: &Action| match action {
            Action::Deposit { account, money } | Action::Withdrawal { account, money } => {
                Some((account.clone(), *money))
            }
            _ => None,
        };
        self.action == *action
            || one_sided(&self.action).is_some_and(|recorded| one_sided(action) == Some(recorded))
    }
}
