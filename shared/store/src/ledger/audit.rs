//! The audit: reads all of the ledger and checks its parts against each other, in constant memory.
//!
//! | what | how |
//! |---|---|
//! | accounts against entries | in the order of the entries: no gaps, running balance, digest chain, sums ([`chain`]) |
//! | entries against jobs | both sides are summed up as hashes, by buckets of jobs; only buckets that differ are read again, to name what is wrong ([`sums`]) |
//! | order of acceptance | in the order of the jobs, by lanes; only accounts that may be out of order are read again ([`order`]) |
//! | limits, holders | accounts below their limit, and those whose limit or holder jobs set, against those jobs ([`terms`]) |
//! | schedules | what says that it is scheduled against what is to be put on the lanes, both ways ([`schedules`]) |
//! | standing orders | moved on by their jobs as the fold moves them, against their rows; what was swept against its entry ([`standing_orders`]) |
//! | counts | totals of the lanes against their jobs |

mod chain;
mod order;
pub(crate) mod pages;
mod schedules;
mod standing_orders;
mod sums;
mod terms;
mod totals;

use std::collections::{BTreeMap, HashMap};

use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::fingerprint::Fingerprint;
use domain::job::Action;
use domain::lane::Lane;
use domain::money::Currency;
use domain::outcome::RecordedOutcome;

use self::pages::{JobOnPage, Pages};
use super::post::{moved, parse};
use crate::failure::Failure;
use crate::ledger::findings::Audit;
use crate::ledger::record::JobRecord;

use self::chain::Chain;
use self::order::Order;
use self::standing_orders::Orders;
use self::sums::{Legend, Sums};
use self::terms::Terms;

pub use self::totals::LaneTotals;

/// Audits what one snapshot of the database shows.
///
/// # Errors
/// The database could not be read. What is wrong in the ledger is a finding, not an error.
pub async fn audit(pages: &mut impl Pages) -> Result<Audit, Failure> {
    let mut audit = Audit::default();
    match read(pages, &mut audit).await {
        // A row that cannot be read as what it should be is a finding too, and the last one.
        Err(Failure::Obstructed(why) | Failure::Permanent(why)) => {
            audit.find(|| format!("{why}; the audit ended there"))
        }
        read => read?,
    }
    Ok(audit)
}

async fn read(pages: &mut impl Pages, audit: &mut Audit) -> Result<(), Failure> {
    let mut sums = Sums::new()?;
    let (mut order, mut terms) = (Order::default(), Terms::default());

    let each_entry = |account: &AccountNumber, entry: &Entry| sums.entry(account, entry);
    read_accounts(pages, audit, each_entry, |account| terms.account(account)).await?;
    read_jobs(pages, audit, &mut sums, &mut order, &mut terms).await?;
    if terms.asks_for_accounts() {
        compare_terms(pages, &terms, audit).await?;
    }
    terms.tell(audit);

    let mut legend = sums.differences();
    if !legend.is_empty() {
        let each_entry = |account: &AccountNumber, entry: &Entry| legend.entry(account, entry);
        read_accounts(pages, &mut Audit::default(), each_entry, |_| ()).await?;
        name_jobs(pages, &mut legend).await?;
        legend.tell(audit);
    }
    let mut suspects = order.suspects();
    if !suspects.is_empty() {
        let mut after = 0;
        loop {
            let page = pages.jobs(after).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            page.iter().for_each(|job| suspects.look(job, audit));
        }
    }
    Ok(())
}

