//! What recorded jobs moved: their bodies, and whatever those refer to.

use std::collections::HashMap;

use contract::submission;
use domain::fold::{Legs, Settled, legs, opposite};
use domain::id::JobId;
use domain::job::{Action, Spec};
use domain::lane::Lane;
use domain::standing_order::Pays;
use domain::text::{Client, FLEET};

use super::Library;
use crate::failure::Failure;
use crate::ledger::record::JobRecord;

/// The legs of each of these posted jobs, given by lane and action; none for `None`.
///
/// A capture moved what its hold says, a sweep what was noted with it, a reversal the opposite of the job that it names. That
/// job is no reversal itself, so a few look-ups always do.
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

    let own_and_reversed = || actions().chain(originals.values().map(|(_, action)| action));
    let sweeps: Vec<_> = own_and_reversed().filter_map(sweep).collect();
    let swept = if sweeps.is_empty() { HashMap::new() } else { library.sweeps(&sweeps).await? };

    let own = |(lane, action): &(Lane, Action)| {
        let hold = captured_hold(action).and_then(|hold| holds.get(&hold)).map(Settled::Hold);
        let swept = || sweep(action).and_then(|job| swept.get(&job)).copied().map(Settled::Swept);
        legs(action, *lane, hold.or_else(swept).unwrap_or(Settled::Nothing))
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

/// The job of a payment whose body does not say how much it moved.
fn sweep(action: &Action) -> Option<JobId> {
    match action {
        Action::StandingPayment(payment) if matches!(payment.pays, Pays::Above(_)) => {
            Some(payment.job(&Client::parse(FLEET).ok()?))
        }
        _ => None,
    }
}

fn reversed_job(action: &Action) -> Option<JobId> {
    match action {
        Action::Reversal { job, .. } => Some(*job),
        _ => None,
    }
}
