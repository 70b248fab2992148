//! Jobs that wait for their day against what is to be put on their lanes then.

use contract::message;

use super::pages::{JobOnPage, OnSchedule};
use crate::ledger::findings::Audit;
use domain::job::Spec;
use domain::outcome::RecordedOutcome;

/// Checks that a job waits if it says so, that it is its own self that waits, and that none was posted before its day.
pub(super) fn check(job: &JobOnPage, spec: &Spec, audit: &mut Audit) {
    let JobOnPage { record, account, on_schedule, .. } = job;
    let about = || format!("job {} of account {account}", record.id);
    let execute_at = spec.execute_at.map(|at| at.microseconds());
    match (record.outcome, on_schedule) {
        (RecordedOutcome::Scheduled, None) => {
            audit.find(|| format!("{}: it is scheduled, and nothing will put it on its lane", about()));
        }
        (RecordedOutcome::Scheduled, Some(OnSchedule { due_at, message })) => {
            if execute_at != Some(*due_at) {
                audit.find(|| format!("{}: it is not scheduled for the moment that its body says", about()));
            }
            let read = message::read(message, record.lane, &job.ingress, record.accepted_at);
            let is_own = read.is_ok_and(|read| {
                read.job.id == record.id
                    && read.job.client.as_str() == record.client
                    && read.job.body == record.body
            });
            if !is_own {
                audit.find(|| {
                    format!("{}: what is to be put on its lane is not the job that was submitted", about())
                });
            }
        }
        (_, Some(_)) => {
            audit.find(|| format!("{}: it has its outcome, and is still to be put on its lane", about()));
        }
        (RecordedOutcome::Posted, None) if execute_at.is_some_and(|at| record.posted_at < at) => {
            audit.find(|| format!("{}: it was posted before the moment that its body says", about()));
        }
        (_, None) => {}
    }
}