/// Checks every account against its entries, and shows each of both.
async fn read_accounts(
    pages: &mut impl Pages,
    audit: &mut Audit,
    mut each_entry: impl FnMut(&AccountNumber, &Entry),
    mut each_account: impl FnMut(&Account),
) -> Result<(), Failure> {
    let mut balances: BTreeMap<&'static str, (Currency, i128)> = BTreeMap::new();
    let mut after = 0;
    loop {
        let mut page = pages.accounts(after).await?;
        let last = page.accounts.last().and_then(|account| account.key);
        let mut chains: HashMap<i64, Chain> = HashMap::with_capacity(page.accounts.len());
        for account in std::mem::take(&mut page.accounts) {
            audit.accounts += 1;
            balances.entry(account.currency.code()).or_insert((account.currency, 0)).1 +=
                i128::from(account.balance);
            let Some(key) = account.key else { continue };
            let held = page.held.get(&key).copied().unwrap_or_default();
            chains.insert(key, Chain::new(account, held));
        }
        while let Some(entries) = pages.entries(&mut page).await? {
            for found in entries {
                audit.entries += 1;
                match chains.get_mut(&found.account_key) {
                    Some(chain) => {
                        let entry = chain.take(found, audit);
                        each_entry(chain.number(), &entry);
                    }
                    None => audit.find(|| {
                        format!(
                            "entry {} of account key {}: there is no such account; its job is {}",
                            found.seq, found.account_key, found.job
                        )
                    }),
                }
            }
        }
        let mut chains: Vec<_> = chains.into_iter().collect();
        chains.sort_unstable_by_key(|(key, _)| *key);
        chains.into_iter().for_each(|(_, chain)| each_account(&chain.end(audit)));
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    for (currency, sum) in balances.values().filter(|(_, sum)| *sum != 0) {
        audit.find(|| format!("all balances in {currency} sum to {sum} minor units, not to zero"));
    }
    Ok(())
}

/// Checks the accounts whose limits or holders jobs have set.
async fn compare_terms(pages: &mut impl Pages, terms: &Terms, audit: &mut Audit) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = pages.accounts(after).await?;
        page.accounts.iter().for_each(|account| terms.compare(account, audit));
        match page.accounts.last().and_then(|account| account.key) {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Checks every job by itself, sums up what it moved, and watches the order.
async fn read_jobs(
    pages: &mut impl Pages,
    audit: &mut Audit,
    sums: &mut Sums,
    order: &mut Order,
    terms: &mut Terms,
) -> Result<(), Failure> {
    let mut counted: BTreeMap<Lane, LaneTotals> = BTreeMap::new();
    let mut orders = Orders::default();
    let mut after = 0;
    loop {
        let page = pages.jobs(after).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let posted: Vec<_> = page.iter().map(|job| action_of(job, audit)).collect();
        let acting = page.iter().zip(&posted).filter_map(|(job, posted)| Some((job, &posted.as_ref()?.1)));
        acting.for_each(|(job, action)| terms.job(action, job.is_out_of_order));
        for (job, moved) in page.iter().zip(moved(pages, &posted).await?) {
            audit.jobs += 1;
            check_body(job, audit);
            schedules::check(job, audit);
            orders.job(job);
            order.watch(job);
            let totals = counted.entry(job.record.lane).or_default();
            totals.count(job.record.outcome, moved.len());
            moved.iter().for_each(|(account, amount)| sums.leg(job.record.id, account, *amount));
        }
    }
    for id in pages.schedules_without_jobs().await? {
        audit.find(|| format!("job {id}: it is to be put on its lane, and the ledger has no such job"));
    }
    orders.compare(pages, audit).await?;
    let kept = pages.lane_totals().await?;
    totals::compare(&kept, &counted, audit);
    Ok(())
}

/// Shows the legs of every job in question to the legend.
async fn name_jobs(pages: &mut impl Pages, legend: &mut Legend) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = pages.jobs(after).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let page: Vec<_> = page.into_iter().filter(|job| legend.asks_for(job.record.id)).collect();
        let posted: Vec<_> = page.iter().map(|job| action_of(job, &mut Audit::default())).collect();
        for (job, moved) in page.iter().zip(moved(pages, &posted).await?) {
            legend.job(&job.record, moved);
        }
    }
    Ok(())
}

fn check_body(job: &JobOnPage, audit: &mut Audit) {
    let record = &job.record;
    // A worker of the release before took that of the text, whatever form its metadata had.
    let is_own =
        [Fingerprint::of, Fingerprint::of_text].iter().any(|of| of(&record.body) == record.fingerprint);
    if !is_own {
        audit.find(|| {
            format!(
                "job {} of account {}: its body is not the one that was submitted",
                record.id, job.account
            )
        });
    }
}

/// What a posted job did; `None` if it was not posted, or its body says something else than its row.
fn action_of(job: &JobOnPage, audit: &mut Audit) -> Option<(Lane, Action)> {
    let record: &JobRecord = &job.record;
    let action = match parse(record) {
        Ok(spec) => spec.action,
        Err(failure) => {
            audit.find(|| format!("job {} of account {}: {failure}", record.id, job.account));
            return None;
        }
    };
    if action.kind() != record.kind || !action.was_of(&job.account) {
        audit.find(|| {
            let (kind, account) = (record.kind, &job.account);
            format!(
                "job {} of account {account}: its row says {kind} of {account}, its body another",
                record.id
            )
        });
    }
    (record.outcome == RecordedOutcome::Posted).then_some((record.lane, action))
}
