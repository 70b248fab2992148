//! The jobs that clients call by a reference: their ids follow from it, so each is read by its key.

use std::collections::BTreeSet;

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::id::{Identity, JobId, Sameness};
use domain::text::{Client, Reference};
use store::ledger::{JobFilter, JobRecord, Touches};

use super::JobsQuery;
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LedgerReads;
use crate::problem::Problem;

/// Ids that are looked for at once.
const IDS_AT_ONCE: usize = 1_000;

/// Those that the filter admits and the caller is shown, the newest first: one for each client that has it, and more where an id
/// of before has one too.
pub(super) async fn find(
    ingress: &Ingress,
    books: &LedgerReads,
    caller: &Caller,
    (query, filter): (&JobsQuery, &JobFilter),
    reference: &Reference,
) -> Result<Vec<JobRecord>, Problem> {
    let clients = match &query.client {
        Some(client) => BTreeSet::from([client.clone()]),
        None if caller.sees_all() => ingress.config.keys.clients(),
        None => BTreeSet::from([caller.client.clone()]),
    };
    let ids: BTreeSet<_> = clients.iter().flat_map(|client| ids_of(ingress, client, reference)).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let mut found = Vec::new();
    for some in ids.chunks(IDS_AT_ONCE) {
        for job in ingress.read(books.ledger.jobs_of(some)).await? {
            let is_admitted = filter.admits(&job) && is_on(ingress, books, &job, &filter.account).await?;
            if is_admitted {
                found.extend(ingress.shown(&*books.ledger, caller, Some(job)).await?);
            }
        }
    }
    found.sort_by_key(|job| std::cmp::Reverse((job.posted_at, job.accepted_at)));
    Ok(found)
}

/// Every id under which the ledger may hold the job that a client calls so.
fn ids_of(ingress: &Ingress, client: &Client, reference: &Reference) -> Vec<JobId> {
    let who = ingress.who(client);
    let mut identified = who.identified(Identity::Reference(reference));
    who.add_of_release(&mut identified, reference.as_str(), Sameness::SameReference);
    let former = identified.former.iter().map(|former| former.id);
    std::iter::once(identified.id).chain(former).collect()
}

/// Whether a job names the account that is asked for, or undoes one that does.
async fn is_on(
    ingress: &Ingress,
    books: &LedgerReads,
    job: &JobRecord,
    account: &Option<AccountNumber>,
) -> Result<bool, Problem> {
    let Some(account) = account else { return Ok(true) };
    let Ok(only) = account.as_str().parse::<Accounts>() else { return Ok(false) };
    Ok(match job.touches(&only) {
        Touches::As(original) => {
            let original = ingress.read(books.ledger.job(original)).await?;
            original.is_some_and(|job| job.touches(&only) == Touches::Yes)
        }
        touches => touches == Touches::Yes,
    })
}
