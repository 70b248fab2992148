//! Dead letters: which are wanted, what would become of them, and what is done with them.

pub(crate) mod act;
pub(crate) mod filter;
pub(crate) mod page;
pub(crate) mod trial;

use queue::dead_letter::LetterJob;
use tellers_http::keys::Caller;

/// Whether the caller may decide about a letter with these jobs: all letters, or those of its own jobs alone. Of what cannot
/// be read nobody knows whose it is.
pub(crate) fn may_decide(caller: &Caller, jobs: &[LetterJob]) -> bool {
    caller.runs_all() || (!jobs.is_empty() && jobs.iter().all(|job| is_of(caller, job)))
}

/// Whether the caller may see a letter with these jobs: its own, and those about its accounts.
pub(crate) fn may_see(caller: &Caller, jobs: &[LetterJob]) -> bool {
    let is_about_theirs = |job: &LetterJob| job.accounts.iter().any(|number| caller.accounts.contain(number));
    let sees = |job: &LetterJob| is_of(caller, job) || is_about_theirs(job);
    caller.reads_any() || (!jobs.is_empty() && jobs.iter().all(sees))
}

fn is_of(caller: &Caller, job: &LetterJob) -> bool {
    job.client.as_deref() == Some(caller.client.as_str())
}
