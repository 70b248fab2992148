//! What recorded jobs moved: their bodies, and whatever those refer to.

use std::collections::HashMap;

use contract::submission;
use domain::fold::{Legs, legs, opposite};
use domain::id::JobId;
use domain::job::{Action, Spec};
use domain::lane::Lane;

use super::Library;
use crate::failure::Failure;
use crate::ledger::record::JobRecord;

/// The legs of each of these posted jobs, given by lane and action; none for `None`.
///
/// A capture moved what its hold says, a reversal the opposite of the job that it names. That job is no
/// reversal itself, so two look-ups always do.
pub(crate) async fn moved(
    library: &mut impl Library,
    posted: &[Option<(Lane, Action)>],
) -> Result<Vec<Legs>, Failure> {
    let actions = || posted.iter().flatten().map(|(_, action)| action);
    let captured: Vec<_> = actions().filter_map(captured_hold).collect();
    let reversed: Vec<_> = actions().filter_map(reversed_job).collect();
    let mut holds = HashMap::new();
    let mut originals: HashMap<JobId, (Lane, Action)> = HashMap::new();
    if !(captured.is_empty() && reversed.is_empty()) {
        let (found, jobs) = library.find(&captured, &reversed).await?;
        holds.extend(found.into_iter().map(|hold| (hold.id, hold)));
        for job in jobs {
            originals.insert(job.id, (job.lane, parse(&job)?.action));
        }
    }
    let captured: Vec<_> = originals.values().filter_map(|(_, action)| captured_hold(action)).collect();
    if !captured.is_empty() {
        let (found, _) = library.find(&captured, &[]).await?;
        holds.extend(found.into_iter().map(|hold| (hold.id, hold)));
    }

    let own = |(lane, action): &(Lane, Action)| {
        legs(action, *lane, captured_hold(action).and_then(|hold| holds.get(&hold)))
    };
    let moved = posted.iter().map(|posted| match posted {
        None => Legs::new(),
        Some((_, Action::Reversal { job, .. })) => {
            originals.get(job).map(|original| opposite(&own(original))).unwrap_or_default()
        }
        Some(posted) => own(posted),
    });
    Ok(moved.collect())
}

/// The body of a recorded job.
pub(crate) fn parse(job: &JobRecord) -> Result<Spec, Failure> {
    submission::parse(job.body.as_bytes())
        .map_err(|error| Failure::unreadable(&format!("body of job {} ({error})", job.id), &job.body))
}

fn captured_hold(action: &Action) -> Option<JobId> {
    match action {
        Action::Capture { hold, .. } => Some(*hold),
        _ => None,
    }
}

fn reversed_job(action: &Action) -> Option<JobId> {
    match action {
        Action::Reversal { job, .. } => Some(*job),
        _ => None,
    }
}
